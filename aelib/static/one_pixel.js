// One pixel: a target, a prediction, what the two losses charge for it, and how hard they pull.
// The interface is anywidget's. Python's `OnePixel` says what the entries of the model are.

import { clamp, drag, grid, live, make, number, slider, voice, write } from "./shared.js";
import { chart } from "./chart.js";

const NAMES = ["squared error", "cross-entropy"];
const CHARTS = [
  { title: "loss", y: [0, 5], yTicks: [0, 1, 2, 3, 4, 5] },
  { title: "slope by prediction", y: [-10, 10], yTicks: [-10, -5, 0, 5, 10] },
  { title: "slope by logit", y: [-1, 1], yTicks: [-1, -0.5, 0, 0.5, 1] },
];
const LEAST = 0.001; // of a prediction, and of its distance to 1

// [loss, its derivative by the prediction, its derivative by the logit] of each of the two losses
export function pixel(target, prediction) {
  const error = prediction - target;
  const slope = prediction * (1 - prediction); // of the sigmoid, at this prediction
  const surprise = -(target * Math.log(prediction) + (1 - target) * Math.log1p(-prediction));
  return [
    [error ** 2, 2 * error, 2 * error * slope],
    [surprise, error / slope, error],
  ];
}

function render({ model, el }) {
  const { target, prediction } = model.get("start");
  const at = { target, prediction };

  const charts = CHARTS.map((kind) =>
    chart({ ...kind, x: [0, 1], xTicks: [0, 0.5, 1], layers: ["line-target", "line-squared", "line-entropy"] }));
  const dots = charts.map((one) => [one.point("dot-squared"), one.point("dot-entropy")]);
  const marks = charts.map((one) => one.point("mark-target"));
  const { element: table, cells } = grid({ label: "What the two losses charge, and their slopes",
    heads: ["loss", "slope by prediction", "slope by logit"],
    rows: NAMES.map((name, i) => [make("i", { class: `aelib-key aelib-key-${i}` }), name]) });
  const sliders = [
    slider({ name: "target", low: 0, high: 1, step: 0.01, digits: 2, change: (v) => move({ target: v }) }),
    slider({ name: "prediction", low: LEAST, high: 1 - LEAST, step: LEAST, digits: 3, change: (v) => move({ prediction: v }) }),
  ];
  const { place, say } = voice();
  const root = live("pixel", model,
    make("div", { class: "aelib-pixel-charts" }, ...charts.map((one) => one.element)),
    make("div", { class: "aelib-sliders" }, ...sliders.map((one) => one.row)),
    table,
    make("p", { class: "aelib-hint" }, "Drag in a chart to move the prediction, and below its axis to move the target."),
    place);

  function move(change) {
    const moved = change.target !== undefined;
    Object.assign(at, change);
    if (moved)
      charts.forEach((one, k) => {
        one.line(0, at.target);
        NAMES.forEach((_, i) => one.curve(i + 1, (v) => pixel(at.target, clamp(v, 1e-6, 1 - 1e-6))[i][k]));
        marks[k](at.target, CHARTS[k].y[0]);
      });
    const now = pixel(at.target, at.prediction);
    now.forEach((values, i) => values.forEach((value, k) => {
      dots[k][i](at.prediction, value);
      write(cells[i][k], number(value, 3));
    }));
    sliders[0].set(at.target);
    sliders[1].set(at.prediction);
    say(`Target ${number(at.target, 2)}, prediction ${number(at.prediction, 3)}. ` + NAMES.map((name, i) =>
      `${name}: loss ${number(now[i][0], 3)}, slope by logit ${number(now[i][2], 3)}`).join("; ") + ".");
  }

  charts.forEach((one) => {
    let below = false;
    drag(one.element, (event, first) => {
      const spot = one.under(event);
      if (first) below = spot.below;
      if (below) move({ target: Math.round(clamp(spot.x, 0, 1) * 100) / 100 });
      else move({ prediction: Math.round(clamp(spot.x, LEAST, 1 - LEAST) / LEAST) * LEAST });
    });
  });
  move(at);
  el.append(root);
}

export default { render };
