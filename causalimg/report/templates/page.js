// What the explorers share: the page's data, elements, and numbers as words.
"use strict";
const DATA = JSON.parse(document.getElementById("page-data").textContent);
const MINUS = "\u2212";

const fill = (made, attributes, kids) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...kids.flat(9).filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return made;
};
const el = (tag, attributes = {}, ...kids) => fill(document.createElement(tag), attributes, kids);
const draw = (tag, attributes = {}, ...kids) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, kids);

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const signed = (value, places = 2) => known(value) ? (value < 0 ? MINUS : "+") + Math.abs(value).toFixed(places) : "";
const count = (value) => known(value) ? Math.round(value).toLocaleString("en-US") : "";
const number = (value, digits = 3) => {
  if (!known(value)) return "";
  const size = Math.abs(value);
  let text = "0";
  if (size >= 1e7 || (size > 0 && size < 1e-4)) text = size.toExponential(digits - 1);
  else if (size >= 10 ** (digits - 1)) text = count(size);
  else if (size > 0) text = size.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return (value < 0 ? MINUS : "") + text;
};
const probability = (value) => !known(value) ? "" : value < 0.001 ? "<0.001" : value.toFixed(value < 0.1 ? 3 : 2);
const several = (n, one, many = one + "s") => count(n) + " " + (n === 1 ? one : many);

// A contrast is not broken over two lines.
const unbroken = (text) => text.replaceAll(" ", "\u00a0").replaceAll("-", "\u2011");

// A long name may break after an underscore.
const breakable = (name) => name.split("_").flatMap((part, k) => k ? ["_", document.createElement("wbr"), part] : [part]);

// On a narrow screen pages are shorter, and columns are hidden.
const narrow = matchMedia("screen and (max-width: 640px)");

const facts = (pairs) => el("dl", { class: "facts-list" }, pairs.filter((pair) => pair && pair[1]).map(([name, ...said]) => [el("dt", {}, name), el("dd", {}, said)]));

const options = (select, pairs) => select.replaceChildren(...pairs.map(([value, said]) => el("option", { value }, said)));

// Wait for a pause in typing, so that long tables are searched once per word.
const calmly = (work) => {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(work, 60);
  };
};

// Pages of a list: returns a function that says where we are.
const pager = (place, move) => {
  const back = el("button", { type: "button", onclick: () => move(-1) }, "Previous");
  const said = el("span", { role: "status" });
  const on = el("button", { type: "button", onclick: () => move(1) }, "Next");
  place.replaceChildren(said, back, on);
  return (from, to, total, of, words) => {
    said.textContent = total === 0 ? `No ${words} of ${count(of)} fits` : `${from + 1}\u2013${to} of ${several(total, words)}` + (total < of ? `, from ${count(of)}` : "");
    back.hidden = on.hidden = total <= to - from;
    back.disabled = from === 0;
    on.disabled = to >= total;
  };
};

const go = (place) => {
  place.scrollIntoView({ block: "start" });
  const focus = place.querySelector("h2, h3") || place;
  focus.setAttribute("tabindex", "-1");
  focus.focus({ preventScroll: true });
};

// Each explorer puts what the other calls here.
const explorers = {};

// What fits without scrolling is no stop of the Tab key.
const sideways = () => document.querySelectorAll(".scroll").forEach((part) => {
  if (part.scrollWidth > part.clientWidth + 1) part.setAttribute("tabindex", "0");
  else part.removeAttribute("tabindex");
});
addEventListener("load", sideways);
addEventListener("resize", calmly(sideways));
document.addEventListener("toggle", sideways, true);

addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
});
