"use strict";
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
});

(() => {
  const table = document.getElementById("effects");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const find = document.getElementById("find");
  const verdict = document.getElementById("verdict");
  const found = document.getElementById("found");
  document.querySelector(".tools").hidden = false;

  const show = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const text = (row.cells[0].textContent + " " + (row.dataset.contrast || "") + " " + row.dataset.family).toLowerCase();
      const fits = words.every((word) => text.includes(word)) &&
        (!verdict || !verdict.value || row.dataset.verdict === verdict.value);
      row.hidden = !fits;
      n += fits;
    }
    found.textContent = n + " of " + rows.length + " rows";
  };
  find.addEventListener("input", show);
  if (verdict) verdict.addEventListener("change", show);
  show();

  const key = (row, column, kind) => {
    const cell = row.cells[column];
    if (kind === "text") return cell ? cell.textContent.trim() : "";
    const value = cell && cell.dataset.value ? Number(cell.dataset.value) : NaN;
    return kind === "size" ? Math.abs(value) : value;
  };
  table.querySelectorAll("th[data-sort]").forEach((head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const kind = head.dataset.sort;
      const now = head.getAttribute("aria-sort");
      const down = now ? now === "ascending" : kind === "size";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const column = head.cellIndex;
      const sign = down ? -1 : 1;
      rows.sort((a, b) => {
        const x = key(a, column, kind);
        const y = key(b, column, kind);
        if (kind === "text") return sign * x.localeCompare(y);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return sign * (x - y);
      });
      body.append(...rows);
    });
  });
})();
