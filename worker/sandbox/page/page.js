// What arrived, asked for once a second, drawn one channel at a time.
import { log, nagios, pagerduty, webhook } from "./boards.js";
import { hipchat, slack } from "./chat.js";
import { beginDrawing, h, keyOf, once, place } from "./dom.js";
import { refresh, start as startFaults } from "./faults.js";
import { inbox } from "./mail.js";

const KEPT = 400;
const SHOWN = 150;
const EVERY_MS = 1000;
const VIEWS = [
  { name: "all", label: "Everything", channels: null },
  { name: "hipchat", label: "HipChat", channels: ["hipchat"], each: hipchat, chat: true },
  { name: "slack", label: "Slack", channels: ["slack"], each: slack, chat: true },
  { name: "pagerduty", label: "PagerDuty", channels: ["pagerduty"], whole: pagerduty },
  { name: "email", label: "E-mail", channels: ["email"], whole: (arrivals) => inbox(arrivals, draw) },
  { name: "nagios", label: "Nagios", channels: ["nsca", "nrdp"], whole: nagios },
  { name: "webhook", label: "Web hooks", channels: ["webhook"], each: webhook },
  { name: "other", label: "Nobody's", channels: ["other"], each: webhook },
];

const main = document.getElementById("main");
const live = document.getElementById("live");
let arrivals = [];
let stats = { channels: {} };
let about = null;
let last = 0;
let only = null;
let view = VIEWS.find((one) => `#${one.name}` === location.hash) || VIEWS[0];

const sum = (channels, key) => Object.entries(stats.channels).filter(([name]) => !channels || channels.includes(name)).reduce((total, [, counts]) => total + counts[key], 0);
const mine = (one) => arrivals.filter((arrival) => !one.channels || one.channels.includes(arrival.channel));

const tabs = VIEWS.map((one) => [one, h("button", { type: "button", class: `tab tab-${one.name}`, on: { click: () => open(one) } })]);

function drawTabs() {
  for (const [one, tab] of tabs) {
    const bad = sum(one.channels, "refused") + sum(one.channels, "unanswered");
    tab.hidden = one.name === "other" && !sum(one.channels, "arrived");
    tab.setAttribute("aria-current", String(one === view));
    tab.replaceChildren(one.label, h("span", { class: "count" }, sum(one.channels, "arrived").toLocaleString("en")),
      ...(bad ? [h("span", { class: "bad", title: "refused or unanswered" }, `${bad.toLocaleString("en")} ✕`)] : []));
  }
}

function open(one) {
  view = one;
  only = null;
  history.replaceState(null, "", `#${one.name}`);
  drawTabs();
  draw(true);
}

function filters(found) {
  const places = [...new Set(found.map((arrival) => arrival.to).filter(Boolean))].slice(-14);
  if (view.whole || places.length < 2) return null;
  const pick = (to, label) => {
    const chip = once(`filter ${view.name} ${to}`, () => h("button", { type: "button", class: "chip", on: { click: () => { only = to; draw(true); } } }, label));
    chip.setAttribute("aria-pressed", String(only === to));
    return chip;
  };
  return place(once(`filters ${view.name}`, () => h("div", { class: "filters" })), pick(null, "all"), places.map((to) => pick(to, to)));
}

function empty() {
  const hints = { hipchat: "/v2/room/Ops%20Room/notification", slack: "/services/T000/B000/secret", pagerduty: "/v2/enqueue", nagios: "/nrdp/", webhook: "/hook/anything" };
  const address = view.name === "email" ? `SMTP on port ${about?.smtp_port ?? "…"}` : `${about?.url ?? ""}${hints[view.name] ?? ""}`;
  return once(`empty ${address}`, () => h("div", { class: "empty" }, h("strong", {}, "Nothing has arrived yet"), "Point a destination here: ", h("code", {}, address)));
}

function draw(atEnd = false) {
  const found = mine(view);
  const shown = view.whole ? found : found.filter((arrival) => only === null || arrival.to === only).slice(-SHOWN);
  const nearEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 80;
  beginDrawing();
  const section = once(`view ${view.name}`, () => h("section", { class: view.name === "hipchat" ? "view room" : "view" }));
  place(main, place(section, filters(found), body(shown)));
  if (view.chat && (atEnd === true || nearEnd)) main.scrollTop = main.scrollHeight;
}

function body(shown) {
  if (!shown.length) return empty();
  if (view.whole) return view.whole(shown);
  if (view.each) return (view.chat ? shown : [...shown].reverse()).map((one) => once(`${view.name} ${keyOf(one)}`, () => view.each(one)));
  return log([...shown].reverse());
}

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

// Another sandbox may answer here by now: the demo, started again. Its numbers begin anew.
async function meet() {
  const found = await read("/api/about");
  if (JSON.stringify(found) === JSON.stringify(about)) return;
  about = found;
  startOver();
  drawAddresses();
}

function startOver() {
  arrivals = [];
  last = 0;
  stats = { channels: {} };
}

async function look() {
  await meet();
  const news = await read(`/api/arrivals?since=${last}&newest=1&limit=${KEPT}`);
  if (news.last < last) {
    startOver();
    return look();
  }
  const before = arrivals.length;
  arrivals = arrivals.filter((one) => one.number > news.cleared);
  const changed = news.arrivals.length > 0 || arrivals.length !== before || !stats.last;
  arrivals.push(...news.arrivals.filter((one) => one.number > last));  // Clear may have looked meanwhile
  arrivals = arrivals.slice(-KEPT * 3);
  last = news.last;
  if (!changed) return undefined;
  stats = await read("/api/stats");
  drawTabs();
  if (news.arrivals.length === 0 || news.arrivals.some((one) => !view.channels || view.channels.includes(one.channel))) draw(before === 0);
  return undefined;
}

async function loop() {
  try {
    if (!document.hidden) {
      await look();
      await refresh();
    }
    tell("live", "live");
  } catch {
    tell("not answering", "live lost");
  }
  setTimeout(loop, EVERY_MS);
}

// Only news: a screen reader says it each time.
function tell(words, kind) {
  if (live.textContent === words) return;
  live.textContent = words;
  live.className = kind;
}

function drawAddresses() {
  const host = new URL(about.url).hostname;
  const chips = [["HTTP", about.url], ["SMTP", `${host}:${about.smtp_port}`], ["NSCA", `${host}:${about.nsca_port}`]];
  document.getElementById("addresses").replaceChildren(...chips.map(([name, where]) => h("span", { class: "chip" }, `${name} `, h("code", {}, where))));
}

document.getElementById("clear").addEventListener("click", async () => {
  await fetch("/api/arrivals", { method: "DELETE" });
  stats = { channels: {} };
  await look();
});

startFaults();
document.getElementById("tabs").append(...tabs.map(([, tab]) => tab));
drawTabs();
draw();
loop();
