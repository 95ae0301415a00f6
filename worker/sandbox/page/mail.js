// An inbox. A mail's HTML is another document, in a frame that runs nothing and loads nothing.
import { clock, h, keyOf, once, place, refusal, statusBadge, text } from "./dom.js";

const SHOWN = 150;
let chosen = null;
let side = "html";

function opened(arrival, redraw) {
  const body = arrival.body || {};
  const facts = [["From", body.from], ["To", arrival.to], ["Date", body.date], ["Message-ID", body.message_id], ["Attachments", (body.attachments || []).join(", ")], ["Note", arrival.note]];
  const html = body.html && side === "html";
  return [
    h("div", { class: "row" }, h("h3", {}, text(body.subject) || "(no subject)"), statusBadge(arrival)),
    h("dl", {}, facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, text(value))])),
    body.html ? sides(html ? "html" : "text", redraw) : null,
    html ? h("iframe", { sandbox: "", src: `/mail/${arrival.number}`, title: "The mail's HTML", referrerpolicy: "no-referrer" }) : h("pre", {}, text(body.text)),
  ].filter(Boolean);
}

function sides(current, redraw) {
  const choose = (name) => () => {
    side = name;
    redraw();
    document.querySelector(".sides [aria-pressed=true]")?.focus();
  };
  const pick = (name, label) => h("button", { type: "button", class: "chip", "aria-pressed": String(current === name), on: { click: choose(name) } }, label);
  return h("div", { class: "sides" }, pick("html", "HTML"), pick("text", "Text"));
}

export function inbox(arrivals, redraw) {
  const newest = [...arrivals].reverse();
  const letters = newest.filter((one) => one.body).slice(0, SHOWN);
  const refused = newest.filter((one) => !one.body).slice(0, 30).map((one) => once(`refusal ${keyOf(one)}`, () => refusal(one)));
  const current = letters.find((one) => one.number === chosen) || letters[0];
  if (!current) return refused;
  const list = letters.map((one) => once(`letter ${keyOf(one)}`, () => letter(one, redraw)));
  letters.forEach((one, at) => list[at].setAttribute("aria-current", String(one === current)));
  const letterbox = place(once("letters", () => h("div", { class: "card letters" })), list);
  const shown = once(`opened ${keyOf(current)}`, () => h("article", { class: "card opened" }));
  if (shown.dataset.side !== side) shown.replaceChildren(...opened(current, redraw));
  shown.dataset.side = side;
  return [...refused, place(once("inbox", () => h("div", { class: "inbox" })), letterbox, shown)];
}

function letter(one, redraw) {
  return h("button", { type: "button", class: "letter", on: { click: () => { chosen = one.number; redraw(); } } },
    h("b", {}, text(one.body.subject) || "(no subject)"),
    h("span", {}, one.to), h("span", {}, `${clock(one.at)} · ${one.fate}${one.status ? ` ${one.status}` : ""}`));
}
