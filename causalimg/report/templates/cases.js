// The case browser: pictures of the cases, one feature's value of each, and where it lies.
"use strict";
(() => {
  const data = DATA.cases;
  const section = document.getElementById("cases");
  if (!data || !section) return;
  const { ids, pictures, files, features } = data;
  const page = () => narrow.matches ? 18 : 48;
  const at = (id) => document.getElementById("cases-" + id);
  const text = (column, k) => column.texts ? column.texts.levels[column.texts.codes[k]] : known(column.numbers[k]) ? String(column.numbers[k]).replace("-", MINUS) : "";
  const columnOf = (name) => data.columns.find((column) => column.name === name);
  const state = { feature: 0, group: data.groups[0] || "", sort: "down", words: [], from: 0, chosen: 0, outline: true };
  const pictured = pictures.some(Boolean);

  // Three bytes a number, feature by feature: the upper three of a 32-bit float.
  const values = (() => {
    const bytes = atob(data.values), bits = new Uint32Array(bytes.length / 3);
    for (let k = 0, b = 0; k < bits.length; k++, b += 3) bits[k] = (bytes.charCodeAt(b) << 8 | bytes.charCodeAt(b + 1) << 16 | bytes.charCodeAt(b + 2) << 24) >>> 0;
    return new Float32Array(bits.buffer);
  })();
  const valuesOf = (f) => features.length ? values.subarray(f * ids.length, (f + 1) * ids.length) : new Float32Array(ids.length).fill(NaN);

  const haystack = ids.map((id, k) => [id, ...data.columns.map((column) => column.name + "=" + text(column, k)), (files.image || [])[k] || ""].join(" ").toLowerCase());
  const groups = () => {
    const column = columnOf(state.group);
    if (!column) return [{ name: "all", cases: ids.map((_, k) => k) }];
    const found = new Map();
    ids.forEach((_, k) => {
      const name = text(column, k) || "missing";
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(k);
    });
    return [...found].sort((a, b) => a[0] < b[0] ? -1 : 1).map(([name, cases]) => ({ name: `${state.group} ${name}`, cases }));
  };

  // ---- a picture -------------------------------------------------------------------------
  const picture = (k, label = "") => {
    const small = pictures[k];
    if (!small) return el("span", { class: "picture none" }, "no picture");
    const [w, h] = small.box, [wide, high] = small.size;
    return el("span", { class: "picture", style: `aspect-ratio: ${wide} / ${high}; --wide: ${Math.min(1, wide / high)}` },
      el("img", { alt: label, src: "data:image/png;base64," + small.png, decoding: "async" }),
      state.outline && draw("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", "aria-hidden": true },
        draw("path", { class: "under", d: small.d }), draw("path", { class: "over", d: small.d })));
  };

  // ---- the chosen case -------------------------------------------------------------------
  const place = (k, all) => {
    const value = valuesOf(state.feature)[k];
    if (!Number.isFinite(value)) return "no value";
    const mine = all.find((group) => group.cases.includes(k));
    const beside = mine.cases.map((other) => valuesOf(state.feature)[other]).filter(Number.isFinite);
    const below = beside.filter((other) => other < value).length;
    const all_of = `${several(beside.length, "case")}${state.group ? " with " + mine.name : ""}`;
    const where = below === beside.length - 1 ? "the highest" : below === 0 ? "the lowest" : `higher than ${Math.floor(100 * below / beside.length)}\u00a0%`;
    return `${number(value, 4)}, ${where} of the ${all_of}`;
  };
  const file = (path, sha) => path && [el("span", { class: "code" }, path), sha && [" sha256 ", el("span", { class: "code" }, sha + "\u2026")]];
  const view = () => {
    const k = state.chosen, all = groups(), name = features[state.feature], small = pictures[k];
    const made = facts([
      ...data.columns.map((column) => [column.name, text(column, k) || "missing"]),
      small && ["shown", `the slice with the largest area, ${number(small.size[0])} \u00d7 ${number(small.size[1])} mm, at ${number(small.at, 4)} mm; black ${number(small.window[0], 4)}, white ${number(small.window[1], 4)}`],
      files.image && files.image[k] && ["image", file(files.image[k], files.image_sha && files.image_sha[k])],
      files.mask && files.mask[k] && ["mask", file(files.mask[k], files.mask_sha && files.mask_sha[k])],
    ]);
    at("view").replaceChildren(
      el("figure", { class: pictured ? "" : "bare" }, pictured && picture(k, `The lesion of case ${ids[k]} with its outline`), el("figcaption", {}, el("b", {}, ids[k]))),
      el("div", {}, name && el("p", {}, el("b", {}, breakable(name)), " ", place(k, all)),
        made, explorers.effect && name && explorers.effect(name, true) && el("p", { class: "links" }, el("button", { type: "button", class: "link", onclick: () => explorers.effect(name) }, "Effect on ", breakable(name)))));
    at("strip").replaceChildren(
      el("figcaption", {}, name ? [el("b", {}, breakable(name)), " in every case; bar and band: median and quartiles. A point opens its case."] : "The table has no feature."),
      name ? strip(valuesOf(state.feature), all, k, pick, at("strip").clientWidth) : "");
  };

  // ---- the gallery -----------------------------------------------------------------------
  let shown = [];
  const order = () => {
    const of = valuesOf(state.feature);
    const fitting = ids.map((_, k) => k).filter((k) => state.words.every((word) => haystack[k].includes(word)));
    if (state.sort !== "case") {
      const sign = state.sort === "down" ? -1 : 1;
      fitting.sort((a, b) => Number.isFinite(of[a]) && Number.isFinite(of[b]) ? sign * (of[a] - of[b]) || a - b : Number.isFinite(of[b]) - Number.isFinite(of[a]) || a - b);
    }
    shown = fitting;
    state.from = 0;
  };
  const say = pager(at("pager"), (step) => {
    state.from += step * page();
    gallery();
    section.querySelector(".gallery-head").scrollIntoView({ block: "nearest" });
  });
  const gallery = () => {
    const of = valuesOf(state.feature), group = columnOf(state.group), to = Math.min(shown.length, state.from + page());
    at("gallery").replaceChildren(...shown.slice(state.from, to).map((k) => {
      const value = number(of[k], 4) || "no value", level = group ? text(group, k) : "";
      return el("li", {}, el("button", { type: "button", class: "tile", "data-case": k, "aria-pressed": String(k === state.chosen), "aria-label": `Case ${ids[k]}${level && ", " + state.group + " " + level}, ${value}`, onclick: () => pick(k) },
        pictured && picture(k), el("span", { class: "tile-id" }, ids[k]), el("span", { class: "tile-value" }, value), level && el("span", { class: "tile-group" }, level)));
    }));
    say(state.from, to, shown.length, ids.length, "case");
    at("printed").textContent = `Cases ${state.from + 1} to ${to} of ${count(shown.length)}.`;
  };
  const pick = (k) => {
    state.chosen = k;
    view();
    section.querySelectorAll(".tile").forEach((tile) => tile.setAttribute("aria-pressed", String(Number(tile.dataset.case) === k)));
    at("said").textContent = `Case ${ids[k]} is shown above.`;
    const top = at("view").getBoundingClientRect();
    if (top.top < 0 || top.top > innerHeight * 0.8) at("view").scrollIntoView({ block: "start" });
  };
  const renew = (first = false) => {
    order();
    if (first && shown.length) state.chosen = shown[0];
    view();
    gallery();
  };

  // ---- the controls ----------------------------------------------------------------------
  const chooser = at("feature");
  const families = new Map();
  features.forEach((name, f) => {
    const family = data.families[f];
    if (!families.has(family)) families.set(family, []);
    families.get(family).push(el("option", { value: f }, name));
  });
  chooser.replaceChildren(...[...families].map(([family, made]) => el("optgroup", { label: family }, made)));
  chooser.addEventListener("change", () => { state.feature = Number(chooser.value); renew(); });
  options(at("group"), [...data.groups.map((name) => [name, name]), ["", "no group"]]);
  at("group").addEventListener("change", (event) => { state.group = event.target.value; view(); gallery(); });
  at("sort").addEventListener("change", (event) => { state.sort = event.target.value; renew(); });
  at("outline").addEventListener("change", (event) => { state.outline = event.target.checked; view(); gallery(); });
  at("outline").closest("label").hidden = !pictured;
  const find = at("find");
  find.addEventListener("input", calmly(() => { state.words = find.value.toLowerCase().split(/\s+/).filter(Boolean); order(); gallery(); }));
  section.querySelectorAll("[hidden].tools, [hidden].browser").forEach((part) => { part.hidden = false; });

  explorers.caseFeature = (name, ask = false) => {
    const f = features.indexOf(name);
    if (ask || f < 0) return f >= 0;
    state.feature = f;
    chooser.value = String(f);
    find.value = "";
    state.words = [];
    renew(true);
    go(section);
    return true;
  };
  let width = innerWidth;
  addEventListener("resize", calmly(() => {
    if (innerWidth === width) return;
    width = innerWidth;
    view();
  }));
  const first = data.first ? Math.max(0, features.indexOf(data.first)) : 0;
  state.feature = first;
  chooser.value = String(first);
  renew(true);
})();
