// One digit through a variational autoencoder: its Gaussian, one draw of it, and what the decoder
// makes of the draw, beside a plain autoencoder whose code is moved as far.
// The interface is anywidget's. Python's `OneDraw` says what the entries of the model are.

import { bytes, clamp, floats, grid, live, make, number, onceAFrame, rowsOf, slider, voice } from "./shared.js";
import { network } from "./mlp.js";
import { chart, dotAt } from "./chart.js";
import { normal, random } from "./noise.js";
import { screen } from "./screen.js";

const ACROSS = 28; // pixels of a side
const SEED = 10; // of the dice
const WIDEST = 2; // times σ
const ROUND = Array.from({ length: 61 }, (_, i) => (i * Math.PI) / 30);

// KL of N(mean, spread²) to N(0, 1), summed over the numbers of the code, in nats
export function divergence(mean, spread) {
  return mean.reduce((sum, m, k) => sum + 0.5 * (m ** 2 + spread[k] ** 2 - 1) - Math.log(spread[k]), 0);
}

// Cross-entropy of black and white pixels under logits, summed over the pixels, in nats
export function price(logits, pixels) {
  return pixels.reduce((sum, x, i) => {
    const a = logits[i];
    return sum + Math.max(a, 0) - a * x + Math.log1p(Math.exp(-Math.abs(a)));
  }, 0);
}

// A step for the autoencoder, along the same noise and as long as the other one, each measured in
// the spread of its own codes
export function alike(noise, spread, own, other) {
  const square = (of) => noise.reduce((sum, e, k) => sum + of(e, k) ** 2, 0);
  const far = Math.sqrt(square((e, k) => (e * spread[k]) / own[k]) / (square((e) => e) || 1));
  return noise.map((e, k) => far * e * other[k]);
}

function render({ model, el }) {
  const read = (name) => Array.from(floats(model.get(name)));
  const rows = (name) => { // one a digit
    const all = read(name);
    return rowsOf(all, all.length / labels.length);
  };
  const labels = bytes(model.get("labels"));
  const [means, spreads, codes] = ["means", "spreads", "codes"].map(rows);
  const [costs, others] = ["costs", "others"].map(rows); // means over many draws, by times σ
  const [own, other] = [read("own"), read("other")];
  const ink = bytes(model.get("images"));
  const images = Array.from(labels, (_, i) => Float32Array.from({ length: ACROSS * ACROSS }, (_, k) => {
    const bit = i * ACROSS * ACROSS + k;
    return (ink[bit >> 3] >> (7 - (bit & 7))) & 1;
  }));
  const nets = [network(model.get("vae")), network(model.get("auto"))];
  const size = own.length;
  const used = model.get("used");

  // ------------------------------------------------------------------------------ what is on screen
  const seen = screen("The digit that goes in, in black and white");
  const made = ["variational autoencoder", "plain autoencoder"].map((name) => screen(`What the ${name} makes of its moved code`));
  const figure = (words, part) => make("div", { class: "aelib-draw-part" }, part, make("span", {}, words));

  const kinds = {
    map: { title: `z: numbers ${used[0] + 1} and ${used[1] + 1}`, x: [-4, 4], y: [-4, 4],
      xTicks: [-2, 0, 2], yTicks: [-2, 0, 2], layers: ["cloud", "prior", "two", "one", "center", "step", "here"] },
    strip: { title: "all numbers of the code", x: [0, size + 1], y: [-4, 4],
      xTicks: [1, ...Array.from({ length: Math.floor(size / 5) }, (_, i) => 5 * (i + 1))], yTicks: [-4, -2, 0, 2, 4],
      layers: ["prior", "two", "one", "here"] },
    scales: { title: "nats, mean of 100 draws, by times σ", x: [0, WIDEST], y: [0, model.get("most")],
      xTicks: [0, 0.5, 1, 1.5, 2], yTicks: [0, 100, 200, 300].filter((v) => v <= model.get("most")),
      layers: ["now", "kl", "auto", "vae", "sum"] },
  };
  const charts = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, chart(kind)]));
  const path = (name, layer, pieces) => charts[name].lines(kinds[name].layers.indexOf(layer), pieces);
  const oval = ([a, b], [wide, tall]) => [ROUND.map((turn) => [a + wide * Math.cos(turn), b + tall * Math.sin(turn)])];

  const throwing = make("button", { type: "button" }, "New ε");
  const wide = slider({ name: "times σ", low: 0, high: WIDEST, step: 0.05, digits: 2, change: (s) => change(() => (times = s)) });
  const keys = Array.from(labels, (label, i) => make("button", { type: "button", "aria-label": `Take the digit ${label}`, "aria-pressed": "false" }, label));
  const { element: table, cells } = grid({ label: "What this draw costs, in nats", corner: "nats",
    heads: ["reconstruction", "KL", "sum"],
    rows: ["VAE", "autoencoder"].map((name, i) => [make("i", { class: `aelib-key aelib-key-${i}` }), name]) });
  const key = (name, words) => make("span", {}, make("i", { class: `aelib-line aelib-line-${name}` }), words);
  const { place, say } = voice();
  const root = live("draw", model,
    make("div", { class: "aelib-draw-keys", role: "group", "aria-label": "The digit" }, make("span", {}, "digit:"), ...keys),
    make("div", { class: "aelib-draw-panels" },
      figure("x", seen.canvas), charts.map.element,
      figure("VAE: x̂ of z", made[0].canvas), figure("autoencoder: x̂ of its code, moved as far", made[1].canvas)),
    make("div", { class: "aelib-draw-keys" }, throwing, wide.row),
    make("div", { class: "aelib-draw-charts" }, charts.strip.element,
      make("div", { class: "aelib-draw-scales" }, charts.scales.element,
        make("div", { class: "aelib-draw-legend", "aria-hidden": "true" }, key("sum", "sum"), key("vae", "reconstruction"),
          key("kl", "KL"), key("auto", "autoencoder")))),
    table,
    make("p", { class: "aelib-hint" }, "Dark: μ ± σ; pale: μ ± 2σ; dot: the draw z. Dashed: two standard deviations of the prior."),
    place);

  // ------------------------------------------------------------------------------------ what it does
  const uniform = random(SEED);
  const dice = () => Array.from({ length: size }, () => normal(uniform));
  let [picked, noise, times] = [model.get("first"), dice(), 1];
  const refresh = onceAFrame(show);
  function change(work) {
    work();
    refresh();
  }
  const along = (values, s) => { // values at equal steps of times σ
    const at = (clamp(s, 0, WIDEST) / WIDEST) * (values.length - 1);
    const low = Math.min(Math.floor(at), values.length - 2);
    return values[low] + (at - low) * (values[low + 1] - values[low]);
  };

  function take() { // what depends on the digit alone
    const [mean, spread] = [means[picked], spreads[picked]];
    const kl = (s) => divergence(mean, spread.map((v) => Math.max(s, 1e-9) * v));
    seen.show(images[picked]);
    charts.scales.curve(1, kl);
    charts.scales.curve(2, (s) => along(others[picked], s));
    charts.scales.curve(3, (s) => along(costs[picked], s));
    charts.scales.curve(4, (s) => along(costs[picked], s) + kl(s));
    keys.forEach((one, i) => one.setAttribute("aria-pressed", i === picked));
  }
  function show() {
    const mean = means[picked];
    const spread = spreads[picked].map((v) => times * v);
    const z = mean.map((m, k) => m + spread[k] * noise[k]);
    const step = alike(noise, spread, own, other);
    const moved = codes[picked].map((c, k) => c + step[k]);
    const logits = [z, moved].map((code, i) => nets[i](Float32Array.from(code)));
    logits.forEach((a, i) => made[i].show(a.map((v) => 1 / (1 + Math.exp(-v)))));

    const two = (values) => used.map((k) => values[k]);
    path("map", "two", oval(two(mean), two(spread).map((v) => 2 * v)));
    path("map", "one", oval(two(mean), two(spread)));
    path("map", "center", [dotAt(two(mean))]);
    path("map", "step", [[two(mean), two(z)]]);
    path("map", "here", [dotAt(two(z))]);
    const bars = (far) => mean.map((m, k) => [[k + 1, m - far * spread[k]], [k + 1, m + far * spread[k]]]);
    path("strip", "two", bars(2));
    path("strip", "one", bars(1));
    path("strip", "here", z.map((v, k) => dotAt([k + 1, v])));
    charts.scales.line(0, times);

    const paid = logits.map((a) => price(a, images[picked]));
    const kl = times ? divergence(mean, spread) : Infinity;
    const nats = (value, digits = 0) => (value === Infinity ? "∞" : number(value, digits));
    [[nats(paid[0]), nats(kl, 1), nats(paid[0] + kl)], [nats(paid[1]), "none", nats(paid[1])]].forEach((row, i) =>
      row.forEach((text, k) => (cells[i][k].textContent = text)));
    wide.set(times);
    root.dataset.noise = noise.join(" ");
    const spoken = nats(kl, 1).replace("∞", "infinite");
    say(`A ${labels[picked]}, σ times ${number(times, 2)}. VAE: reconstruction ${nats(paid[0])} nats, KL ${spoken}. ` +
      `Autoencoder: ${nats(paid[1])} nats.`);
  }

  path("map", "cloud", model.get("cloud").map(dotAt));
  path("map", "prior", oval([0, 0], [2, 2]));
  path("strip", "prior", [-2, 2].map((edge) => [[0, edge], [size + 1, edge]]));
  keys.forEach((one, i) => one.addEventListener("click", () => change(() => {
    picked = i;
    take();
  })));
  throwing.addEventListener("click", () => change(() => (noise = dice())));
  el.append(root);
  take();
  show();
}

export default { render };
