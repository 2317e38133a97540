// A small chart. Curves are paths that stretch with their place; words and points stay as they are.

import { clamp, drawn, ground, make } from "./shared.js";

const STEPS = 240; // pieces of a curve
const SIDE = 1000; // the paths' own units, across and down

// An axis from `low` to `high`: which part of it a value takes, and the value at a part.
function axis([low, high], logarithmic) {
  const [to, from] = logarithmic ? [Math.log, Math.exp] : [(v) => v, (v) => v];
  const long = to(high) - to(low);
  return { part: (value) => (to(value) - to(low)) / long, at: (part) => from(to(low) + part * long) };
}

// A piece of a line that is a dot, where ends of lines are round.
export const dotAt = (point) => [point, point];

// `log` names the axes that are logarithmic: "x", "y" or "xy".
export function chart({ title, x, y, xTicks, yTicks, layers, log = "" }) {
  const [flat, upright] = [axis(x, log.includes("x")), axis(y, log.includes("y"))];
  const across = flat.part;
  const down = (value) => 1 - upright.part(value);
  const percent = (part) => `${100 * part}%`;
  const spot = (at, height) => // far outside is outside: such a number has no place in a path
    `${tenth(SIDE * across(at))} ${tenth(SIDE * clamp(down(height), -2, 3))}`;
  const inside = (at, height) =>
    [across(at), down(height)].map((part) => tenth(SIDE * clamp(part, 0, 1))).join(" ");

  const field = make("div", { class: "aelib-chart-field" });
  const points = drawn("svg", { class: "aelib-chart-points", focusable: "false", "aria-hidden": "true" }, ground(-1, -1, "100%", "100%"));
  const [zero, ...paths] = ["zero", ...layers].map((name) => drawn("path", { class: `aelib-${name}` }));
  field.append(drawn("svg", { class: "aelib-chart-curves", viewBox: `0 0 ${SIDE} ${SIDE}`, preserveAspectRatio: "none",
    focusable: "false", "aria-hidden": "true" }, ground(0, -2 * SIDE, SIDE, 5 * SIDE), zero, ...paths));
  zero.setAttribute("d", `M${spot(x[0], 0)}L${spot(x[1], 0)}`);
  const ticks = [
    ...xTicks.map((v) => make("span", { class: "aelib-tick-x", style: `left:${percent(across(v))}` }, tick(v))),
    ...yTicks.map((v) => make("span", { class: "aelib-tick-y", style: `top:${percent(down(v))}` }, tick(v))),
  ];
  field.append(...ticks, points);
  const element = make("div", { class: "aelib-chart", "aria-hidden": "true" },
    make("div", { class: "aelib-chart-title" }, title), field);

  const trace = (path, d) => path.getAttribute("d") !== d && path.setAttribute("d", d);
  return {
    element,
    field,
    // a curve from a function; with `floor`, the area between the two
    curve(layer, height, floor) {
      const at = Array.from({ length: STEPS + 1 }, (_, i) => flat.at(i / STEPS));
      const there = at.map((v) => spot(v, height(v)));
      const back = floor === undefined ? [] : [spot(x[1], floor), spot(x[0], floor)];
      trace(paths[layer], `M${[...there, ...back].join("L")}`);
    },
    // pieces of lines, each through points [x, y]; what lies beyond ends at the border
    lines(layer, pieces) {
      const path = pieces.map((points) => `M${points.map(([at, height]) => inside(at, height)).join("L")}`);
      trace(paths[layer], path.join(""));
    },
    line(layer, at) {
      trace(paths[layer], `M${spot(at, y[0])}L${spot(at, y[1])}`);
    },
    // a point, kept at the border when it lies beyond; `parts` are drawn with it
    point(name, ...parts) {
      const dot = points.appendChild(drawn("g", { class: `aelib-dot aelib-${name}` }, drawn("rect"), ...parts));
      return (at, height) => {
        const [left, top] = [clamp(across(at), 0, 1), clamp(down(height), 0, 1)];
        for (const part of dot.children) {
          part.setAttribute("x", percent(left));
          part.setAttribute("y", percent(top));
        }
        dot.toggleAttribute("data-beyond", top !== down(height));
        return dot;
      };
    },
    // where a pointer is, in the chart's numbers; `below` if it is under the field
    under(event) {
      const box = field.getBoundingClientRect();
      const [left, top] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      return { x: flat.at(left), y: upright.at(1 - top), below: top > 1 };
    },
  };
}

const tenth = (value) => Math.round(10 * value) / 10; // written in a fifth of the time of toFixed

const tick = (value) => String(value).replace("-", "\u2212");
