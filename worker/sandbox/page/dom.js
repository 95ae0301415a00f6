// Building the page from text only: nothing that arrived is ever read as markup, except by `safeHtml`, which rebuilds
// the few tags that HipChat allows.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

// Gives `parent` these children and leaves alone those that it has already: what is open, focused or selected stays so.
export function place(parent, ...children) {
  const wanted = children.flat().filter(Boolean);
  const staying = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!staying.has(child)) child.remove();
  wanted.forEach((child, at) => parent.childNodes[at] === child || parent.insertBefore(child, parent.childNodes[at] ?? null));
  return parent;
}

// The element of this key from the drawing before, or else a new one.
let before = new Map();
let now = new Map();

export function once(key, make) {
  if (!now.has(key)) now.set(key, before.get(key) ?? make());
  return now.get(key);
}

export function beginDrawing() {
  before = now;
  now = new Map();
}

export const keyOf = (arrival) => `${arrival.number} ${arrival.at}`;

export const text = (value) => (value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

export const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const when = (at) => h("time", { class: "when", title: new Date(at * 1000).toISOString() }, clock(at));

const isWeb = (href) => /^https?:\/\//i.test(href);

export function link(href, label) {
  const shown = text(label) || text(href);
  return isWeb(text(href)) ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, shown) : document.createTextNode(shown);
}

export function linked(words) {
  return text(words).split(/(https?:\/\/[^\s<>"']+)/i).map((part) => (isWeb(part) ? link(part) : part));
}

export function statusBadge(arrival) {
  const kinds = { accepted: "good", refused: "bad", unanswered: "odd", probed: "" };
  const words = arrival.status === null ? (arrival.fate === "accepted" ? "taken" : arrival.fate) : `${arrival.status} ${arrival.fate}`;
  return h("span", { class: `badge ${kinds[arrival.fate] || ""}` }, words);
}

export function refusal(arrival) {
  return h("div", { class: "refusal" }, statusBadge(arrival), h("span", {}, `${arrival.to || "?"}: ${arrival.note || "no reason given"}`), when(arrival.at));
}

const ALLOWED = new Set(["A", "B", "I", "STRONG", "EM", "BR", "PRE", "CODE", "UL", "OL", "LI", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "P", "SPAN", "DIV"]);

function rebuilt(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.data];
  if (node.nodeType !== Node.ELEMENT_NODE || ["SCRIPT", "STYLE", "TEMPLATE"].includes(node.tagName)) return [];
  const children = [...node.childNodes].flatMap(rebuilt);
  if (node.tagName === "A") {
    const href = node.getAttribute("href") || "";
    return [isWeb(href) ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children) : h("span", {}, ...children)];
  }
  if (node.tagName === "IMG") return [h("span", { class: "soft" }, `[image ${node.getAttribute("alt") || ""}]`)];
  return ALLOWED.has(node.tagName) ? [h(node.tagName.toLowerCase(), {}, ...children)] : children;
}

// The parser builds a document that runs and loads nothing.
export const safeHtml = (markup) => [...new DOMParser().parseFromString(text(markup), "text/html").body.childNodes].flatMap(rebuilt);

const TOKEN = /("(?:[^"\\]|\\.)*"\s*:)|("(?:[^"\\]|\\.)*")|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

export function pretty(value) {
  if (typeof value === "string") return h("pre", {}, value);
  const shown = JSON.stringify(value, null, 2) ?? "";
  const parts = [];
  let from = 0;
  for (const found of shown.matchAll(TOKEN)) {
    const kind = found[1] ? "key" : found[2] ? "str" : found[3] ? "lit" : "num";
    parts.push(shown.slice(from, found.index), h("span", { class: kind }, found[0]));
    from = found.index + found[0].length;
  }
  return h("pre", {}, ...parts, shown.slice(from));
}
