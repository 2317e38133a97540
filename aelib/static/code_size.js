// One test digit, rebuilt by PCA and by an autoencoder from a code of the size that is chosen.
// The interface is anywidget's. Python's `CodeSize` says what the entries of the model are.

import { bytes, choice, clamp, drag, floats, grid, live, make, number, onceAFrame, slider, voice, write } from "./shared.js";
import { chart, dotAt } from "./chart.js";
import { network } from "./mlp.js";
import { screen } from "./screen.js";

const PIXELS = 784;
const ERRORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];
const grey = (text) => Float32Array.from(bytes(text), (value) => value / 255);

function render({ model, el }) {
  const [largest, pca, labels] = [model.get("largest"), model.get("pca"), bytes(model.get("labels"))];
  const [images, codes, decode] = [grey(model.get("images")), floats(model.get("codes")), network(model.get("decoder"))];
  const kinds = model.get("kinds").map((kind) => ({ ...kind, pictures: grey(kind.pictures) }));
  const sizes = Array.from({ length: largest }, (_, k) => k + 1);

  // ------------------------------------------------------------------------------ what is on screen
  const all = [...pca.errors, pca.test, ...kinds.flatMap(({ errors, test }) => [...errors, test])].flat();
  const ends = [Math.max(Math.min(...all), 0.1) / 1.2, Math.max(...all) * 1.2];
  const field = chart({
    title: "squared error, by numbers in the code", x: [1, largest], y: ends, log: "xy",
    xTicks: sizes.filter((k) => Number.isInteger(Math.log2(k))), yTicks: ERRORS.filter((v) => v >= ends[0] && v <= ends[1]),
    layers: ["line-now", "test-pca", "test-auto", "one-pca", "one-auto", "spots-test", "spots-one"],
  });
  const marks = [field.point("dot-pca"), field.point("dot-auto")];
  const names = ["the test digit", "PCA's picture of it", "the autoencoder's picture of it"];
  const screens = names.map((name) => screen(`What is seen: ${name}`));
  const captions = names.map(() => make("span"));
  const parts = screens.map(({ canvas }, i) => make("div", { class: "aelib-size-part" }, canvas, captions[i]));
  const size = slider({ name: "numbers", label: "numbers in the code", low: 1, high: largest, step: 1, digits: 0,
    change: (value) => later({ size: value }) });
  const digits = [...new Set(labels)].sort((a, b) => a - b);
  const keys = digits.map((digit) => make("button", { type: "button", "aria-label": `Take a test digit: ${digit}` }, digit));
  const tabs = choice({ name: "Autoencoder", options: kinds.map(({ name }) => name),
    change: (kind) => later({ kind, size: Math.max(at.size, kinds[kind].sizes[0]) }) });
  const key = (name) => make("i", { class: `aelib-size-key aelib-size-${name}` });
  const { element: table, cells } = grid({ label: "Squared errors", heads: ["numbers", "this digit", "test set"],
    rows: [[key("pca"), "PCA"], [key("auto"), "autoencoder"]] });
  const told = make("p", { class: "aelib-size-told" });
  const { place, say } = voice();
  const row = (words, ...parts) => make("div", { class: "aelib-size-row" }, make("span", {}, words), ...parts);
  const root = live("size", model,
    row("autoencoder", tabs),
    make("div", { class: "aelib-size-panels" }, make("div", { class: "aelib-size-parts" }, ...parts), field.element),
    size.row,
    make("div", { class: "aelib-size-row", role: "group", "aria-label": "The digit" }, make("span", {}, "test digit"), ...keys),
    table, told,
    make("p", { class: "aelib-hint" }, "Squared error summed over 784 pixels; of the test set, the mean of its images. " +
      "In the chart the dashed lines are this digit's, the others the test set's. PCA's pixels below 0 and above 1 are " +
      "shown as black and white, and counted as they are."),
    place);

  // ------------------------------------------------------------------------------ what a reader does
  const at = { size: kinds[0].sizes[(kinds[0].sizes.length - 1) >> 1], kind: 0, digit: 0 };
  const refresh = onceAFrame(show);
  function later(to) { // what came since the last frame is shown at once
    Object.assign(at, to);
    refresh();
  }
  const enough = (needed) => (needed > model.get("components") ? `more than ${model.get("components")}` : needed);

  function show() {
    const [kind, i, n] = [kinds[at.kind], at.digit, labels.length];
    const which = kind.sizes.findLastIndex((one) => one <= at.size); // the next smaller one that was trained
    const taken = which < 0 ? null : kind.sizes[which];
    const code = codes.slice(i * largest, (i + 1) * largest).fill(0, at.size);
    const start = PIXELS * (which * n + i);
    screens[0].show(images.subarray(PIXELS * i, PIXELS * (i + 1)));
    screens[1].show(decode(code));
    screens[2].show(taken && kind.pictures.subarray(start, start + PIXELS));
    const words = ["test digit", `PCA, ${at.size}`, taken ? `autoencoder, ${taken}` : "autoencoder: none"];
    captions.forEach((caption, k) => write(caption, words[k]));
    const values = [
      [at.size, pca.errors[i][at.size - 1], pca.test[at.size - 1]],
      taken ? [taken, kind.errors[which][i], kind.test[which]] : [],
    ];
    cells.forEach((row, k) => row.forEach((cell, j) =>
      write(cell, values[k].length ? number(values[k][j], j ? 2 : 0) : "\u2013")));

    const line = (errors, along = sizes) => errors.map((error, k) => [along[k], error]);
    const one = kind.errors.map((errors) => errors[i]);
    field.line(0, at.size);
    [line(pca.test), line(kind.test, kind.sizes), line(pca.errors[i]), line(one, kind.sizes)].forEach(
      (points, k) => field.lines(k + 1, [points]));
    field.lines(5, line(kind.test, kind.sizes).map(dotAt));
    field.lines(6, line(one, kind.sizes).map(dotAt));
    marks.forEach((mark, k) => {
      const dot = mark(...(values[k].length ? values[k] : [1, ends[0]]));
      dot.toggleAttribute("hidden", !values[k].length);
    });

    const trained = kind.sizes.length > 1 ? `${kind.sizes.slice(0, -1).join(", ")} and ${kind.sizes.at(-1)}` : kind.sizes[0];
    const held = taken === at.size ? "" : `No ${kind.name} was trained with ${at.size}, only with ${trained}. `;
    const needs = taken ? `To do as well as the autoencoder with ${taken}, PCA needs ${enough(kind.needs[which][i])} numbers `
      + `for this digit and ${enough(kind["test needs"][which])} for the test set.` : "";
    write(told, held + needs);
    size.set(at.size);
    Object.assign(root.dataset, at, { taken: taken ?? "" });
    say(`Digit ${labels[i]}. PCA with ${at.size}: squared error ${number(values[0][1], 1)}. `
      + (taken ? `Autoencoder with ${taken}: ${number(values[1][1], 1)}. ` : "") + told.textContent);
  }
  function take(digit) { // the next of its kind
    const places = [...labels.keys()].filter((i) => labels[i] === digit);
    later({ digit: places[(places.indexOf(at.digit) + 1) % places.length] });
  }
  keys.forEach((one, k) => one.addEventListener("click", () => take(digits[k])));
  drag(field.element, (event) => later({ size: Math.round(clamp(field.under(event).x, 1, largest)) }));

  at.digit = labels.indexOf(digits[digits.length >> 2]);
  show();
  el.append(root);
}

export default { render };
