// Jobs, dead letters and the audit log: the tabs that ask the relay for more than its status.
'use strict';

let deadShown = '';

async function fill(host, path, make) {
  try {
    const json = await ask(path);
    host.querySelectorAll(':scope > div').forEach((old) => old.remove());
    host.append(element('div', {}, make(json)));
  } catch (error) {
    showError(error.message);
  }
}

function showReplay(replay) {
  const [done, total] = replay.kind === 'replay' ? [replay.records_done, replay.records_total]
    : [replay.values_done, replay.values_total];
  const share = total ? Math.min(done / total, 1) : replay.state === 'done' ? 1 : 0;
  const bar = element('progress', { max: '1', value: String(share), 'aria-label': 'Progress of replay ' + replay.id });
  const cancel = replay.state !== 'running' ? null : button('Cancel', () => ({ title: 'Cancel the replay',
    path: '/api/v1/replays/' + replay.id + '/cancel', ask: 'Points already sent stay.', body: () => ({}) }));
  const target = replay.target + (replay.checkpoint ? ', from checkpoint ' + replay.checkpoint : '')
    + (replay.source ? ', ' + replay.kind + ' from ' + replay.source : '');
  const messages = [replay.doing, replay.result,
    replay.reason && replay.reason !== replay.result && (replay.state === 'running' ? 'waiting: ' : '') + replay.reason,
    replay.last_refusal && 'refused: ' + replay.last_refusal];
  return [replay.id, target, replay.state, element('div', {}, bar,
    Math.floor(share * 100) + ' %' + (replay.eta_seconds === null ? '' : ', ' + shownTime(replay.eta_seconds) + ' to go')),
  replay.points_sent, replay.points_refused, { long: messages.filter(Boolean).join('; ') }, cancel];
}

// Returns the number of replays that run.
async function showJobs() {
  const { replays } = await ask('/api/v1/replays');
  const panel = byId('replays');
  const running = replays.filter((replay) => replay.state === 'running').length;
  if (document.activeElement && document.activeElement !== panel && panel.contains(document.activeElement)) return running;
  panel.replaceChildren(replays.length ? table(
    ['No.', 'To', 'State', 'Progress', 'Points', 'Refused', 'Message', ''], replays.map(showReplay))
    : element('p', { class: 'faint' }, 'No replay was started. “Replay” is among the actions of a backend.'));
  return running;
}

async function showAudit() {
  const trail = (await ask('/api/v1/audit?limit=20')).entries;
  // Shows the request of a change only while its outcome is missing.
  const entries = trail.filter((entry, i) => entry.outcome !== 'asked'
    || !trail.slice(0, i).some((later) => later.what === entry.what && later.who === entry.who));
  byId('audit').replaceChildren(entries.length ? table(['When', 'Who', 'What', 'Outcome'],
    entries.map((entry) => [when(entry.when), entry.who, { long: entry.what }, entry.outcome]))
    : element('p', { class: 'faint' }, 'No operator has changed anything yet.'));
}

// Groups letters with the same answer into one row, with the last as the example.
function groupedLetters(letters) {
  const groups = new Map();
  for (const letter of letters) {
    const answer = (letter.status ? 'HTTP ' + letter.status + ' ' : '') + letter.message;
    const key = letter.database + ' ' + letter.retention_policy + ' ' + letter.reason + ' ' + answer;
    const group = groups.get(key) || { answer, count: 0, points: 0, first: letter };
    group.count += 1;
    group.points += letter.points;
    group.last = letter;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

function letterNumbers(group) {
  return group.count === 1 ? String(group.first.number) : group.first.number + ' – ' + group.last.number;
}

// Shows the letters of the backends that have some; asks only when their number has changed.
async function showDead(status) {
  const kListed = 500;
  const having = status.backends.filter((backend) => backend.dead_letters > 0);
  const panel = byId('dead');
  const shown = JSON.stringify(having.map((backend) => [backend.name, backend.dead_letters, backend.dead_letters_removed]));
  if (panel.hidden || shown === deadShown) return;
  const sections = [];
  for (const backend of having) {
    const { letters } = await ask('/api/v1/dead?limit=' + kListed + '&backend=' + encodeURIComponent(backend.name));
    sections.push(element('article', { class: 'group', 'data-dead': backend.name }, deadHead(backend, kListed),
      table(['Letters', 'No.', 'Points', 'Last', 'Database', 'Reason', 'Backend response', 'Example'],
        groupedLetters(letters).map((group) => [group.count, letterNumbers(group), group.points,
          when(group.last.when), group.last.database, group.last.reason, { long: group.answer },
          { long: group.last.lines.slice(0, 300) }])),
      element('div', { class: 'actions' }, deadActions(backend))));
  }
  panel.replaceChildren(...(sections.length ? sections : [element('p', { class: 'faint' }, 'No dead letters are stored.')]));
  deadShown = shown;
}

function deadHead(backend, listed) {
  const reasons = Object.entries(backend.dead_points_by_reason || {}).filter(([, count]) => count > 0)
    .map(([reason, count]) => shownCount(count) + ' ' + reason).join(', ');
  return [element('h3', {}, backend.name + ': ' + counted(backend.dead_letters, 'dead letter') + ', ' + shownBytes(backend.dead_letter_bytes)),
    element('p', { class: 'faint' }, [reasons ? 'points that became dead letters so far: ' + reasons : '',
      backend.dead_letters_removed ? shownCount(backend.dead_letters_removed) + ' more were removed: see the gaps' : '',
      backend.dead_letters > listed ? 'the oldest ' + listed + ' are shown' : ''].filter(Boolean).join('; '))];
}
