// Formats figures for people and makes elements without markup: everything from a
// server is text, never HTML.
'use strict';

const byId = (id) => document.getElementById(id);

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'class') made.className = value;
    else if (name === 'onclick') made.addEventListener('click', value);
    else if (typeof value === 'boolean') made[name] = value;
    else made.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) made.append(child);
  }
  return made;
}

function shownCount(count) {
  return Math.round(count).toLocaleString('en');
}

function counted(count, thing) {
  return shownCount(count) + ' ' + thing + (count === 1 ? '' : 's');
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function shownShort(count) {
  const units = ['', 'k', 'M', 'G', 'T'];
  let unit = 0;
  let value = count;
  for (; Math.abs(value) >= 1000 && unit + 1 < units.length; ++unit) value /= 1000;
  return (unit === 0 || Math.abs(value) >= 100 ? Math.round(value) : value.toFixed(1)) + units[unit];
}

function shownBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit + 1 < units.length; ++unit) value /= 1024;
  return (unit === 0 ? value : value.toFixed(1)) + ' ' + units[unit];
}

function shownTime(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, '0');
  if (seconds > 0 && seconds < 1) return Math.round(seconds * 1000) + ' ms';
  if (whole < 60) return seconds === 0 ? '0 s' : seconds.toFixed(seconds < 10 ? 1 : 0) + ' s';
  if (whole < 3600) return Math.floor(whole / 60) + 'm ' + two(whole % 60) + 's';
  if (whole < 86400) return Math.floor(whole / 3600) + 'h ' + two(Math.floor(whole / 60) % 60) + 'm';
  return Math.floor(whole / 86400) + 'd ' + two(Math.floor(whole / 3600) % 24) + 'h';
}

function shownRate(perSecond) {
  return perSecond === undefined ? '–' : (perSecond < 10 ? perSecond.toFixed(1) : shownCount(perSecond)) + '/s';
}

// Nanoseconds exceed what a number holds exactly: precise enough to read.
function shownDate(nanoseconds) {
  return new Date(nanoseconds / 1e6).toISOString().replace('T', ' ').replace(/\.\d+Z/, 'Z');
}

// Shows a time to the second; in full under the pointer.
function when(text) {
  return element('time', { datetime: text, title: text }, text.replace('T', ' ').replace(/(\.\d+)?Z$/, 'Z'));
}

function figure(name, value, kind, title) {
  return element('div', title ? { title } : {},
    element('div', { class: 'name' }, name),
    element('div', { class: 'value ' + (kind || '') }, String(value)));
}

// Copies a text; on a page that was not loaded securely browsers have no clipboard.
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element('textarea', {}, text);
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

function copyButton(text, label) {
  return element('button', { type: 'button', class: 'copy', title: text.slice(0, 500), onclick: (event) => {
    const made = event.currentTarget;
    copyText(text).then(() => { made.textContent = 'Copied'; }, () => { made.textContent = 'Not copied'; });
    setTimeout(() => { made.textContent = label || 'Copy'; }, 2000);
  } }, label || 'Copy');
}

// Returns [words before it, command] of a remedy that names a command.
function commandIn(remedy) {
  const found = /^(.*?(?::|^)\s*)((?:curl|influx|influxd|influxdb-relay|sudo|systemctl) .*)$/s.exec(remedy || '');
  return found ? [found[1].trim().replace(/:$/, ''), found[2]] : [remedy || '', ''];
}

// Shows a remedy: words, and its command with a button to copy it.
function remedyOf(remedy) {
  const [words, command] = commandIn(remedy);
  return element('p', { class: 'remedy' }, element('b', {}, 'Fix: '), words,
    command ? [words ? ': ' : '', element('code', {}, command), ' ', copyButton(command)] : null);
}

// Rows of cells; a cell is a text, a number or { long: text }.
function table(heads, rows) {
  const content = (value) => {
    if (typeof value === 'number') return ['number', shownCount(value)];
    if (value instanceof Node) return ['', value];
    if (value && value.long !== undefined) return ['long', value.long];
    return ['', String(value ?? '')];
  };
  // Phones show a row as a list, with the head beside each cell.
  const cell = (value, i) => {
    const [kind, inside] = content(value);
    return element('td', { class: kind, 'data-head': heads[i] }, inside);
  };
  return element('div', { class: 'scroll' }, element('table', {},
    element('thead', {}, element('tr', {}, heads.map((head) => element('th', { scope: 'col' }, head)))),
    element('tbody', {}, rows.map((row) => element('tr', {}, row.map(cell))))));
}
