// A stack that grows images from a code, as Python's `widgets._grown` packs it: linear layers,
// transposed convolutions and activations. An image is kept pixel by pixel, all channels of one
// side by side, so that the innermost loop runs along neighbours in memory.

import { floats } from "./shared.js";
import { network } from "./mlp.js";

const LETTERS = "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; // of -31 to 31
const VALUES = new Map([...LETTERS].map((letter, i) => [letter, i - 31]));

function read({ weights, steps, bias }) {
  const [scale, shift] = [steps, bias].map(floats);
  return { whole: Float32Array.from(weights, (letter) => VALUES.get(letter)), scale, shift };
}

function dense(packed) { // a row for each output
  const { whole, scale, shift } = read(packed);
  const { inputs } = packed;
  return (x) => {
    const y = new Float32Array(shift.length);
    for (let row = 0, at = 0; row < y.length; row++) {
      let sum = 0;
      for (let k = 0; k < inputs; k++, at++) sum += whole[at] * x[k];
      y[row] = shift[row] + scale[row] * sum;
    }
    return y;
  };
}

function transposed(packed) { // weights by place in the window, input and output
  const { whole, scale, shift } = read(packed);
  const { inputs, kernel, stride, padding } = packed;
  const outputs = scale.length;
  const taps = Float64Array.from(whole, (weight, i) => weight * scale[i % outputs]); // the loop is quicker without turning 32 bits into 64
  return (x) => {
    const side = Math.sqrt(x.length / inputs);
    const wide = (side - 1) * stride - 2 * padding + kernel;
    const row = inputs + 3; // of what a pixel hands on: after a ReLU every second input is 0
    const [values, places] = [new Float64Array(side * side * row), new Int32Array(side * side * row)];
    const counts = Int32Array.from({ length: side * side }, (_, i) => {
      let count = 0;
      for (let k = 0; k < inputs; k++) {
        const value = x[i * inputs + k];
        if (!value) continue;
        values[i * row + count] = value;
        places[i * row + count++] = k * outputs;
      }
      return count;
    });
    const y = new Float64Array(wide * wide * outputs);
    for (let i = 0; i < y.length; i += outputs) y.set(shift, i);
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const [down, across, first] = [Math.floor(tap / kernel) - padding, (tap % kernel) - padding, tap * inputs * outputs];
      for (let i = 0; i < side * side; i++) {
        const [top, left] = [Math.floor(i / side) * stride + down, (i % side) * stride + across];
        if (top < 0 || top >= wide || left < 0 || left >= wide) continue;
        const to = (top * wide + left) * outputs;
        // four inputs at a time, the last ones padded with zeros: a third of the time of one by one
        for (let at = i * row, end = at + counts[i]; at < end; at += 4) {
          const [v0, v1, v2, v3] = [values[at], values[at + 1], values[at + 2], values[at + 3]];
          const [p0, p1] = [first + places[at], first + places[at + 1]];
          const [p2, p3] = [first + places[at + 2], first + places[at + 3]];
          for (let o = 0; o < outputs; o++)
            y[to + o] += v0 * taps[p0 + o] + v1 * taps[p1 + o] + v2 * taps[p2 + o] + v3 * taps[p3 + o];
        }
      }
    }
    return Float32Array.from(y);
  };
}

// What it gives is a function from a code to pixels: rows of an image, all channels of a pixel
// side by side.
export function grown(packed) {
  const layers = packed.map((layer) =>
    typeof layer === "string" ? network([layer]) : layer.kernel ? transposed(layer) : dense(layer));
  return (code) => layers.reduce((values, layer) => layer(values), code);
}
