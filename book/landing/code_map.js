// The map on the landing page: a point of the plane of codes, and what the decoder draws there.
// The decoder's drawings at a grid of points come as one picture; between them it is blended.
// Without this script the page shows the map and the grid of drawings side by side.
(() => {
  const figure = document.getElementById("code-map");
  const data = JSON.parse(document.getElementById("code-map-data").textContent);
  const plane = figure.querySelector(".code-map-plane");
  const ring = figure.querySelector(".code-map-ring");
  const sheet = figure.querySelector(".code-map-drawing img");
  const canvas = figure.querySelector("canvas");
  const controls = figure.querySelector(".code-map-controls");
  const sliders = [...controls.querySelectorAll("input")];
  const button = controls.querySelector("button");
  const output = controls.querySelector("output");
  const side = data.side, tiles = data.tiles;
  const pen = canvas.getContext("2d");
  const row = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const rowPen = row.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let at = [0.5, 0.5]; // left to right, top to bottom, both from 0 to 1
  let moving = false, visible = true, clock = 0, before = 0;

  const clamp = (v) => Math.min(1, Math.max(0, v));
  const number = (v) => v.toFixed(2).replace("-", "\u2212");
  const value = (axis) => {
    const [low, high] = data.extent[axis];
    return low + (axis ? 1 - at[1] : at[0]) * (high - low);
  };

  const tile = (target, column, line, weight) => {
    target.globalAlpha = weight;
    target.drawImage(sheet, column * side, line * side, side, side, 0, 0, side, side);
    target.globalAlpha = 1;
  };
  const line = (target, y, column, weight) => {
    tile(target, column, y, 1);
    if (weight) tile(target, Math.min(column + 1, tiles - 1), y, weight);
  };

  function draw() {
    const x = at[0] * (tiles - 1), y = at[1] * (tiles - 1);
    const column = Math.floor(x), top = Math.floor(y);
    line(pen, top, column, x - column);
    if (y > top) {
      line(rowPen, top + 1, column, x - column);
      pen.globalAlpha = y - top;
      pen.drawImage(row, 0, 0);
      pen.globalAlpha = 1;
    }
    ring.style.left = `${at[0] * 100}%`;
    ring.style.top = `${at[1] * 100}%`;
    const cell = Math.round(y) * tiles + Math.round(x);
    const near = data.nearest[cell];
    const words = near === "." ? "no test digit lies here" : `most test digits near here: ${near}`;
    output.textContent = `code (${number(value(0))}, ${number(value(1))}) \u00b7 ${words}`;
    sliders.forEach((slider, axis) => {
      slider.value = value(axis);
      slider.setAttribute("aria-valuetext", `${number(value(axis))}, ${words}`);
    });
  }

  function step(now) {
    if (!moving) return;
    if (visible) {
      clock += Math.min(100, now - before) / 1000;
      at = [0.5 + 0.4 * Math.sin(0.23 * clock), 0.5 + 0.4 * Math.sin(0.31 * clock + 0.6)];
      draw();
    }
    before = now;
    requestAnimationFrame(step);
  }
  function move(on) {
    moving = on;
    button.textContent = on ? "Pause" : "Move by itself";
    if (on) {
      before = performance.now();
      requestAnimationFrame(step);
    }
  }

  function point(event) {
    const box = plane.getBoundingClientRect();
    at = [
      clamp((event.clientX - box.left) / box.width),
      clamp((event.clientY - box.top) / box.height),
    ];
    if (moving) move(false);
    draw();
  }

  function start() {
    sheet.hidden = true;
    canvas.hidden = ring.hidden = controls.hidden = false;
    sliders.forEach((slider, axis) => {
      [slider.min, slider.max] = data.extent[axis];
      slider.addEventListener("input", () => {
        const [low, high] = data.extent[axis];
        const part = clamp((slider.valueAsNumber - low) / (high - low));
        at = axis ? [at[0], 1 - part] : [part, at[1]];
        if (moving) move(false);
        draw();
      });
    });
    plane.addEventListener("pointerdown", point);
    plane.addEventListener("pointermove", point);
    button.addEventListener("click", () => move(!moving));
    new IntersectionObserver(([entry]) => (visible = entry.isIntersecting)).observe(figure);
    at = [0.5, 0.5 + 0.4 * Math.sin(0.6)];
    draw();
    move(!still);
  }
  if (sheet.complete && sheet.naturalWidth) start();
  else sheet.addEventListener("load", start, { once: true });
})();
