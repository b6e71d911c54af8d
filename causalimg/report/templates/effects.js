// The effect explorer: filter, sort and page through the rows; open one for its details.
"use strict";
(() => {
  const data = DATA.effects;
  const section = document.getElementById("effects");
  if (!data || !section) return;
  const { rows, features, verdicts, contrasts } = data;
  const total = rows.feature.length;
  const many = contrasts.length > 1;
  const beside = rows.naive.some(known);
  const page = () => narrow.matches ? 20 : 50;
  const at = (id) => document.getElementById("effects-" + id);
  const level = (coded, k) => coded.levels[coded.codes[k]];
  const verdictOf = (k) => !verdicts ? "" : known(rows.sd[k]) ? level(verdicts.verdict, rows.feature[k]) : "not_estimable";
  const WORDS = { stable: "stable", shifted: "shifted", not_certifiable: "not certifiable", not_estimable: "not estimable" };
  const RANK = { stable: 0, not_certifiable: 1, shifted: 2, not_estimable: 3 };
  const interval = (low, high, write) => `${write(low)} to ${write(high)}`;
  const margin = known(data.margin) ? "\u00b1" + data.margin + "\u00a0SD" : "";

  const text = features.name.map((name, f) => [name, level(features.family, f), level(features.type, f), features.original[f], features.ibsi[f]].join(" ").toLowerCase());
  const state = { words: [], family: "", type: "", contrast: "", status: "", verdict: "", key: "sd", down: true, from: 0, open: -1 };

  // ---- which rows ------------------------------------------------------------------------
  const STATUS = {
    significant: (k) => known(rows.q[k]) && rows.q[k] < 0.05,
    other: (k) => known(rows.q[k]) && rows.q[k] >= 0.05,
    not_estimable: (k) => !known(rows.sd[k]),
  };
  const fits = (k) => {
    const f = rows.feature[k];
    return (!state.family || level(features.family, f) === state.family) && (!state.type || level(features.type, f) === state.type)
      && (state.contrast === "" || rows.contrast[k] === Number(state.contrast))
      && (!state.status || STATUS[state.status](k)) && (!state.verdict || verdictOf(k) === state.verdict)
      && state.words.every((word) => text[f].includes(word));
  };
  const KEYS = {
    feature: (k) => features.name[rows.feature[k]],
    sd: (k) => known(rows.sd[k]) ? Math.abs(rows.sd[k]) : null,
    naive: (k) => known(rows.naive[k]) ? Math.abs(rows.naive[k]) : null,
    q: (k) => rows.q[k],
    verdict: (k) => RANK[verdictOf(k)] ?? null,
  };
  let shown = [];
  const choose = () => {
    const key = KEYS[state.key], sign = state.down ? -1 : 1;
    const keyed = [];
    for (let k = 0; k < total; k++) if (fits(k)) keyed.push([key(k), k]);
    const order = (a, b) => {
      if (typeof a[0] === "string") return sign * (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) || a[1] - b[1];
      if (!known(a[0]) || !known(b[0])) return Number(!known(a[0])) - Number(!known(b[0])) || a[1] - b[1];
      return sign * (a[0] - b[0]) || a[1] - b[1];
    };
    shown = keyed.sort(order).map((pair) => pair[1]);
    state.from = 0;
    state.open = -1;
    show();
  };

  // ---- one row ---------------------------------------------------------------------------
  const ends = rows.low.map((low, k) => Math.max(Math.abs(low ?? 0), Math.abs(rows.high[k] ?? 0))).sort((a, b) => a - b);
  const wanted = Math.max(1.25 * (data.margin || 0), ends[Math.floor(0.97 * (ends.length - 1))] || 1);
  const limit = [0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 50].find((edge) => edge >= wanted) || wanted;
  const W = narrow.matches ? 116 : 220, H = 20;
  const x = (value) => W / 2 + Math.max(-1, Math.min(1, value / limit)) * (W / 2 - 8);
  const drawing = (k) => {
    const made = draw("svg", { class: "interval", viewBox: `0 0 ${W} ${H}`, width: W, height: H, "aria-hidden": true });
    if (known(data.margin)) made.append(draw("rect", { class: "band", x: x(-data.margin), width: x(data.margin) - x(-data.margin), y: 0, height: H }));
    made.append(draw("path", { class: "zero", d: `M${W / 2} 0V${H}` }));
    if (!known(rows.sd[k])) return made;
    const low = x(rows.low[k]), high = x(rows.high[k]), sure = rows.q[k] < 0.05 ? " sure" : "";
    if (known(rows.naive[k])) {
      const n = x(rows.naive[k]);
      made.append(draw("path", { class: "naive", d: `M${n - 4} 10L${n} 6L${n + 4} 10L${n} 14Z` }));
    }
    if (rows.truth && known(rows.truth[k])) made.append(draw("path", { class: "truth", d: `M${x(rows.truth[k])} 2V18` }));
    made.append(draw("path", { class: "line" + sure, d: `M${low} 10H${high}` }));
    if (rows.low[k] < -limit) made.append(draw("path", { class: "line" + sure, d: `M${low + 4} 6L${low} 10L${low + 4} 14` }));
    if (rows.high[k] > limit) made.append(draw("path", { class: "line" + sure, d: `M${high - 4} 6L${high} 10L${high - 4} 14` }));
    if (Math.abs(rows.sd[k]) <= limit) made.append(draw("circle", { class: "point" + sure, cx: x(rows.sd[k]), cy: 10, r: 3.6 }));
    return made;
  };
  const badge = (verdict, extra = "") => verdict && el("span", { class: `badge ${verdict} ${extra}` }, WORDS[verdict]);
  const why = (k) => {
    const f = rows.feature[k], verdict = verdictOf(k);
    if (verdict === "stable") return `inside ${margin}`;
    if (verdict === "shifted") return `differs; not inside ${margin}`;
    if (verdict === "not_certifiable") return known(verdicts.needed[f]) ? `${several(verdicts.needed[f], "case")} would decide` : "the interval is too wide";
    return "";
  };
  const row = (k) => {
    const f = rows.feature[k], ok = known(rows.sd[k]), verdict = verdictOf(k), open = state.open === k;
    const name = el("button", { type: "button", class: "open", "aria-expanded": String(open), "data-row": k }, breakable(features.name[f]));
    const contrast = contrasts[rows.contrast[k]];
    const cells = [
      el("th", { scope: "row" }, name, many && el("small", {}, contrast), el("span", { class: "narrow" }, badge(verdict))),
      ok ? el("td", { class: "drawn" }, drawing(k)) : el("td", { class: "small", colspan: narrow.matches ? 2 : beside ? 4 : 3 }, level(rows.why, k)),
    ];
    if (ok) {
      cells.push(
        el("td", { class: "n" }, el("span", { class: STATUS.significant(k) ? "strong" : "" }, signed(rows.sd[k])), el("small", {}, interval(rows.low[k], rows.high[k], signed))),
        beside && el("td", { class: "n wide" }, signed(rows.naive[k])),
        el("td", { class: "n wide" }, probability(rows.q[k])),
      );
    }
    if (verdicts) cells.push(el("td", { class: "verdict wide" }, badge(verdict), el("small", {}, why(k))));
    return el("tr", { class: open ? "row is-open" : "row", "data-row": k }, cells);
  };

  // ---- the details of a row --------------------------------------------------------------
  const sentence = (k) => {
    const f = rows.feature[k], contrast = unbroken(contrasts[rows.contrast[k]]), unit = level(features.unit, f);
    if (!known(rows.sd[k])) return `The effect ${contrast} cannot be estimated: ${level(rows.why, k)}.`;
    const own = `${number(rows.raw[k])}${unit && " " + unit}, ${interval(rows.raw_low[k], rows.raw_high[k], number)}`;
    const alike = data.adjustment.length ? `Between cases alike in ${data.adjustment.join(", ")}, ` : "Without adjustment, ";
    const naive = known(rows.naive[k]) ? ` Unadjusted, the difference is ${signed(rows.naive[k])} SD.` : "";
    const truth = rows.truth && known(rows.truth[k]) ? ` The true effect in this simulation is ${signed(rows.truth[k])} SD.` : "";
    return `${alike}${data.treatment} ${contrast} shifts this feature by ${signed(rows.sd[k])} SD (${data.level} % interval ${interval(rows.low[k], rows.high[k], signed)}); in its own unit ${own}.${naive}${truth}`;
  };
  const verdictSentence = (f) => {
    const verdict = level(verdicts.verdict, f), worst = unbroken(level(verdicts.contrast, f));
    const said = `largest contrast ${worst}: ${signed(verdicts.sd[f])} SD, ${interval(verdicts.low[f], verdicts.high[f], signed)}; equivalence q ${probability(verdicts.q[f])}`;
    if (verdict === "stable") return `Stable: shown to lie inside ${margin} (${said}).`;
    if (verdict === "shifted") return `Shifted: a difference is shown, and it is not shown to lie inside ${margin} (${said}).`;
    if (verdict !== "not_certifiable") return "";
    const needed = known(verdicts.needed[f]) ? ` About ${several(verdicts.needed[f], "case")} would decide.` : "";
    return `Not certifiable: neither a difference nor equivalence within ${margin} is shown (${said}).${needed}`;
  };
  const flags = (k) => {
    const f = rows.feature[k], found = [];
    if (!known(rows.sd[k])) return found;
    if (rows.smd[k] > 0.1) found.push(`After weighting a column still differs by ${number(rows.smd[k], 2)} SD between the groups (above 0.1).`);
    if (rows.ess[k] < 30) found.push(`Only ${several(Math.round(rows.ess[k]), "effective case")} in the smaller group.`);
    if (known(rows.naive[k]) && STATUS.significant(k) && rows.naive[k] * rows.sd[k] < 0) found.push("Adjusted and unadjusted difference have opposite signs.");
    if (features.stands[f]) found.push(`A near-copy of ${features.stands[f]}, which stands for it in the graph.`);
    return found;
  };
  const source = (f) => {
    const parts = [features.original[f] && `feature ${features.original[f]}`, `family ${level(features.family, f)}`, `image ${level(features.type, f)}`, features.ibsi[f] && `IBSI ${features.ibsi[f]}`];
    return parts.filter(Boolean).join(", ");
  };
  const details = (k) => {
    const f = rows.feature[k], ok = known(rows.sd[k]), noted = flags(k);
    return el("div", { class: "opened" },
      el("p", {}, sentence(k)),
      verdicts && ok && el("p", {}, verdictSentence(f)),
      noted.length > 0 && el("ul", { class: "flags" }, noted.map((flag) => el("li", {}, flag))),
      facts([
        ["cases", count(rows.n[k])],
        ["effective cases, smaller group", count(rows.ess[k])],
        ["largest difference left [SD]", number(rows.smd[k], 2)],
        ["p", probability(rows.p[k])],
        ["q", probability(rows.q[k])],
        ["estimator", ok && level(data.estimators, k)],
        ["definition", source(f)],
        ["source", data.extraction, data.digest && ` Effects: record ${data.digest}. `, el("a", { href: "#provenance" }, "Provenance")],
      ]),
      el("p", { class: "links" },
        explorers.caseFeature && explorers.caseFeature(features.name[f], true) && el("button", { type: "button", class: "link", onclick: () => explorers.caseFeature(features.name[f]) }, "See the cases"),
        many && el("button", { type: "button", class: "link", onclick: () => explorers.effect(features.name[f]) }, "All contrasts of this feature"),
      ));
  };

  // ---- the table -------------------------------------------------------------------------
  const table = at("table"), body = table.tBodies[0];
  const columns = () => [...table.tHead.rows[0].cells].filter((cell) => cell.offsetParent !== null || !narrow.matches).length;
  const say = pager(at("pager"), (step) => {
    state.from += step * page();
    state.open = -1;
    show();
    section.querySelector(".tools").scrollIntoView({ block: "nearest" });
  });
  const show = (most = page()) => {
    const to = Math.min(shown.length, state.from + most);
    const made = [];
    for (const k of shown.slice(state.from, to)) {
      made.push(row(k));
      if (state.open === k) made.push(el("tr", { class: "detail" }, el("td", { colspan: columns() }, details(k))));
    }
    body.replaceChildren(...made);
    say(state.from, to, shown.length, total, "row");
    at("printed").textContent = `Rows ${state.from + 1} to ${to} of ${count(shown.length)}; all are in effects.parquet.`;
  };
  const toggle = (k) => {
    state.open = state.open === k ? -1 : k;
    show();
    const again = body.querySelector(`button[data-row="${k}"]`);
    if (again) again.focus({ preventScroll: true });
  };
  body.addEventListener("click", (event) => {
    const place = event.target.closest("tr.row");
    if (!place || String(getSelection()).trim()) return;
    toggle(Number(place.dataset.row));
  });
  for (const head of table.querySelectorAll("th[data-key]")) {
    const button = el("button", { type: "button", onclick: () => {
      const key = head.dataset.key;
      state.down = state.key === key ? !state.down : key === "sd" || key === "naive";
      state.key = key;
      arrows();
      choose();
    } }, [...head.childNodes]);
    head.append(button, el("span", { class: "printed" }, button.textContent)); // paper repeats no buttons
  }
  const arrows = () => table.querySelectorAll("th[data-key]").forEach((head) => {
    if (head.dataset.key === state.key) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const axis = at("axis");
  axis.replaceChildren(draw("svg", { class: "interval", viewBox: `0 0 ${W} 14`, width: W, height: 14, role: "img", "aria-label": `scale from ${signed(-limit, 1)} to ${signed(limit, 1)} SD` },
    [-limit, 0, limit].map((value, k) => draw("text", { x: [2, W / 2, W - 2][k], y: 11, "text-anchor": ["start", "middle", "end"][k] }, value ? signed(value, limit < 1 ? 2 : 1) : "0\u00a0SD"))));

  // ---- the controls ----------------------------------------------------------------------
  const controls = ["family", "type", "contrast", "status", "verdict"];
  const level_options = (coded) => [...new Set(coded.codes)].map((k) => coded.levels[k]).sort();
  const choices = {
    family: [["", "all"], ...level_options(features.family).map((name) => [name, name])],
    type: [["", "all"], ...level_options(features.type).map((name) => [name, name])],
    contrast: [["", "all"], ...contrasts.map((name, k) => [String(k), name])],
    status: [["", "all"], ["significant", "q < 0.05"], ["other", "q \u2265 0.05"], ["not_estimable", "not estimable"]],
    verdict: [["", "all"], ...Object.entries(WORDS)],
  };
  for (const name of controls) {
    const select = at(name);
    options(select, choices[name]);
    select.closest("label").hidden = choices[name].length < 3 || (name === "verdict" && !verdicts);
    select.addEventListener("change", () => { state[name] = select.value; choose(); });
  }
  const find = at("find");
  const search = () => {
    state.words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    choose();
  };
  find.addEventListener("input", calmly(search));
  section.querySelectorAll("[hidden].tools, [hidden].legend").forEach((part) => { part.hidden = false; });

  // Other parts of the page open a feature here.
  explorers.effect = (name, ask = false) => {
    const f = features.name.indexOf(name);
    if (ask || f < 0) return f >= 0;
    for (const control of controls) state[control] = at(control).value = "";
    find.value = name;
    search();
    const k = shown.find((each) => rows.feature[each] === f);
    if (k !== undefined) {
      state.from = Math.floor(shown.indexOf(k) / page()) * page();
      state.open = k;
      show();
    }
    go(section);
    return true;
  };
  addEventListener("beforeprint", () => show(200));
  addEventListener("afterprint", () => show());
  narrow.addEventListener("change", () => show());
  arrows();
  choose();
})();
