// Dropout on a code: the drawn net with a mask, what the decoder makes of what is left, and how much
// that varies from mask to mask. The interface is anywidget's. Python's `DropoutMask` says what the
// entries of the model are.

import { bytes, choice, grid, live, make, number, onceAFrame, sixteenBits, slider, voice } from "./shared.js";
import { SIDE } from "./draw.js";
import { captioned, picker, squaredError } from "./digits.js";
import { network } from "./mlp.js";
import { random } from "./noise.js";
import { screen } from "./screen.js";

const PIXELS = SIDE * SIDE;
const BLACK = new Float32Array(PIXELS);
const MASKS = 30; // the spread is that of so many; the first of them is the one that is shown
const BRIGHT = 0.3; // the standard deviation that is drawn white
const [WIDE, TALL, RADIUS] = [240, 84, 6]; // of the drawn units, in the drawing's own units

// Numbers that stand for coins, one a unit in each of so many rows, the same for the same seed. A unit
// is kept where its number is at least the rate, as in Python's `Dropout`.
export function coins(seed, units, rows = MASKS) {
  const uniform = random(seed);
  return Array.from({ length: rows }, () => Float64Array.from({ length: units }, uniform));
}

// What dropout in training mode makes of a code.
export const dropped = (code, row, rate) => code.map((v, j) => (row[j] >= rate ? v / (1 - rate) : 0));

// The mean picture of several, and of each pixel the standard deviation.
export function spread(pictures) {
  const mean = BLACK.map((_, k) => pictures.reduce((sum, one) => sum + one[k], 0) / pictures.length);
  const deviation = BLACK.map((_, k) =>
    Math.sqrt(pictures.reduce((sum, one) => sum + (one[k] - mean[k]) ** 2, 0) / (pictures.length - 1)));
  return { mean, deviation };
}

// A row of units, each joined to the picture above and to the one below.
function drawing(units) {
  const spots = Array.from({ length: units }, (_, j) => ((j + 0.5) * WIDE) / units);
  const ends = [0, 1, 2, 3, 4].map((k) => WIDE * (0.31 + 0.095 * k)); // the pictures are as wide as that
  const parts = spots.map((x) => {
    const lines = ends.map((end) => `M${end} 0L${x} ${TALL / 2}L${end} ${TALL}`).join("");
    const cross = `M${x - 4} ${TALL / 2 - 4}l8 8m0-8l-8 8`;
    return `<g><path d="${lines}"/><circle cx="${x}" cy="${TALL / 2}" r="${RADIUS}"/><path class="aelib-cross" d="${cross}"/></g>`;
  });
  const place = make("div", { class: "aelib-mask-units" });
  place.innerHTML = `<svg viewBox="0 0 ${WIDE} ${TALL}" focusable="false" aria-hidden="true">${parts.join("")}</svg>`;
  const groups = [...place.querySelectorAll("g")];
  return { place, show: (kept) => groups.forEach((group, j) => group.toggleAttribute("data-dropped", !kept[j])) };
}

function render({ model, el }) {
  const picks = bytes(model.get("picks"));
  const nets = model.get("networks").map(({ name, decoder, codes, step, shown }) => ({
    name, shown, decode: network(decoder),
    codes: sixteenBits(codes, step),
  }));
  const units = nets[0].codes.length / picks.length;
  const at = { net: nets.at(-1), rate: model.get("rate"), seed: 1, digit: null, pick: 0 };
  let rows = coins(at.seed, units);

  // ------------------------------------------------------------------------------ what is on screen
  const [all, some] = [drawing(model.get("drawn")), drawing(model.get("drawn"))];
  const inputs = [0, 1].map(() => screen("The digit that goes in"));
  const full = screen("The reconstruction in evaluation mode, with all units");
  const thin = screen("The reconstruction under this mask");
  const middle = screen(`The mean of the reconstructions under ${MASKS} masks`);
  const varied = screen(`The standard deviation of each pixel over ${MASKS} masks; white is ${BRIGHT} or more`);
  const columns = [["evaluation mode", full, all], ["training mode", thin, some]].map(([name, out, net], i) =>
    ({ scale: make("span"), name, parts: [out.canvas, net.place, inputs[i].canvas] }));
  const tests = picker({ picks, sheet: model.get("sheet"), take(pixels, i) {
    root.dataset.taken = i;
    change({ digit: pixels, pick: i });
  } });
  const rate = slider({ name: "dropout rate", low: 0, high: model.get("most"), step: 0.05, digits: 2,
    change: (value) => change({ rate: value }) });
  const another = make("button", { type: "button" }, "Other masks");
  another.addEventListener("click", () => change({ seed: at.seed + 1 }));
  const trained = choice({ name: "The dropout rate that the network was trained with",
    options: nets.map((one) => one.name), change: (i) => change({ net: nets[i] }) });
  trained.querySelectorAll("input")[nets.length - 1].checked = true;
  const names = ["evaluation mode", "this mask", `one of ${MASKS} masks, on average`, `mean picture of ${MASKS} masks`];
  const { element: table, cells } = grid({ label: "How far each reconstruction is from the digit",
    heads: [`squared error, ${PIXELS} pixels`], rows: names });
  const told = make("p", { class: "aelib-mask-told" });
  const voiced = voice();
  const root = live("mask", model,
    make("div", { class: "aelib-mask-panels" },
      ...columns.map(({ name, scale, parts }) =>
        make("div", { class: "aelib-mask-net" }, make("b", {}, name), ...parts, scale)),
      make("div", { class: "aelib-mask-spread" }, make("b", {}, `over ${MASKS} masks`),
        captioned("mean", middle.canvas), captioned(`standard deviation; white is ${BRIGHT} or more`, varied.canvas))),
    make("p", { class: "aelib-mask-drawn" }, `Drawn are ${model.get("drawn")} of the code’s ${units} units: those that do most.`),
    make("div", { class: "aelib-mask-rate" }, rate.row, another),
    make("div", { class: "aelib-keys" }, make("span", { "aria-hidden": "true" }, "trained with"), trained),
    make("div", { class: "aelib-keys", role: "group", "aria-label": "The digit" },
      make("span", { "aria-hidden": "true" }, "test digit:"), ...tests.keys),
    table, told, voiced.place);

  // ------------------------------------------------------------------------------------ what it does
  function change(what) {
    if (what.seed) rows = coins(what.seed, units);
    Object.assign(at, what);
    refresh();
  }
  const refresh = onceAFrame(show);

  function show() {
    const { net, digit } = at;
    const code = net.codes.subarray(at.pick * units, (at.pick + 1) * units);
    const complete = net.decode(code);
    const pictures = rows.map((row) => net.decode(dropped(code, row, at.rate)));
    const { mean, deviation } = spread(pictures);
    const kept = Array.from(rows[0], (v) => v >= at.rate);
    inputs.forEach((one) => one.show(digit));
    all.show(net.shown.map(() => true));
    some.show(net.shown.map((j) => kept[j]));
    full.show(complete);
    thin.show(pictures[0]);
    middle.show(mean);
    varied.show(deviation.map((v) => v / BRIGHT));
    rate.set(at.rate);
    const left = kept.filter(Boolean).length;
    const times = number(1 / (1 - at.rate), 2);
    columns[0].scale.textContent = `all ${units} units, × 1`;
    columns[1].scale.textContent = `${left} of ${units} units, × ${times}`;
    const errors = pictures.map((one) => squaredError(one, digit));
    const shown = [squaredError(complete, digit), errors[0], errors.reduce((a, b) => a + b) / MASKS, squaredError(mean, digit)];
    cells.forEach(([cell], i) => (cell.textContent = number(shown[i], 1)));
    const rms = Math.sqrt(deviation.reduce((sum, v) => sum + v ** 2, 0) / PIXELS);
    told.textContent = at.rate
      ? `From mask to mask a pixel varies by ${number(rms, 3)} (standard deviation over ${MASKS} masks, root mean ` +
        `square over ${PIXELS} pixels; white is 1).`
      : "At rate 0 nothing is dropped, and nothing varies: training mode and evaluation mode are the same.";
    Object.assign(root.dataset, { seed: at.seed, rate: at.rate, network: nets.indexOf(net), spread: rms,
      mask: kept.map(Number).join("") });
    voiced.say(`Rate ${number(at.rate, 2)}: ${units - left} of ${units} units are dropped. ` +
      `${names.map((name, i) => `${name}: squared error ${number(shown[i], 1)}`).join("; ")}. ${told.textContent}`);
  }

  el.append(root);
  tests.start();
}

export default { render };
