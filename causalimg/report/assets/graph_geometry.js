// Lines between boxes: they leave and arrive horizontally, and keep the lanes that were computed.
const HEAD = 9;

const bend = (from, to) => {
  const reach = (to[0] - from[0]) / 2;
  return [[from[0] + reach, from[1]], [to[0] - reach, to[1]], to];
};

// Points of a chain of cubic curves from node a to node b, and which way each end points outward.
const route = (a, b, edge) => {
  const gap = Math.abs(a.x - b.x) - (a.w + b.w) / 2;
  const ya = a.y + edge.portA, yb = b.y + edge.portB;
  if (gap < 14) {
    const xa = a.x + a.w / 2, xb = b.x + b.w / 2;
    const bulge = Math.max(xa, xb) + Math.min(44, 18 + 0.08 * Math.abs(yb - ya));
    return { points: [[xa, ya], [bulge, ya], [bulge, yb], [xb, yb]], outA: 1, outB: 1 };
  }
  const sign = a.x < b.x ? 1 : -1;
  const start = [a.x + (sign * a.w) / 2, ya], stop = [b.x - (sign * b.w) / 2, yb];
  const points = [start];
  let last = start;
  for (const [x, y] of edge.via) {
    const low = [x - sign * 40, y], high = [x + sign * 40, y];
    if (sign * (low[0] - last[0]) < 6 || sign * (stop[0] - high[0]) < 6) continue;
    points.push(...bend(last, low), ...bend(low, high));
    last = high;
  }
  points.push(...bend(last, stop));
  return { points, outA: sign, outB: -sign };
};

const cubicAt = (points, t) => {
  const [p, q, r, v] = points, u = 1 - t;
  return [0, 1].map((k) => u * u * u * p[k] + 3 * u * u * t * q[k] + 3 * u * t * t * r[k] + t * t * t * v[k]);
};

const middleOf = (points) => {
  const part = 3 * Math.floor((points.length - 1) / 3 / 2);
  return cubicAt(points.slice(part, part + 4), points.length > 4 && ((points.length - 1) / 3) % 2 === 0 ? 0 : 0.5);
};

// The drawing of one edge: the line, the heads and circles at its ends, and a place for a label.
const trace = (a, b, edge) => {
  const { points, outA, outB } = route(a, b, edge);
  const middle = middleOf(points);
  let heads = "", rings = "";
  const end = (k, out, mark) => {
    const [x, y] = points[k];
    if (mark === 2) {
      points[k] = [x + out * (HEAD - 1), y];
      heads += `M${x} ${y}l${out * HEAD} ${-HEAD / 2}v${HEAD}z`;
    } else if (mark === 1) {
      points[k] = [x + out * 8, y];
      rings += `M${x} ${y}a4 4 0 1 0 ${out * 8} 0a4 4 0 1 0 ${-out * 8} 0z`;
    }
  };
  end(0, outA, edge.near);
  end(points.length - 1, outB, edge.far);
  const d = points.map(([x, y], k) => (k === 0 ? "M" : k % 3 === 1 ? "C" : "") + x.toFixed(1) + " " + y.toFixed(1)).join(" ");
  return { d, heads, rings, middle };
};

// Spread the lines that meet one side of a box along it, in the order of where they lead.
const assignPorts = (nodes, edges) => {
  const sides = new Map();
  const put = (node, other, edge, key, along) => {
    const side = node.x < other.x || Math.abs(node.x - other.x) < (node.w + other.w) / 2 + 14 ? 1 : -1;
    const at = node.index * 2 + (side > 0 ? 1 : 0);
    if (!sides.has(at)) sides.set(at, []);
    sides.get(at).push({ edge, key, node, y: along ? along[1] : other.y });
  };
  for (const edge of edges) {
    put(nodes[edge.a], nodes[edge.b], edge, "portA", edge.via[0]);
    put(nodes[edge.b], nodes[edge.a], edge, "portB", edge.via[edge.via.length - 1]);
  }
  for (const ends of sides.values()) {
    ends.sort((p, q) => p.y - q.y);
    const reach = Math.min(0.34 * ends[0].node.h, 4.5 * (ends.length - 1));
    ends.forEach((end, k) => {
      end.edge[end.key] = ends.length === 1 ? 0 : reach * ((2 * k) / (ends.length - 1) - 1);
    });
  }
};
