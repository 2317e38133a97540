// A stack of linear layers and activations, as Python's `widgets._network` packs it.

import { bytes, floats } from "./shared.js";

const ACTIVATIONS = {
  relu: (v) => Math.max(v, 0),
  silu: (v) => v / (1 + Math.exp(-v)),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  tanh: Math.tanh,
};

// Rows of whole numbers of 8 bits, each row in steps of its own, as one row after the other.
export function unpack(whole, steps) {
  const [matrix, scale] = [new Float32Array(new Int8Array(bytes(whole).buffer)), floats(steps)];
  const long = matrix.length / scale.length;
  return matrix.map((value, i) => value * scale[Math.floor(i / long)]);
}

function linear({ inputs, weights, steps, bias }) {
  const [matrix, shift] = [unpack(weights, steps), floats(bias)];
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
