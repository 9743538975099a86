// The page: polls the relay every two seconds and shows the answer. It keeps no
// data of its own except the last hour of the plots.
'use strict';

const kEvery = 2000;
const kPlotSeconds = 3600;
const kPlotHeight = 170;
const byId = (id) => document.getElementById(id);
const cards = new Map();  // Backend name -> its elements and plots.
let historyLoaded = false;

// `path`: below the folder of the page, which a proxy may serve under a prefix.
async function ask(path, body) {
  const headers = { Accept: 'application/json' };
  const token = sessionStorage.getItem('token');
  if (token) headers.Authorization = 'Bearer ' + token;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch('.' + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
  });
  if (answer.status === 401) byId('login').hidden = false;
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error || 'HTTP ' + answer.status);
  return json;
}

const kStateKinds = {
  'caught up': 'good', delivering: 'busy', paused: 'warn', 'not configured': 'warn',
};

// Returns the chip's text and kind; if only databases are on hold, the rest is
// delivered.
function chipOf(backend) {
  if (backend.paused) return ['paused', 'warn'];
  const held = backend.held_lanes.filter((lane) => !lane.by_operator).length;
  if (backend.takes_writes && backend.state === 'held') {
    return [counted(held, 'database') + ' on hold', 'warn'];
  }
  return [backend.state, kStateKinds[backend.state] || 'bad'];
}

// ------------------------------------------------------------------- plots

// Makes a plot; `reading` shows the value under the pointer.
function newPlot(host, unit, reading) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: color('--faint'), grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false }, font: '11px system-ui' };
  const plot = new uPlot({
    width: Math.max(120, host.clientWidth), height: kPlotHeight, legend: { show: false },
    cursor: { y: false },
    hooks: { setCursor: [(u) => {
      const at = u.cursor.idx;
      reading.textContent = at === null || at === undefined || u.data[1][at] === undefined ? ''
        : unit(u.data[1][at]) + ' at ' + clockOf(u.data[0][at]);
    }] },
    scales: { y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [{ ...axis, size: 28, space: 70, values: (_, at) => at.map(clockOf) },
      { ...axis, size: 48, values: (_, values) => values.map(unit) }],
    series: [{}, { stroke: color('--plot'), fill: color('--plot-fill'), width: 1.5,
      points: { show: false } }],
  }, [[], []], host);
  new ResizeObserver(() => {
    if (host.clientWidth > 0) plot.setSize({ width: host.clientWidth, height: kPlotHeight });
  }).observe(host);
  return plot;
}

function clockOf(seconds) {
  const time = new Date(seconds * 1000);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((n) => String(n).padStart(2, '0')).join(':');
}

class Series {
  constructor() { this.times = []; this.points = []; this.ages = []; }

  add(time, points, age) {
    if (this.times.length && time <= this.times[this.times.length - 1]) return;
    this.times.push(time); this.points.push(points); this.ages.push(age);
    while (this.times[0] < time - kPlotSeconds) {
      this.times.shift(); this.points.shift(); this.ages.shift();
    }
  }
}

// ---------------------------------------------------------------- backends

function newCard(name) {
  const part = (tag, kind) => element(tag, { class: kind });
  const card = { name, series: new Series(), state: part('p', 'chip'), since: part('span', 'since'),
    reason: part('p', 'reason'), answer: part('p', 'answer'), figures: part('div', 'figures'),
    actions: part('div', 'actions'), lanes: element('div'), dead: element('details', {}),
    gaps: element('details', {}), shown: { dead: -1, gaps: -1 } };
  const plots = [['Points owed', shownShort], ['Age of the oldest', shownTime]].map(([title, unit]) => {
    const host = element('div');
    const reading = element('span', { class: 'reading' });
    return { host, reading, unit, root: element('div', {},
      element('div', { class: 'name' }, title, ' ', reading), host) };
  });
  card.root = element('article', { class: 'card', 'data-backend': name },
    element('div', { class: 'head' }, element('h2', {}, name), card.state, card.since),
    card.reason, card.answer,
    element('div', { class: 'body' }, card.figures,
      element('div', { class: 'plots' }, plots.map((plot) => plot.root))),
    card.actions, card.lanes, card.dead, card.gaps);
  byId('backends').append(card.root);
  [card.pointsPlot, card.agePlot] = plots.map((plot) => newPlot(plot.host, plot.unit, plot.reading));
  card.dead.addEventListener('toggle', () => showDead(card));
  card.gaps.addEventListener('toggle', () => showGaps(card));
  return card;
}

function etaOf(backend) {
  if (backend.pending_points === 0) return 'now';
  return backend.drain_eta_seconds === null ? 'not at this rate'
    : 'in ' + shownTime(backend.drain_eta_seconds);
}

function backendFigures(backend, now) {
  const flow = backend.flow || {};
  const kept = backend.oldest_kept_ns ? 'last ' + shownTime((now - backend.oldest_kept_ns) / 1e9) : 'nothing';
  return [
    figure('Points owed', shownCount(backend.pending_points), '', backend.pending_records + ' records'),
    figure('Bytes owed', shownBytes(backend.pending_bytes)),
    figure('Oldest', backend.pending_records ? shownTime(backend.oldest_pending_seconds) : '–'),
    figure('Caught up', etaOf(backend)),
    figure('In', shownRate(flow.points_in_per_second)),
    figure('Out', shownRate(flow.points_out_per_second)),
    figure('Position', shownCount(backend.cursor) + ' of ' + shownCount(backend.head)),
    figure('Can be rewound by', kept, '', 'from record ' + (backend.trimmed + 1)),
    figure('Delivered', shownCount(backend.delivered_points)),
    figure('On hold', shownCount(backend.held_points), backend.held_points ? 'warn' : ''),
    figure('Dead', shownCount(backend.dead_points), backend.dead_points ? 'warn' : ''),
    figure('Dropped', shownCount(backend.dropped_points), backend.dropped_points ? 'bad' : ''),
    figure('Unaccounted for', shownCount(backend.unaccounted_points),
      backend.unaccounted_points !== 0 ? 'bad' : '', 'anything but 0 is a bug in the relay'),
  ];
}

function showBackend(backend, now) {
  if (!cards.has(backend.name)) cards.set(backend.name, newCard(backend.name));
  const card = cards.get(backend.name);
  card.latest = backend;
  const [state, kind] = chipOf(backend);
  card.state.textContent = state;
  card.state.className = 'chip ' + kind;
  card.since.textContent = backend.since_ns ? 'for ' + shownTime((now - backend.since_ns) / 1e9) : '';
  // Lanes on hold are shown below, with their own reason.
  const reason = backend.takes_writes ? '' : backend.reason;
  card.reason.textContent = [(backend.stuck ? 'Stuck: no progress for a while. ' : '') + reason,
    backend.remedy].filter(Boolean).join('. To do: ');
  card.reason.hidden = !reason;
  card.answer.textContent = reason && backend.last_answer && backend.last_answer !== reason
    ? 'Last answer: ' + backend.last_answer : '';
  card.answer.hidden = !card.answer.textContent;
  card.figures.replaceChildren(...backendFigures(backend, now));
  showActions(card, backend);
  showLanes(card, backend, now);
  showSummaries(card, backend);
  card.series.add(now / 1e9, backend.pending_points, backend.oldest_pending_seconds);
  card.pointsPlot.setData([card.series.times, card.series.points]);
  card.agePlot.setData([card.series.times, card.series.ages]);
}

function showLanes(card, backend, now) {
  const lanes = backend.held_lanes;
  card.lanes.replaceChildren(...(lanes.length === 0 ? [] : [
    element('h3', {}, 'On hold'),
    table(['Database', 'Retention policy', 'Points', 'Bytes', 'Oldest', 'Reason', ''], lanes.map((lane) => [
      lane.database, lane.retention_policy || '(default)', lane.points, shownBytes(lane.bytes),
      lane.oldest_ns ? shownTime((now - lane.oldest_ns) / 1e9) : '–',
      { long: lane.by_operator ? "held by an operator" : [lane.reason || "the backend does not accept it", lane.remedy].filter(Boolean).join("; to do: ") },
      laneActions(backend, lane)])),
  ]));
}

function showSummaries(card, backend) {
  const set = (details, count, text, show, key) => {
    details.hidden = count === 0;
    let summary = details.querySelector('summary');
    if (!summary) details.prepend(summary = element('summary'));
    summary.textContent = text;
    if (details.open && card.shown[key] !== count) show(card);
  };
  const reasons = Object.entries(backend.dead_points_by_reason || {}).filter(([, count]) => count > 0)
    .map(([reason, count]) => shownCount(count) + ' ' + reason).join(', ');
  set(card.dead, backend.dead_letters, counted(backend.dead_letters, 'dead letter')
    + ', ' + shownBytes(backend.dead_letter_bytes)
    + (reasons ? ' (points: ' + reasons + ')' : '')
    + (backend.dead_letters_removed ? '; ' + shownCount(backend.dead_letters_removed) + ' more were removed: see the gaps' : ''),
    showDead, 'dead');
  set(card.gaps, backend.gaps, counted(backend.gaps, 'gap'), showGaps, 'gaps');
}

async function fill(details, path, make) {
  try {
    const json = await ask(path);
    details.querySelectorAll(':scope > div').forEach((old) => old.remove());
    details.append(element('div', {}, make(json)));
  } catch (error) {
    alarm(error.message);
  }
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

function showDead(card) {
  const kListed = 500;
  if (!card.dead.open) return;
  card.shown.dead = card.latest.dead_letters;
  fill(card.dead, '/api/v1/dead?limit=' + kListed + '&backend=' + card.name, (json) => [
    card.latest.dead_letters > kListed
      ? element('p', { class: 'since' }, 'The oldest ' + kListed + ':') : null,
    table(['Letters', 'No.', 'Points', 'Last', 'Database', 'Reason', 'Answer', 'Example'],
      groupedLetters(json.letters).map((group) => [group.count, letterNumbers(group), group.points,
        when(group.last.when), group.last.database, group.last.reason, { long: group.answer },
        { long: group.last.lines.slice(0, 300) }])),
    element('div', { class: 'actions' }, deadActions(card.latest)),
  ]);
}

function showGaps(card) {
  if (!card.gaps.open) return;
  card.shown.gaps = card.latest.gaps;
  fill(card.gaps, '/api/v1/gaps?limit=50&backend=' + card.name, (json) =>
    table(['No.', 'When', 'Records', 'Accepted', 'Points', 'Databases', 'Reason', 'By', 'Note'],
      json.gaps.map((gap) => [gap.number, when(gap.when), gap.first + ' – ' + gap.last,
        element('span', {}, when(gap.from), ' – ', when(gap.to)), gap.points, gap.databases.join(', '), gap.reason, gap.by,
        { long: gap.note }])));
}

// --------------------------------------------------------------- the whole

function showRelay(status) {
  const log = status.log;
  byId('version').textContent = status.version;
  const accepts = log.failure === '';
  byId('health').textContent = accepts ? 'accepts writes' : 'refuses writes';
  byId('health').className = 'chip ' + (accepts ? 'good' : 'bad');
  const flows = status.backends.map((backend) => backend.flow).filter((flow) => flow);
  const most = (key) => flows.length ? Math.max(...flows.map((flow) => flow[key])) : undefined;
  const tolerance = log.outage_tolerance_seconds;
  const behind = status.backends.filter((backend) => backend.pending_points + backend.held_points > 0);
  const worst = Math.max(0, ...behind.map((backend) => backend.oldest_pending_seconds));
  byId('relay').replaceChildren(
    figure('Backends behind', behind.length + ' of ' + status.backends.length,
      behind.some((backend) => !backend.takes_writes) ? 'bad' : behind.length ? 'busy' : 'good'),
    figure('Furthest behind', worst ? shownTime(worst) : '–'),
    figure('Points in', shownRate(most('points_in_per_second'))),
    figure('Log on disk', shownBytes(log.used_bytes) + ' of ' + shownBytes(log.max_bytes)),
    figure('Free on the disk', shownBytes(log.free_bytes)),
    figure('Dead letters', shownBytes(log.dead_letters_bytes) + ' of ' + shownBytes(log.dead_letters_max_bytes)),
    figure('Log full', log.full_eta_seconds === null ? 'not at this rate' : 'in ' + shownTime(log.full_eta_seconds),
      log.full_eta_seconds !== null && log.full_eta_seconds < 86400 ? 'warn' : ''),
    figure('Outage tolerated', tolerance === null ? 'any length' : shownTime(tolerance)));
  alarm(accepts ? '' : 'Writes are refused: ' + log.failure);
}

function alarm(message) {
  byId('alarm').textContent = message;
  byId('alarm').hidden = !message;
}

async function loadHistory() {
  const history = await ask('/api/v1/history');
  for (const [name, columns] of Object.entries(history.backends)) {
    if (!cards.has(name)) continue;
    history.times.forEach((time, i) => {
      if (columns.points[i] !== null) cards.get(name).series.add(time, columns.points[i], columns.ages[i]);
    });
  }
  historyLoaded = true;
}

async function turn() {
  try {
    const status = await ask('/api/v1/status');
    byId('login').hidden = true;
    showRelay(status);
    for (const backend of status.backends) {
      if (!cards.has(backend.name)) cards.set(backend.name, newCard(backend.name));
    }
    if (!historyLoaded) await loadHistory();
    for (const backend of status.backends) showBackend(backend, status.now_ns);
    for (const [name, card] of cards) {
      if (!status.backends.some((backend) => backend.name === name)) {
        card.root.remove();
        cards.delete(name);
      }
    }
    await showWork();
  } catch (error) {
    byId('health').textContent = 'no answer';
    byId('health').className = 'chip bad';
    alarm('The relay does not answer: ' + error.message);
  }
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', byId('token').value);
  byId('token').value = '';
  turn();
});

(async () => {
  for (;;) {
    await turn();
    await new Promise((done) => setTimeout(done, kEvery));
  }
})();

// Plots take their colours when they are created.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
