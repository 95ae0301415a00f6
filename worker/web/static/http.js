// Asking the console for JSON. Where it refuses, what is thrown says why in words for people.
const csrf = document.querySelector('meta[name="csrf"]').content;

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(content?.detail || `The console answered with ${answer.status}.`);
  return content;
}

export const get = (path, signal) => ask(path, { signal });

export const send = (method, path, body, signal) =>
  ask(path, { method, signal, body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf } });
