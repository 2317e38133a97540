// A small picture whose pixels are given as numbers from 0 to 1, all channels of one side by side.

import { make } from "./shared.js";

export function screen(side, channels, label) {
  const canvas = make("canvas", { width: side, height: side, role: "img", "aria-label": label });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  image.data.fill(255);
  return {
    canvas,
    show(pixels) {
      for (let i = 0; i < side * side; i++)
        for (let c = 0; c < 3; c++) // the clamped array rounds
          image.data[4 * i + c] = 255 * pixels[channels * i + (channels === 3 ? c : 0)];
      pen.putImageData(image, 0, 0);
    },
  };
}
