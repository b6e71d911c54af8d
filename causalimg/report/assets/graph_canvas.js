// The picture: boxes that can be dragged, lines, zoom and pan. It knows nothing of the panel.
const TIERS = ["gold", "violet", "blue", "teal", "orange", "grey"];

const makeCanvas = (data, label, events) => {
  const nodes = data.nodes.map((node, index) => ({ ...node, index, x: 0, y: 0, edges: [] }));
  const edges = data.edges.map((edge, index) => ({ ...edge, index, via: [], portA: 0, portB: 0 }));
  for (const edge of edges) {
    nodes[edge.a].edges.push(edge);
    nodes[edge.b].edges.push(edge);
  }
  const svg = s("svg", { class: "cgv-svg", role: "group", "aria-label": label });
  const bandLayer = s("g", { "aria-hidden": "true" });
  const edgeLayer = s("g", { "aria-hidden": "true" });
  const markLayer = s("g", { "aria-hidden": "true", class: "cgv-marks" });
  const nodeLayer = s("g", {});
  const stage = s("g", {}, bandLayer, edgeLayer, markLayer, nodeLayer);
  svg.append(stage);
  const view = { k: 1, x: 0, y: 0 };
  let layout = "layers", marks = [], pairLine = null, focused = 0;

  // ---- drawing ---------------------------------------------------------------------------
  const strength = (edge) => (edge.support === null || edge.status === "missing" ? 1 : Math.min(1, Math.max(0, edge.support)));
  for (const edge of edges) {
    const strong = strength(edge);
    edge.line = s("path", { class: "cgv-line", "stroke-width": (0.9 + 1.5 * strong).toFixed(2) });
    edge.ends = s("path", { class: "cgv-ends" });
    edge.rings = s("path", { class: "cgv-rings" });
    edge.hit = s("path", { class: "cgv-hit" });
    edge.group = s("g", { class: "cgv-edge" + (edge.status ? " is-" + edge.status : ""), "data-edge": edge.index }, edge.line, edge.ends, edge.rings, edge.hit);
    edge.group.style.setProperty("--strong", (0.45 + 0.55 * strong).toFixed(2));
    const sign = edge.status && edge.status !== "same" ? STATUS_SIGN[edge.status] : null;
    const share = edge.support !== null && edge.support < 0.995 && edges.length <= 70 && edge.status !== "missing" ? edge.support.toFixed(2) : null;
    if (sign || share) {
      edge.label = s("text", { class: sign ? "cgv-sign" : "cgv-share", "text-anchor": "middle", dy: "0.35em" });
      edge.label.textContent = sign || share;
      edge.group.append(edge.label);
    }
    edgeLayer.append(edge.group);
  }
  for (const node of nodes) {
    const tone = node.tier === null ? "grey" : TIERS[node.tier % TIERS.length];
    node.box = s("rect", { class: "cgv-box", x: -node.w / 2, y: -node.h / 2, width: node.w, height: node.h, rx: 7 });
    node.group = s("g", {
      class: "cgv-node is-" + tone + (node.only ? " is-only-" + node.only : ""), role: "button", tabindex: node.index ? -1 : 0,
      "data-node": node.index, "aria-label": node.name + (node.tier === null ? "" : ", tier " + node.tier) + ", " + plural(node.edges.length, "edge"),
    }, node.box);
    node.lines.forEach((line, k) => {
      const text = s("text", { "text-anchor": "middle", y: 15 * (k - (node.lines.length - 1) / 2), dy: "0.35em" });
      text.textContent = line;
      node.group.append(text);
    });
    nodeLayer.append(node.group);
  }
  const squeeze = () => { // a font wider than the one that was reckoned with
    for (const node of nodes) for (const text of node.group.querySelectorAll("text")) {
      if (text.getComputedTextLength() > node.w - 8) {
        text.setAttribute("textLength", node.w - 10);
        text.setAttribute("lengthAdjust", "spacingAndGlyphs");
      }
    }
  };
  const drawEdge = (edge) => {
    const { d, heads, rings, middle } = trace(nodes[edge.a], nodes[edge.b], edge);
    edge.line.setAttribute("d", d);
    edge.hit.setAttribute("d", d);
    edge.ends.setAttribute("d", heads);
    edge.rings.setAttribute("d", rings);
    if (edge.label) {
      edge.label.setAttribute("x", middle[0].toFixed(1));
      edge.label.setAttribute("y", middle[1].toFixed(1));
    }
  };
  const edgeOf = (a, b) => nodes[a].edges.find((edge) => (edge.a === a && edge.b === b) || (edge.a === b && edge.b === a));
  const drawMarks = () => {
    markLayer.textContent = "";
    const index = new Map(nodes.map((node) => [node.name, node.index]));
    for (const { kind, a, b } of marks) {
      const from = index.get(a), to = index.get(b);
      if (from === undefined || to === undefined) continue;
      const there = edgeOf(from, to);
      const turned = there && there.a !== from;
      const pseudo = { near: 3, far: 2, via: there ? (turned ? [...there.via].reverse() : there.via) : [],
        portA: there ? (turned ? there.portB : there.portA) : 0, portB: there ? (turned ? there.portA : there.portB) : 0 };
      const { d, heads, middle } = trace(nodes[from], nodes[to], pseudo);
      const badge = s("text", { "text-anchor": "middle", dy: "0.35em", x: middle[0].toFixed(1), y: middle[1].toFixed(1) });
      badge.textContent = kind === "required" ? "✓" : "✕";
      markLayer.append(s("g", { class: "is-" + kind }, s("path", { class: "cgv-line", d }), s("path", { class: "cgv-ends", d: heads }),
        s("circle", { cx: middle[0].toFixed(1), cy: middle[1].toFixed(1), r: 8 }), badge));
    }
    if (pairLine && !marks.some(({ a, b }) => pairLine.every((k) => nodes[k].name === a || nodes[k].name === b))) {
      const { d } = trace(nodes[pairLine[0]], nodes[pairLine[1]], { near: 3, far: 3, via: [], portA: 0, portB: 0 });
      markLayer.append(s("path", { class: "cgv-pair", d }));
    }
  };
  const moveNode = (node, x, y) => {
    node.x = x;
    node.y = y;
    node.group.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    for (const edge of node.edges) {
      edge.via = [];
      drawEdge(edge);
    }
    if (marks.length || pairLine) drawMarks();
  };
  const redraw = () => {
    assignPorts(nodes, edges);
    edges.forEach(drawEdge);
    drawMarks();
  };
  const setLayout = (name) => {
    layout = name;
    const plan = data.layouts[name];
    for (const node of nodes) {
      node.x = plan.x[node.index];
      node.y = plan.y[node.index];
      node.group.setAttribute("transform", `translate(${node.x} ${node.y})`);
    }
    for (const edge of edges) edge.via = plan.via[edge.index];
    bandLayer.textContent = "";
    const top = Math.min(0, ...nodes.map((node) => node.y - node.h / 2)) - 44;
    plan.bands.forEach((band, k) => {
      const title = s("text", { x: (band.left + band.right) / 2, y: top + 20, "text-anchor": "middle" });
      title.textContent = band.tier === null ? "no tier" : "tier " + band.tier;
      bandLayer.append(s("rect", { class: "cgv-band" + (k % 2 ? " is-odd" : ""), x: band.left, y: top, rx: 10,
        width: band.right - band.left, height: plan.height - top + 24 }), title);
    });
    redraw();
  };

  // ---- zoom and pan ----------------------------------------------------------------------
  const apply = () => stage.setAttribute("transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.k.toFixed(4)})`);
  const size = () => [svg.clientWidth || 600, svg.clientHeight || 400];
  const zoomAt = (factor, x, y) => {
    const k = Math.min(4, Math.max(0.06, view.k * factor));
    view.x = x - ((x - view.x) * k) / view.k;
    view.y = y - ((y - view.y) * k) / view.k;
    view.k = k;
    apply();
  };
  const zoom = (factor) => zoomAt(factor, size()[0] / 2, size()[1] / 2);
  const pan = (dx, dy) => { view.x += dx; view.y += dy; apply(); };
  const fit = (least = 0.06) => {
    const [width, height] = size();
    const bands = data.layouts[layout].bands;
    const left = Math.min(...nodes.map((node) => node.x - node.w / 2), ...bands.map((band) => band.left)) - 14;
    const right = Math.max(...nodes.map((node) => node.x + node.w / 2), ...bands.map((band) => band.right)) + 14;
    const top = Math.min(...nodes.map((node) => node.y - node.h / 2)) - (bands.length ? 50 : 14);
    const bottom = Math.max(...nodes.map((node) => node.y + node.h / 2)) + 26;
    const whole = Math.min(width / (right - left), height / (bottom - top), 1.25);
    view.k = Math.max(whole, least);
    const over = (room, extent) => (extent * view.k > room + 1 ? 0 : (room - extent * view.k) / 2);
    view.x = over(width, right - left) - left * view.k;
    view.y = over(height, bottom - top) - top * view.k;
    apply();
  };
  const reveal = (node) => {
    const [width, height] = size();
    const x = node.x * view.k + view.x, y = node.y * view.k + view.y, edge = 40;
    pan(x < edge ? edge - x : x > width - edge ? width - edge - x : 0, y < edge ? edge - y : y > height - edge ? height - edge - y : 0);
  };

  // ---- pointer ---------------------------------------------------------------------------
  const pointers = new Map();
  let drag = null, dragged = false;
  const spot = (event) => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, spot(event));
    dragged = false;
    const at = event.target.closest("[data-node]");
    const node = at ? nodes[Number(at.dataset.node)] : null;
    drag = { node, start: spot(event), x: node ? node.x : view.x, y: node ? node.y : view.y, moved: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const now = spot(event);
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const was = pointers.get(event.pointerId);
      const reach = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
      zoomAt(reach(now) / Math.max(1, reach(was)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      pan((now[0] - was[0]) / 2, (now[1] - was[1]) / 2);
      dragged = true;
      drag = null;
    }
    pointers.set(event.pointerId, now);
    if (!drag) return;
    const dx = now[0] - drag.start[0], dy = now[1] - drag.start[1];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) svg.setPointerCapture(event.pointerId);
    drag.moved = dragged = true;
    svg.classList.add("is-dragging");
    if (drag.node) moveNode(drag.node, drag.x + dx / view.k, drag.y + dy / view.k);
    else { view.x = drag.x + dx; view.y = drag.y + dy; apply(); }
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    if (drag && drag.moved && drag.node) redraw();
    drag = null;
    svg.classList.remove("is-dragging");
  };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("click", (event) => {
    if (dragged) return;
    const node = event.target.closest("[data-node]"), edge = event.target.closest("[data-edge]");
    if (node) events.node(Number(node.dataset.node), event.shiftKey);
    else if (edge) events.edge(Number(edge.dataset.edge));
    else events.nothing();
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) { events.hint(); return; }
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.004)), ...spot(event));
  }, { passive: false });

  // ---- keyboard --------------------------------------------------------------------------
  const STEP = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const JUMP = { PageDown: 1, PageUp: -1 };
  const focusNode = (index) => {
    nodes[focused].group.setAttribute("tabindex", "-1");
    focused = index;
    nodes[index].group.setAttribute("tabindex", "0");
    nodes[index].group.focus({ preventScroll: true });
    reveal(nodes[index]);
  };
  const nearest = (from, [dx, dy]) => {
    let best = null, least = Infinity;
    for (const node of nodes) {
      const along = (node.x - from.x) * dx + (node.y - from.y) * dy;
      const aside = Math.abs((node.x - from.x) * dy) + Math.abs((node.y - from.y) * dx);
      const cost = along + 2.5 * aside;
      if (node !== from && along > 4 && cost < least) { best = node; least = cost; }
    }
    return best;
  };
  svg.addEventListener("keydown", (event) => {
    const at = event.target.closest("[data-node]");
    const node = at ? nodes[Number(at.dataset.node)] : null;
    const step = STEP[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && node && event.shiftKey) { moveNode(node, node.x + 12 * step[0], node.y + 12 * step[1]); redraw(); }
    else if (step && node) { const next = nearest(node, step); if (next) focusNode(next.index); }
    else if (node && event.key in JUMP) focusNode((node.index + JUMP[event.key] + nodes.length) % nodes.length);
    else if (node && (event.key === "Enter" || event.key === " ")) events.node(node.index, event.shiftKey);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });

  return {
    svg, nodes, edges, edgeOf, setLayout, fit, zoom, squeeze, focusNode,
    setMarks(list) { marks = list; drawMarks(); },
    // Which edges are shown at all, and which nodes a search has found (null: no search).
    filter(shown, found) {
      edges.forEach((edge) => edge.group.classList.toggle("is-hidden", !shown(edge)));
      svg.classList.toggle("is-searched", found !== null);
      nodes.forEach((node) => node.group.classList.toggle("is-found", found !== null && found.has(node.index)));
      edges.forEach((edge) => edge.group.classList.toggle("is-found", found !== null && (found.has(edge.a) || found.has(edge.b))));
    },
    select(selection) {
      svg.classList.toggle("is-selected", selection !== null);
      const lit = new Set(), lines = new Set();
      pairLine = null;
      if (selection && selection.edge !== undefined) {
        const edge = edges[selection.edge];
        lines.add(edge);
        lit.add(edge.a).add(edge.b);
      } else if (selection && selection.pair) {
        selection.pair.forEach((k) => lit.add(k));
        pairLine = selection.pair;
      } else if (selection) {
        lit.add(selection.node);
        for (const edge of nodes[selection.node].edges) {
          if (edge.group.classList.contains("is-hidden")) continue;
          lines.add(edge);
          lit.add(edge.a).add(edge.b);
        }
      }
      const chosen = selection && (selection.pair || (selection.node !== undefined ? [selection.node] : []));
      nodes.forEach((node) => {
        node.group.classList.toggle("is-lit", lit.has(node.index));
        node.group.classList.toggle("is-chosen", Boolean(chosen && chosen.includes(node.index)));
      });
      edges.forEach((edge) => edge.group.classList.toggle("is-lit", lines.has(edge)));
      for (const edge of lines) edgeLayer.append(edge.group);
      drawMarks();
    },
  };
};
