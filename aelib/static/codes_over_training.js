// The codes of the same digits before training and after each epoch, over draws from the prior.
// The interface is anywidget's. Python's `CodesOverTraining` says what the entries of the model are.

import { bytes, choice, clamp, dotOf, drag, grid, live, make, number, onceAFrame, slider, voice } from "./shared.js";
import { chart } from "./chart.js";
import { unpack } from "./mlp.js";

const REST = 900; // milliseconds from one epoch to the next when they are played
const WAY = 450; // of them, those in which the points move
const MOST = Math.sqrt(-2 * Math.log(0.05)); // radius of the circle that holds 95 % of the prior
const TENS = [0.001, 0.01, 0.1, 1, 10, 100, 1000];

function render({ model, el }) {
  const runs = model.get("runs").map(({ name, span, epochs }) =>
    ({ name, span, epochs: epochs.map((one) => ({ ...one, codes: unpack(...one.codes) })) }));
  const [labels, draws, sample] = [bytes(model.get("labels")), unpack(...model.get("draws")), model.get("sample")];
  const [width, count] = [model.get("width"), labels.length];
  const dots = model.get("colours").map((colour) => dotOf(colour, 16));
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  const pairs = Array.from({ length: Math.ceil(width / 2) }, (_, k) => Math.min(2 * k, width - 2)).map((k) => [k, k + 1]);

  // ------------------------------------------------------------------------------ what is on screen
  const maps = runs.map(({ span }) => chart({
    title: "", x: [-span, span], y: [-span, span],
    xTicks: [-span, -span / 2, 0, span / 2, span], yTicks: [-span, -span / 2, 0, span / 2, span], layers: [],
  }).element);
  const canvas = make("canvas");
  const stage = make("div", { class: "aelib-codes-map" });
  const longest = Math.max(...runs.map(({ epochs }) => epochs.length)) - 1;
  const distances = runs.flatMap(({ epochs }) => epochs.map(({ together }) => together)).concat(sample.together);
  const ends = [Math.min(...distances) / 1.5, Math.max(...distances) * 1.5];
  const history = chart({
    title: "sliced Wasserstein, by epoch", x: [0, longest], y: ends, log: "y",
    xTicks: Array.from({ length: longest + 1 }, (_, k) => k).filter((k) => k % Math.ceil(longest / 6) === 0),
    yTicks: TENS.filter((v) => v >= ends[0] && v <= ends[1]), layers: ["line-floor", "line-other", "line-run"],
  });
  const mark = history.point("dot-now");
  const tabs = choice({ name: "Run of training", options: runs.map(({ name }) => name), change: (i) => change({ run: i }) });
  const sides = choice({ name: "Numbers of the code that are shown",
    options: pairs.map(([a, b]) => `${a + 1} and ${b + 1}`), change: (i) => change({ pair: i }) });
  const play = make("button", { type: "button" }, "Play");
  const epochs = slider({ name: "epoch", low: 0, high: longest, step: 1, digits: 0,
    change: (value) => { halt(); change({ epoch: value }); } });
  const digits = [...new Set(labels)].sort((a, b) => a - b);
  const keys = digits.map((digit) => make("button", { type: "button", "aria-pressed": "false" },
    make("i", { style: `background:${model.get("colours")[digit]}` }), digit));
  const { element: table, cells, names } = grid({ label: "Distances to the prior", corner: "distance",
    heads: ["codes", "draws"], rows: ["", "", `KS, mean of ${width}`, "Wasserstein"] });
  const [many, few] = model.get("counts");
  const { place, say } = voice();
  const words = (text) => make("span", { class: "aelib-codes-words" }, text);
  const root = live("codes", model,
    make("div", { class: "aelib-codes-row" }, tabs),
    make("div", { class: "aelib-codes-panels" },
      stage,
      make("div", { class: "aelib-codes-side" }, history.element, table)),
    make("div", { class: "aelib-codes-row" }, play, epochs.row),
    make("div", { class: "aelib-codes-row" }, words("numbers"), sides),
    make("div", { class: "aelib-codes-row aelib-codes-keys", role: "group", "aria-label": "Show only these digits" },
      words("only"), ...keys),
    make("p", { class: "aelib-hint" },
      "Grey: draws from the prior, and the circle that holds 95\u202f% of them. KS: Kolmogorov–Smirnov distance of one " +
      "number to a standard normal one, from 0 to 1. Wasserstein: sliced, of all numbers to draws from the prior, in " +
      `units of the code${runs.length > 1 ? "; grey, the other run" : ""}; dotted, other draws. Measured on ` +
      `${many.toLocaleString("en")} codes and ${few.toLocaleString("en")} other draws.`),
    place);
  tabs.hidden = runs.length < 2;
  sides.parentElement.hidden = pairs.length < 2;

  // ------------------------------------------------------------------------------------- the state
  const at = { run: 0, epoch: runs[0].epochs.length - 1, pair: 0 };
  const chosen = new Set(); // digits; when it is empty, all are shown
  const [before, now] = [0, 0].map(() => new Float32Array(2 * count)); // the points, from -1 to 1
  let [part, clock, timer] = [1, 0, 0];

  // The two numbers of a code that are shown, as parts of the window.
  function spot(codes, i, k) {
    const long = codes.length / width;
    return codes[pairs[at.pair][k] * long + i] / runs[at.run].span;
  }

  function draw() {
    const [side, sharp] = [canvas.width, window.devicePixelRatio || 1];
    const pen = canvas.getContext("2d");
    const [x, y] = [(v) => ((1 + v) / 2) * side, (v) => ((1 - v) / 2) * side];
    pen.clearRect(0, 0, side, side);
    pen.strokeStyle = pen.fillStyle = "#888888";
    pen.lineWidth = sharp;
    for (let i = 0; i < draws.length / width; i++)
      pen.fillRect(x(spot(draws, i, 0)) - sharp, y(spot(draws, i, 1)) - sharp, 2.4 * sharp, 2.4 * sharp);
    pen.beginPath();
    pen.arc(side / 2, side / 2, (MOST / runs[at.run].span) * (side / 2), 0, 2 * Math.PI);
    pen.stroke();
    const radius = 2.6 * sharp;
    for (let i = 0; i < count; i++)
      if (!chosen.size || chosen.has(labels[i]))
        pen.drawImage(dots[labels[i]], x(now[2 * i]) - radius, y(now[2 * i + 1]) - radius, 2 * radius, 2 * radius);
  }
  const refresh = onceAFrame(tick);
  function tick(time) {
    part = quiet.matches ? 1 : Math.min(1, part + Math.min(time - clock, 40) / WAY);
    clock = time;
    const [{ codes }, eased] = [runs[at.run].epochs[at.epoch], part * part * (3 - 2 * part)];
    for (let i = 0; i < count; i++)
      for (const k of [0, 1]) {
        const j = 2 * i + k;
        now[j] = part < 1 ? before[j] + (spot(codes, i, k) - before[j]) * eased : spot(codes, i, k);
      }
    draw();
    if (part < 1) refresh();
  }

  // ------------------------------------------------------------------------------ what a reader does
  function change(to, moving = false) {
    Object.assign(at, to);
    const run = runs[at.run];
    at.epoch = clamp(at.epoch, 0, run.epochs.length - 1);
    before.set(now);
    part = moving ? 0 : 1;
    refresh();
    const [found, pair] = [run.epochs[at.epoch], pairs[at.pair]];
    epochs.input.max = run.epochs.length - 1;
    epochs.set(at.epoch);
    const map = maps[at.run];
    map.querySelector(".aelib-chart-title").textContent = `code numbers ${pair[0] + 1} (across) and ${pair[1] + 1} (up)`;
    if (map.parentElement !== stage) {
      map.lastChild.prepend(canvas);
      stage.replaceChildren(map);
    }
    const values = ({ each, together }) =>
      [...pair.map((k) => each[k]), each.reduce((sum, value) => sum + value, 0) / width, together];
    pair.forEach((k, i) => (names[i].textContent = `KS, number ${k + 1}`));
    cells.forEach((row, i) =>
      [found, sample].forEach((one, k) => (row[k].textContent = number(values(one)[i], 3))));
    const line = (one) => one.epochs.map(({ together }, k) => [k, together]);
    history.lines(0, [[[0, sample.together], [longest, sample.together]]]);
    history.lines(1, runs.length > 1 ? [line(runs[1 - at.run])] : []);
    history.lines(2, [line(run)]);
    mark(at.epoch, found.together);
    Object.assign(root.dataset, at);
    say(`${run.name}, ${at.epoch ? `epoch ${at.epoch}` : "before training"}. Sliced Wasserstein distance `
      + `${number(found.together, 2)}, mean Kolmogorov–Smirnov distance ${number(values(found)[2], 2)}.`);
  }
  function halt() {
    clearTimeout(timer);
    timer = 0;
    play.textContent = "Play";
  }
  function next() {
    change({ epoch: at.epoch + 1 }, true);
    if (at.epoch < runs[at.run].epochs.length - 1) timer = setTimeout(next, REST);
    else halt();
  }
  play.addEventListener("click", () => {
    if (timer) return halt();
    if (at.epoch === runs[at.run].epochs.length - 1) change({ epoch: 0 }); // from the beginning
    play.textContent = "Pause";
    timer = setTimeout(next, REST);
  });
  drag(history.element, (event) => {
    halt();
    change({ epoch: Math.round(clamp(history.under(event).x, 0, longest)) });
  });
  keys.forEach((key, i) => key.addEventListener("click", () => {
    if (!chosen.delete(digits[i])) chosen.add(digits[i]);
    key.setAttribute("aria-pressed", chosen.has(digits[i]));
    refresh();
  }));
  new ResizeObserver(() => {
    const side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (side) Object.assign(canvas, { width: side, height: side });
    if (side) draw();
  }).observe(canvas);

  change({});
  el.append(root);
}

export default { render };
