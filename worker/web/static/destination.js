// The form of a destination: Test and Save without leaving the page, rows, what belongs together, unsaved changes.
// Without it the same buttons send the form, and the page comes back.
const form = document.getElementById("form");
const outcome = document.getElementById("outcome");
const dialog = document.getElementById("leaving");
const KEPT = new Set(["csrf", "revision", "base", "opened", "channel"]);
let leaving = false;

const typed = () => new URLSearchParams([...new FormData(form)].filter(([name]) => !KEPT.has(name))).toString();

// What stands in the form

function belongs() {
  for (const part of form.querySelectorAll("[data-only-with]")) {
    const other = form.elements[part.dataset.onlyWith];
    const idle = other.value !== part.dataset.onlyValue;
    part.hidden = idle;
    // What is disabled is not sent: it belongs to another way.
    for (const control of part.querySelectorAll("input, select, textarea, button")) control.disabled = idle;
  }
}

let added = 0;

function addRow(rows) {
  const id = `j${(added += 1)}`;
  const made = rows.querySelector("template").content.cloneNode(true);
  for (const element of made.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      if (value.includes("__row__")) element.setAttribute(name, value.replaceAll("__row__", id));
    }
  }
  const list = rows.querySelector(".row-list");
  list.append(made);
  list.lastElementChild.querySelector("input:not([type=hidden]), select, textarea").focus();
}

function removeRow(row) {
  const rows = row.closest("[data-rows]");
  row.remove();
  rows.querySelector("[data-add]").focus();
}

// In the demo a button fills in what its sandbox takes.

function fill(name, text) {
  const rows = form.querySelector(`[data-rows="${CSS.escape(name)}"]`);
  if (!rows) form.elements[name].value = text;
  else {
    if (!rows.querySelector("[data-row]")) addRow(rows);
    rows.querySelector("[data-row] input:not([type=hidden])").value = text;
  }
}

const offer = document.getElementById("offer");
if (offer) {
  offer.hidden = false;
  offer.addEventListener("click", () => {
    for (const [name, text] of Object.entries(JSON.parse(offer.dataset.offer))) fill(name, text);
    belongs();
    document.getElementById("test").focus();
  });
}

// What is said of it

function say(element, words, control) {
  if (!element) return;
  element.textContent = words;
  element.hidden = !words;
  if (words) control?.setAttribute("aria-invalid", "true");
  else control?.removeAttribute("aria-invalid");
  if (words) element.closest("details")?.setAttribute("open", "");
}

function sayBeside(kind, said) {
  for (const element of form.querySelectorAll(`[id$="-${kind}"]`)) {
    const id = element.id.slice(0, -kind.length - 1);
    const control = document.getElementById(id);
    say(element, said[id] ?? "", kind === "error" ? control : null);
    if (kind === "error") element.closest(".field")?.classList.toggle("wrong", id in said);
  }
}

function show(html) {
  outcome.innerHTML = html; // from our own template, where everything is escaped
  const told = outcome.querySelector("[data-told]");
  told?.focus({ preventScroll: true });
  told?.querySelector("h2")?.scrollIntoView({ block: "nearest" });
}

function note(words, kind) {
  const told = document.createElement("p");
  told.className = `notice ${kind}`;
  told.dataset.told = "";
  told.tabIndex = -1;
  told.textContent = words;
  outcome.replaceChildren(told);
  if (kind === "bad") told.focus();
}

// Asking the console

async function ask(button) {
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" }, cache: "no-store" });
  if (answer.redirected) throw new Error("You are not logged in any more. Log in in another window, and press the button again.");
  if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    throw new Error(page.querySelector(".failure .words")?.textContent || `The console answered with ${answer.status}.`);
  }
  return answer.json();
}

function take(content) {
  if (content.location) {
    leaving = true;
    location.assign(content.location);
    return;
  }
  sayBeside("error", content.errors);
  sayBeside("warning", content.warnings);
  form.action = content.action;
  for (const [name, value] of Object.entries(content.hidden)) form.elements[name].value = value;
  show(content.html);
}

async function send(button) {
  const buttons = [...form.querySelectorAll("button")].filter((each) => !each.disabled);
  note(button.value === "test" ? "Testing …" : "Saving …", "");
  form.setAttribute("aria-busy", "true");
  for (const each of buttons) each.setAttribute("aria-disabled", "true");
  try {
    take(await ask(button));
  } catch (problem) {
    note(problem instanceof TypeError ? "The console cannot be reached. Nothing was sent." : problem.message, "bad");
  } finally {
    form.removeAttribute("aria-busy");
    for (const each of buttons) each.removeAttribute("aria-disabled");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (form.hasAttribute("aria-busy")) return;
  const button = event.submitter;
  if (button.matches("[data-add]")) addRow(button.closest("[data-rows]"));
  else if (button.matches("[data-remove]")) removeRow(button.closest("[data-row]"));
  else send(button);
});
form.addEventListener("change", belongs);

// A link in the summary leads to its field, wherever that is folded away.
outcome.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  const control = link && document.getElementById(link.hash.slice(1));
  if (!control) return;
  event.preventDefault();
  control.closest("details")?.setAttribute("open", "");
  control.focus();
});

// Unsaved changes

belongs();
const before = form.hasAttribute("data-changed") ? null : typed();
const changed = () => !leaving && typed() !== before;

document.getElementById("cancel").addEventListener("click", (event) => {
  if (!changed()) return;
  event.preventDefault();
  dialog.showModal();
});
dialog.addEventListener("close", () => {
  if (dialog.returnValue !== "leave") return;
  leaving = true;
  location.assign(document.getElementById("cancel").href);
});
addEventListener("beforeunload", (event) => {
  if (changed()) event.preventDefault();
});
