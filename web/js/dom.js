// Elements made by code. Text always goes in as text, never as HTML.

export const byId = (id) => document.getElementById(id);

/// element("button", {class: "wide", type: "button", onclick: f}, "Text", otherElement)
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function")
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(
      ...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const kSvg = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(kSvg, tag);
  for (const [name, value] of Object.entries(attributes))
    node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/// One of icons.svg.
export const icon = (name) =>
    svg("svg", {class: "icon", "aria-hidden": "true"}, svg("use", {href: `icons.svg#${name}`}));

export const button = (label, onclick, {symbol, ...attributes} = {}) =>
    element("button", {type: "button", onclick, ...attributes}, symbol && icon(symbol), label);

/// "12 kB"
export function byteText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; ++unit)
    value /= 1000;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export const durationText = (seconds) => seconds < 60 ?
    `${seconds.toFixed(1)} s` :
    `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

export const isTyping = (target) =>
    target.matches?.("input, textarea, select, [contenteditable]") ?? false;
