// The operators' actions. Each asks, shows the relay's description of the change (a
// dry run), and only then makes it.
'use strict';

// Runs an action: a title, a question, inputs, the path and body to post.
function confirmAction(action) {
  const dialog = byId('confirm');
  const inputs = byId('inputs');
  const plan = byId('plan');
  const go = byId('go');
  dialog.querySelector('h2').textContent = action.title;
  byId('ask').textContent = action.ask;
  plan.textContent = '';
  const who = { name: 'by', label: 'Your name, for the audit trail', value: localStorage.getItem('by') || '' };
  const fields = [...(action.inputs || []), who].map(inputFor);
  inputs.replaceChildren(...fields.map((field) => field.label));
  const values = () => Object.fromEntries(fields.map((field) => [field.name, field.input.value.trim()]));

  const post = async (dryRun) => {
    const { by, ...rest } = values();
    localStorage.setItem('by', by);
    const answer = await ask(action.path, { ...action.body(rest), by, dry_run: dryRun });
    return answer.message;
  };
  byId('preview').hidden = action.noPreview === true;
  byId('preview').onclick = async () => {
    plan.textContent = await post(true).catch((error) => 'Not possible: ' + error.message);
  };
  go.textContent = action.title;
  go.onclick = async () => {
    go.disabled = true;
    try {
      await post(false);
      dialog.close();
      turn();
    } catch (error) {
      plan.textContent = 'Not done: ' + error.message;
    } finally {
      go.disabled = false;
    }
  };
  dialog.showModal();
  if (!(action.inputs || []).length) byId('preview').onclick();
}

function inputFor({ name, label, value, hint }) {
  const input = element('input', { name, placeholder: hint || '', autocomplete: 'off' });
  input.value = value || '';
  return { name, input, label: element('label', {}, label, input) };
}

function button(label, action, kind) {
  return element('button', { type: 'button', class: kind || '', onclick: () => confirmAction(action()) }, label);
}

const verbPath = (backend, verb) => '/api/v1/backends/' + encodeURIComponent(backend.name) + '/' + verb;
const kPositionHint = '12345, 2026-11-23T20:15:00Z, 90m ago or head';

function pauseAction(backend) {
  return { title: 'Pause ' + backend.name, path: verbPath(backend, 'pause'), body: () => ({}),
    ask: 'Nothing is sent until you resume it. New writes are kept.' };
}

function resumeAction(backend) {
  return { title: 'Resume ' + backend.name, path: verbPath(backend, 'resume'), body: () => ({}),
    ask: 'Resume delivery where it stopped.' };
}

function rewindAction(backend) {
  return { title: 'Rewind ' + backend.name, path: verbPath(backend, 'rewind'),
    ask: 'Everything accepted after this point is delivered again. Points already there '
      + 'are overwritten with the same values.',
    inputs: [{ name: 'to', label: 'To: a record or a time', hint: kPositionHint }],
    body: ({ to }) => ({ to }) };
}

function skipAction(backend) {
  return { title: 'Skip for ' + backend.name, path: verbPath(backend, 'skip'),
    ask: 'Records owed up to this point will never be delivered. The gap ledger records them.',
    inputs: [{ name: 'to', label: 'Up to: a record, a time, or “head” for everything', hint: kPositionHint },
      { name: 'note', label: 'Reason' }],
    body: ({ to, note }) => ({ to, note }) };
}

function holdAction(backend) {
  return { title: 'Hold a database of ' + backend.name, path: verbPath(backend, 'hold'),
    ask: 'Its points are kept, in order, until you release it; other databases are delivered.',
    inputs: [{ name: 'database', label: 'Database' },
      { name: 'retention_policy', label: 'Retention policy', hint: 'empty: the default' }],
    body: (lane) => lane };
}

function forgetAction(backend) {
  return { title: 'Forget ' + backend.name, path: verbPath(backend, 'forget'), body: () => ({}),
    ask: 'It is no longer configured. Everything kept for it is permanently deleted.' };
}

function replayAction(backend) {
  return { title: 'Replay to ' + backend.name, path: '/api/v1/replays',
    ask: 'Sends the records of a range again, beside the normal delivery.',
    inputs: [{ name: 'from', label: 'From', hint: kPositionHint }, { name: 'to', label: 'To', hint: kPositionHint },
      { name: 'database', label: 'Database', hint: 'empty: all' },
      { name: 'measurement', label: 'Measurement', hint: 'empty: all' },
      { name: 'points_per_second', label: 'Maximum points per second', hint: 'empty: no limit' }],
    body: (values) => ({ ...values, backend: backend.name, points_per_second: Number(values.points_per_second) || 0 }) };
}

// Replaces the buttons only when the offered actions have changed, so that none
// disappears under a finger.
function showActions(card, backend) {
  const offers = backend.state === 'not configured' ? 'forget' : backend.paused ? 'resume' : 'pause';
  if (card.actions.dataset.offers === offers) return;
  card.actions.dataset.offers = offers;
  const latest = (make) => () => make(card.latest);
  if (offers === 'forget') {
    card.actions.replaceChildren(button('Forget', latest(forgetAction), 'danger'));
    return;
  }
  card.actions.replaceChildren(
    offers === 'resume' ? button('Resume', latest(resumeAction)) : button('Pause', latest(pauseAction)),
    button('Rewind', latest(rewindAction)), button('Hold a database', latest(holdAction)),
    button('Replay', latest(replayAction)), button('Skip', latest(skipAction), 'danger'));
}

function laneActions(backend, lane) {
  const body = () => ({ database: lane.database, retention_policy: lane.retention_policy });
  const name = lane.database + (lane.retention_policy ? '.' + lane.retention_policy : '');
  if (lane.by_operator) {
    return button('Release', () => ({ title: 'Release ' + name, path: verbPath(backend, 'release'),
      ask: 'Its records on hold are delivered, oldest first, then new ones.', body }));
  }
  return button('Skip', () => ({ title: 'Skip ' + name, path: verbPath(backend, 'skip'),
    ask: 'Its records on hold will never be delivered. The gap ledger records them.',
    inputs: [{ name: 'note', label: 'Reason' }], body: ({ note }) => ({ ...body(), note }) }), 'danger');
}

function deadActions(backend) {
  const body = () => ({ backend: backend.name, all: true });
  return [
    button('Deliver all again', () => ({ title: 'Redrive all', path: '/api/v1/dead/redrive', body,
      ask: 'The lines are accepted again, for this backend only. Remove the cause first.' })),
    button('Drop all', () => ({ title: 'Drop all', path: '/api/v1/dead/drop', body,
      ask: 'The dead letters are permanently deleted.' }), 'danger'),
  ];
}

function showReplay(replay) {
  const share = replay.records_total ? replay.records_done / replay.records_total : 1;
  const bar = element('progress', { max: '1', value: String(share) });
  const cancel = replay.state !== 'running' ? null : button('Cancel', () => ({ title: 'Cancel the replay',
    path: '/api/v1/replays/' + replay.id + '/cancel', ask: 'Points already sent stay.', body: () => ({}) }));
  const target = replay.target + (replay.checkpoint ? ', from checkpoint ' + replay.checkpoint : '');
  const messages = [replay.reason && 'waiting: ' + replay.reason, replay.last_refusal && 'refused: ' + replay.last_refusal];
  return [replay.id, target, replay.state, element('div', {}, bar,
    Math.floor(share * 100) + ' %' + (replay.eta_seconds === null ? '' : ', ' + shownTime(replay.eta_seconds) + ' to go')),
  replay.points_sent, replay.points_refused, { long: messages.filter(Boolean).join('; ') }, cancel];
}

async function showWork() {
  const { replays } = await ask('/api/v1/replays');
  byId('replays').hidden = replays.length === 0;
  if (!document.activeElement || !byId('replays').contains(document.activeElement)) {
    byId('replays').querySelector('div').replaceChildren(table(
      ['No.', 'To', 'State', 'Progress', 'Points', 'Refused', 'Message', ''], replays.map(showReplay)));
  }
  const trail = (await ask('/api/v1/audit?limit=20')).entries;
  // Shows the request of a change only while its outcome is missing.
  const entries = trail.filter((entry, i) => entry.outcome !== 'asked'
    || !trail.slice(0, i).some((later) => later.what === entry.what && later.who === entry.who));
  byId('audit').hidden = entries.length === 0;
  byId('audit').querySelector('div').replaceChildren(table(['When', 'Who', 'What', 'Outcome'],
    entries.map((entry) => [when(entry.when), entry.who, { long: entry.what }, entry.outcome])));
}
