// The plots that all backends share: what is undelivered (held stacked on owed), how far each
// backend is behind, and the rates. One sample is a time and the figures of each backend.
'use strict';

// The spans of the plots. `gap`: seconds between two points; `step`: the same, of the history;
// `lost`: seconds without a point after which the relay did not run.
const kRanges = {
  '1 h': { seconds: 3600, gap: 0, step: '1m', lost: 180 },
  '24 h': { seconds: 86400, gap: 120, step: '2m', lost: 360 },
  '7 d': { seconds: 7 * 86400, gap: 900, step: '15m', lost: 2700 },
};
const kPlotHeight = 130;
const kSparkSeconds = 180;
const kTimeSteps = [5, 10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400];

let range = kRanges[sessionStorage.getItem('range')] || kRanges['1 h'];

class Samples {
  constructor(span) {
    this.span = span;
    this.rows = [];  // { time, backends: name -> { owed, held, age, rateIn, rateOut } }
    this.kept = 0;   // The time of the last one that stays.
  }

  // Adds a sample that is newer than all others. One that is too near to the one before stays only
  // until the next.
  add(time, backends) {
    const { seconds, gap, lost } = this.span;
    const last = this.rows.length ? this.rows[this.rows.length - 1].time : undefined;
    if (time <= last) return;
    if (time - last > lost) this.rows.push({ time: last + 1, backends: {} });
    if (last !== undefined && last !== this.kept && time - this.kept < gap) this.rows.pop();
    if (time - this.kept >= gap) this.kept = time;
    this.rows.push({ time, backends });
    while (this.rows[0].time < time - seconds) this.rows.shift();
  }

  times() { return this.rows.map((row) => row.time); }

  // Returns the sum of a figure over all backends at each time; null: nobody knows it.
  sums(figureOf) {
    return this.rows.map((row) => {
      const values = Object.values(row.backends).map(figureOf).filter((value) => value !== null && value !== undefined);
      return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
    });
  }

  // Returns a figure of one backend at each time.
  of(name, key) {
    return this.rows.map((row) => (row.backends[name] ? row.backends[name][key] ?? null : null));
  }
}

let samples = new Samples(range);
let recent = new Samples({ seconds: kSparkSeconds, gap: 0, lost: Infinity });  // For the small plots.
let historyLoaded = false;
let marks = [];  // Outages and operators' actions: { time, color, text }, the oldest first.
let marksAsked = -Infinity;
const kMarksEvery = 30;  // Seconds.
const kMarksMost = 200;
let plots = null;
let plottedNames = null;  // The backends that the plots have a line for.

// Adds what the relay remembers: { times, backends: { NAME: { points, ages } } }, until a time.
function addColumns(loaded, history, until) {
  history.times.forEach((time, i) => {
    if (time >= until) return;
    const backends = {};
    for (const [name, columns] of Object.entries(history.backends)) {
      if (columns.points[i] !== null) backends[name] = { owed: columns.points[i], held: 0, age: columns.ages[i] };
    }
    if (Object.keys(backends).length) loaded.add(time, backends);
  });
}

// The last hour is in the relay's memory since its start; the rest is in its history on disk.
async function loadHistory() {
  const wanted = range;
  const hour = wanted.gap === 0 ? await ask('/api/v1/history') : { times: [], backends: {} };
  const older = await ask('/api/v1/history?from=' + wanted.seconds + 's&step=' + wanted.step);
  if (wanted !== range) return;
  const loaded = new Samples(wanted);
  addColumns(loaded, older, hour.times.length ? hour.times[0] : Infinity);
  addColumns(loaded, hour, Infinity);
  const last = loaded.rows.length ? loaded.rows[loaded.rows.length - 1].time : 0;
  for (const row of samples.rows) if (row.time > last) loaded.add(row.time, row.backends);
  samples = loaded;
  historyLoaded = true;
}

const kEventColors = { down: '--bad', up: '--good', recovered: '--good' };

function eventText(event) {
  const what = [event.backend, event.kind, event.state && '(' + event.state + ')'].filter(Boolean).join(' ');
  return event.text && !event.backend ? event.kind + ': ' + event.text : what;
}

// The history has outages, starts, comparisons and drills; the audit log has what operators did.
async function loadMarks() {
  const wanted = range;
  const [history, trail] = await Promise.all([
    ask('/api/v1/history?from=' + wanted.seconds + 's&step=12h'), ask('/api/v1/audit?limit=' + kMarksMost)]);
  if (wanted !== range) return;
  const seconds = (text) => Date.parse(text) / 1e3;
  const done = trail.entries.filter((entry) => entry.outcome === 'done');
  marks = [...history.events.slice(-kMarksMost).map((event) =>
    ({ time: seconds(event.at), color: kEventColors[event.kind] || '--faint', text: eventText(event) })),
  ...done.map((entry) => ({ time: seconds(entry.when), color: '--busy', text: entry.what + ' – ' + entry.who }))]
    .sort((a, b) => a.time - b.time);
}

// Asks again now and then; plots without marks are better than none.
function keepMarks(now) {
  if (now - marksAsked < kMarksEvery) return;
  marksAsked = now;
  loadMarks().then(() => {
    if (plots) for (const made of Object.values(plots)) showMarks(made);
  }).catch(() => {});
}

function showMarks(made) {
  made.host.dataset.marks = String(marks.length);
  made.plot.redraw(false);
}

function drawMarks(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([4, 3]);
  for (const mark of marks) {
    const at = plot.valToPos(mark.time, 'x', true);
    if (!(at >= bbox.left && at <= bbox.left + bbox.width)) continue;
    ctx.strokeStyle = themeColor(mark.color);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

// Says what the marks near the pointer stand for; '': there are none.
function marksNear(plot) {
  const kNear = 5;  // Pixels.
  const kShown = 2;
  if (plot.cursor.left === undefined || plot.cursor.left < 0) return '';
  const near = marks.filter((mark) => Math.abs(plot.valToPos(mark.time, 'x') - plot.cursor.left) <= kNear);
  const more = near.length > kShown ? ' and ' + (near.length - kShown) + ' more' : '';
  return near.length ? ' · ' + near.slice(-kShown).map((mark) => clockOf(mark.time) + ' ' + mark.text).join('; ') + more : '';
}

function forgetPlots() {
  historyLoaded = false;
  marksAsked = -Infinity;
  samples = new Samples(range);
  recent = new Samples(recent.span);
}

function showRanges() {
  byId('ranges').replaceChildren(...Object.entries(kRanges).map(([name, one]) =>
    element('button', { type: 'button', 'aria-pressed': String(one === range), onclick: () => {
      sessionStorage.setItem('range', name);
      range = one;
      forgetPlots();
      showRanges();
      turn();
    } }, name)));
}

function noteSample(status) {
  const backends = {};
  for (const backend of status.backends) {
    const flow = backend.flow || {};
    backends[backend.name] = { owed: backend.pending_points, held: backend.held_points,
      age: backend.oldest_undelivered_seconds, rateIn: flow.points_in_per_second, rateOut: flow.points_out_per_second };
  }
  keepMarks(Date.parse(status.now) / 1e3);
  samples.add(Date.parse(status.now) / 1e3, backends);
  recent.add(Date.parse(status.now) / 1e3, backends);
}

function clockOf(seconds) {
  const time = new Date(seconds * 1000);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((n) => String(n).padStart(2, '0')).join(':');
}

// With the day, unless all are of the last hour.
function timeOf(seconds) {
  if (range.seconds <= 3600) return clockOf(seconds);
  const time = new Date(seconds * 1000);
  return [time.getMonth() + 1, time.getDate()].map((n) => String(n).padStart(2, '0')).join('-')
    + ' ' + clockOf(seconds).slice(0, 5);
}

function themeColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Makes a plot with these series ({ label, color, fill }); the line beside its title shows the
// values under the pointer, or those of now. `bands` are filled between two of them.
function newPlot(title, unit, lines, bands) {
  const reading = element('span', { class: 'reading' });
  const host = element('div', { class: 'plot', role: 'img', 'aria-label': title });
  const root = element('figure', {}, element('figcaption', {}, element('b', {}, title), ' ', reading), host);
  byId('plots').append(root);
  const axis = { stroke: themeColor('--faint'), grid: { stroke: themeColor('--line'), width: 1 },
    ticks: { show: false }, font: '11px system-ui' };
  const made = { title, unit, lines, reading, host, root };
  made.plot = new uPlot({
    width: Math.max(120, host.clientWidth), height: kPlotHeight, legend: { show: false }, cursor: { y: false },
    hooks: { setCursor: [() => showReading(made)], draw: [drawMarks] },
    scales: { y: { range: (_, __, high) => [0, Math.max(10, (high || 0) * 1.08)] } },
    axes: [{ ...axis, size: 24, space: 70, values: (_, at) => at.map((time) => (at[at.length - 1] - at[0] < 300 ? clockOf(time) : range.seconds <= 3600 ? clockOf(time).slice(0, 5) : timeOf(time))) },
      { ...axis, size: 56, ...(unit === shownTime ? { incrs: kTimeSteps } : {}), values: (_, values) => values.map(unit) }],
    bands: bands || [],
    series: [{}, ...lines.map((line) => ({ stroke: line.color, fill: line.fill, width: 1.5, points: { show: false } }))],
  }, [[], ...lines.map(() => [])], host);
  new ResizeObserver(() => {
    if (host.clientWidth > 0) made.plot.setSize({ width: host.clientWidth, height: kPlotHeight });
  }).observe(host);
  return made;
}

function showReading(made) {
  const { plot, lines, unit } = made;
  const times = plot.data[0];
  const pointed = plot.cursor.idx;
  const at = pointed === null || pointed === undefined ? times.length - 1 : pointed;
  if (at < 0) return;
  const values = lines.map((line, i) => ({ line, value: line.shown ? line.shown(plot.data, at) : plot.data[i + 1][at] }));
  const known = values.filter(({ value }) => value !== null && value !== undefined);
  const kShown = 3;
  const named = lines.length > kShown ? known.filter(({ value }) => value > 0).sort((a, b) => b.value - a.value) : known;
  const parts = named.slice(0, kShown).map(({ line, value }) => element('span', { class: 'key' },
    swatch(line.color), line.label + ' ' + unit(value)));
  const more = named.length > kShown ? ' and ' + (named.length - kShown) + ' more' : '';
  made.reading.replaceChildren(...parts, more, pointed === null || pointed === undefined ? '' : ' at ' + timeOf(times[at]),
    marksNear(plot));
}

function swatch(color) {
  const made = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  made.style.background = color;
  return made;
}

function lineColor(i) {
  return 'hsl(' + Math.round(i * 137.5 + 210) % 360 + ' 65% 50%)';
}

function makePlots(names) {
  if (plots) for (const made of Object.values(plots)) { made.plot.destroy(); made.root.remove(); }
  const owed = themeColor('--plot');
  const held = themeColor('--warn');
  plots = {
    undelivered: newPlot('Undelivered points', shownShort, [
      { label: 'on hold', color: held, shown: (data, at) => data[1][at] - data[2][at] },
      { label: 'owed', color: owed, fill: themeColor('--plot-fill') }],
    [{ series: [1, 2], fill: themeColor('--held-fill') }]),
    lag: newPlot('Lag', shownTime, names.map((name, i) => ({ label: name, color: lineColor(i) }))),
    rates: newPlot('Points per second', shownShort, [
      { label: 'in', color: themeColor('--faint') }, { label: 'out', color: themeColor('--good') }]),
  };
  plottedNames = names.join('\n');
}

function showPlots(status) {
  const names = status.backends.map((backend) => backend.name).sort();
  if (plottedNames !== names.join('\n')) makePlots(names);
  const times = samples.times();
  const total = samples.sums((one) => one.owed + one.held);
  plots.undelivered.plot.setData([times, total, samples.sums((one) => one.owed)]);
  plots.lag.plot.setData([times, ...names.map((name) => samples.of(name, 'age'))]);
  plots.rates.plot.setData([times, samples.sums((one) => one.rateIn), samples.sums((one) => one.rateOut)]);
  for (const made of Object.values(plots)) showReading(made);
}

// A small plot of the last minutes' rates, in and out.
function sparkline(name) {
  const kWide = 90;
  const kHigh = 22;
  const rows = recent.rows;
  const end = rows.length ? rows[rows.length - 1].time : 0;
  const known = rows.filter((row) => row.backends[name] && row.backends[name].rateIn !== undefined);
  const rates = (key) => known.map((row) => [row.time, row.backends[name][key]]);
  if (known.length < 2) return '';
  const most = Math.max(1e-9, ...rates('rateIn').map(([, rate]) => rate), ...rates('rateOut').map(([, rate]) => rate));
  const path = (key) => rates(key).map(([time, rate]) =>
    (kWide * (1 - (end - time) / kSparkSeconds)).toFixed(1) + ',' + ((kHigh - 2) * (1 - rate / most) + 1).toFixed(1)).join(' ');
  const svg = (tag, properties, ...children) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  return svg('svg', { class: 'spark', width: kWide, height: kHigh, viewBox: '0 0 ' + kWide + ' ' + kHigh, 'aria-hidden': 'true' },
    svg('polyline', { class: 'in', points: path('rateIn') }), svg('polyline', { class: 'out', points: path('rateOut') }));
}
