// A pad to draw a digit on, and the digit as MNIST has its own: 28 by 28 pixels.
//
// The recipe is that of the set itself (LeCun, Cortes and Burges): the ink is scaled, its
// proportions kept, to fit a box of 20 by 20 pixels with grey edges, and the box is put where the
// ink's centre of mass falls on the middle of 28 by 28.

import { clamp, make } from "./shared.js";

export const SIDE = 28;
const BOX = 20;
const FINE = 8; // points of the fine drawing to a pixel of the box
const PEN = 2.4; // of the box's 20 pixels: as wide as most of MNIST's strokes are

// How much of each of the `count` cells of a row is covered, by pieces of the given length.
function shares(pieces, length, count, start) {
  return Array.from({ length: count }, (_, cell) => {
    const covered = [];
    for (let i = 0; i < pieces; i++) {
      const [low, high] = [start + i * length, start + (i + 1) * length];
      const share = Math.min(high, cell + 1) - Math.max(low, cell);
      if (share > 1e-9) covered.push([i, share]);
    }
    return covered;
  });
}

// Ink of any size, from 0 to 1, as 28 x 28 pixels; null if there is none.
export function centred(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (ink[y * width + x] > 0) {
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      }
  if (right < 0) return null;
  const [wide, tall] = [right + 1 - left, bottom + 1 - top];
  const scale = BOX / Math.max(wide, tall);
  // the shorter side begins with a pixel: half of one would blur it
  const columns = shares(wide, scale, BOX, Math.floor((BOX - wide * scale) / 2));
  const rows = shares(tall, scale, BOX, Math.floor((BOX - tall * scale) / 2));
  const box = new Float32Array(BOX * BOX);
  let [mass, across, down] = [0, 0, 0];
  for (let r = 0; r < BOX; r++)
    for (let c = 0; c < BOX; c++) {
      let sum = 0;
      for (const [y, high] of rows[r])
        for (const [x, broad] of columns[c]) sum += high * broad * ink[(top + y) * width + left + x];
      box[r * BOX + c] = sum;
      mass += sum;
      across += sum * c;
      down += sum * r;
    }
  // of each digit of MNIST the centre of mass, rounded, is pixel 14, counted from 0
  const [right0, down0] = [across, down].map((sum) => clamp(SIDE / 2 - Math.round(sum / mass), 0, SIDE - BOX));
  const pixels = new Float32Array(SIDE * SIDE);
  for (let r = 0; r < BOX; r++) pixels.set(box.subarray(r * BOX, (r + 1) * BOX), (r + down0) * SIDE + right0);
  return pixels;
}

// The ink of a canvas: its alpha.
export function inkOf(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ink = new Float32Array(data.length / 4);
  for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3] / 255;
  return ink;
}

function trace(pen, strokes, place, width) {
  Object.assign(pen, { lineWidth: width, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    pen.beginPath();
    stroke.forEach((point, i) => (i ? pen.lineTo(...place(point)) : pen.moveTo(...place(point))));
    if (stroke.length === 1) pen.lineTo(...place(stroke[0]));
    pen.stroke();
  }
}

// Strokes (lists of points [x, y]) as 28 x 28 pixels, as wide as MNIST's whatever their size was.
const fine = make("canvas", { width: BOX * FINE, height: BOX * FINE });
export function digitOf(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [xs, ys] = [0, 1].map((k) => points.map((point) => point[k]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const size = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 0.08);
  const scale = ((BOX - PEN) * FINE) / size;
  const pen = fine.getContext("2d", { willReadFrequently: true });
  pen.clearRect(0, 0, fine.width, fine.height);
  const start = (PEN * FINE) / 2;
  trace(pen, strokes, ([x, y]) => [start + (x - left) * scale, start + (y - top) * scale], PEN * FINE);
  return centred(inkOf(fine), fine.width, fine.height);
}

// A square to draw on. `change` hears of every stroke's every point: the strokes so far.
export function pad({ label, change }) {
  const canvas = make("canvas", { class: "aelib-pad", role: "img", "aria-label": label });
  let [strokes, held, picture] = [[], null, null];

  function paint() {
    const pen = canvas.getContext("2d");
    const side = canvas.width;
    pen.clearRect(0, 0, side, side);
    pen.strokeStyle = "#fff"; // on black, by day and by night: as the digits are
    if (picture) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture, 0, 0, side, side);
    }
    trace(pen, strokes, ([x, y]) => [x * side, y * side], 0.075 * side);
  }
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((v) => clamp(v, 0, 1));
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || held !== null) return;
    held = event.pointerId;
    canvas.setPointerCapture(held);
    picture = null;
    strokes.push([spot(event)]);
    paint();
    change(strokes);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== held) return;
    const all = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(all.length ? all : [event]).map(spot));
    paint();
    change(strokes);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (event) => event.pointerId === held && (held = null));
  new ResizeObserver(() => {
    const side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    Object.assign(canvas, { width: side, height: side });
    paint();
  }).observe(canvas);
  return {
    element: canvas,
    paint,
    clear() {
      [strokes, picture] = [[], null];
      paint();
    },
    show(image) { // a picture in place of strokes, until the next stroke
      [strokes, picture] = [[], image];
      paint();
    },
  };
}
