// An inbox. A mail's HTML is another document, in a frame that runs nothing and loads nothing.
import { clock, h, refusal, statusBadge, text } from "./dom.js";

let chosen = null;
let side = "html";

function opened(arrival, redraw) {
  const body = arrival.body || {};
  const facts = [["From", body.from], ["To", arrival.to], ["Date", body.date], ["Message-ID", body.message_id], ["Attachments", (body.attachments || []).join(", ")], ["Note", arrival.note]];
  const html = body.html && side === "html";
  const pick = (name, label) => h("button", { type: "button", class: "chip", "aria-pressed": String((html ? "html" : "text") === name), on: { click: () => { side = name; redraw(); } } }, label);
  return h("article", { class: "card opened" },
    h("div", { class: "row" }, h("h3", {}, text(body.subject) || "(no subject)"), statusBadge(arrival)),
    h("dl", {}, facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, text(value))])),
    body.html ? h("div", { class: "sides" }, pick("html", "HTML"), pick("text", "Text")) : null,
    html ? h("iframe", { sandbox: "", src: `/mail/${arrival.number}`, title: "The mail's HTML", referrerpolicy: "no-referrer" }) : h("pre", {}, text(body.text)),
  );
}

export function inbox(arrivals, redraw) {
  const newest = [...arrivals].reverse();
  const letters = newest.filter((one) => one.body);
  const refused = newest.filter((one) => !one.body).slice(0, 30).map(refusal);
  const current = letters.find((one) => one.number === chosen) || letters[0];
  if (!current) return refused;
  const list = letters.map((one) => h("button", { type: "button", class: "letter", "aria-current": String(one === current), on: { click: () => { chosen = one.number; redraw(); } } },
    h("b", {}, text(one.body.subject) || "(no subject)"),
    h("span", {}, one.to), h("span", {}, `${clock(one.at)} · ${one.fate}${one.status ? ` ${one.status}` : ""}`)));
  return [...refused, h("div", { class: "inbox" }, h("div", { class: "card letters" }, list), opened(current, redraw))];
}
