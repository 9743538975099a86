// Databases on hold: those that one backend holds for the same reason are one group, however many
// they are. A table shows which database is on hold on which backend.
'use strict';

const openGroups = new Set();
let databasesShown = '';

// Returns [{ backend, reason, byOperator, lanes }], the most points first.
function holdGroups(status) {
  const groups = new Map();
  for (const backend of status.backends) {
    for (const lane of heldLanesOf(backend)) {
      const reason = holdReason(lane);
      const key = backend.name + '\n' + reason;
      if (!groups.has(key)) groups.set(key, { key, backend, reason, byOperator: lane.by_operator, lanes: [] });
      groups.get(key).lanes.push(lane);
    }
  }
  const points = (group) => group.lanes.reduce((sum, lane) => sum + lane.points, 0);
  return [...groups.values()].map((group) => ({ ...group, points: points(group) }))
    .sort((a, b) => b.points - a.points || a.key.localeCompare(b.key));
}

function laneName(lane) {
  return lane.database + (lane.retention_policy ? '.' + lane.retention_policy : '');
}

function groupTitle(group) {
  const of = group.lanes.length === 1 ? 'Database ' + laneName(group.lanes[0]) : counted(group.lanes.length, 'database');
  if (group.byOperator) return of + ' held by an operator on ' + group.backend.name;
  if (/not found|does not exist|missing/i.test(group.reason)) return of + ' missing on ' + group.backend.name;
  return of + ' on hold on ' + group.backend.name;
}

// Returns the commands that remove the cause, one a line; empty: none is known.
function createCommands(group) {
  const commands = group.lanes.map((lane) => commandIn(lane.remedy)[1]);
  return commands.every(Boolean) ? [...new Set(commands)] : [];
}

function groupActions(group) {
  const commands = createCommands(group);
  const many = group.lanes.length > 1;
  return element('div', { class: 'actions' },
    group.byOperator ? button('Release', () => releaseAction(group)) : button('Check now', () => checkAction(group.backend)),
    commands.length ? copyButton(commands.join('\n'), many ? 'Copy ' + commands.length + ' commands' : 'Copy the command') : null,
    menu('More', [button(many ? 'Skip all' : 'Skip', () => skipLanesAction(group), 'danger')]));
}

function groupElement(group, now) {
  const commands = createCommands(group);
  const first = group.lanes[0];
  const kLines = 3;
  const oldest = Math.max(...group.lanes.map((lane) => ageOf(lane.oldest, now) || 0));
  const said = group.byOperator ? '' : group.lanes.length === 1 ? first.reason : group.reason;
  const list = element('details', {}, element('summary', {}, group.lanes.length === 1 ? 'Details' : 'The databases'));
  list.open = openGroups.has(group.key);
  list.append(table(['Database', 'Retention policy', 'Points', 'Bytes', 'Oldest', 'Backend response'], group.lanes.map((lane) => [
    lane.database, lane.retention_policy || '(default)', lane.points, shownBytes(lane.bytes),
    lane.oldest ? shownTime(ageOf(lane.oldest, now)) : '–', { long: lane.last_answer || lane.reason }])));
  list.addEventListener('toggle', () => openGroups[list.open ? 'add' : 'delete'](group.key));
  return element('article', { class: 'group', 'data-group': group.backend.name },
    element('h3', {}, groupTitle(group)),
    element('p', {}, counted(group.points, 'point') + (group.points === 1 ? ' waits' : ' wait')
      + (oldest ? ', the oldest for ' + shownTime(oldest) : '') + (said ? ': ' + said : '')),
    commands.length ? element('div', { class: 'create' }, element('b', {}, 'Create: '),
      element('pre', {}, commands.slice(0, kLines).join('\n') + (commands.length > kLines
        ? '\n… and ' + (commands.length - kLines) + ' more' : '')))
      : !group.byOperator && first.remedy ? remedyOf(first.remedy) : null,
    groupActions(group), list);
}

// Database × backend, for what is on hold somewhere.
function holdMatrix(status) {
  const kShownMax = 200;
  const names = status.backends.map((backend) => backend.name).filter((name) =>
    heldLanesOf(status.backends.find((backend) => backend.name === name)).length);
  const points = new Map();
  for (const backend of status.backends) {
    for (const lane of heldLanesOf(backend)) {
      const name = laneName(lane);
      if (!points.has(name)) points.set(name, {});
      points.get(name)[backend.name] = lane.points;
    }
  }
  const all = [...points.entries()].sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
  const list = element('details', {}, element('summary', {}, 'Database × backend: points on hold'),
    table(['Database', ...names], all.slice(0, kShownMax).map(([name, held]) =>
      [name, ...names.map((backend) => held[backend] ?? 'delivered')])),
    all.length > kShownMax ? element('p', { class: 'faint' }, 'and ' + (all.length - kShownMax) + ' more') : null);
  list.open = openGroups.has('matrix');
  list.addEventListener('toggle', () => openGroups[list.open ? 'add' : 'delete']('matrix'));
  return list;
}

function showDatabases(status) {
  const groups = holdGroups(status);
  const panel = byId('databases');
  // What does not change is left alone: somebody may be about to click it.
  const shown = JSON.stringify(groups.map((group) => [group.key, group.lanes.map((lane) => [lane.database, lane.retention_policy, lane.points])]));
  if (shown === databasesShown || panel.querySelector('details.menu[open]')) return groups;
  databasesShown = shown;
  panel.replaceChildren(...(groups.length ? [...groups.map((group) => groupElement(group, status.now)), holdMatrix(status)]
    : [element('p', { class: 'faint' }, 'No database is on hold.')]));
  return groups;
}
