// The operators' actions. Each asks, shows the relay's description of the change (a
// dry run), and only then makes it.
'use strict';

// Runs an action: a title, a question, inputs, the path and body to post; one request for each if
// there are several bodies.
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
    const bodies = [action.body(rest)].flat();
    const messages = [];
    for (const body of bodies) {
      const answer = await ask(action.path, { ...body, by, dry_run: dryRun });
      messages.push(answer.message);
    }
    const kShown = 5;
    return messages.slice(0, kShown).join('\n') + (messages.length > kShown ? '\n… and ' + (messages.length - kShown) + ' more' : '');
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

// `choices` are offered in a list, `presets` ([words, value]) as buttons.
function inputFor({ name, label, value, hint, choices, presets }) {
  const input = element('input', { name, placeholder: hint || '', autocomplete: 'off' });
  input.value = value || '';
  const list = choices && choices.length ? element('datalist', { id: 'choices-' + name },
    choices.map((choice) => element('option', { value: choice }))) : null;
  if (list) input.setAttribute('list', list.id);
  const buttons = presets ? element('div', { class: 'presets' }, presets.map(([words, preset]) =>
    element('button', { type: 'button', onclick: () => { input.value = preset; } }, words))) : null;
  return { name, input, label: element('div', {}, element('label', {}, label, input), list, buttons) };
}

// A menu for what is rarely wanted.
function menu(words, items) {
  const made = element('details', { class: 'menu' }, element('summary', {}, words), element('div', {}, items));
  made.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    made.open = false;
    made.querySelector('summary').focus();
  });
  made.addEventListener('click', (event) => { if (event.target.closest('button')) made.open = false; });
  return made;
}

// Returns the databases that the page knows of.
function knownDatabases() {
  const names = latestStatus ? latestStatus.backends.flatMap((backend) => backend.held_lanes.map((lane) => lane.database)) : [];
  return [...new Set(names)].sort();
}

function button(label, action, kind) {
  return element('button', { type: 'button', class: kind || '', onclick: () => confirmAction(action()) }, label);
}

const verbPath = (backend, verb) => '/api/v1/backends/' + encodeURIComponent(backend.name) + '/' + verb;
const kPositionHint = '12345, 2026-11-23T20:15:00Z, 90m, yesterday 02:00 or head';

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
    inputs: [{ name: 'to', label: 'To: a record or a time', hint: kPositionHint,
      presets: [['15 min ago', '15m'], ['1 h ago', '1h'], ['6 h ago', '6h'], ['1 d ago', '1d'],
        ['All that is kept', String(backend.trimmed)]] }],
    body: ({ to }) => ({ to }) };
}

function skipAction(backend) {
  return { title: 'Skip for ' + backend.name, path: verbPath(backend, 'skip'),
    ask: 'Records owed up to this point will never be delivered. The gap ledger records them.',
    inputs: [{ name: 'to', label: 'Up to: a record, a time, or “head” for everything', hint: kPositionHint, presets: [['Everything', 'head']] },
      { name: 'note', label: 'Reason' }],
    body: ({ to, note }) => ({ to, note }) };
}

function holdAction(backend) {
  return { title: 'Hold a database of ' + backend.name, path: verbPath(backend, 'hold'),
    ask: 'Its points are kept, in order, until you release it; other databases are delivered.',
    inputs: [{ name: 'database', label: 'Database', choices: knownDatabases() },
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
      { name: 'database', label: 'Database', hint: 'empty: all', choices: knownDatabases() },
      { name: 'measurement', label: 'Measurement', hint: 'empty: all' },
      { name: 'points_per_second', label: 'Maximum points per second', hint: 'empty: no limit' }],
    body: (values) => ({ ...values, backend: backend.name, points_per_second: Number(values.points_per_second) || 0 }) };
}

function checkAction(backend) {
  return { title: 'Check ' + backend.name + ' now', path: verbPath(backend, 'check'), body: () => ({}),
    ask: 'Asks the backend again at once, also for its databases on hold, instead of after the back-off.' };
}

// Replaces the buttons only when the offered actions have changed, so that none
// disappears under a finger.
function showActions(row, backend) {
  const offers = backend.state === 'not configured' ? 'forget' : backend.paused ? 'resume' : 'pause';
  if (row.actions.dataset.offers === offers) return;
  row.actions.dataset.offers = offers;
  const latest = (make) => () => make(row.latest);
  if (offers === 'forget') {
    row.actions.replaceChildren(menu('More', [button('Forget', latest(forgetAction), 'danger')]));
    return;
  }
  row.actions.replaceChildren(
    offers === 'resume' ? button('Resume', latest(resumeAction)) : button('Pause', latest(pauseAction)),
    button('Check now', latest(checkAction)), button('Rewind', latest(rewindAction)),
    button('Replay', latest(replayAction)), button('Hold a database', latest(holdAction)),
    menu('More', [button('Skip', latest(skipAction), 'danger')]));
}

function laneBodies(group, more) {
  return group.lanes.map((lane) => ({ database: lane.database, retention_policy: lane.retention_policy, ...more }));
}

function groupName(group) {
  return group.lanes.length === 1 ? laneName(group.lanes[0]) : counted(group.lanes.length, 'database');
}

function releaseAction(group) {
  return { title: 'Release ' + groupName(group), path: verbPath(group.backend, 'release'),
    ask: 'The records on hold are delivered, oldest first, then new ones.', body: () => laneBodies(group) };
}

function skipLanesAction(group) {
  return { title: 'Skip ' + groupName(group), path: verbPath(group.backend, 'skip'),
    ask: 'The records on hold will never be delivered. The gap ledger records them.',
    inputs: [{ name: 'note', label: 'Reason' }],
    body: ({ note }) => laneBodies({ lanes: group.lanes.filter((lane) => lane.points > 0) }, { note }) };
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
