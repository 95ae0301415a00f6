// PagerDuty's incidents, Nagios' table, web hooks, and the log of everything.
import { h, keyOf, link, linked, once, place, pretty, refusal, statusBadge, text, when } from "./dom.js";

const SHOWN = 150;
const SEVERITIES = { critical: "bad", error: "bad", warning: "warn", info: "" };

function fold(arrivals) {
  const incidents = new Map();
  for (const arrival of arrivals) {
    const body = arrival.body;
    if (!arrival.accepted || !body || typeof body !== "object") continue;
    const key = `${arrival.to} ${arrival.delivery_id}`;
    const known = incidents.get(key);
    if (body.event_action === "trigger") {
      const again = known && known.status !== "resolved" ? known : { opened: arrival.at, events: 0 };
      incidents.set(key, { ...again, status: again.status || "open", payload: body.payload || {}, links: body.links, key: arrival.delivery_id, to: arrival.to, changed: arrival.at, events: again.events + 1 });
    } else if (known) {
      Object.assign(known, { status: body.event_action === "resolve" ? "resolved" : "acknowledged", changed: arrival.at });
    }
  }
  return [...incidents.values()].sort((a, b) => (a.status === "resolved") - (b.status === "resolved") || b.changed - a.changed);
}

const STATES = { open: ["bad", "TRIGGERED"], acknowledged: ["warn", "ACKNOWLEDGED"], resolved: ["good", "RESOLVED"] };

function incident(item) {
  const [kind, words] = STATES[item.status];
  const links = Array.isArray(item.links) ? item.links : [];
  return h("article", { class: `card incident ${item.status}` },
    h("div", { class: "row" }, h("span", { class: `badge ${kind}` }, words),
      h("span", { class: `badge ${SEVERITIES[item.payload.severity] || ""}` }, text(item.payload.severity)),
      item.events > 1 ? h("span", { class: "soft" }, `${item.events} events`) : null, when(item.changed)),
    h("h4", {}, text(item.payload.summary)),
    h("div", { class: "row soft" }, h("span", {}, text(item.payload.source)), h("span", { class: "mono" }, item.key), links.map((each) => link(each?.href, each?.text))),
    item.payload.custom_details ? h("details", {}, h("summary", {}, "details"), pretty(item.payload.custom_details)) : null,
  );
}

const refusals = (arrivals) => arrivals.filter((one) => !one.accepted).reverse().slice(0, 50).map((one) => once(`refusal ${keyOf(one)}`, () => refusal(one)));

export function pagerduty(arrivals) {
  const incidents = fold(arrivals).slice(0, SHOWN);
  return [...incidents.map((one) => once(`incident ${one.to} ${one.key} ${one.opened} ${one.changed} ${one.events}`, () => incident(one))), ...refusals(arrivals)];
}

const SERVICE = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
const HOST = ["UP", "DOWN", "UNREACHABLE", "UNKNOWN"];

function checksOf(arrival) {
  const body = arrival.body || {};
  if (arrival.channel === "nsca") return [body];
  const data = body.json || body.jsondata || body.JSONDATA || {};
  const results = Array.isArray(data.checkresults) ? data.checkresults : [];
  return results.map((one) => ({ host: one?.hostname, service: one?.servicename || "", state: Number(one?.state), output: one?.output }));
}

export function nagios(arrivals) {
  const latest = new Map();
  for (const arrival of arrivals.filter((one) => one.accepted)) {
    for (const check of checksOf(arrival)) {
      const key = JSON.stringify([check.host, check.service]);
      const times = (latest.get(key)?.times || 0) + 1;
      latest.delete(key);
      latest.set(key, { ...check, at: arrival.at, via: arrival.channel.toUpperCase(), times });
    }
  }
  const rows = [...latest].reverse().map(([key, check]) => once(`check ${key} ${check.at} ${check.times}`, () => row(check)));
  return [rows.length ? table(rows) : null, ...refusals(arrivals)];
}

function row(check) {
  return h("tr", {},
    h("td", {}, text(check.host)), h("td", {}, text(check.service) || h("span", { class: "soft" }, "host check")),
    h("td", { class: `state s${check.state}` }, text((check.service ? SERVICE : HOST)[check.state])),
    h("td", {}, when(check.at)), h("td", { class: "soft" }, `${check.via} ×${check.times}`),
    h("td", { class: "output" }, ...linked(text(check.output).replaceAll("\\n", "\n"))),
  );
}

function table(rows) {
  const titles = ["Host", "Service", "Status", "Last check", "By", "Status information"];
  const body = once("checks body", () => h("tbody"));
  place(body, rows);
  return once("checks", () => h("div", { class: "card checks" }, h("table", {}, h("thead", {}, h("tr", {}, titles.map((name) => h("th", { scope: "col" }, name)))), body)));
}

export function webhook(arrival) {
  const verified = arrival.note.includes("signature verified");
  return h("article", { class: "card hook" },
    h("div", { class: "row" }, h("span", { class: "mono" }, arrival.line), statusBadge(arrival),
      verified ? h("span", { class: "badge good" }, "✓ signature") : arrival.note ? h("span", { class: "soft" }, arrival.note) : null, when(arrival.at)),
    arrival.body === null ? null : pretty(arrival.body),
    h("details", {}, h("summary", {}, "headers"), pretty(arrival.headers || {})),
  );
}

function entry(arrival) {
  const details = h("details", {}, h("summary", {}, when(arrival.at), h("span", {}, arrival.channel), h("span", { title: arrival.to }, arrival.to || "–"),
    h("span", {}, statusBadge(arrival)), h("span", { class: "soft", title: arrival.note }, arrival.note || arrival.line)));
  details.addEventListener("toggle", () => details.children.length < 2 && details.append(pretty(arrival)));
  return details;
}

export function log(arrivals) {
  return place(once("log", () => h("div", { class: "card log" })), arrivals.map((one) => once(`log ${keyOf(one)}`, () => entry(one))));
}
