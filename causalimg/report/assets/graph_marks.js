// What the user marks as required or forbidden: the knowledge given plus marks, with undo.
const copyKnowledge = (knowledge) => JSON.parse(JSON.stringify(knowledge));
const hasEdge = (edges, a, b) => edges.some((edge) => edge[0] === a && edge[1] === b);

// Why tiers or exogenous nodes exclude a -> b; null where they do not.
const exclusion = (knowledge) => {
  const tier = new Map();
  knowledge.tiers.forEach((members, k) => members.forEach((name) => tier.set(name, k)));
  const outside = new Set(knowledge.exogenous);
  const closed = new Set(knowledge.forbid_within);
  return (a, b) => {
    const from = tier.get(a), to = tier.get(b);
    if (from !== undefined && to !== undefined) {
      if (from > to) return "'" + a + "' is in tier " + from + ", after '" + b + "' in tier " + to;
      if (from === to && closed.has(from)) return "edges inside tier " + from + " are forbidden";
    }
    return outside.has(b) && !outside.has(a) ? "'" + b + "' is exogenous and '" + a + "' is not" : null;
  };
};

// What the knowledge settles between two nodes: sentences.
const knownBetween = (knowledge, a, b) => {
  const why = exclusion(knowledge);
  const said = knowledge.required.filter((edge) => edge.includes(a) && edge.includes(b)).map(([x, y]) => "required: " + x + " → " + y);
  for (const [x, y] of [[a, b], [b, a]]) {
    const reason = hasEdge(knowledge.forbidden, x, y) ? "forbidden" : why(x, y);
    if (reason) said.push("not " + x + " → " + y + ": " + reason);
  }
  return said;
};

// The contradictions that the Knowledge class refuses, in its words; null if there is none.
const contradiction = (knowledge) => {
  const why = exclusion(knowledge);
  const show = (edges) => edges.map(([a, b]) => a + " -> " + b).join(", ");
  const reasons = [];
  for (const [a, b] of knowledge.required) {
    if (hasEdge(knowledge.forbidden, a, b)) reasons.push(a + " -> " + b + " is both required and forbidden");
    else if (why(a, b)) reasons.push(a + " -> " + b + " is required but " + why(a, b));
  }
  if (reasons.length) return "the knowledge contradicts itself: " + reasons.join("; ");
  const named = [...new Set([...knowledge.tiers.flat(), ...knowledge.exogenous, ...knowledge.required.flat()])];
  const leads = (from, to, next) => {
    const seen = new Set([from]);
    const open = [from];
    while (open.length) {
      for (const name of next(open.pop())) {
        if (name === to) return true;
        if (!seen.has(name)) { seen.add(name); open.push(name); }
      }
    }
    return false;
  };
  const required = (name) => knowledge.required.filter((edge) => edge[0] === name).map((edge) => edge[1]);
  const before = (name) => [
    ...required(name),
    ...named.filter((other) => other !== name && why(other, name) && !why(name, other)),
  ];
  const place = new Map(named.map((name, k) => [name, k]));
  const ordered = [...knowledge.required].sort((p, q) => place.get(p[0]) - place.get(q[0]) || place.get(p[1]) - place.get(q[1]));
  let looped = ordered.filter(([a, b]) => leads(b, a, required));
  if (looped.length) return "the required edges form a cycle, which no causal graph has: " + show(looped);
  looped = ordered.filter(([a, b]) => leads(b, a, before));
  if (looped.length) return "the required edges form a chain against the tiers or into an exogenous node: " + show(looped);
  return null;
};

const pythonCall = (knowledge) => {
  const text = (name) => JSON.stringify(name);
  const list = (names) => "[" + names.map(text).join(", ") + "]";
  const pairs = (edges) => "[" + edges.map(([a, b]) => "(" + text(a) + ", " + text(b) + ")").join(", ") + "]";
  const parts = [];
  if (knowledge.tiers.length) parts.push("tiers=[" + knowledge.tiers.map(list).join(", ") + "]");
  if (knowledge.forbidden.length) parts.push("forbidden=" + pairs(knowledge.forbidden));
  if (knowledge.required.length) parts.push("required=" + pairs(knowledge.required));
  if (knowledge.exogenous.length) parts.push("exogenous=" + list(knowledge.exogenous));
  if (knowledge.forbid_within.length) parts.push("forbid_within=[" + knowledge.forbid_within.join(", ") + "]");
  return "import causalimg as ci\n\nknowledge = ci.Knowledge(" +
    (parts.length ? "\n    " + parts.join(",\n    ") + ",\n" : "") + ")\n";
};

// `ask` (a knowledge -> a promise of {error} or {knowledge}) lets Python decide; without, this page does.
const makeMarks = (base, ask, changed, start) => {
  let current = copyKnowledge(start || base);
  const past = [];
  const given = (kind, a, b) => hasEdge(base[kind], a, b);
  const propose = async (next) => {
    const answer = ask ? await ask(next) : { error: contradiction(next), knowledge: next };
    if (answer.error) return answer.error;
    past.push(current);
    current = answer.knowledge;
    changed();
    return null;
  };
  const without = (a, b) => {
    const next = copyKnowledge(current);
    for (const kind of ["forbidden", "required"]) {
      next[kind] = next[kind].filter(([x, y]) =>
        !((x === a && y === b) || (x === b && y === a)) || given(kind, x, y));
    }
    return next;
  };
  const set = (a, b, mark) => {
    const next = without(a, b);
    const add = (kind, x, y) => { if (!hasEdge(next[kind], x, y)) next[kind].push([x, y]); };
    if (mark === "require") add("required", a, b);
    if (mark === "require-back") add("required", b, a);
    if (mark === "forbid" || mark === "forbid-both") add("forbidden", a, b);
    if (mark === "forbid-back" || mark === "forbid-both") add("forbidden", b, a);
    if (JSON.stringify(next) === JSON.stringify(current)) return Promise.resolve(null);
    return propose(next);
  };
  const remove = ({ kind, a, b }) => {
    const next = copyKnowledge(current);
    next[kind] = next[kind].filter(([x, y]) => x !== a || y !== b);
    return propose(next);
  };
  const made = () => ["required", "forbidden"].flatMap((kind) =>
    current[kind].filter(([a, b]) => !given(kind, a, b)).map(([a, b]) => ({ kind, a, b })));
  return {
    get knowledge() { return current; },
    get canUndo() { return past.length > 0; },
    set,
    remove,
    made,
    load(knowledge) { // another view of the same widget has changed it
      if (JSON.stringify(knowledge) === JSON.stringify(current)) return;
      current = copyKnowledge(knowledge);
      changed();
    },
    of(a, b) {
      const here = new Set(made().filter((m) => (m.a === a && m.b === b) || (m.a === b && m.b === a))
        .map((m) => m.kind + (m.a === a ? "" : "-back")));
      if (here.has("required")) return "require";
      if (here.has("required-back")) return "require-back";
      if (here.has("forbidden") && here.has("forbidden-back")) return "forbid-both";
      return here.has("forbidden") ? "forbid" : here.has("forbidden-back") ? "forbid-back" : "none";
    },
    async undo() {
      if (!past.length) return null;
      const back = past[past.length - 1];
      const answer = ask ? await ask(back) : { error: null };
      if (answer.error) return answer.error;
      current = past.pop();
      changed();
      return null;
    },
    python: () => pythonCall(current),
    json: () => JSON.stringify(current, null, 2),
  };
};
