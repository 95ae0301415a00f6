// HipChat as a room, Slack as a channel.
import { h, link, linked, refusal, safeHtml, statusBadge, text, when } from "./dom.js";

const COLORS = ["yellow", "green", "red", "purple", "gray", "random"];

function hipchatCard(card) {
  if (!card || typeof card !== "object") return null;
  const description = typeof card.description === "object" && card.description ? card.description : { value: card.description, format: "text" };
  const attributes = Array.isArray(card.attributes) ? card.attributes : [];
  return h("div", { class: "hc-card" },
    h("h4", {}, link(card.url, card.title)),
    h("div", {}, ...(description.format === "html" ? safeHtml(description.value) : linked(description.value))),
    attributes.length ? h("dl", {}, attributes.map((item) => h("div", {}, h("dt", {}, text(item?.label)), h("dd", {}, lozenge(item?.value || {}))))) : null,
  );
}

function lozenge(value) {
  const kinds = { "lozenge-success": "good", "lozenge-error": "bad", "lozenge-current": "warn", "lozenge-moved": "warn", "lozenge-complete": "odd" };
  const label = value.url ? link(value.url, value.label) : text(value.label);
  return value.style ? h("span", { class: `badge ${kinds[value.style] || ""}` }, label) : label;
}

export function hipchat(arrival) {
  const body = arrival.body || {};
  if (!arrival.accepted) return refusal(arrival);
  const html = (body.message_format || "html") === "html" && !(arrival.line || "").includes("/message");
  const color = COLORS.includes(body.color) ? body.color : "yellow";
  return h("article", { class: `said ${color}` },
    h("div", { class: "who" }, "Bellhop", text(body.from) ? h("small", {}, text(body.from)) : null, h("small", {}, arrival.to)),
    h("div", { class: html ? "what html" : "what" }, ...(html ? safeHtml(body.message) : linked(body.message)), hipchatCard(body.card)),
    h("div", { class: "row" }, body.notify === true ? h("span", { class: "bell", title: "people in the room are notified" }, "notify") : null, when(arrival.at)),
  );
}

const MARKS = /<(https?:[^|>\s]+)(?:\|([^>]*))?>|\*([^*\n]+)\*|`([^`\n]+)`|\b_([^_\n]+)_\b/g;
const plain = (words) => words.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function mrkdwn(source) {
  const words = text(source);
  const parts = [];
  let from = 0;
  for (const found of words.matchAll(MARKS)) {
    parts.push(plain(words.slice(from, found.index)));
    if (found[1]) parts.push(link(plain(found[1]), plain(found[2] || found[1])));
    else if (found[3]) parts.push(h("strong", {}, plain(found[3])));
    else if (found[4]) parts.push(h("code", {}, plain(found[4])));
    else parts.push(h("em", {}, plain(found[5])));
    from = found.index + found[0].length;
  }
  return [...parts, plain(words.slice(from))];
}

const said = (object) => (object?.type === "plain_text" ? [text(object.text)] : mrkdwn(object?.text));
const list = (value) => (Array.isArray(value) ? value : []);

function block(item) {
  if (item?.type === "header") return h("h4", {}, ...said(item.text));
  if (item?.type === "divider") return h("hr");
  if (item?.type === "context") return h("div", { class: "small" }, ...list(item.elements).flatMap((part) => [...said(part), " "]));
  if (item?.type === "actions") return h("div", { class: "row" }, list(item.elements).map((part) => h("span", { class: "badge" }, link(part.url, part.text?.text))));
  return h("div", {},
    item?.text ? h("div", { class: "words" }, ...said(item.text)) : null,
    list(item?.fields).length ? h("div", { class: "pair" }, item.fields.map((part) => h("div", { class: "words" }, ...said(part)))) : null,
  );
}

const NAMED = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };

function attachment(item) {
  const box = h("div", { class: "attachment" },
    item.pretext ? h("div", { class: "words" }, ...mrkdwn(item.pretext)) : null,
    item.title ? h("strong", {}, link(item.title_link, item.title)) : null,
    item.text ? h("div", { class: "words" }, ...mrkdwn(item.text)) : null,
    list(item.fields).length ? h("div", { class: "pair" }, item.fields.map((part) => h("div", {}, h("strong", {}, text(part?.title)), h("div", { class: "words" }, ...mrkdwn(part?.value))))) : null,
    list(item.blocks).map(block),
    item.footer ? h("div", { class: "small" }, text(item.footer)) : null,
  );
  const color = NAMED[item.color] || (/^#?[0-9a-f]{6}$/i.test(text(item.color)) ? `#${text(item.color).replace("#", "")}` : "");
  if (color) box.style.borderLeftColor = color;
  return box;
}

export function slack(arrival) {
  if (!arrival.accepted) return refusal(arrival);
  const raw = arrival.body || {};
  const body = raw.payload && typeof raw.payload === "object" ? raw.payload : raw;
  const blocks = list(body.blocks);
  const name = text(body.username) || "Bellhop";
  return h("article", { class: "card slack" },
    h("div", { class: "face", "aria-hidden": "true" }, name.slice(0, 1).toUpperCase()),
    h("div", {},
      h("div", { class: "row" }, h("strong", {}, name), h("span", { class: "badge" }, text(body.channel) || arrival.to),
        (arrival.line || "").includes("chat.update") ? h("span", { class: "soft" }, "(edited)") : null, statusBadge(arrival), when(arrival.at)),
      blocks.length ? blocks.map(block) : h("div", { class: "words" }, ...mrkdwn(body.text)),
      list(body.attachments).map((item) => attachment(item || {})),
    ),
  );
}
