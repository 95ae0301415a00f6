// What every page has: the switch between light and dark.
const root = document.documentElement;
const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const YEAR_S = 31536000;

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

function draw() {
  button.setAttribute("aria-pressed", String(isDark()));
}

// The server writes the choice into the page, so that none flashes up in the wrong colours first.
function choose(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  if (theme === (system.matches ? "dark" : "light")) {
    delete root.dataset.theme;
    document.cookie = `bellhop-theme=; Path=/; Max-Age=0; SameSite=Lax${secure}`;
  } else {
    root.dataset.theme = theme;
    document.cookie = `bellhop-theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
  }
  draw();
}

button.addEventListener("click", () => choose(isDark() ? "light" : "dark"));
system.addEventListener("change", draw);
button.hidden = false;
draw();
