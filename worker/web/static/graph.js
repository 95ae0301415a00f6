// The event graph's page: what is asked for stands in the address; the answer is drawn, listed, and asked for again.
import { Chart } from "./graph_chart.js";
import { get } from "./http.js";

const POLL_MS = 5000;
const AWAY_MS = 15_000;
const SETTLE_MS = 250;
const SHORTEST_MS = 10_000;
const USUAL = "1h";
const FILTERS = ["text", "severity", "status", "metric"];
const NAMES = ["last", "from", "to", ...FILTERS, "before"];
const byId = (id) => document.getElementById(id);
const graph = byId("graph");
const form = byId("filters");
const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");

let asked = read(graph.dataset.asked);
let answer = null;
let known = null;
let asking = null;
let later = 0;
let settling = 0;

const chart = new Chart({ library: graph.dataset.library, zoomed: zoom, moved: light });

// --- what is asked for

function read(text) {
  const query = new URLSearchParams(text);
  const found = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
  return { ...found, last: found.from || found.to ? "" : found.last || USUAL };
}

function written(wanted) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (wanted[name]) query.set(name, wanted[name]);
  return String(query).replaceAll("%3A", ":");
}

const addressOf = (wanted) => `${graph.dataset.here}?${written(wanted)}`;

function go(change, { replace = false } = {}) {
  clearTimeout(settling);
  asked = { ...asked, before: "", ...change };
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(asked));
  known = null;
  load();
}

function zoom([from, to], { soon = false } = {}) {
  if (!answer) return;
  const now = Math.max(answer.now_ms, answer.to_ms);
  const length = Math.max(SHORTEST_MS, to - from);
  const end = Math.round(Math.min(now, Math.max(to, from + length)));
  const start = Math.round(Math.max(0, to - from < SHORTEST_MS || to > now ? end - length : from));
  chart.slide(start, end);
  const change = { last: "", from: iso(start), to: iso(end) };
  clearTimeout(settling);
  if (soon) settling = setTimeout(() => go(change, { replace: !asked.last }), SETTLE_MS);
  else go(change);
}

function press(what) {
  const { from_ms: from, to_ms: to } = chart.data;
  const half = (to - from) / 2;
  zoom({ earlier: () => [from - half, to - half], later: () => [from + half, to + half], in: () => chart.around(chart.middle(), 0.5), out: () => chart.around(chart.middle(), 2) }[what]());
}

// --- the answer

async function load() {
  clearTimeout(later);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const position = known ? `&position=${encodeURIComponent(known)}` : "";
  try {
    await take(await get(`${graph.dataset.source}?${written(asked)}${position}`, signal));
    if (!document.hidden) later = setTimeout(load, POLL_MS);
  } catch (error) {
    if (signal.aborted) return;
    say(`${error.message} What is shown may be out of date.`);
    if (!document.hidden) later = setTimeout(load, AWAY_MS);
  }
}

async function take(news) {
  known = news.position;
  say(news.notice);
  byId("live").hidden = !asked.last;
  if (news.unchanged && answer) answer = { ...answer, from_ms: news.from_ms, to_ms: news.to_ms, now_ms: news.now_ms, shown: news.shown };
  else {
    list(news, answer?.query === written(asked) ? answer : null);
    answer = { ...news, query: written(asked) };
  }
  label(answer);
  await chart.show(answer);
}

function say(words) {
  byId("notice").textContent = words;
  byId("notice").hidden = !words;
}

function label(news) {
  byId("shown").textContent = news.shown;
  byId("share").href = addressOf({ ...asked, last: "", before: "", from: iso(news.from_ms), to: iso(news.to_ms) });
  for (const link of byId("ranges").children) {
    link.toggleAttribute("aria-current", link.dataset.last === asked.last);
    if (link.dataset.last === asked.last) link.setAttribute("aria-current", "true");
    link.href = addressOf({ ...asked, from: "", to: "", before: "", last: link.dataset.last });
  }
}

function list(news, before) {
  byId("summary").replaceChildren(...news.summary.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
  const had = new Set(before?.events.map(({ id }) => id));
  const fresh = before ? news.events.filter(({ id }) => !had.has(id)) : [];
  rows(news.events, new Set(fresh.map(({ id }) => id)));
  byId("table").hidden = !news.events.length;
  byId("nothing").hidden = news.events.length > 0;
  byId("nothing").firstElementChild.textContent = news.nothing;
  byId("latest").hidden = !news.latest;
  if (news.latest || news.events.length) byId("first")?.remove();
  if (news.latest) byId("latest").firstElementChild.setAttribute("href", news.latest);
  if (fresh.length) byId("news").textContent = fresh.length === 1 ? `New event: ${fresh[0].name}` : `${fresh.length} new events`;
  turn(news);
  choose(news.metric_names);
  fill();
}

function rows(events, fresh) {
  const focused = document.activeElement?.closest?.("#rows tr")?.dataset.id;
  byId("rows").replaceChildren(...events.map((event) => row(event, fresh.has(event.id))));
  if (focused !== undefined) [...byId("rows").children].find((each) => each.dataset.id === focused)?.querySelector("a").focus({ preventScroll: true });
}

function row(event, fresh) {
  const made = byId("row").content.firstElementChild.cloneNode(true);
  const [when, kind, message, priority, creator, name] = made.children;
  const normal = event.status === "resolved";
  made.dataset.at = event.at_ms;
  made.dataset.id = event.id;
  made.classList.toggle("fresh", fresh);
  when.firstElementChild.dateTime = new Date(event.at_ms).toISOString();
  when.firstElementChild.textContent = new Date(event.at_ms).toISOString().slice(0, 19).replace("T", " ");
  kind.firstElementChild.textContent = event.event;
  kind.lastElementChild.textContent = normal ? "back to normal" : event.severity;
  kind.lastElementChild.className = `badge ${normal ? "good" : { critical: "bad", error: "bad", warning: "warn" }[event.severity] ?? ""}`;
  [message.textContent, priority.textContent, creator.textContent] = [event.message, event.priority, event.creator];
  name.firstElementChild.textContent = event.name;
  name.firstElementChild.setAttribute("href", event.href);
  return made;
}

function turn(news) {
  const links = [];
  const link = (words, path) => links.push(Object.assign(document.createElement("a"), { className: "button", textContent: words, href: path }));
  if (asked.before) link("Newest", addressOf({ ...asked, before: "" }));
  if (news.older) link("Older", addressOf({ ...asked, before: news.older }));
  const nav = Object.assign(document.createElement("nav"), { className: "pages", ariaLabel: "Pages" });
  nav.append(...links);
  byId("pages").replaceChildren(...(links.length ? [nav] : []));
}

function choose(names) {
  const select = form.elements.metric;
  const wanted = ["", ...(asked.metric && !names.includes(asked.metric) ? [asked.metric] : []), ...names];
  if (wanted.length === select.options.length && wanted.every((name, at) => select.options[at].value === name)) return;
  select.replaceChildren(...wanted.map((name) => Object.assign(document.createElement("option"), { value: name, textContent: name || "the latest" })));
}

// The form says what is shown, but for what somebody is just changing.
function fill() {
  const values = { ...asked, from: asked.from.replace("Z", ""), to: asked.to.replace("Z", "") };
  for (const name of ["last", "from", "to", ...FILTERS]) {
    const control = form.elements[name];
    if (control !== document.activeElement && control.value !== values[name]) control.value = values[name];
  }
}

// --- the cursor and the rows

function light(slot) {
  for (const each of byId("rows").children) {
    const at = Number(each.dataset.at);
    each.classList.toggle("lit", slot !== null && at >= slot.start && at < slot.end);
  }
}

function point(event) {
  const at = event.target.closest("tr")?.dataset.at;
  if (at) chart.move(Number(at));
}

// --- what people do

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const values = Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]));
  const [from, to] = ["from", "to"].map((name) => form.elements[name].value && `${form.elements[name].value}Z`);
  const same = from === asked.from && to === asked.to;
  go({ ...values, ...(same ? {} : { from, to, last: from || to ? "" : USUAL }) });
});
for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
byId("ranges").addEventListener("click", (event) => {
  const { last } = event.target.dataset;
  if (!last || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go({ last, from: "", to: "" });
});
byId("zooms").addEventListener("click", (event) => event.target.dataset.zoom && chart.data && press(event.target.dataset.zoom));
byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("share").href);
  byId("news").textContent = "The link was copied.";
  byId("copy").textContent = "Copied";
  setTimeout(() => { byId("copy").textContent = "Copy"; }, 2000);
});
byId("rows").addEventListener("pointerover", point);
byId("rows").addEventListener("focusin", point);
byId("rows").addEventListener("pointerleave", () => chart.leave());
byId("rows").addEventListener("focusout", () => chart.leave());
addEventListener("popstate", () => {
  clearTimeout(settling);
  asked = read(location.search);
  known = null;
  fill();
  load();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(later) : load()));

byId("zooms").hidden = false;
byId("keys").hidden = false;
byId("copy").hidden = !navigator.clipboard; // browsers have one on HTTPS and the loopback only
load();
