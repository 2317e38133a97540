// Two Gaussians q and p: where they overlap, and what each costs who believes in the other.
// The interface is anywidget's. Python's `TwoGaussians` says what the entries of the model are.

import { choice, clamp, drag, drawn, grid, live, make, number, slider, voice, write } from "./shared.js";
import { chart } from "./chart.js";

const [FAR, NARROW, WIDE] = [4, 0.3, 3]; // the mean is at most so far from 0; the spread's limits
const PIECES = 4000; // of an integral
const LAYERS = ["adds", "takes", "line-p", "line-q"];
const WAYS = ["KL(q ‖ p)", "KL(p ‖ q)"];

function logDensity({ mean, spread }) { // as a function of z
  const top = -Math.log(spread) - 0.5 * Math.log(2 * Math.PI);
  return (z) => top - 0.5 * ((z - mean) / spread) ** 2;
}
function density(normal) {
  const log = logDensity(normal);
  return (z) => Math.exp(log(z));
}

// KL(q ‖ p) in nats, in closed form
export function divergence(q, p) {
  const [ratio, apart] = [q.spread / p.spread, (q.mean - p.mean) / p.spread];
  return 0.5 * (ratio ** 2 + apart ** 2 - 1) - Math.log(ratio);
}

// q log q/p, the integral of which that is, as a function of z
export function integrand(q, p) {
  const [first, second] = [q, p].map(logDensity);
  return (z) => {
    const log = first(z);
    return Math.exp(log) * (log - second(z));
  };
}

function integral(of, low, high) { // by the trapezoid rule; all that is integrated here ends at 0
  const step = (high - low) / PIECES;
  let sum = (of(low) + of(high)) / 2;
  for (let i = 1; i < PIECES; i++) sum += of(low + i * step);
  return sum * step;
}

// [what adds to KL(q ‖ p), what takes away from it]
export function parts(q, p) {
  const [low, step] = [q.mean - 9 * q.spread, (18 * q.spread) / PIECES];
  const of = integrand(q, p);
  let [adds, takes] = [0, 0];
  for (let i = 0; i <= PIECES; i++) { // one round for both; the half weights would fall on ends that are 0
    const value = of(low + i * step);
    if (value > 0) adds += value;
    else takes += value;
  }
  return [adds * step, takes * step];
}

// The area below both curves, from 0 to 1
export function overlap(q, p) {
  const low = Math.min(q.mean - 9 * q.spread, p.mean - 9 * p.spread);
  const high = Math.max(q.mean + 9 * q.spread, p.mean + 9 * p.spread);
  const [first, second] = [q, p].map(logDensity);
  return integral((z) => Math.exp(Math.min(first(z), second(z))), low, high);
}

function render({ model, el }) {
  const start = model.get("start");
  const at = { q: { ...start.q }, p: { ...start.p } };
  let way = 0;

  const field = chart({
    title: "density; shaded: what the integral adds up", x: [-6, 6], y: [-0.5, 1.4],
    xTicks: [-6, -4, -2, 0, 2, 4, 6], yTicks: [-0.5, 0, 0.5, 1], layers: LAYERS,
  });
  const grip = (name, dx) => // with a wide edge for a finger, and its name beside it
    field.point(`dot-${name}`, drawn("rect", { class: "aelib-grip" }), drawn("text", { dx, dy: 5 }, name));
  const grips = { q: grip("q", 17), p: grip("p", -13) };
  const sliders = {};
  const rows = ["q", "p"].flatMap((name) => [
    ["mean", "μ", "mean", -FAR, FAR], ["spread", "σ", "standard deviation", NARROW, WIDE],
  ].map(([key, sign, long, low, high]) => {
    const one = slider({ name: `${sign} of ${name}`, label: `${long} of ${name}`, low, high, step: 0.01, digits: 2,
      change: (value) => move(name, { [key]: value }) });
    sliders[name + key] = one;
    return one.row;
  }));
  const tabs = choice({ name: "Which integral is shaded", options: WAYS, change: (i) => {
    way = i;
    paint();
  } });
  const common = make("td", { colspan: 3 });
  const key = (name) => make("i", { class: `aelib-key-${name}` });
  const { element: table, cells } = grid({ label: "Divergences in nats, and the overlap",
    heads: [[key("adds"), "adds"], [key("takes"), "takes away"], "together"], rows: WAYS });
  table.tBodies[0].append(make("tr", {}, make("th", { scope: "row" }, "overlap"), common));
  const { place, say } = voice();
  const root = live("gaussians", model,
    tabs, field.element, make("div", { class: "aelib-sliders" }, ...rows), table,
    make("p", { class: "aelib-hint" }, "Drag the top of a curve: sideways moves its mean, up and down its spread."),
    place);

  const peak = ({ spread }) => 1 / (spread * Math.sqrt(2 * Math.PI));
  function paint() {
    const part = way ? integrand(at.p, at.q) : integrand(at.q, at.p);
    field.curve(0, (z) => Math.max(part(z), 0), 0);
    field.curve(1, (z) => Math.min(part(z), 0), 0);
    field.curve(2, density(at.p));
    field.curve(3, density(at.q));
    root.dataset.way = way;
  }
  function move(name, change) {
    Object.assign(at[name], change);
    for (const [one, normal] of Object.entries(at)) {
      grips[one](normal.mean, peak(normal));
      for (const key of ["mean", "spread"]) sliders[one + key].set(normal[key]);
    }
    paint();
    const both = [[at.q, at.p], [at.p, at.q]];
    both.forEach(([first, second], i) => [...parts(first, second), divergence(first, second)].forEach(
      (value, k) => write(cells[i][k], number(value, 3))));
    const share = overlap(at.q, at.p);
    write(common, number(share, 3));
    say(`${WAYS.map((words, i) => `${words.replace("‖", "from")} ${number(divergence(...both[i]), 3)} nats`).join(", ")}, `
      + `overlap ${number(share, 2)}.`);
  }

  const round = (value) => Math.round(100 * value) / 100;
  let held = "q";
  drag(field.element, (event, first) => {
    const spot = field.under(event);
    if (first) { // the nearer of the two tops, as the eye measures it
      const far = (name) => Math.hypot((spot.x - at[name].mean) / 12, (spot.y - peak(at[name])) / 1.9);
      held = far("q") <= far("p") ? "q" : "p";
    }
    const spread = 1 / (Math.max(spot.y, 0.01) * Math.sqrt(2 * Math.PI));
    move(held, { mean: round(clamp(spot.x, -FAR, FAR)), spread: round(clamp(spread, NARROW, WIDE)) });
  });
  move("q", {});
  el.append(root);
}

export default { render };
