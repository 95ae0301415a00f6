// The chart: drawn by plotly.js, with words and one cursor over all of it.
import { figureOf, marginOf, nearestOf } from "./graph_figure.js";

const NEAR_PX = 9;
const LISTED = 5;
const TEN = 10;
const TWICE_MS = 350;
const byId = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);

export class Chart {
  constructor({ library, zoomed, moved }) {
    [this.stage, this.plot, this.panes, this.cursor, this.line, this.readout] = ["stage", "plot", "panes", "cursor", "line", "readout"].map(byId);
    this.zoomed = zoomed;
    this.moved = moved;
    this.at = null;
    this.pressed = -TWICE_MS;
    this.touch = matchMedia("(pointer: coarse)").matches;
    this.listen();
    if (library && document.readyState === "complete") this.fetch(library);
    else if (library) addEventListener("load", () => this.fetch(library));
  }

  // It is large, so the page is there without it.
  fetch(library) {
    const script = Object.assign(document.createElement("script"), { src: library, async: true });
    script.addEventListener("load", () => this.draw());
    document.head.append(script);
  }

  listen() {
    const { stage, cursor } = this;
    new ResizeObserver(() => this.draw()).observe(stage);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    stage.addEventListener("pointermove", (event) => this.follow(event));
    stage.addEventListener("pointerdown", (event) => this.hold(event));
    addEventListener("pointerup", () => setTimeout(() => this.release()));
    addEventListener("pointercancel", () => this.release());
    stage.addEventListener("mousedown", (event) => event.preventDefault()); // it would take the focus away again
    stage.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && document.activeElement !== cursor) this.leave(); });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    cursor.addEventListener("keydown", (event) => this.press(event));
    cursor.addEventListener("focus", () => this.move(this.at ?? this.data?.to_ms ?? null, { slot: true }));
    cursor.addEventListener("blur", () => this.leave());
  }

  show(data) {
    this.data = data;
    return this.draw();
  }

  // What is shown of the time axis, before the answer for it is there.
  slide(from, to) {
    if (!this.data || (from === this.data.from_ms && to === this.data.to_ms)) return undefined;
    return this.show({ ...this.data, from_ms: from, to_ms: to });
  }

  async draw() {
    const width = this.stage.clientWidth;
    if (!this.data || !globalThis.Plotly || !width || this.held) return;
    byId("instead")?.remove();
    this.margin = marginOf(width);
    this.width = width;
    this.figure = figureOf(this.data, width, { ...colours(), touch: this.touch });
    this.plot.style.height = `${this.figure.layout.height}px`;
    const config = { displayModeBar: false, doubleClick: false, staticPlot: false, showTips: false, responsive: false };
    await globalThis.Plotly.react(this.plot, this.figure.traces, this.figure.layout, config);
    if (!this.heard) {
      this.plot.on("plotly_relayout", (change) => this.dragged(change));
      this.heard = true;
    }
    this.overlay();
    if (this.at !== null) this.move(this.at);
  }

  overlay() {
    const { top, left, right } = this.margin;
    this.panes.replaceChildren(title("Events", "", 0), ...this.figure.panes.flatMap((pane) => words(pane, top, right)));
    for (const each of this.panes.querySelectorAll(".pane-title")) each.style.paddingInline = `${left}px ${right}px`;
    Object.assign(this.cursor.style, { top: `${top}px`, left: `${left}px`, width: `${this.width - left - right}px`, height: `${this.figure.inner}px` });
    this.cursor.hidden = false;
    this.cursor.setAttribute("aria-valuemin", this.data.from_ms);
    this.cursor.setAttribute("aria-valuemax", this.data.to_ms);
    if (this.at === null) this.tell(this.data.to_ms, `${this.data.shown}; no time chosen`);
  }

  // --- time and place

  scale() { return (this.width - this.margin.left - this.margin.right) / (this.data.to_ms - this.data.from_ms); }

  middle() { return this.at ?? (this.data.from_ms + this.data.to_ms) / 2; }

  timeAt(clientX) {
    const x = clientX - this.stage.getBoundingClientRect().left - this.margin.left;
    return this.data.from_ms + x / this.scale();
  }

  around(at, factor) {
    const { from_ms: from, to_ms: to } = this.data;
    const middle = clamp(at, from, to);
    return [middle - (middle - from) * factor, middle + (to - middle) * factor];
  }

  // --- what people do

  dragged(change) {
    const ends = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (ends[0] !== undefined) this.zoomed(ends.map((end) => (typeof end === "number" ? end : Date.parse(`${end.replace(" ", "T")}Z`))));
  }

  follow(event) {
    if (!this.figure) return;
    const at = this.timeAt(event.clientX);
    if (at >= this.data.from_ms && at <= this.data.to_ms) this.move(at);
    else if (event.pointerType === "mouse") this.leave();
  }

  // While somebody drags, nothing is drawn anew under their hand.
  hold(event) {
    const twice = event.pointerType === "mouse" && event.timeStamp - this.pressed < TWICE_MS;
    this.pressed = twice ? -TWICE_MS : event.timeStamp;
    this.held = true;
    this.follow(event);
    this.cursor.focus({ preventScroll: true });
    if (twice) this.zoomed(this.around(this.middle(), 2));
  }

  release() {
    if (!this.held) return;
    this.held = false;
    this.draw();
  }

  // The page scrolls under the wheel unless somebody has turned to the graph.
  wheel(event) {
    if (!this.figure || !(event.ctrlKey || event.metaKey || document.activeElement === this.cursor)) return;
    event.preventDefault();
    this.zoomed(this.around(this.timeAt(event.clientX), clamp(1.0015 ** event.deltaY, 0.5, 2)), { soon: true });
  }

  press(event) {
    if (!this.figure || event.ctrlKey || event.metaKey || event.altKey) return;
    const { from_ms: from, to_ms: to, slots } = this.data;
    const width = slots.width_ms || (to - from) / 60;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: TEN, PageDown: -TEN }[event.key];
    if (event.shiftKey && step) this.zoomed([from, to].map((end) => end + (Math.sign(step) * (to - from)) / 4), { soon: true });
    else if (step) this.move(this.stepped(step, width), { slot: true });
    else if (event.key === "Home") this.move(from, { slot: true });
    else if (event.key === "End") this.move(to, { slot: true });
    else if (event.key === "+" || event.key === "=") this.zoomed(this.around(this.middle(), 0.5));
    else if (event.key === "-") this.zoomed(this.around(this.middle(), 2));
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
  }

  // The middle of the slot that is so many away; what is cut off by an end has its middle there.
  stepped(step, width) {
    const { from_ms: from, to_ms: to } = this.data;
    const slot = Math.floor(clamp(this.middle(), from, to - 1) / width) + step;
    return clamp((slot + 0.5) * width, from, to);
  }

  // --- the cursor

  move(at, { slot = false } = {}) {
    if (!this.figure || at === null) return;
    const { from_ms: from, to_ms: to } = this.data;
    if (at < from || at > to) { this.leave(); return; }
    this.at = at;
    const x = (at - from) * this.scale();
    this.line.hidden = false;
    this.line.style.left = `${x}px`;
    const found = this.under(at, slot);
    this.tell(at, found.map(({ words: said }) => said).join("; "));
    this.readout.replaceChildren(...found.map(entry));
    this.readout.hidden = false;
    const place = this.margin.left + x;
    const flips = place > this.width / 2;
    this.readout.style.left = flips ? "auto" : `${place + 14}px`;
    this.readout.style.right = flips ? `${this.width - place + 14}px` : "auto";
    this.moved(this.slotAt(at));
  }

  leave() {
    this.at = null;
    this.line.hidden = true;
    this.readout.hidden = true;
    this.moved(null);
  }

  tell(at, words) {
    this.cursor.setAttribute("aria-valuenow", Math.round(at));
    this.cursor.setAttribute("aria-valuetext", words);
  }

  slotAt(at) {
    const width = this.data.slots.width_ms;
    const start = Math.floor(at / width) * width;
    return { start, end: start + width, index: this.data.slots.at_ms.indexOf(start) };
  }

  under(at, wholeSlot) {
    const { slots, metrics } = this.data;
    const { start, end, index } = this.slotAt(at);
    const counts = slots.bars.map(({ severity, status, counts: of }) => ({ severity, status, count: of[index] ?? 0 })).filter(({ count }) => count);
    const near = NEAR_PX / this.scale();
    const within = (marker) => (wholeSlot ? marker.at_ms >= start && marker.at_ms < end : Math.abs(marker.at_ms - at) <= near);
    const marked = metrics.flatMap((metric) => metric.markers.filter(within));
    const none = counts.length || marked.length ? [] : [{ words: `no event from ${clock(start)} to ${clock(end)}`, mark: "" }];
    return [
      { words: `${new Date(at).toISOString().slice(0, 10)} ${clock(at)} UTC`, mark: "", at: true },
      ...none,
      ...counts.map(counted),
      ...metrics.map((metric) => measured(metric, at)).filter(Boolean),
      ...marked.slice(0, LISTED).map(marking),
      ...(marked.length > LISTED ? [{ words: `and ${marked.length - LISTED} more`, mark: "" }] : []),
    ];
  }
}

function counted({ severity, status, count }) {
  const normal = status === "resolved";
  return { words: `${count} ${severity}${normal ? " back to normal" : ""}`, mark: normal ? "bar normal striped" : `bar ${severity}` };
}

function marking({ kind, severity, title: words, destination, channel, at_ms: at }) {
  if (kind === "told") return { words: `${destination} (${channel}) was told at ${clock(at)}`, mark: "told" };
  return kind === "resolved" ? { words: `back to normal: ${words}`, mark: "dot normal" } : { words: `fired: ${words}`, mark: `fired ${severity}` };
}

function measured(metric, at) {
  const nearest = nearestOf(metric, at);
  return nearest === null ? null : { words: `${metric.label}: ${amount(nearest, metric)}`, mark: "curve" };
}

function amount(value, { factor, suffix }) {
  const number = value / factor;
  const size = Math.abs(number);
  const text = size && (size >= 1e6 || size < 1e-4) ? number.toExponential(2) : number.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 6 : 4 });
  return `${text} ${suffix}`.trim();
}

function entry({ words: said, mark, at }) {
  const line = document.createElement("p");
  if (at) line.className = "at";
  if (mark) line.append(Object.assign(document.createElement("i"), { className: `mark ${mark}` }));
  line.append(Object.assign(document.createElement("span"), { textContent: said }));
  return line;
}

function title(name, about, top) {
  const pane = Object.assign(document.createElement("div"), { className: "pane" });
  const line = Object.assign(document.createElement("div"), { className: "pane-title" });
  line.append(Object.assign(document.createElement("b"), { textContent: name }), Object.assign(document.createElement("span"), { textContent: about }));
  pane.append(line);
  pane.style.top = `${top}px`;
  return pane;
}

function words({ metric, top, height, low, high }, margin, right) {
  const about = [metric.suffix && `in ${metric.suffix}`, metric.window_s && `over ${metric.window_s} s`, !metric.times_ms.length && "no points in this time", metric.thinned && "outline of more points", metric.more_markers && "only the latest alerts are marked"].filter(Boolean).join(" · ");
  const limits = metric.thresholds.map((limit) => {
    const label = Object.assign(document.createElement("span"), { className: "pane pane-limit", textContent: `${metric.comparator} ${amount(limit, metric)}`.trim() });
    label.style.left = "auto";
    label.style.right = `${right + 6}px`;
    label.style.top = `${margin + top + ((high - limit) / (high - low)) * height}px`;
    return label;
  });
  return [title(metric.label, about, margin + top - 24), ...limits];
}

// As the page's classes have them, in whichever scheme is in force.
function colours() {
  const of = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
  const names = ["critical", "error", "warning", "info", "normal", "told", "curve"];
  const marks = Object.fromEntries(names.map((name) => [name, of(`.legend .mark.${name}`, "color")]));
  return { ...marks, soft: of(".legend", "color"), line: of("#graph", "borderTopColor"), panel: of("#graph", "backgroundColor"), font: of("body", "fontFamily") };
}
