// Sorting, filters, and the theme. Without this script the page shows everything.
const all = (selector) => [...document.querySelectorAll(selector)];
const root = document.documentElement;

// Sort by the column whose heading is clicked; oracle, baselines and null range stay below.
for (const table of all("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, i) => {
    const cell = row.cells[i], text = cell.dataset.value ?? cell.textContent.trim(), number = Number(text);
    return text === "" ? Infinity : Number.isNaN(number) ? text : number;
  };
  const last = (row) => (row.className === "null" ? 2 : row.className === "role" ? 1 : 0);
  heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a, i), y = value(b, i);
      const order = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1;
      return last(a) - last(b) || (up ? order : -order);
    });
    body.append(...rows);
  }));
}

// Show one dataset, and the methods that begin with one of the words.
const form = document.querySelector("form.tools");
const filter = () => {
  const dataset = state.get("dataset") ?? "";
  const words = (state.get("methods") ?? "").split(",").map((word) => word.trim().toLowerCase()).filter(Boolean);
  for (const element of all("[data-dataset], tr[data-method], g[data-method]")) {
    const { dataset: name, method } = element.dataset;
    const isOther = dataset && name !== undefined && name !== dataset;
    const isUnwanted = words.length && method !== undefined && !words.some((word) => method.toLowerCase().startsWith(word));
    element.classList.toggle("filtered", Boolean(isOther || isUnwanted));
  }
  const rows = all("table.results tbody tr[data-method]"), left = rows.filter((row) => !row.classList.contains("filtered"));
  if (form) form.querySelector("output").textContent = left.length < rows.length ? `${left.length} of ${rows.length} configurations` : "";
};
all(".tools").forEach((tools) => { tools.hidden = false; });
if (form) {
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const field of form.elements) {
    if (!field.name) continue;
    field.value = state.get(field.name) ?? "";
    field.addEventListener("input", () => { keep(field.name, field.value); filter(); });
  }
}
filter();

const more = document.querySelector("[name=more]");
const widen = () => document.querySelector("table.results").classList.toggle("wide", more.checked);
if (more) {
  more.checked = state.has("more");
  more.addEventListener("change", () => { keep("more", more.checked ? "1" : ""); widen(); });
  widen();
}
for (const choice of all("[name=why]")) {
  choice.checked = choice.id === (state.get("why") ?? "why-kl");
  choice.addEventListener("change", () => keep("why", choice.id === "why-kl" ? "" : choice.id));
}

const theme = document.getElementById("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => {
  if (state.has("theme")) root.dataset.theme = state.get("theme");
  theme.textContent = (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark" ? "Light theme" : "Dark theme";
};
theme.hidden = false;
theme.addEventListener("click", () => { keep("theme", theme.textContent.startsWith("Dark") ? "dark" : "light"); paint(); });
paint();

// The section in view is marked in the sidebar.
const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const watch = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
  links.get(target.id)?.setAttribute("aria-current", String(isIntersecting));
}), { rootMargin: "-20% 0px -70% 0px" });
all("main > section").forEach((section) => watch.observe(section));
