// One view: toolbar, picture, panel; mounted on every graph of the page, or by a notebook widget.
let views = 0;

const mount = (root, data, options = {}) => {
  const id = ++views;
  const label = root.dataset.causalGraph || "Causal graph";
  let selection = null, tab = "details", ready = false;
  const order = { column: data.compare ? "Compared" : null, down: false };
  const limits = { least: 0, words: [], hidden: new Set() };
  const measure = data.has_support ? "support" : data.has_weights ? "weight" : null;
  const largest = Math.max(0, ...data.edges.map((edge) => Math.abs(edge[measure] || 0)));
  const shown = (edge) => !limits.hidden.has(edge.status) &&
    (edge.status === "missing" || !measure || Math.abs(edge[measure] ?? 0) >= limits.least - 1e-9);

  // ---- parts -----------------------------------------------------------------------------
  const HINT = matchMedia("(pointer: coarse)").matches
    ? "Touch an edge for its evidence, a node for its neighbours. Drag to move, pinch to zoom."
    : "Select an edge for its evidence, Shift + a second node for a pair. Drag to move, Ctrl + wheel to zoom.";
  const live = h("p", { class: "cgv-live", role: "status" }, HINT);
  const spoken = h("p", { class: "cgv-sr", role: "status" });
  const panel = h("div", { class: "cgv-body", id: "cgv-body-" + id, role: "tabpanel", tabindex: 0 });
  const canvas = makeCanvas(data, label + ": " + data.summary + ". Arrow keys walk from node to node, Enter selects.", {
    node: (k, both) => view.node(k, both), edge: (k) => view.edge(k), nothing: () => choose(null),
    hint: () => say("Ctrl + wheel zooms"),
  });
  const say = (words, bad = false) => {
    live.textContent = words;
    live.classList.toggle("is-bad", bad);
  };
  const marks = makeMarks(data.knowledge, options.ask, () => {
    canvas.setMarks(marks.made());
    undo.disabled = !marks.canUndo;
    show();
  }, options.current);
  const settle = async (promise, done) => {
    const error = await promise;
    if (error) say("Refused: " + error, true);
    else say(done);
    if (error) show();
  };
  const view = {
    id, marks, shown, say, live: Boolean(options.ask),
    edge: (k) => choose({ edge: k }),
    node(k, both) {
      const first = selection && (selection.node ?? (selection.pair ? selection.pair[0] : undefined));
      if (!both || first === undefined || first === k) { choose({ node: k }); return; }
      const there = canvas.edgeOf(first, k);
      choose(there ? { edge: there.index } : { pair: [first, k] });
    },
    mark: (a, b, value) => settle(marks.set(a, b, value), value === "none" ? "Mark taken away" : "Marked: " + marked(value, a, b)),
    unmark: (mark) => settle(marks.remove(mark), "Mark taken away"),
    sort(name) {
      order.down = order.column === name ? !order.down : name === "Support" || name === "Weight";
      order.column = name;
      show();
      const again = [...panel.querySelectorAll("thead button")].find((button) => button.textContent === name);
      if (again) again.focus();
    },
  };
  const tabs = [["details", "Details"], ["edges", "Edges"], ["knowledge", "Knowledge"]].map(([key, words]) => h("button", {
    type: "button", role: "tab", id: "cgv-tab-" + id + "-" + key, "aria-controls": panel.id, "data-tab": key, onclick: () => open(key),
  }, words));
  const tablist = h("div", { class: "cgv-tabs", role: "tablist", onkeydown: (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.findIndex((button) => button.dataset.tab === tab) + step + tabs.length) % tabs.length];
    open(next.dataset.tab);
    next.focus();
  } }, tabs);

  // ---- toolbar ---------------------------------------------------------------------------
  const count = h("output", { class: "cgv-count" });
  const find = h("input", { type: "search", placeholder: "Find a node", "aria-label": "Find a node", oninput: () => {
    limits.words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    filter();
  }, onkeydown: (event) => {
    if (event.key !== "Enter") return;
    const hits = found();
    if (hits && hits.size) { const first = [...hits][0]; canvas.focusNode(first); view.node(first); }
  } });
  const reading = h("output", {});
  const slider = measure && h("input", { type: "range", min: 0, max: 100, step: 1, value: 0,
    "aria-label": measure === "support" ? "Least support" : "Least absolute weight", oninput: () => {
      limits.least = measure === "support" ? slider.value / 100 : (slider.value / 100) * largest;
      filter();
    } });
  const button = (words, title, act) => h("button", { type: "button", title, "aria-label": title, onclick: act }, words);
  const undo = button("↶ Undo", "Undo the last mark (Ctrl + Z)", () => settle(marks.undo(), "Mark undone"));
  undo.disabled = true;
  const large = button("Enlarge", "Enlarge: fill the window with the graph", () => enlarge(!isLarge()));
  large.classList.add("cgv-enlarge");
  const isLarge = () => root.classList.contains("is-large");
  const sized = (on) => {
    root.classList.toggle("is-large", on);
    document.documentElement.classList.toggle("cgv-behind", on);
    large.textContent = on ? "Shrink" : "Enlarge";
    large.title = on ? "Shrink: back to its place in the page (Esc)" : "Enlarge: fill the window with the graph";
    large.setAttribute("aria-label", large.title);
    canvas.fit(least());
  };
  const enlarge = (on) => { // a notebook clips what it shows, so there the screen is asked for
    if (!options.ask || !document.fullscreenEnabled) sized(on);
    else if (on) root.requestFullscreen().catch(() => say("This browser does not let the graph fill the screen", true));
    else document.exitFullscreen();
  };
  root.addEventListener("fullscreenchange", () => sized(document.fullscreenElement === root));
  const plans = Object.keys(data.layouts).reverse();
  const plan = plans.length > 1 && h("select", { "aria-label": "Columns", onchange: () => { canvas.setLayout(plan.value); canvas.fit(); } },
    plans.map((name) => h("option", { value: name }, name === "tiers" ? "columns: tiers" : "columns: layers")));
  const bar = h("div", { class: "cgv-bar-top", role: "toolbar", "aria-label": "Graph" }, find,
    measure ? h("label", { class: "cgv-slide" }, measure === "support" ? "support ≥ " : "|weight| ≥ ", slider, reading) : null, count,
    h("span", { class: "cgv-space" }), plan || null, undo,
    h("span", { class: "cgv-group" }, button("−", "Zoom out", () => canvas.zoom(0.8)), button("+", "Zoom in", () => canvas.zoom(1.25)), button("Fit", "Fit the whole graph", () => canvas.fit())), large);
  const compare = data.compare && h("div", { class: "cgv-compare", role: "group", "aria-label": "Comparison of two graphs" },
    Object.entries(data.compare.words).map(([status, words]) => h("label", { class: "is-" + status },
      h("input", { type: "checkbox", checked: true, onchange: (event) => {
        if (event.target.checked) limits.hidden.delete(status); else limits.hidden.add(status);
        filter();
      } }), swatch(status), STATUS_SIGN[status] + " " + words + " (" + data.compare.counts[status] + ")")));

  // ---- state -----------------------------------------------------------------------------
  const found = () => limits.words.length === 0 ? null
    : new Set(data.nodes.map((node, k) => k).filter((k) => limits.words.every((word) => data.nodes[k].name.toLowerCase().includes(word))));
  const filter = () => {
    const hits = found();
    canvas.filter(shown, hits);
    const edges = data.edges.filter(shown).length;
    count.textContent = (hits ? plural(hits.size, "node") + " found, " : "") + edges + " of " + plural(data.edges.length, "edge");
    if (measure) reading.textContent = measure === "support" ? percent(limits.least) : number(limits.least);
    if (tab === "edges") show();
  };
  const show = () => {
    const focus = panel.contains(document.activeElement) && document.activeElement;
    const again = focus && focus.type === "radio" ? focus.value : null;
    panel.setAttribute("aria-labelledby", "cgv-tab-" + id + "-" + tab);
    const content = tab === "edges" ? showList(data, canvas.edges, view, order)
      : tab === "knowledge" ? showKnowledge(data, view)
        : selection === null ? showNothing(data)
          : selection.edge !== undefined ? showEdge(data, canvas.edges[selection.edge], view)
            : selection.pair ? showPair(data, ...selection.pair, view)
              : showNode(data, canvas.nodes[selection.node], view);
    panel.replaceChildren(content);
    if (again) { const radio = panel.querySelector(`input[value="${again}"]`); if (radio) radio.focus(); }
    else if (focus && focus !== panel && !panel.contains(document.activeElement)) panel.focus({ preventScroll: true });
    tabs[2].textContent = "Knowledge" + (marks.made().length ? " (" + marks.made().length + ")" : "");
  };
  const open = (key) => {
    tab = key;
    for (const button of tabs) {
      button.setAttribute("aria-selected", String(button.dataset.tab === key));
      button.tabIndex = button.dataset.tab === key ? 0 : -1;
    }
    show();
    panel.scrollTop = 0;
  };
  const choose = (next) => {
    selection = next;
    canvas.select(next);
    open("details");
    say(HINT);
    spoken.textContent = next ? panel.querySelector("h3").textContent + (next.edge !== undefined ? ": " + canvas.edges[next.edge].words : "") : "";
  };

  root.replaceChildren(bar, ...(compare ? [compare] : []), h("div", { class: "cgv-main" }, h("div", { class: "cgv-canvas" + (data.layouts.tiers ? " has-bands" : "") }, canvas.svg), h("div", { class: "cgv-side" }, tablist, panel)), live, spoken);
  root.classList.add("cgv");
  root.dataset.lmSuppressShortcuts = "true"; // keys pressed here are not JupyterLab's
  if (data.height) root.style.setProperty("--cgv-height", data.height + "px");
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], textarea");
    if (event.key === "Escape" && !typing) {
      if (selection === null && isLarge()) enlarge(false);
      choose(null);
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) { event.preventDefault(); settle(marks.undo(), "Mark undone"); }
    if (options.ask && !event.ctrlKey && !event.metaKey) event.stopPropagation(); // the notebook has shortcuts of its own
  });
  const least = () => (canvas.svg.clientWidth < 520 ? 0.62 : 0.5); // below, names cannot be read
  canvas.setLayout(plans[0]);
  canvas.setMarks(marks.made());
  filter();
  open("details");
  new ResizeObserver(() => { // also the first time that a hidden tab or section is seen
    if (ready || !canvas.svg.clientWidth) return;
    ready = true;
    canvas.squeeze();
    canvas.fit(least());
  }).observe(canvas.svg);
  return { load: marks.load };
};

const marked = (value, a, b) => {
  if (value === "forbid-both") return "no edge between " + a + " and " + b;
  const [from, to] = value.endsWith("-back") ? [b, a] : [a, b];
  return from + " → " + to + (value.startsWith("require") ? " is required" : " is forbidden");
};

const swatch = (status) => {
  const line = s("svg", { class: "cgv-swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
  line.append(s("g", { class: "cgv-edge is-" + status }, s("path", { class: "cgv-line", d: "M1 4H25", "stroke-width": 2 })));
  return line;
};

const mountAll = () => {
  for (const root of document.querySelectorAll("[data-causal-graph]")) {
    const source = root.querySelector(':scope > script[type="application/json"]');
    if (source) mount(root, JSON.parse(source.textContent));
  }
};
globalThis.causalimgGraph = { mount };
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
else mountAll();
