// A feature's values over all cases, one line of points per group, with medians and quartiles.
"use strict";
const strip = (values, groups, chosen, pick, width) => {
  const W = Math.max(280, Math.min(640, width || 600)), LEFT = 14, ROW = 58, TOP = 6;
  const all = [...values].filter(Number.isFinite).sort((a, b) => a - b);
  if (!all.length) return el("p", { class: "small" }, "No case has a value of this feature.");
  const quantile = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))];
  const log = all[0] > 0 && all[all.length - 1] > 30 * quantile(all, 0.5);
  const scale = (value) => log ? Math.log10(value) : value;
  const low = scale(all[0]), high = scale(all[all.length - 1]), span = high - low || 1;
  const x = (value) => LEFT + (scale(value) - low) / span * (W - 2 * LEFT);
  const height = TOP + groups.length * ROW + 26;
  const made = draw("svg", { class: "strip", viewBox: `0 0 ${W} ${height}`, "aria-hidden": true });
  groups.forEach(({ name, cases }, g) => {
    const y = TOP + g * ROW, middle = y + 36;
    const sorted = cases.map((k) => values[k]).filter(Number.isFinite).sort((a, b) => a - b);
    made.append(draw("text", { class: "group", x: LEFT - 8, y: y + 13 }, `${name}`, draw("tspan", { dx: 6, class: "quiet" }, several(sorted.length, "case"))));
    made.append(draw("path", { class: "rule", d: `M${LEFT - 8} ${middle}H${W - LEFT + 8}` }));
    if (sorted.length > 3) {
      const [a, m, b] = [0.25, 0.5, 0.75].map((share) => x(quantile(sorted, share)));
      made.append(draw("rect", { class: "quartiles", x: a, width: Math.max(1, b - a), y: middle - 15, height: 30, rx: 3 }));
      made.append(draw("path", { class: "median", d: `M${m} ${middle - 15}v30` }));
    }
    for (const k of cases) {
      if (!Number.isFinite(values[k])) continue;
      const jitter = ((k * 0.6180339887) % 1 - 0.5) * 22;
      made.append(draw("circle", { class: "dot", cx: x(values[k]).toFixed(1), cy: (middle + jitter).toFixed(1), r: 3.2, "data-case": k }));
    }
  });
  const bottom = TOP + groups.length * ROW;
  const ends = log ? [low, (low + high) / 2, high].map((value) => 10 ** value) : [all[0], all[0] + span / 2, all[all.length - 1]];
  ends.forEach((value, k) => made.append(draw("text", { class: "quiet", x: [LEFT - 8, W / 2, W - LEFT + 8][k], y: bottom + 16, "text-anchor": ["start", "middle", "end"][k] }, number(value, 4) + (log && k === 1 ? " (log scale)" : ""))));
  const here = made.querySelector(`circle[data-case="${chosen}"]`);
  if (here) {
    here.classList.add("here");
    here.setAttribute("r", 6);
    here.parentNode.append(draw("path", { class: "here-line", d: `M${here.getAttribute("cx")} ${TOP + 18}V${bottom}` }), here);
  }
  made.addEventListener("click", (event) => {
    if (event.target.dataset.case) pick(Number(event.target.dataset.case));
  });
  return made;
};
