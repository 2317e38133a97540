// A digit, Gaussian noise on it, and what a denoiser makes of it; or noise alone.
// The interface is anywidget's. Python's `Denoise` says what the entries of the model are.

import { bytes, grid, live, make, number, onceAFrame, slider, voice, write } from "./shared.js";
import { SIDE, digitOf, pad } from "./draw.js";
import { captioned, picker, squaredError } from "./digits.js";
import { network } from "./mlp.js";
import { normal, random } from "./noise.js";
import { screen } from "./screen.js";

const PIXELS = SIDE * SIDE;
const BLACK = new Float32Array(PIXELS);
const ROUNDS = 10; // so often, at most, what comes back is put in again
const FIRST = 7; // the seed at first: what comes of noise alone can be followed from round to round

// Standard normal numbers, one a pixel, the same for the same seed.
export function grain(seed) {
  const uniform = random(seed);
  return Float32Array.from({ length: PIXELS }, () => normal(uniform));
}

const decibels = (error) => (error ? number(-10 * Math.log10(error / PIXELS), 1) : "∞");

function render({ model, el }) {
  const mend = network(model.get("layers"));
  const at = { clean: null, sigma: model.get("sigma"), rounds: 1, seed: FIRST }; // clean: null if there is no digit
  let [noise, drawn] = [grain(at.seed), null];

  // ------------------------------------------------------------------------------ what is on screen
  const screens = [
    screen("The clean image: the drawing, centred and scaled as the digits of MNIST are"),
    screen("The noisy image: what the network gets"),
    screen("The mended image: what the network makes of the noisy one"),
  ];
  const paper = pad({ label: "A pad to draw a digit on", change(strokes) {
    drawn = strokes;
    refresh();
  } });
  const button = (words, act) => {
    const one = make("button", { type: "button" }, words);
    one.addEventListener("click", act);
    return one;
  };
  const tests = picker({ picks: bytes(model.get("picks")), sheet: model.get("sheet"), take(pixels, i, picture) {
    paper.show(picture);
    root.dataset.taken = i;
    change({ clean: pixels });
  } });
  const level = slider({ name: "noise σ", label: "standard deviation σ of the noise", low: 0, high: model.get("most"),
    step: 0.01, digits: 2, change: (sigma) => change({ sigma }) });
  const often = slider({ name: "rounds", label: "rounds through the network", low: 1, high: ROUNDS, step: 1, digits: 0,
    change: (rounds) => change({ rounds }) });
  const names = ["noisy", "mended"];
  const { element: table, cells } = grid({ label: "How far the noisy and the mended image are from the clean one",
    heads: [`squared error, ${PIXELS} pixels`, "PSNR, dB"], rows: names });
  const told = make("p", { class: "aelib-denoise-told" });
  const voiced = voice();
  const root = live("denoise", model,
    make("div", { class: "aelib-denoise-panels" },
      captioned("draw here", paper.element),
      make("div", { class: "aelib-denoise-screens" },
        ...["clean", "noisy", "mended"].map((words, i) => captioned(words, screens[i].canvas))),
      table),
    make("div", { class: "aelib-keys", role: "group", "aria-label": "The pad" },
      button("Clear", () => empty({})), make("span", {}, "or take a test digit:"), ...tests.keys),
    make("div", { class: "aelib-sliders" }, level.row, often.row),
    make("div", { class: "aelib-keys" },
      button("New noise", () => change({ seed: at.seed + 1 })),
      button("Noise alone", () => empty({ sigma: model.get("most") })),
      make("span", {}, `The network was trained with ${model.get("trained")}.`)),
    told, voiced.place);

  // ------------------------------------------------------------------------------------ what it does
  function change(what) {
    if ("clean" in what) drawn = null;
    if (what.seed) noise = grain(what.seed);
    Object.assign(at, what);
    refresh();
  }
  function empty(what) {
    paper.clear();
    change({ ...what, clean: null });
  }
  const refresh = onceAFrame(() => {
    if (drawn) [at.clean, drawn] = [digitOf(drawn), null];
    show();
  });

  function show() {
    const clean = at.clean ?? BLACK;
    const noisy = clean.map((v, i) => v + at.sigma * noise[i]);
    let mended = noisy;
    for (let i = 0; i < at.rounds; i++) mended = mend(mended);
    [clean, noisy, mended].forEach((pixels, i) => screens[i].show(pixels));
    level.set(at.sigma);
    often.set(at.rounds);
    const errors = [noisy, mended].map((pixels) => squaredError(pixels, clean));
    cells.forEach((row, i) => [number(errors[i], 1), decibels(errors[i])].forEach((text, k) => write(row[k], text)));
    write(told, words(mended, ...errors));
    Object.assign(root.dataset, { seed: at.seed, sigma: at.sigma, rounds: at.rounds, empty: !at.clean });
    const numbers = names.map((name, i) => `${name}: squared error ${number(errors[i], 1)}, ${decibels(errors[i])} decibels`);
    voiced.say(`${told.textContent} ${numbers.join("; ")}.`);
  }

  function words(mended, before, after) {
    const alone = `There is no digit${at.sigma ? ", only noise" : " and no noise"}. `;
    if (!at.clean && at.rounds > 1) return `${alone}What comes back after ${at.rounds} rounds is a hallucination: what the network knows, and nobody drew.`;
    if (!at.clean) {
      const ink = number(mended.reduce((sum, v) => sum + v, 0), 0);
      return `${alone}Yet what comes back has the ink of ${ink} white pixels (a digit: ${number(model.get("ink"), 0)}). ` +
        "All of it was put there by the network. Send it round again.";
    }
    if (!at.sigma) return "There is no noise. What the network changes is damage.";
    if (after > before) return "What comes back is further from the digit than the noisy image was.";
    return `${number((100 * after) / before, 0)} % of the squared error is left.`;
  }

  el.append(root);
  show();
  tests.start();
}

export default { render };
