// Text and elements: everything that comes from the data enters the page as text, never as markup.
const GLYPH = {
  "-->": "→", "<--": "←", "---": "—", "<->": "↔", "o->": "○→", "<-o": "←○",
  "o-o": "○—○", "o--": "○—", "--o": "—○", none: "no edge",
};
const STATUS_SIGN = { same: "=", added: "+", missing: "−", reversed: "⇄", differs: "≠" };

const h = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

const s = (tag, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// A long name may break after its underscores.
const soft = (text) => text.split(/(?<=_)/).flatMap((part, k) => (k ? [document.createElement("wbr"), part] : [part]));

const number = (value) => {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e5) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
};
const pValue = (value) => (value === null ? "" : value < 0.0001 ? "p < 0.0001" : "p = " + number(value));
const percent = (value) => {
  const rounded = Math.round(100 * value);
  return (rounded === 0 && value > 0 ? "<1" : rounded === 100 && value < 1 ? ">99" : rounded) + " %";
};
const plural = (count, one) => count + " " + one + (count === 1 ? "" : "s");

// What the test of a pair said: sentences.
const testSentences = (data, found, adjacent) => {
  const names = found.given ? found.given.map((k) => data.nodes[k].name) : null;
  const given = names && (names.length ? "given {" + names.join(", ") + "}" : "without conditioning");
  const value = pValue(found.p);
  const tested = value ? "; largest " + value : "";
  switch (found.reason) {
    case "required":
      return ["Not tested: the knowledge requires this edge."];
    case "forbidden":
      return ["Not tested: the knowledge forbids both directions."];
    case "separated":
      return ["Independent " + given + (value ? ", " + value : "") + "."];
    case "cycle":
      return ["Dependent" + tested + ", but the knowledge would close a directed cycle with this edge."];
    case "dependent":
      return [
        "Dependent given every set that was tried" + tested +
        (names ? ", " + given : "") + ".",
      ];
    default:
      return data.test || adjacent ? [] : ["No test of this pair is recorded. Searches by tests (PC, FCI) keep one for every pair: give explore() the fitted search."];
  }
};
