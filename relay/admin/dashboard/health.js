// Judges a status: how bad each backend is, and the sentence that says what to do. Pure
// functions: they touch no element of the page.
'use strict';

// The higher, the worse; backends are shown in this order.
const kRanks = { good: 0, busy: 1, notice: 2, warn: 3, bad: 4 };

function ageOf(since, now) {
  return since ? Math.max(0, (Date.parse(now) - Date.parse(since)) / 1e3) : null;
}

function heldLanesOf(backend) {
  return backend.held_lanes.filter((lane) => lane.points > 0 || lane.by_operator);
}

// Returns the state as a word or two, its kind, and how bad it is among those of its kind.
function stateOf(backend) {
  const held = heldLanesOf(backend).length;
  const isUp = backend.takes_writes || backend.state === 'caught up';
  if (backend.state === 'diverged') return { word: 'diverged', kind: 'bad', weight: 3 };
  if (backend.state === 'log failing') return { word: 'log failing', kind: 'bad', weight: 3 };
  if (backend.state === 'not configured') return { word: 'not configured', kind: 'warn', weight: 0 };
  if (backend.paused) return { word: 'paused', kind: 'warn', weight: 1 };
  if (!isUp) return { word: backend.state, kind: 'bad', weight: backend.stuck ? 2 : 1 };
  if (backend.unaccounted_points !== 0) return { word: 'figures differ', kind: 'bad', weight: 0 };
  if (held) return { word: counted(held, 'database') + ' on hold', kind: 'warn', weight: 2 };
  if (backend.dead_letters) return { word: backend.state, kind: 'notice', weight: 0 };
  if (backend.state === 'delivering') return { word: 'delivering', kind: 'busy', weight: 0 };
  return { word: backend.state, kind: 'good', weight: 0 };
}

function worstFirst(a, b) {
  const [one, other] = [stateOf(a), stateOf(b)];
  return kRanks[other.kind] - kRanks[one.kind] || other.weight - one.weight
    || b.undelivered_points - a.undelivered_points || a.name.localeCompare(b.name);
}

function retryText(backend) {
  return backend.retry_in_ms === null ? '' : 'next retry in ' + Math.ceil(backend.retry_in_ms / 1000) + ' s';
}

// Returns when all that is owed will be there.
function etaOf(backend) {
  const held = backend.held_points ? shownCount(backend.held_points) + ' on hold' : '';
  if (backend.pending_points === 0) return held ? 'no: ' + held : 'caught up';
  if (backend.drain_eta_seconds !== null) {
    return 'in ' + shownTime(backend.drain_eta_seconds) + (held ? ', but for ' + held : '');
  }
  if (backend.drain_seconds_at_last_rate !== null) {
    return 'after it is ' + (backend.paused ? 'resumed' : 'back') + ': about '
      + shownTime(backend.drain_seconds_at_last_rate);
  }
  return backend.takes_writes ? 'not catching up' : 'not while nothing is delivered';
}

// The words that two holds have in common if they are the same but for the database.
function holdReason(lane) {
  if (lane.by_operator) return 'held by an operator';
  const reason = lane.reason || 'the backend does not accept it';
  return reason.replaceAll(lane.retention_policy || '\n', '…').replaceAll(lane.database, '…');
}

function waiting(backend) {
  return backend.undelivered_points === 0 ? 'no points wait'
    : counted(backend.undelivered_points, 'point') + (backend.undelivered_points === 1 ? ' waits' : ' wait');
}

// Returns what is wrong with a backend: { kind, short, text, fix }; null: nothing is.
function problemOf(backend, now) {
  const state = stateOf(backend);
  const age = ageOf(backend.since, now);
  const lasting = age === null ? '' : ' for ' + shownTime(age);
  const problem = (short, text, fix) => ({ kind: state.kind, backend: backend.name, short, text, fix });
  const diverged = backend.watermarks && backend.watermarks.diverged;
  if (backend.state === 'diverged' && diverged) {
    return problem('diverged', backend.name + ' has lacked points that it acknowledged for '
      + shownTime(ageOf(diverged.since, now)) + ': ' + diverged.reason + '.', diverged.remedy);
  }
  if (backend.state === 'not configured') {
    return problem('not configured', backend.name + ' is not configured; ' + waiting(backend) + '.',
      'configure it again, or delete what is kept for it: influxdb-relay backend forget ' + backend.name);
  }
  if (backend.paused) {
    return problem('paused', backend.name + ' has been paused' + lasting + ': ' + waiting(backend) + '.',
      backend.remedy || 'influxdb-relay resume --backend ' + backend.name);
  }
  if (state.kind === 'bad' && state.word !== 'figures differ') {
    const back = backend.drain_seconds_at_last_rate === null ? '' : '; once it is back, catching up takes about '
      + shownTime(backend.drain_seconds_at_last_rate);
    return problem(state.word, backend.name + ' has accepted no writes' + lasting
      + (backend.reason ? ': ' + backend.reason : '') + '. ' + capitalised(waiting(backend)) + back + '.', backend.remedy);
  }
  if (state.kind === 'bad') {
    return problem('figures differ', shownCount(backend.unaccounted_points) + ' points of ' + backend.name
      + ' are unaccounted for: a bug in the relay.', 'report it, with the output of: influxdb-relay verify');
  }
  const lanes = heldLanesOf(backend);
  if (lanes.length) {
    const first = lanes[0];
    const which = lanes.length === 1 ? 'Database ' + first.database + ' is' : lanes.length + ' databases are';
    const why = new Set(lanes.map(holdReason)).size === 1 ? holdReason(first).replaceAll('…', lanes.length === 1 ? first.database : '…') : 'for several reasons';
    return problem('on hold', which + ' on hold on ' + backend.name + ' (' + why + '): '
      + counted(backend.held_points, 'point') + (backend.held_points === 1 ? ' waits' : ' wait')
      + '; all others are delivered.', first.by_operator ? 'release it below, under Databases'
      : lanes.length === 1 ? first.remedy : 'the commands are below, under Databases');
  }
  if (backend.dead_letters) {
    return problem('dead letters', counted(backend.dead_letters, 'dead letter') + ' of ' + backend.name
      + ': lines that it refuses.', 'see what it said below, under Dead letters; then redrive or drop them');
  }
  return null;
}

function problemsOfRelay(status) {
  const log = status.log;
  const problems = [];
  const add = (kind, short, text, fix) => problems.push({ kind, short, text, fix: fix || '' });
  if (log.failure) add('bad', 'refusing writes', 'Writes are refused: ' + log.failure + '.', log.remedy);
  else if (log.used_share >= 0.8) {
    add(log.used_share >= 0.95 ? 'bad' : 'warn', 'disk ' + percent(log.used_share), 'The log is ' + percent(log.used_share) + ' full'
      + (log.full_eta_seconds === null ? '' : '; it refuses writes in ' + shownTime(log.full_eta_seconds)) + '.', log.remedy);
  }
  for (const alarm of log.alarms) add('warn', 'log', capitalised(alarm) + '.');
  if (status.configuration_failure) {
    add('warn', 'configuration', 'The newest configuration is not in use: ' + status.configuration_failure + '.',
      'influxdb-relay check-config');
  }
  const shared = status.shared_log;
  if (shared && shared.copies < shared.copies_wanted) {
    add('warn', 'copies', 'The shared log has ' + shared.copies + ' of ' + shared.copies_wanted + ' copies.');
  }
  return problems;
}

function percent(share) {
  return Math.floor(share * 100) + ' %';
}

// Returns all problems, the worst first. A relay that refuses writes comes before any backend.
function problemsOf(status) {
  const backends = [...status.backends].sort(worstFirst)
    .map((backend) => problemOf(backend, status.now)).filter(Boolean);
  return [...problemsOfRelay(status), ...backends]
    .map((problem, i) => [problem, i])
    .sort(([a, i], [b, j]) => kRanks[b.kind] - kRanks[a.kind] || i - j).map(([problem]) => problem);
}

// Returns the sentence while nothing is wrong.
function calmSentence(status) {
  const behind = status.backends.filter((backend) => backend.undelivered_points > 0).sort(
    (a, b) => b.oldest_undelivered_seconds - a.oldest_undelivered_seconds);
  const all = status.backends.length === 1 ? status.backends[0].name + ' accepts'
    : 'All ' + status.backends.length + ' backends accept';
  if (!behind.length) {
    const lost = status.backends.some((backend) => backend.dropped_points > 0);
    if (lost) return 'Nothing waits to be delivered; what was dropped is in the gaps of its backend.';
    return status.backends.length ? 'All is well: ' + counted(status.backends.length, 'backend')
      + (status.backends.length === 1 ? ' has' : ' have') + ' every point.' : 'No backend is configured.';
  }
  return all + ' writes; ' + behind[0].name + ' is ' + shownTime(behind[0].oldest_undelivered_seconds)
    + ' behind' + (behind[0].drain_eta_seconds === null ? '.' : ' and catches up in ' + shownTime(behind[0].drain_eta_seconds) + '.');
}
