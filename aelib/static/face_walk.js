// A walk among faces: from one code to another, and along directions that labels have given.
// The interface is anywidget's. Python's `FaceWalk` says what the entries of the model are.

import { choice, clamp, drag, floats, live, make, number, onceAFrame, rowsOf, slider, voice, write } from "./shared.js";
import { grown } from "./conv.js";
import { normal, random } from "./noise.js";
import { screen } from "./screen.js";

const SEED = 11; // of the surprises
const FAR = 3; // steps along a direction, both ways
const EYE = [0.299, 0.587, 0.114]; // ITU-R BT.601
const WAYS = ["straight", "on the sphere"];
const SOURCES = ["fitted Gaussian", "prior", "true faces"];

const length = (z) => Math.hypot(...z);

// From a to b on the straight line or on the sphere, as chapter 11 writes them.
export function between(a, b, t, sphere) {
  if (!sphere) return a.map((v, k) => (1 - t) * v + t * b[k]);
  const cosine = a.reduce((sum, v, k) => sum + v * b[k], 0) / (length(a) * length(b) || 1);
  const angle = Math.acos(clamp(cosine, -0.9999, 0.9999));
  return a.map((v, k) => (Math.sin((1 - t) * angle) * v + Math.sin(t * angle) * b[k]) / Math.sin(angle));
}

// How steep edges are, in levels of grey a pixel: Python's `metrics.sharpness`.
export function sharpness(pixels, side) {
  const grey = Float64Array.from({ length: side * side }, (_, i) =>
    255 * EYE.reduce((sum, part, k) => sum + part * pixels[3 * i + k], 0));
  const steep = new Float64Array((side - 1) ** 2).map((_, k) => {
    const i = Math.floor(k / (side - 1)) * side + (k % (side - 1));
    return Math.hypot(grey[i + 1] - grey[i], grey[i + side] - grey[i]);
  }).sort();
  const at = 0.95 * (steep.length - 1);
  const [low, high] = [steep[Math.floor(at)], steep[Math.ceil(at)]];
  return low + (high - low) * (at % 1);
}

function render({ model, el }) {
  const decode = grown(model.get("decoder"));
  const read = (name) => Array.from(floats(model.get(name)));
  const middle = read("middle");
  const size = middle.length;
  const [faces, directions, root] = ["faces", "directions", "root"].map((name) => rowsOf(read(name), size));
  const [names, side] = [model.get("names"), model.get("side")];

  const ends = [{ name: "A", code: faces[0] }, { name: "B", code: faces[1] }];
  const steps = names.map(() => 0);
  let [part, sphere, source, taken] = [0.5, 1, 0, 1];
  const uniform = random(SEED);

  // ------------------------------------------------------------------------------ what is on screen
  const main = screen("The face on the way from A to B, with what the sliders add", { side, channels: 3 });
  const box = (...parts) => make("div", { class: "aelib-faces-part" }, ...parts);
  for (const end of ends) {
    end.screen = screen(`Face ${end.name}`, { side, channels: 3 });
    end.surprise = make("button", { type: "button", "aria-label": `Surprise me: another face ${end.name}` }, "Surprise me");
    end.keep = make("button", { type: "button", "aria-label": `Keep as ${end.name}: the face in the middle` }, `Keep as ${end.name}`);
  }
  const [first, second] = ends.map((end) =>
    box(make("span", { "aria-hidden": "true" }, end.name), end.screen.canvas, end.surprise));
  const bar = slider({ name: "from A to B", low: 0, high: 1, step: 0.01, digits: 2, change: (t) => change(() => (part = t)) });
  const sliders = names.map((name, i) => slider({ name, label: `${name}, in steps`, low: -FAR, high: FAR, step: 0.05, digits: 2,
    change: (count) => change(() => (steps[i] = count)) }));
  const back = make("button", { type: "button" }, "All back to 0");
  const ways = choice({ name: "The way from A to B", options: WAYS, change: (i) => change(() => (sphere = i)) });
  ways.querySelectorAll("input")[sphere].checked = true;
  const sources = choice({ name: "Surprises are drawn from", options: SOURCES, change: (i) => (source = i) });
  const told = make("p", { class: "aelib-faces-told" });
  const { place, say } = voice();
  const named = (words, ...parts) => make("div", { class: "aelib-faces-row" }, make("span", { "aria-hidden": "true" }, words), ...parts);
  el.append(live("faces", model,
    make("div", { class: "aelib-faces-panels" }, first,
      box(main.canvas, make("div", { class: "aelib-faces-keep" }, ...ends.map((end) => end.keep))), second),
    bar.row,
    named("way:", ways),
    make("div", { class: "aelib-sliders" }, ...sliders.map((one) => one.row)),
    named("surprises from:", sources, back),
    told, place));

  // ------------------------------------------------------------------------------------ what it does
  const refresh = onceAFrame(show);
  function change(work) {
    work();
    refresh();
  }
  function code() {
    const z = between(ends[0].code, ends[1].code, part, sphere);
    return z.map((v, k) => directions.reduce((sum, one, i) => sum + steps[i] * one[k], v));
  }
  function show() {
    const z = code();
    const pixels = decode(Float32Array.from(z));
    main.show(pixels);
    bar.set(part);
    sliders.forEach((one, i) => one.set(steps[i]));
    write(told, `Length of the code ${number(length(z), 2)}, where draws of the prior have about ` +
      `${number(Math.sqrt(size), 0)}. Sharpness ${number(sharpness(pixels, side), 0)} levels a pixel.`);
    const added = names.map((name, i) => steps[i] && `${name} ${number(steps[i], 2)} steps`).filter(Boolean);
    say([`${number(100 * part, 0)} percent of the way from A to B, ${WAYS[sphere]}`, ...added].join(", ") + `. ${told.textContent}`);
    told.parentElement.dataset.code = z.join(" ");
  }
  function put(end, z) {
    end.code = z;
    end.screen.show(decode(Float32Array.from(z)));
  }
  function surprise() {
    if (SOURCES[source] === "true faces") return faces[(taken = (taken + 1) % faces.length)];
    const noise = middle.map(() => normal(uniform));
    if (SOURCES[source] === "prior") return noise;
    return middle.map((v, k) => root[k].reduce((sum, weight, j) => sum + weight * noise[j], v));
  }
  const clean = () => steps.fill(0);

  ends.forEach((end, i) => {
    end.surprise.addEventListener("click", () => change(() => put(end, surprise())));
    end.keep.addEventListener("click", () => change(() => {
      put(end, code()); // the middle stays what it is
      part = i;
      clean();
    }));
    put(end, end.code);
  });
  back.addEventListener("click", () => change(clean));
  drag(main.canvas, (event) => {
    const { left, width } = main.canvas.getBoundingClientRect();
    const t = Math.round(100 * clamp((event.clientX - left) / width, 0, 1)) / 100;
    change(() => (part = t));
  });
  show();
}

export default { render };
