// Test digits of 28 by 28 pixels that buttons take, how far two are apart, and words below the parts
// of a figure.

import { make } from "./shared.js";
import { SIDE } from "./draw.js";

export const squaredError = (a, b) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);

// A part of a figure, with the words below it.
export const captioned = (words, ...parts) => make("div", { class: "aelib-part" }, ...parts, make("span", {}, words));

// A button for each digit; each press takes the next test digit of that kind. `picks` says which digit
// each picture of the sheet is. `take` hears the pixels, the picture's place, and a canvas that shows it.
export function picker({ picks, sheet, take }) {
  const pictures = Object.assign(new Image(), { src: sheet });
  const columns = Math.ceil(Math.sqrt(picks.length));
  const digits = [...new Set(picks)].sort((a, b) => a - b);
  const last = Array(10).fill(-1); // of each digit, the place of the one that was taken last
  function choose(digit) {
    const all = [...picks.keys()].filter((i) => picks[i] === digit);
    const i = (last[digit] = all[(all.indexOf(last[digit]) + 1) % all.length]);
    const canvas = make("canvas", { width: SIDE, height: SIDE });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(pictures, (i % columns) * SIDE, Math.floor(i / columns) * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE);
    const { data } = pen.getImageData(0, 0, SIDE, SIDE);
    take(Float32Array.from({ length: SIDE * SIDE }, (_, k) => data[4 * k] / 255), i, canvas);
  }
  const keys = digits.map((digit) => {
    const key = make("button", { type: "button", class: "aelib-pick", "aria-label": `Take a test digit: ${digit}` }, digit);
    key.addEventListener("click", () => choose(digit));
    return key;
  });
  return {
    keys,
    start() { // with a digit, once the pictures are there
      const begin = () => choose(digits[Math.floor(digits.length / 4)]);
      if (pictures.complete && pictures.naturalWidth) begin();
      else pictures.addEventListener("load", begin, { once: true });
    },
  };
}
