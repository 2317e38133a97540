// A picture with pixels of its own: from 0 to 1, all channels of a pixel side by side.

import { make } from "./shared.js";

// What lies below 0 or above 1 is cut off.
export function screen(label, { side = 28, channels = 1 } = {}) {
  const canvas = make("canvas", { class: "aelib-screen", width: side, height: side, role: "img", "aria-label": label });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  image.data.fill(255);
  return {
    canvas,
    show(pixels) { // all black if there are none
      for (let i = 0; i < side * side; i++)
        for (let c = 0; c < 3; c++) // the clamped array rounds
          image.data[4 * i + c] = pixels ? 255 * pixels[channels * i + (channels === 3 ? c : 0)] : 0;
      pen.putImageData(image, 0, 0);
    },
  };
}
