// A page that asks for itself every few seconds: what has changed of its parts is put in place of what was there.
const EVERY_MS = 3000;
const stale = document.getElementById("stale");

// What has the focus is found again by where it leads or what it is called.
function focusedIn(part) {
  const element = document.activeElement;
  if (!part.contains(element)) return null;
  for (const name of ["href", "aria-label"]) {
    if (element.hasAttribute(name)) return `[${name}="${CSS.escape(element.getAttribute(name))}"]`;
  }
  return null;
}

function put(part, fresh) {
  if (part.innerHTML === fresh.innerHTML) return;
  const focused = focusedIn(part);
  part.replaceChildren(...fresh.childNodes);
  if (focused) part.querySelector(focused)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
  if (answer.redirected) return location.reload(); // to the log-in
  if (!answer.ok) throw new Error(`${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) put(part, fresh);
  }
}

// Whoever reads or copies is not disturbed, and a page that nobody looks at asks for nothing.
const isBusy = () => document.hidden || !getSelection().isCollapsed;

async function tick() {
  try {
    if (!isBusy()) await refresh();
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  setTimeout(tick, EVERY_MS);
}

setTimeout(tick, EVERY_MS);
