// Draw a digit: its code among the codes of test digits, and what the decoder makes of the code.
// The interface is anywidget's. Python's `DrawDigit` says what the entries of the model are.

import { bytes, clamp, drag, drawn, ground, live, make, number, onceAFrame, sixteenBits, slider, voice, write } from "./shared.js";
import { digitOf, pad } from "./draw.js";
import { captioned, picker, squaredError } from "./digits.js";
import { network } from "./mlp.js";
import { screen } from "./screen.js";

const NEAR = 10; // test digits that are asked what they are

function render({ model, el }) {
  const [encode, decode] = [network(model.get("encoder")), network(model.get("decoder"))];
  const codes = sixteenBits(model.get("codes"), model.get("step"));
  const labels = bytes(model.get("labels"));
  const [colours, knots] = [model.get("colours"), model.get("knots")];

  // The map shows each number by its rank among all: where codes are dense, there is room. The knots
  // are the numbers at equal steps of rank, from 0 to 1.
  function rank(axis, value) {
    const all = knots[axis];
    const next = all.findIndex((knot) => knot >= value);
    if (next < 1) return next ? 1 : 0; // beyond the last there is none
    return (next - (all[next] - value) / (all[next] - all[next - 1] || 1)) / (all.length - 1);
  }
  function at(axis, part) {
    const [all, along] = [knots[axis], clamp(part, 0, 1) * (knots[axis].length - 1)];
    const low = Math.min(Math.floor(along), all.length - 2);
    return all[low] + (along - low) * (all[low + 1] - all[low]);
  }

  // ------------------------------------------------------------------------------ what is on screen
  const seen = screen("What the encoder gets: the drawing, centred and scaled as the digits of MNIST are");
  const made = screen("What the decoder draws from the code");
  const paper = pad({ label: "A pad to draw a digit on", change: (strokes) => later(() => look(digitOf(strokes))) });
  const cloud = make("canvas", { "aria-hidden": "true" });
  const rounds = ["aelib-digit-hold", "aelib-digit-edge", "aelib-digit-ring"].map((name) => drawn("circle", { class: name }));
  const ring = drawn("svg", { "aria-hidden": "true", focusable: "false" }, ground(0, 0, "100%", "100%"), ...rounds);
  const middles = Object.entries(model.get("middles")).map(([k, [x, y]]) =>
    make("b", { style: `left:${100 * rank(0, x)}%;top:${100 - 100 * rank(1, y)}%` }, k));
  const map = make("div", { class: "aelib-digit-map", "aria-hidden": "true" }, cloud, ...middles, ring);
  const clear = make("button", { type: "button" }, "Clear");
  const tests = picker({ picks: bytes(model.get("picks")), sheet: model.get("sheet"), take });
  const sliders = ["first", "second"].map((name, axis) =>
    slider({ name: `${name} number`, low: 0, high: 1, step: 0.002, words: (place) => number(at(axis, place), 2),
      change: (place) => later(() => walk(axis ? [code[0], at(1, place)] : [at(0, place), code[1]])) }));
  const told = make("p", { class: "aelib-digit-told" });
  const voiced = voice();
  const root = live("digit", model,
    make("div", { class: "aelib-digit-panels" },
      captioned("draw here", paper.element),
      captioned("codes of test digits, by rank", map),
      make("div", { class: "aelib-digit-pair" }, captioned("what goes in", seen.canvas), captioned("what comes out", made.canvas))),
    make("div", { class: "aelib-keys", role: "group", "aria-label": "The pad" }, clear,
      make("span", {}, "or take a test digit:"), ...tests.keys),
    make("div", { class: "aelib-sliders" }, ...sliders.map((one) => one.row)),
    told, voiced.place);

  // ------------------------------------------------------------------------------------ what it does
  let [code, input, todo] = [[0, 0], null, null];
  const refresh = onceAFrame(() => todo());
  function later(work) { // the last of what came since the last frame
    todo = work;
    refresh();
  }

  function neighbours() { // the commonest label among the nearest codes, and how many have it
    const far = Float32Array.from(labels, (_, i) => (codes[2 * i] - code[0]) ** 2 + (codes[2 * i + 1] - code[1]) ** 2);
    const reach = far.toSorted()[Math.min(NEAR, far.length) - 1];
    const votes = Array(10).fill(0);
    far.forEach((distance, i) => (votes[labels[i]] += distance <= reach));
    const most = votes.indexOf(Math.max(...votes));
    return [most, votes[most]];
  }

  function show() {
    const pixels = decode(Float32Array.from(code));
    made.show(pixels);
    const [x, y] = code.map((value, axis) => rank(axis, value));
    for (const one of rounds) {
      one.setAttribute("cx", `${100 * x}%`);
      one.setAttribute("cy", `${100 - 100 * y}%`);
    }
    sliders.forEach((one, axis) => one.set([x, y][axis], number(code[axis], 2)));
    const [most, votes] = neighbours();
    const numbers = `Code (${number(code[0], 2)}, ${number(code[1], 2)})`;
    const alike = votes > 1 ? `${votes} are ${most}s` : `1 is a ${most}`;
    const near = `Of the ${NEAR} test digits with the nearest codes, ${alike}.`;
    const error = input && `Squared error ${number(squaredError(input, pixels), 1)}.`;
    write(told, `${numbers}. ${near} ${error ?? "The code was set by hand; no drawing belongs to it."}`);
    root.dataset.code = code.join(" ");
    voiced.say(told.textContent);
  }
  function look(pixels) { // a drawing goes in
    input = pixels;
    seen.show(pixels);
    if (pixels) code = [...encode(pixels)];
    if (pixels) show();
    else write(told, "Draw a digit, take one, or move the ring on the map.");
  }
  function walk(to) { // the code is set by hand
    code = to;
    input = null;
    seen.show(null);
    show();
  }
  function take(pixels, i, picture) {
    paper.show(picture);
    root.dataset.taken = i;
    look(pixels);
  }

  clear.addEventListener("click", () => {
    paper.clear();
    look(null);
  });
  drag(map, (event) => {
    const box = map.getBoundingClientRect();
    const part = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    later(() => walk(part.map((v, axis) => at(axis, v))));
  });

  new ResizeObserver(() => {
    const sharp = window.devicePixelRatio || 1;
    const [wide, tall] = [cloud.clientWidth, cloud.clientHeight];
    Object.assign(cloud, { width: Math.round(wide * sharp), height: Math.round(tall * sharp) });
    const pen = cloud.getContext("2d");
    pen.scale(sharp, sharp);
    labels.forEach((label, i) => {
      pen.fillStyle = colours[label];
      pen.globalAlpha = 0.8;
      pen.fillRect(rank(0, codes[2 * i]) * wide - 1.2, (1 - rank(1, codes[2 * i + 1])) * tall - 1.2, 2.4, 2.4);
    });
  }).observe(cloud);

  el.append(root);
  look(null);
  walk([at(0, 0.5), at(1, 0.5)]);
  tests.start();
}

export default { render };
