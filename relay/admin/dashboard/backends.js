// The table of the backends: a row for each, which opens to its figures and actions.
'use strict';

const rows = new Map();  // Backend name -> its elements and its latest status.
const order = { key: 'state', descending: true };

// Columns: a name, the value to sort by, and what the cell shows.
const kColumns = [
  { key: 'name', head: 'Backend', value: (backend) => backend.name },
  { key: 'state', head: 'State' },
  { key: 'undelivered', head: 'Undelivered', number: true, value: (backend) => backend.undelivered_points },
  { key: 'lag', head: 'Lag', number: true, value: (backend) => backend.oldest_undelivered_seconds },
  { key: 'flow', head: 'In / out', value: (backend) => (backend.flow || {}).points_out_per_second || 0 },
  { key: 'eta', head: 'ETA', value: (backend) => (backend.pending_points ? backend.drain_eta_seconds ?? Infinity : 0) },
  { key: 'dead', head: 'Dead letters', number: true, value: (backend) => backend.dead_letters },
  { key: 'problem', head: 'Problem', value: (backend) => backend.reason },
];

function showHeads() {
  const heads = kColumns.map((column) => {
    const sorted = order.key === column.key ? (order.descending ? 'descending' : 'ascending') : 'none';
    return element('th', { scope: 'col', 'aria-sort': sorted, class: column.number ? 'number' : '' },
      element('button', { type: 'button', class: 'sort', 'data-key': column.key, onclick: () => {
        order.descending = order.key === column.key ? !order.descending : column.key !== 'name';
        order.key = column.key;
        showHeads();
        sortRows(true);
        byId('backends').querySelector('[data-key=' + column.key + ']').focus();
      } }, column.head));
  });
  byId('backends').querySelector('thead tr').replaceChildren(...heads);
}

function inOrder(a, b) {
  const column = kColumns.find((one) => one.key === order.key);
  const sign = order.descending ? -1 : 1;
  if (!column.value) return order.descending ? worstFirst(a, b) : -worstFirst(a, b);
  const [one, other] = [column.value(a), column.value(b)];
  return (typeof one === 'string' ? one.localeCompare(other) : one - other || 0) * sign || a.name.localeCompare(b.name);
}

// Rows stay where they are under a pointer, unless somebody sorts them.
function sortRows(asked) {
  const table = byId('backends').querySelector('table');
  if (!asked && matchMedia('(hover: hover)').matches && table.querySelector('tbody:hover')) return;
  const wanted = [...rows.values()].sort((a, b) => inOrder(a.latest, b.latest)).map((row) => row.root);
  const focused = document.activeElement;
  const is = [...table.querySelectorAll('tbody')];
  if (wanted.every((root, i) => root === is[i])) return;
  table.append(...wanted);
  if (table.contains(focused)) focused.focus();
}

function newRow(name) {
  const id = 'details-' + rows.size + '-' + Date.now();
  const opener = element('button', { type: 'button', class: 'opener', 'aria-expanded': 'false', 'aria-controls': id }, name);
  const row = { name, opener, cells: {}, figures: element('div', { class: 'figures' }), reason: element('div', {}),
    actions: element('div', { class: 'actions' }), gaps: element('details', {}), shownGaps: -1 };
  const cellOf = (column) => {
    if (column.key === 'name') return element('th', { scope: 'row' }, opener);
    const cell = element('td', { class: column.key + (column.number ? ' number' : ''), 'data-head': column.head });
    row.cells[column.key] = cell;
    return cell;
  };
  row.detail = element('tr', { class: 'detail', id, hidden: true },
    element('td', { colspan: String(kColumns.length) }, row.reason, row.actions, row.figures, row.gaps));
  row.root = element('tbody', { 'data-backend': name }, element('tr', { class: 'line' }, kColumns.map(cellOf)), row.detail);
  const toggle = () => {
    row.detail.hidden = !row.detail.hidden;
    opener.setAttribute('aria-expanded', String(!row.detail.hidden));
    if (!row.detail.hidden) showDetail(row, row.now);
  };
  row.root.querySelector('.line').addEventListener('click', (event) => {
    if (event.target === opener || !event.target.closest('button, a, summary')) toggle();
  });
  row.gaps.addEventListener('toggle', () => showGaps(row));
  return row;
}

function backendFigures(backend, now) {
  const flow = backend.flow || {};
  const kept = backend.oldest_kept ? 'last ' + shownTime(ageOf(backend.oldest_kept, now)) : 'nothing';
  return [
    figure('Undelivered', shownCount(backend.undelivered_points), '',
      shownCount(backend.pending_points) + ' owed, ' + shownCount(backend.held_points) + ' on hold'),
    figure('Owed', shownCount(backend.pending_points)),
    figure('On hold', shownCount(backend.held_points), backend.held_points ? 'warn' : ''),
    figure('Bytes', shownBytes(backend.pending_bytes + backend.held_bytes)),
    figure('In', shownRate(flow.points_in_per_second)),
    figure('Out', shownRate(flow.points_out_per_second)),
    figure('Position', shownCount(backend.cursor) + ' of ' + shownCount(backend.head)),
    figure('Rewind window', kept, '', 'from record ' + (backend.trimmed + 1)),
    figure('Delivered', shownCount(backend.delivered_points)),
    figure('Dead letters', shownCount(backend.dead_letters), backend.dead_letters ? 'warn' : '',
      shownCount(backend.dead_points) + ' points became dead letters so far; since the start '
      + shownCount(backend.dead_letters_redriven) + ' letters were redriven, '
      + shownCount(backend.dead_letters_dropped) + ' dropped'),
    figure('Dropped', shownCount(backend.dropped_points), backend.dropped_points ? 'bad' : ''),
    figure('Unaccounted for', shownCount(backend.unaccounted_points),
      backend.unaccounted_points !== 0 ? 'bad' : '', 'anything but 0 is a bug in the relay'),
    watermarkFigure(backend, now),
  ];
}

function watermarkFigure(backend, now) {
  const marks = backend.watermarks;
  if (!marks) return null;
  if (!marks.watched) return figure('Watermarks', 'not watched', '', marks.reason);
  return figure('Watermarks', marks.checked ? 'found ' + shownTime(ageOf(marks.checked, now)) + ' ago' : 'not checked yet',
    marks.diverged ? 'bad' : '', 'marks that show that the backend still has what it acknowledged' + (marks.reason ? '; ' + marks.reason : ''));
}

function showRow(backend, now) {
  if (!rows.has(backend.name)) rows.set(backend.name, newRow(backend.name));
  const row = rows.get(backend.name);
  row.latest = backend;
  row.now = now;
  const { cells } = row;
  const state = stateOf(backend);
  const problem = problemOf(backend, now);
  const age = ageOf(backend.since, now);
  row.root.dataset.kind = state.kind;
  cells.state.replaceChildren(element('span', { class: 'chip ' + state.kind }, state.word), ' ',
    element('span', { class: 'faint' }, age === null ? '' : 'for ' + shownTime(age)));
  cells.undelivered.replaceChildren(shownCount(backend.undelivered_points),
    backend.held_points ? element('small', {}, shownShort(backend.held_points) + ' on hold') : '');
  cells.lag.textContent = backend.undelivered_points ? shownTime(backend.oldest_undelivered_seconds) : '–';
  const flow = backend.flow || {};
  cells.flow.replaceChildren(sparkline(backend.name), element('span', {},
    shownRate(flow.points_in_per_second) + ' / ' + shownRate(flow.points_out_per_second)));
  cells.eta.textContent = etaOf(backend);
  cells.dead.textContent = backend.dead_letters ? shownCount(backend.dead_letters) : '–';
  const isDown = !backend.takes_writes && backend.reason && !backend.paused;
  cells.problem.textContent = [isDown ? backend.reason : problem && problem.short !== state.word
    && problem.short !== 'on hold' ? problem.short : '', retryText(backend)].filter(Boolean).join('; ');
  if (!row.detail.hidden) showDetail(row, now);
}

function showDetail(row, now) {
  const backend = row.latest;
  const problem = problemOf(backend, now);
  const response = backend.last_answer && backend.last_answer !== backend.reason && problem ? backend.last_answer : '';
  // A text that somebody selects, or a button under a finger, is not replaced.
  const shown = JSON.stringify([problem && problem.short, backend.reason, problem && problem.fix, response]);
  if (row.shownReason !== shown) {
    row.shownReason = shown;
    row.reason.replaceChildren(...[
      problem ? element('p', { class: 'reason' }, problem.text) : null,
      response ? element('p', { class: 'answer' }, 'Backend response: ' + response) : null,
      problem && problem.fix ? remedyOf(problem.fix) : null].filter(Boolean));
  }
  row.figures.replaceChildren(...backendFigures(backend, now).filter(Boolean));
  showActions(row, backend);
  row.gaps.hidden = backend.gaps === 0;
  if (!row.gaps.querySelector('summary')) row.gaps.prepend(element('summary'));
  row.gaps.querySelector('summary').textContent = counted(backend.gaps, 'gap') + ': records that will never be delivered';
  if (row.gaps.open && row.shownGaps !== backend.gaps) showGaps(row);
}

function showGaps(row) {
  if (!row.gaps.open) return;
  row.shownGaps = row.latest.gaps;
  fill(row.gaps, '/api/v1/gaps?limit=50&backend=' + encodeURIComponent(row.name), (json) =>
    table(['No.', 'When', 'Records', 'Accepted', 'Points', 'Databases', 'Reason', 'By', 'Note'],
      json.gaps.map((gap) => [gap.number, when(gap.when), gap.first + ' – ' + gap.last,
        element('span', {}, when(gap.from), ' – ', when(gap.to)), gap.points, gap.databases.join(', '), gap.reason, gap.by,
        { long: gap.note }])));
}

function showBackends(status) {
  for (const backend of status.backends) showRow(backend, status.now);
  for (const [name, row] of rows) {
    if (status.backends.some((backend) => backend.name === name)) continue;
    row.root.remove();
    rows.delete(name);
  }
  sortRows(false);
}

// Opens the row of a backend and moves there.
function openRow(name) {
  const row = rows.get(name);
  if (!row) return;
  if (row.detail.hidden) row.opener.click();
  row.opener.focus();
  row.root.scrollIntoView({ block: 'nearest' });
}
