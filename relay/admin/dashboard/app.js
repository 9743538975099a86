// The page: polls the relay every two seconds and shows the answer. It keeps no
// data of its own except the last hour of the plots.
'use strict';

const kEvery = 2000;
const kPatience = 8000;  // A relay that answers no sooner is unreachable.
const kTabs = [['databases', 'Databases'], ['replays', 'Jobs'], ['dead', 'Dead letters'], ['audit', 'Audit log']];
let latestStatus = null;
let lastAnswer = Date.now() / 1000;
let clockSteps = null;  // Of the relay's wall clock, as last seen.
let saidSentence = '';
let chosenTab = location.hash.slice(1);

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
    signal: body === undefined ? AbortSignal.timeout(kPatience) : undefined,
  });
  if (answer.status === 401) byId('login').hidden = false;
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error || 'HTTP ' + answer.status);
  return json;
}

function showError(message) {
  byId('error').textContent = message;
  byId('error').hidden = !message;
}

// ---------------------------------------------------------------- sentence

const kMarks = { good: '✓', busy: '✓', notice: '✓', warn: '!', bad: '✕', stale: '?' };

// A coloured disc with the state's mark.
function showIcon(kind) {
  const color = { good: '#1a7f37', busy: '#0969da', notice: '#1a7f37', warn: '#bf8700', bad: '#cf222e', stale: '#6e7781' }[kind];
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="' + color
    + '"/><text x="8" y="12" font-size="11" font-weight="700" fill="#fff" text-anchor="middle" font-family="sans-serif">'
    + kMarks[kind] + '</text></svg>';
  const href = 'data:image/svg+xml,' + encodeURIComponent(svg);
  if (byId('icon').getAttribute('href') !== href) byId('icon').setAttribute('href', href);
}

// A screen reader says the sentence when something else is wrong, not at every second of it.
function say(kind, text, gist) {
  byId('sentence').dataset.kind = kind;
  if (saidSentence !== gist) byId('health').setAttribute('aria-live', kind === 'bad' || kind === 'stale' ? 'assertive' : 'polite');
  else byId('health').setAttribute('aria-live', 'off');
  saidSentence = gist;
  if (byId('health').textContent !== text) byId('health').textContent = text;
}

function showSentence(status) {
  const problems = problemsOf(status);
  const host = status.host || location.hostname;
  const worst = problems[0];
  const kind = worst ? worst.kind : 'good';
  const backend = worst && status.backends.find((one) => one.name === worst.backend);
  const retry = backend && worst.kind === 'bad' ? retryText(backend) : '';
  say(kind, worst ? worst.text + (retry ? ' ' + capitalised(retry) + '.' : '') : calmSentence(status),
    worst ? [worst.backend, worst.short].join() : '');
  const fix = JSON.stringify(worst ? worst.fix : '');
  if (byId('fix').dataset.shown !== fix) {
    byId('fix').dataset.shown = fix;
    byId('fix').replaceChildren(...(worst && worst.fix ? [remedyOf(worst.fix)] : []));
  }
  showOthers(problems.slice(1));
  document.title = kMarks[kind] + ' ' + (worst ? [worst.backend, worst.short].filter(Boolean).join(' ') : 'all well') + ' – ' + host + ' – InfluxDB Relay';
  showIcon(kind);
  byId('host').textContent = host;
  byId('version').textContent = status.version;
}

function showOthers(problems) {
  const kShown = 3;
  const shown = JSON.stringify(problems.map((problem) => [problem.backend, problem.short]));
  if (byId('others').dataset.shown === shown) return;
  byId('others').dataset.shown = shown;
  byId('others').replaceChildren(...problems.slice(0, kShown).map((problem) => element('li', { class: problem.kind },
    problem.backend ? element('button', { type: 'button', class: 'link', onclick: () => openRow(problem.backend) },
      problem.backend + ': ' + problem.short) : problem.text)),
  ...(problems.length > kShown ? [element('li', {}, 'and ' + (problems.length - kShown) + ' more')] : []));
}

// ----------------------------------------------------------------- figures

// The disk against the limit that binds: what must be kept, and what is deleted first.
function diskBar(log) {
  const share = Math.min(1, log.used_share);
  const kept = Math.max(0, Math.min(1 - share, log.used_bytes / log.capacity_bytes - log.used_share));
  const kind = share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : '';
  const part = (name, width) => {
    const made = element('span', { class: name });
    made.style.width = (width * 100).toFixed(2) + '%';
    return made;
  };
  const limit = log.limit === 'log.max_size' ? 'log.max_size' : 'the disk (' + log.limit + ')';
  const full = log.failure ? 'FULL: refusing writes' : log.full_eta_seconds === null ? '' : 'full in ' + shownTime(log.full_eta_seconds);
  const text = shownBytes(log.used_bytes) + ' of ' + shownBytes(log.capacity_bytes);
  return element('div', { class: 'disk' },
    element('div', { class: 'name' }, 'Log on disk, limited by ' + limit),
    element('div', { class: 'bar ' + kind, role: 'meter', 'aria-valuemin': '0', 'aria-valuemax': '100',
      'aria-valuenow': String(Math.round(share * 100)), 'aria-label': 'Log on disk', 'aria-valuetext': text,
      title: shownBytes(log.free_bytes) + ' free on the disk; the light part is kept for a rewind and deleted first' },
    part('used', share), part('kept', kept)),
    element('div', { class: kind }, text + (full ? '; ' + full : '')));
}

function showRelay(status) {
  const log = status.log;
  const flows = status.backends.map((backend) => backend.flow).filter(Boolean);
  const most = (key) => (flows.length ? Math.max(...flows.map((flow) => flow[key])) : undefined);
  const behind = status.backends.filter((backend) => backend.undelivered_points > 0);
  const worst = Math.max(0, ...behind.map((backend) => backend.oldest_undelivered_seconds));
  const tolerance = log.outage_tolerance_seconds;
  byId('relay').replaceChildren(
    figure('Writes', log.failure ? 'refusing writes' : 'accepting writes', log.failure ? 'bad' : 'good'),
    figure('Backends behind', behind.length + ' of ' + status.backends.length,
      behind.some((backend) => stateOf(backend).kind === 'bad') ? 'bad' : behind.length ? 'busy' : 'good'),
    figure('Max lag', worst ? shownTime(worst) : '–'),
    figure('Points in', shownRate(most('points_in_per_second'))),
    figure('All can be down for', tolerance === null ? 'any time' : shownTime(tolerance), '', 'if all backends failed now, until the log is full'),
    figure('Dead letters', log.dead_letters_bytes ? shownBytes(log.dead_letters_bytes) : 'none', '', 'of ' + shownBytes(log.dead_letters_max_bytes) + ' at most'),
    diskBar(log));
}

// -------------------------------------------------------------------- tabs

function makeTabs() {
  const list = document.querySelector('[role=tablist]');
  list.replaceChildren(...kTabs.map(([id, words]) => {
    const tab = element('button', { type: 'button', role: 'tab', id: 'tab-' + id, 'aria-controls': id, onclick: () => chooseTab(id) }, words);
    byId(id).setAttribute('aria-labelledby', tab.id);
    return tab;
  }));
  list.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = kTabs.findIndex(([id]) => !byId(id).hidden);
    const [next] = kTabs[(now + step + kTabs.length) % kTabs.length];
    chooseTab(next);
    byId('tab-' + next).focus();
  });
  showTab(chosenTab || 'databases');
}

function chooseTab(id) {
  chosenTab = id;
  history.replaceState(null, '', '#' + id);
  showTab(id);
  if (id === 'dead' && latestStatus) showDead(latestStatus).catch((error) => showError(error.message));
}

function showTab(id) {
  const shown = kTabs.some(([one]) => one === id) ? id : 'databases';
  for (const [one] of kTabs) {
    const tab = byId('tab-' + one);
    tab.setAttribute('aria-selected', String(one === shown));
    tab.tabIndex = one === shown ? 0 : -1;
    byId(one).hidden = one !== shown;
  }
}

// Until somebody chooses a tab, the first with something in it is shown.
function showTabs(counts) {
  for (const [id, words] of kTabs) {
    byId('tab-' + id).textContent = words + (counts[id] ? ' (' + shownCount(counts[id]) + ')' : '');
  }
  if (!chosenTab) showTab((kTabs.find(([id]) => counts[id]) || ['audit'])[0]);
}

// --------------------------------------------------------------- the whole

// The plots' times are in terms of what the relay's clock says: once it was set they are read anew.
function followClock(status) {
  const steps = status.clock ? status.clock.steps : 0;
  if (clockSteps !== null && steps !== clockSteps) {
    forgetPlots();
  }
  clockSteps = steps;
}

function showStale(error) {
  const isGone = error instanceof TypeError || error.name === 'TimeoutError' || error.name === 'AbortError';
  if (!isGone) return showError(error.message);
  document.body.classList.add('stale');
  say('stale', 'unreachable since ' + clockOf(lastAnswer) + '; figures are stale', 'stale');
  byId('fix').replaceChildren(remedyOf('look at the relay itself: systemctl status influxdb-relay'));
  byId('fix').dataset.shown = '';
  document.title = '? unreachable – ' + (byId('host').textContent || location.hostname) + ' – InfluxDB Relay';
  showIcon('stale');
  return undefined;
}

async function turn() {
  try {
    const status = await ask('/api/v1/status');
    lastAnswer = Date.now() / 1000;
    latestStatus = status;
    followClock(status);
    byId('login').hidden = true;
    document.querySelector('main').hidden = false;
    document.body.classList.remove('stale');
    showError('');
    byId('updated').textContent = 'updated ' + clockOf(lastAnswer);
    if (!historyLoaded) await loadHistory();
    noteSample(status);
    showSentence(status);
    showRelay(status);
    showBackends(status);
    showPlots(status);
    const groups = showDatabases(status);
    const running = await showJobs();
    await showDead(status);
    await showAudit();
    showTabs({ databases: groups.reduce((sum, group) => sum + group.lanes.length, 0), replays: running,
      dead: status.backends.reduce((sum, backend) => sum + backend.dead_letters, 0) });
  } catch (error) {
    showStale(error);
  }
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', byId('token').value);
  byId('token').value = '';
  turn();
});

makeTabs();
showHeads();
showRanges();
(async () => {
  for (;;) {
    await turn();
    await new Promise((done) => setTimeout(done, kEvery));
  }
})();

// Plots take their colours when they are created.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
