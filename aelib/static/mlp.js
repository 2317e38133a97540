// A stack of linear layers and activations, as Python's `widgets._network` packs it.

import { bytes } from "./shared.js";

const ACTIVATIONS = {
  relu: (v) => Math.max(v, 0),
  silu: (v) => v / (1 + Math.exp(-v)),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  tanh: Math.tanh,
};

const floats = (text) => new Float32Array(bytes(text).buffer);

function linear({ inputs, weights, steps, bias }) {
  const [scale, shift] = [floats(steps), floats(bias)];
  const matrix = new Float32Array(new Int8Array(bytes(weights).buffer));
  for (let row = 0, i = 0; row < scale.length; row++)
    for (const end = i + inputs; i < end; i++) matrix[i] *= scale[row];
  return (x) => shift.map((first, row) => {
    let sum = first;
    for (let i = 0, at = row * inputs; i < inputs; i++, at++) sum += matrix[at] * x[i];
    return sum;
  });
}

// What it gives is a function from one Float32Array to another.
export function network(packed) {
  const layers = packed.map((layer) =>
    typeof layer === "string" ? (x) => x.map(ACTIVATIONS[layer]) : linear(layer));
  return (x) => layers.reduce((values, layer) => layer(values), x);
}
