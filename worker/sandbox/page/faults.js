// The panel that makes things go wrong.
import { h } from "./dom.js";

const KINDS = [
  ["Slow", "answers 2 s late", { latency_s: 2 }],
  ["503", "service unavailable", { status: 503 }],
  ["429", "wait 5 s, it says", { status: 429, headers: { "Retry-After": "5" } }],
  ["401", "not allowed", { status: 401 }],
  ["Drop before", "nothing was taken", { drop: "before" }],
  ["Drop after", "taken, no answer", { drop: "after" }],
  ["Hang", "never answers", { hang: true }],
  ["Limit", "30 a minute", { rate: "30/min" }],
];
const CHANNELS = ["", "hipchat", "slack", "pagerduty", "email", "webhook", "nrdp", "nsca"];

const $ = (id) => document.getElementById(id);

async function ask(method, content) {
  const answer = await fetch("/api/faults", { method, headers: { "Content-Type": "application/json" }, body: content && JSON.stringify(content) });
  const body = await answer.json();
  $("fault-error").textContent = answer.ok ? "" : `${body.error.field}: ${body.error.message}`;
  if (answer.ok) draw(body.faults);
}

function words(rule) {
  const { applied, channel, share, ...rest } = rule;
  const what = Object.entries(rest).filter(([name]) => name !== "headers").map(([name, value]) => (value === true ? name : `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`));
  return `${channel || "everywhere"}: ${what.join(", ")}${share === undefined ? "" : `, ${share * 100} %`}`;
}

function draw(rules) {
  $("fault-list").replaceChildren(...rules.map((rule) => h("li", {}, h("span", {}, words(rule)), h("span", {}, `×${rule.applied}`))));
  $("fault-clear").hidden = rules.length === 0;
  $("show-faults").textContent = rules.length ? `Faults (${rules.length})` : "Faults";
}

export const refresh = () => ask("GET");

export function start() {
  $("fault-channel").append(...CHANNELS.map((name) => h("option", { value: name }, name || "everywhere")));
  $("fault-buttons").append(...KINDS.map(([name, hint, rule]) => h("button", { type: "button", on: { click: () => {
    const channel = $("fault-channel").value;
    const share = Number($("fault-share").value);
    ask("POST", { ...rule, ...(channel && { channel }), ...(share < 1 && { share }) });
  } } }, name, h("small", {}, hint))));
  $("fault-clear").addEventListener("click", async () => {
    await ask("DELETE");
    $("fault-channel").focus();  // the button is gone
  });
  $("show-faults").addEventListener("click", () => {
    show(!$("faults").classList.contains("shown"));
    if ($("faults").classList.contains("shown")) $("fault-channel").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !$("faults").classList.contains("shown")) return;
    show(false);
    $("show-faults").focus();
  });
}

// On a narrow screen the panel is a sheet over the page.
function show(shown) {
  $("faults").classList.toggle("shown", shown);
  $("show-faults").setAttribute("aria-expanded", String(shown));
}
