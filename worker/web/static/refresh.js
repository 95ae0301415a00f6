// A page that asks for itself every few seconds: what has changed of its parts is put in place of what was there.
const EVERY_MS = 3000;
const stale = document.getElementById("stale");

const named = (element, name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`;

// What has the focus is found again by where it leads or what it is called, in a table in the row that it was in.
function focusedIn(part) {
  const element = document.activeElement;
  if (!part.contains(element)) return null;
  const name = ["href", "aria-label"].find((each) => element.hasAttribute(each));
  if (!name) return null;
  const first = element.closest("tr")?.querySelector("[href]");
  return first ? `tr:has(${named(first, "href")}) ${named(element, name)}` : named(element, name);
}

// Whoever has scrolled into a list keeps their place in it, whatever comes on top: at the first link in sight.
function placeIn(part) {
  if (part.getBoundingClientRect().top >= 0) return null;
  const link = [...part.querySelectorAll("[href]")].find((each) => each.getBoundingClientRect().top >= 0);
  return link ? { link: named(link, "href"), top: link.getBoundingClientRect().top } : null;
}

function put(part, fresh) {
  if (part.innerHTML === fresh.innerHTML) return;
  const focused = focusedIn(part);
  const place = placeIn(part);
  part.replaceChildren(...fresh.childNodes);
  const again = place && part.querySelector(place.link);
  if (again) scrollBy({ top: again.getBoundingClientRect().top - place.top, behavior: "instant" });
  if (focused) part.querySelector(focused)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
  if (answer.redirected) return location.reload(); // to the log-in
  if (!answer.ok) throw new Error(`${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Each answer has a token of its own: with that put in first, a form that is as it was stays, and keeps the focus.
  const token = page.querySelector('meta[name="csrf"]').content;
  for (const field of document.querySelectorAll('input[name="csrf"]')) field.setAttribute("value", token);
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
