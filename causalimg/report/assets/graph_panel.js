// The panel beside the picture: what is selected, the list of edges, the knowledge.
const arrowButton = (data, edge, act) => {
  const a = data.nodes[edge.a].name, b = data.nodes[edge.b].name;
  return h("button", { type: "button", class: "cgv-link", onclick: () => act.edge(edge.index) },
    soft(a), " " + GLYPH[edge.text] + " ", soft(b));
};
const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
const statusChip = (data, edge, short) => edge.status
  ? h("span", { class: "cgv-chip is-" + edge.status }, STATUS_SIGN[edge.status] + " " + (short ? edge.status : data.compare.words[edge.status])) : null;

const countsTable = (data, counts, a, b) => {
  if (!counts || !data.n_resamples) return null;
  const rows = Object.entries(counts).map(([text, n]) => h("tr", {},
    h("th", { scope: "row" }, text === "none" ? "no edge" : [...soft(a), " " + GLYPH[text] + " ", ...soft(b)]),
    h("td", { class: "cgv-bar" }, h("span", { style: "width:" + (100 * n) / data.n_resamples + "%" })),
    h("td", {}, String(n))));
  return h("table", { class: "cgv-counts" }, h("caption", {}, "What " + plural(data.n_resamples, "resample") + " drew"), h("tbody", {}, rows));
};

const markChoice = (a, b, view) => {
  const now = view.marks.of(a, b);
  const options = [
    ["none", "no mark"], ["require", "require ", a, b], ["require-back", "require ", b, a],
    ["forbid", "forbid ", a, b], ["forbid-back", "forbid ", b, a], ["forbid-both", "forbid any edge between them"],
  ];
  const group = "cgv-mark-" + view.id;
  return h("fieldset", { class: "cgv-choice" }, h("legend", {}, "Mark in the knowledge"),
    options.map(([value, words, from, to]) => h("label", {}, h("input", {
      type: "radio", name: group, value, checked: value === now, onchange: () => view.mark(a, b, value),
    }), " " + words, ...(from === undefined ? [] : [...soft(from), " → ", ...soft(to)]))));
};

const legendOf = (data) => {
  const seen = [...new Set(data.edges.filter((edge) => edge.status !== "missing").map((edge) => edge.text))];
  const examples = seen.map((text) => data.edges.find((edge) => edge.text === text && edge.status !== "missing"));
  return examples.map((edge) => h("li", {}, h("b", {}, GLYPH[edge.text]), " " + edge.words));
};

const showNothing = (data) => h("div", {},
  h("h3", {}, data.summary),
  h("p", {}, data.kind_words),
  data.compare && data.compare.note ? h("p", { class: "cgv-note" }, data.compare.note) : null,
  h("p", {}, "Select an edge for its evidence, a node for its neighbours. Select a second node with Shift to see why two nodes are not joined."),
  data.edges.length ? h("details", { open: true }, h("summary", {}, "How the edges of this graph read"), h("ul", { class: "cgv-list" }, legendOf(data))) : null,
  h("details", {}, h("summary", {}, "Mouse and keyboard"), h("ul", { class: "cgv-list" },
    [["Drag", "moves a node, or the picture"], ["Ctrl + wheel, pinch", "zooms"], ["Tab, then arrow keys", "walk from node to node; Page Down, Page Up one by one"],
     ["Enter", "selects the node; Shift + Enter a second one"], ["Shift + arrow keys", "move the node"], ["+  −  0", "zoom in, out, fit"],
     ["Ctrl + Z", "takes back the last mark"], ["Esc", "clears the selection, then shrinks an enlarged graph"]].map(([key, words]) => h("li", {}, h("kbd", {}, key), " " + words)))));

const showEdge = (data, edge, view) => {
  const a = data.nodes[edge.a].name, b = data.nodes[edge.b].name;
  const missing = edge.status === "missing";
  const tests = testSentences(data, edge, true);
  const share = edge.support, known = knownBetween(view.marks.knowledge, a, b);
  return h("div", {},
    h("h3", {}, h("button", { type: "button", class: "cgv-link", onclick: () => view.node(edge.a) }, soft(a)),
      " " + GLYPH[edge.text] + " ", h("button", { type: "button", class: "cgv-link", onclick: () => view.node(edge.b) }, soft(b))),
    statusChip(data, edge),
    h("p", {}, (missing ? "In the other graph: " : "") + edge.words),
    edge.other_words ? h("p", {}, "In the other graph: " + a + " " + GLYPH[edge.other] + " " + b + ". " + edge.other_words) : null,
    h("dl", { class: "cgv-facts" },
      tests.length ? fact("Test" + (data.test ? " (" + data.test + ", level " + number(data.alpha) + ")" : ""), ...tests) : null,
      edge.weight !== null && !missing ? fact("Weight", number(edge.weight)) : null,
      share !== null ? fact("Support", percent(share) + " of the resamples join them" +
        (edge.text === "-->" && edge.toward !== null ? "; " + percent(edge.toward) + " in this direction (an unoriented edge counts half)" : "")) : null,
      known.length ? fact("Knowledge", known.map((words) => h("div", {}, words))) : null),
    !tests.length && share === null && edge.weight === null && !known.length
      ? h("p", { class: "cgv-note" }, "The graph holds no evidence for its edges. Give explore() the fitted method, or a bootstrap of it.") : null,
    countsTable(data, edge.counts, a, b), markChoice(a, b, view));
};

const showPair = (data, i, j, view) => {
  const a = data.nodes[i].name, b = data.nodes[j].name;
  const row = data.apart.find((pair) => (pair[0] === i && pair[1] === j) || (pair[0] === j && pair[1] === i));
  const [p, given, reason, share, counts] = row ? row.slice(2) : [null, null, null, null, null];
  const known = knownBetween(view.marks.knowledge, a, b);
  return h("div", {},
    h("h3", {}, h("button", { type: "button", class: "cgv-link", onclick: () => view.node(i) }, soft(a)), " · ",
      h("button", { type: "button", class: "cgv-link", onclick: () => view.node(j) }, soft(b))),
    h("p", {}, "Not adjacent: the graph has no edge between them."),
    h("dl", { class: "cgv-facts" },
      fact("Test" + (data.test ? " (" + data.test + ", level " + number(data.alpha) + ")" : ""),
        ...testSentences(data, { p, given, reason }, false)),
      share !== null ? fact("Support", percent(share) + " of the resamples join them") : null,
      known.length ? fact("Knowledge", known.map((words) => h("div", {}, words))) : null),
    row ? countsTable(data, counts, data.nodes[row[0]].name, data.nodes[row[1]].name) : null,
    markChoice(a, b, view));
};

const showNode = (data, node, view) => {
  const groups = { Causes: [], Effects: [], "Joined, direction open": [], "Joined otherwise": [], "Only in the other graph": [] };
  for (const edge of node.edges) {
    const inward = edge.b === node.index;
    if (edge.status === "missing") groups["Only in the other graph"].push(edge);
    else if (edge.text === "-->") groups[inward ? "Causes" : "Effects"].push(edge);
    else groups[edge.text === "---" || edge.text === "o-o" ? "Joined, direction open" : "Joined otherwise"].push(edge);
  }
  const others = data.nodes.map((other, k) => [other.name, k]).filter(([, k]) => k !== node.index);
  return h("div", {},
    h("h3", {}, soft(node.name)),
    node.only ? h("p", {}, node.only === "this" ? "Only in this graph." : "Only in the other graph.") : null,
    node.tier !== null ? h("p", {}, "Tier " + node.tier) : null,
    node.edges.length ? null : h("p", {}, "No edge."),
    Object.entries(groups).filter(([, list]) => list.length).map(([title, list]) => h("div", {},
      h("h4", {}, title + (data.kind === "pag" && (title === "Causes" || title === "Effects") ? ", direct or through others" : "") + " (" + list.length + ")"), h("ul", { class: "cgv-list" }, list.map((edge) => h("li", {}, arrowButton(data, edge, view)))))),
    h("label", { class: "cgv-with" }, "Look at the pair with ",
      h("select", { onchange: (event) => { if (event.target.value !== "") view.node(Number(event.target.value), true); } },
        h("option", { value: "" }, "choose a node"), others.map(([name, k]) => h("option", { value: k }, name)))));
};

const COLUMNS = [
  ["Edge", (data, edge) => data.nodes[edge.a].name + " " + GLYPH[edge.text] + " " + data.nodes[edge.b].name],
  ["Compared", (data, edge) => (edge.status ? Object.keys(STATUS_SIGN).indexOf(edge.status) : null)],
  ["Support", (data, edge) => (edge.status === "missing" ? null : edge.support)],
  ["Weight", (data, edge) => (edge.status === "missing" ? null : edge.weight)],
  ["p", (data, edge) => edge.p],
];
const showList = (data, edges, view, order) => {
  const columns = COLUMNS.filter(([name], k) => k === 0 || (name !== "Compared" && edges.some((edge) => COLUMNS[k][1](data, edge) !== null)));
  const rows = edges.filter(view.shown);
  if (order.column !== null) {
    const value = COLUMNS.find(([name]) => name === order.column)[1];
    rows.sort((p, q) => {
      const a = value(data, p), b = value(data, q);
      if (a === null || b === null) return (a === null) - (b === null);
      return (a < b ? -1 : a > b ? 1 : 0) * (order.down ? -1 : 1);
    });
  }
  const cell = (name, edge) => {
    if (name === "Edge") return h("th", { scope: "row" }, arrowButton(data, edge, view), statusChip(data, edge, true));
    const value = COLUMNS.find((column) => column[0] === name)[1](data, edge);
    return h("td", { class: "cgv-n" }, value === null ? "" : name === "Support" ? percent(value) : name === "p" ? (value < 0.0001 ? "<0.0001" : number(value)) : number(value));
  };
  const sorter = (name) => h("button", {
    type: "button", class: order.column === name ? (order.down ? "is-down" : "is-up") : null, onclick: () => view.sort(name),
  }, name);
  const heads = columns.map(([name]) => {
    const names = name === "Edge" && data.compare ? ["Edge", "Compared"] : [name];
    const sorted = names.includes(order.column) ? (order.down ? "descending" : "ascending") : "none";
    return h("th", { scope: "col", "aria-sort": sorted }, names.map(sorter));
  });
  return h("div", {}, h("p", { class: "cgv-note" }, rows.length + " of " + plural(edges.length, "edge") + " shown"),
    h("table", { class: "cgv-table" }, h("thead", {}, h("tr", {}, heads)),
      h("tbody", {}, rows.map((edge) => h("tr", {}, columns.map(([name]) => cell(name, edge)))))));
};

const showKnowledge = (data, view) => {
  const made = view.marks.made();
  const text = (kind) => (kind === "Python" ? view.marks.python() : view.marks.json());
  const box = (kind) => {
    const area = h("textarea", { readonly: true, rows: kind === "Python" ? 7 : 9, spellcheck: "false", "aria-label": "The knowledge as " + kind });
    area.value = text(kind);
    const copy = async () => {
      area.focus();
      area.select();
      let done = document.execCommand("copy");
      if (!done && navigator.clipboard) done = await navigator.clipboard.writeText(area.value).then(() => true, () => false);
      view.say(done ? kind + " copied" : "Selected: copy it with Ctrl + C");
    };
    return h("div", { class: "cgv-copy" }, h("div", {}, h("b", {}, kind), h("button", { type: "button", onclick: copy }, "Copy " + kind)), area);
  };
  const show = ({ kind, a, b }) => (kind === "required" ? "require " : "forbid ") + a + " → " + b;
  return h("div", {},
    h("p", {}, view.live
      ? "Marks are sent to Python: view.knowledge is what stands here, for example PC(knowledge=view.knowledge).fit(frame)."
      : "Marks stay in this page. Copy the knowledge into your code to search again with it."),
    made.length ? h("ul", { class: "cgv-list" }, made.map((mark) => h("li", { class: "cgv-made" },
      h("span", {}, soft(show(mark))), h("button", { type: "button", "aria-label": "Remove: " + show(mark), onclick: () => view.unmark(mark) }, "Remove"))))
      : h("p", { class: "cgv-note" }, "No mark yet: select an edge or two nodes and mark them as required or forbidden."),
    box("Python"), box("JSON"));
};
