// From the answer of /api/v1/apps/{app}/graph to what plotly.js draws. No word of an alert gets into it: plotly.js takes
// some HTML in texts, so those are put over it as text by graph_chart.js.
export const MARGIN = { left: 66, right: 22, top: 30, bottom: 48 };
const SMALL = { left: 50, right: 12, top: 28, bottom: 48 };
const NARROW_PX = 560;
const GAP_PX = 44;
const GUIDES = 40;
const NONE = "rgba(0,0,0,0)";
const KEPT_MS = 10_000;

export const marginOf = (width) => (width < NARROW_PX ? SMALL : MARGIN);

export function figureOf(data, width, look) {
  const margin = marginOf(width);
  const heights = [width < NARROW_PX ? 96 : 118, ...data.metrics.map(() => (data.metrics.length > 1 ? 160 : 230))];
  const inner = heights.reduce((sum, each) => sum + each, 0) + GAP_PX * (heights.length - 1);
  const tops = heights.map((_, at) => heights.slice(0, at).reduce((sum, each) => sum + each + GAP_PX, 0));
  const domain = (at) => [Math.max(0, 1 - (tops[at] + heights[at]) / inner), 1 - tops[at] / inner];
  const panes = data.metrics.map((metric, at) => ({ metric, top: tops[at + 1], height: heights[at + 1], ...extent(metric), axis: `y${at + 2}` }));
  const layout = {
    width,
    height: inner + margin.top + margin.bottom,
    margin: { l: margin.left, r: margin.right, t: margin.top, b: margin.bottom, pad: 0 },
    paper_bgcolor: NONE,
    plot_bgcolor: NONE,
    font: { family: look.font, size: 12, color: look.soft },
    showlegend: false,
    hovermode: false,
    dragmode: look.touch ? false : "zoom",
    barmode: "stack",
    xaxis: timeAxis(data, width, look),
    yaxis: { ...valueAxis(look), domain: domain(0), ...counted(data.slots) },
    shapes: [...guides(data, look), ...panes.flatMap((pane) => limits(pane, look))],
  };
  panes.forEach((pane, at) => {
    layout[`yaxis${at + 2}`] = { ...valueAxis(look), domain: domain(at + 1), range: [pane.low, pane.high], ...ticks(pane) };
  });
  return { traces: [...bars(data.slots, look), ...panes.flatMap((pane) => [curve(pane, look), ...marks(pane, look)])], layout, panes, inner };
}

function timeAxis(data, width, look) {
  const line = { gridcolor: look.line, linecolor: look.line, tickcolor: look.line };
  const place = { anchor: "free", position: 0, side: "bottom", ticks: "outside", ticklen: 5, showline: true, zeroline: false };
  return { type: "date", range: [data.from_ms, data.to_ms], nticks: Math.max(3, Math.round(width / 120)), ...line, ...place };
}

const valueAxis = (look) => ({ fixedrange: true, zeroline: false, gridcolor: look.line, automargin: false, ticks: "outside", ticklen: 7, tickcolor: NONE });

function counted(slots) {
  const most = Math.max(1, ...slots.at_ms.map((_, at) => slots.bars.reduce((sum, bar) => sum + bar.counts[at], 0)));
  const step = Math.max(1, niceStep(most / 3));
  return { range: [0, most * 1.08], tickmode: "linear", tick0: 0, dtick: step, tickformat: ",d" };
}

function bars(slots, look) {
  return slots.bars.map(({ severity, status, counts }) => {
    const found = counts.map((_, at) => at).filter((at) => counts[at]);
    const normal = status === "resolved";
    const pattern = { shape: "/", size: 5, solidity: 0.45, fillmode: "replace", fgcolor: look.normal };
    const marker = { color: normal ? look.normal : look[severity], line: { width: normal ? 1 : 0, color: look.normal }, ...(normal && { pattern }) };
    const place = { x: found.map((at) => slots.at_ms[at] + slots.width_ms / 2), y: found.map((at) => counts[at]) };
    return { type: "bar", ...place, width: slots.width_ms * 0.82, marker, hoverinfo: "skip", xaxis: "x", yaxis: "y" };
  });
}

function curve({ metric, axis }, look) {
  const line = { color: look.curve, width: 2, shape: "linear" };
  const lonely = metric.times_ms.length < 2;
  const of = { x: metric.times_ms, y: metric.values, mode: lonely ? "markers" : "lines", connectgaps: false };
  return { type: "scatter", ...of, line, marker: { color: look.curve, size: 6 }, hoverinfo: "skip", xaxis: "x", yaxis: axis };
}

function marks(pane, look) {
  const { metric, axis, low, high } = pane;
  const of = (kind) => metric.markers.filter((marker) => marker.kind === kind);
  const level = (marker) => marker.value ?? nearestOf(metric, marker.at_ms) ?? metric.thresholds[0] ?? (low + high) / 2;
  const trace = (found, symbol, size, colours, heights) => ({
    type: "scatter", mode: "markers", cliponaxis: false, hoverinfo: "skip", xaxis: "x", yaxis: axis,
    x: found.map((marker) => marker.at_ms), y: heights,
    marker: { symbol, size, color: colours, line: { width: 1.5, color: look.panel } },
  });
  const fired = of("firing"), normal = of("resolved"), told = of("told");
  return [
    trace(told, "diamond", 8, look.told, told.map(() => low + (high - low) * 0.04)),
    trace(normal, "circle", 11, look.normal, normal.map(level)),
    trace(fired, "triangle-up", 13, fired.map((marker) => look[marker.severity] ?? look.critical), fired.map(level)),
  ].filter(({ x }) => x.length);
}

function guides(data, look) {
  const seen = new Map();
  for (const metric of data.metrics) for (const marker of metric.markers) if (marker.kind !== "told") seen.set(marker.href, marker);
  return [...seen.values()].slice(-GUIDES).map((marker) => {
    const color = marker.kind === "resolved" ? look.normal : look[marker.severity] ?? look.critical;
    const place = { xref: "x", x0: marker.at_ms, x1: marker.at_ms, yref: "paper", y0: 0, y1: 1 };
    return { type: "line", ...place, line: { color, width: 1, dash: "dot" }, opacity: 0.55, layer: "below" };
  });
}

function limits({ metric, axis, low, high }, look) {
  return metric.thresholds.flatMap((limit) => {
    const across = { xref: "paper", x0: 0, x1: 1, yref: axis };
    const line = { type: "line", ...across, y0: limit, y1: limit, line: { color: look.critical, width: 1.5, dash: "dash" } };
    const beyond = metric.comparator.startsWith("<") ? low : metric.comparator.startsWith(">") ? high : limit;
    const area = { type: "rect", ...across, y0: limit, y1: beyond, fillcolor: look.critical, opacity: 0.06, line: { width: 0 }, layer: "below" };
    return [area, line];
  });
}

function extent(metric) {
  const marked = metric.markers.map((marker) => marker.value);
  const known = [...metric.values, ...metric.thresholds, ...marked].filter((value) => value !== null);
  if (!known.length) return { low: 0, high: 1, unknown: true };
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const room = (most - least || Math.abs(most) || 1) * 0.1;
  const stands = least >= 0 && least < most && least - room * 3 <= 0; // a line that never moves is not drawn over the axis
  return { low: stands ? 0 : least - room, high: most + room };
}

function ticks({ metric, low, high, height, unknown }) {
  if (unknown) return { showticklabels: false };
  const step = niceStep((high - low) / metric.factor / Math.max(2, height / 50)) * metric.factor;
  const values = [];
  for (let at = Math.ceil(low / step); at * step <= high && values.length < 20; at += 1) values.push(at * step);
  return { tickmode: "array", tickvals: values, ticktext: values.map((value) => plain(value / metric.factor, step / metric.factor)) };
}

// What was measured nearest to a time; null where that is within a gap, or beyond either end.
export function nearestOf({ times_ms: times, values }, at) {
  let [low, high] = [0, times.length - 1];
  if (high < 0 || at < times[0] - KEPT_MS || at > times[high] + KEPT_MS) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle;
    else high = middle;
  }
  return at - times[low] <= times[high] - at ? values[low] : values[high];
}

export function niceStep(rough) {
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((times) => times * power >= rough * 0.999) * power;
}

function plain(value, step) {
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  if (Math.abs(value) >= 1e6 || (value !== 0 && step < 1e-6)) return value.toExponential(1);
  return (Math.abs(value) < step / 1e3 ? 0 : value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
