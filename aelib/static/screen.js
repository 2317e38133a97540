// Pixels as they are, in a picture of their own.

import { make } from "./shared.js";

// A square of grey pixels from 0 (black) to 1, as a canvas; what lies beyond is black or white.
export function screen(label, side = 28) {
  const canvas = make("canvas", { width: side, height: side, role: "img", "aria-label": label });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  return {
    canvas,
    show(pixels) { // all black if there are none
      for (let i = 0; i < side * side; i++) {
        image.data.fill(pixels ? 255 * pixels[i] : 0, 4 * i, 4 * i + 3);
        image.data[4 * i + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
    },
  };
}
