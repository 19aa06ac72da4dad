// Sort a table by the column whose heading is clicked; oracle, baselines and null range stay below.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const value = (row, i) => {
    const cell = row.cells[i], text = cell.dataset.value ?? cell.textContent.trim(), number = Number(text);
    return text === "" ? Infinity : Number.isNaN(number) ? text : number;
  };
  heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a, i), y = value(b, i);
      const order = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1;
      return up ? order : -order;
    });
    body.append(...rows);
  }));
}
