// A cloud of points in space: turn it, zoom, switch to another cloud of the same points, and see the
// picture of each point. The interface is anywidget's: `model` holds what Python packed, `el` is
// where to draw. Python's `PointCloud` says what the entries of the model are.

import { bytes, dotOf, make, sixteenBits } from "./shared.js";

const KEYS = "Arrow keys turn, + and − zoom, N and P step through the points, Home resets.";
const MORPH = 900; // milliseconds from one cloud to another
const SPEED = 0.00012; // radians a millisecond, before the reader takes over
const WIDE = 32; // pixels of a dot, before it is scaled

function render({ model, el }) {
  // of each cloud x, y, z of each point, then of the middle of each label
  const clouds = model.get("clouds").map(({ xyz, step }) => sixteenBits(xyz, step));
  const labels = bytes(model.get("labels"));
  const [names, colours] = [model.get("names"), model.get("colours")];
  const [width, height] = model.get("size");
  const home = model.get("view");
  const count = labels.length;
  const columns = Math.ceil(Math.sqrt(count));
  const sheet = Object.assign(new Image(), { src: model.get("sheet") });
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");

  // ------------------------------------------------------------------------------ what is on screen
  const canvas = make("canvas", {
    role: "application", tabindex: 0, "aria-roledescription": "point cloud",
    "aria-label": `${model.get("alt")} ${KEYS}`,
  });
  const picture = make("canvas", { width, height });
  const caption = make("span");
  const panel = make("div", { class: "aelib-cloud-panel", "aria-hidden": "true" }, picture, caption);
  const tool = (sign, label) =>
    make("button", { type: "button", "aria-label": label, title: label }, sign);
  const [turn, out, closer, reset] = [
    tool("▶", "Turn slowly"), tool("−", "Zoom out"), tool("+", "Zoom in"), tool("⟲", "Reset the view"),
  ];
  const tools = make("div", { class: "aelib-cloud-tools" }, turn, out, closer, reset);
  const choices = model.get("clouds").map(({ name }, i) => {
    const radio = make("input", { type: "radio", name: "cloud", value: i });
    return [radio, make("label", {}, radio, make("span", {}, name))];
  });
  const tabs = make("form", { class: "aelib-cloud-tabs", role: "radiogroup", "aria-label": "Cloud" },
    ...choices.map(([, label]) => label));
  const keys = names.map((name, i) => {
    const swatch = make("i", { style: `background:${colours[i]}` });
    return make("button", { type: "button", "aria-pressed": "false" }, swatch, name);
  });
  const legend = make("div", { class: "aelib-cloud-legend", role: "group",
    "aria-label": "Show only these labels" }, ...keys);
  const help = "Drag to turn; pinch, or click and scroll, to zoom. Point at a dot, or tap it, to see its picture.";
  const hint = make("p", { class: "aelib-cloud-hint" }, help);
  const said = make("p", { class: "aelib-cloud-said", role: "status" });
  const stage = make("div", { class: "aelib-cloud-stage" }, canvas, panel, tools);
  const root = make("div", { class: "aelib-cloud", "data-lm-suppress-shortcuts": "true" },
    tabs, stage, legend, hint, said);
  tabs.hidden = clouds.length < 2;
  panel.hidden = true;
  el.append(root);

  // ------------------------------------------------------------------------------------- the state
  const view = { ...home };
  const chosen = new Set(); // labels; when it is empty, all are shown
  const dots = colours.map((colour) => dotOf(colour, WIDE));
  let faint, ink; // a dot in the text's colour, and that colour
  const [before, now] = [clouds[0].slice(), clouds[0].slice()];
  const [across, down, depth] = [0, 0, 0].map(() => new Float32Array(now.length / 3));
  const order = Uint32Array.from(labels.keys());
  let cloud = 0, morph = 1, turning = !quiet.matches, over = false, onScreen = false;
  let picked = -1, frame = 0, clock = 0, wide = 0, tall = 0;

  const shown = (i) => !chosen.size || chosen.has(labels[i]);

  // ----------------------------------------------------------------------------------- the picture
  function project() {
    const [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const unit = home.fill * Math.min(wide, tall) * view.zoom;
    for (let i = 0; i < depth.length; i++) {
      const [x, y, z] = [now[3 * i], now[3 * i + 1], now[3 * i + 2]];
      const toward = z * cy - x * sy; // turned about the vertical axis, then about the horizontal one
      depth[i] = y * sp + toward * cp;
      const scale = (unit * home.distance) / Math.max(home.distance - depth[i], 0.5);
      across[i] = wide / 2 + (x * cy + z * sy) * scale;
      down[i] = tall / 2 - (y * cp - toward * sp) * scale;
    }
  }

  function draw() {
    const pen = canvas.getContext("2d");
    const sharp = canvas.width / wide;
    if (ink !== (ink = getComputedStyle(root).color)) faint = dotOf(ink, WIDE);
    const dark = ink.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) > 380;
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    project();
    order.sort((i, j) => depth[i] - depth[j]);
    const size = Math.max(2.2, Math.min(wide, tall) / 170) * Math.sqrt(view.zoom);
    for (const i of order) {
      const near = home.distance / Math.max(home.distance - depth[i], 0.5);
      const radius = size * near;
      pen.globalAlpha = shown(i) ? Math.min(1, Math.max(dark ? 0.55 : 0.35, 0.75 + 0.35 * depth[i])) : 0.06;
      pen.drawImage(shown(i) ? dots[labels[i]] : faint, across[i] - radius, down[i] - radius, 2 * radius, 2 * radius);
    }
    pen.globalAlpha = 1;
    Object.assign(pen, {
      font: "bold 13px sans-serif", textAlign: "center", textBaseline: "middle", lineWidth: 4, lineJoin: "round",
    });
    for (let k = 0; k < names.length; k++) {
      if (chosen.size && !chosen.has(k)) continue;
      pen.strokeStyle = dark ? "#121212" : "#ffffff";
      pen.fillStyle = ink;
      pen.strokeText(names[k], across[count + k], down[count + k]);
      pen.fillText(names[k], across[count + k], down[count + k]);
    }
    if (picked < 0) return;
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(across[picked], down[picked], 2.4 * size + 2, 0, 2 * Math.PI);
    pen.stroke();
  }

  const rolls = () => turning && onScreen && !over;
  const refresh = () => (frame ||= requestAnimationFrame(tick));
  function tick(time) {
    frame = 0;
    const passed = Math.min(time - clock, 40);
    clock = time;
    if (!wide) return;
    if (morph < 1) {
      morph = quiet.matches ? 1 : Math.min(1, morph + passed / MORPH);
      const part = morph * morph * (3 - 2 * morph);
      for (let i = 0; i < now.length; i++) now[i] = before[i] + (clouds[cloud][i] - before[i]) * part;
    }
    if (rolls()) view.yaw += SPEED * passed;
    draw();
    if (morph < 1 || rolls()) refresh();
  }

  // ------------------------------------------------------------------------------ what a reader does
  function settle(turns = false) { // the reader takes over, or lets it turn again
    turning = turns;
    turn.textContent = turning ? "❚❚" : "▶";
    turn.setAttribute("aria-label", turning ? "Stop turning" : "Turn slowly");
    turn.title = turn.getAttribute("aria-label");
    refresh();
  }
  function rotate(right, up) {
    view.yaw += right;
    view.pitch = Math.min(1.5, Math.max(-1.5, view.pitch + up));
    settle();
  }
  function zoom(factor) {
    view.zoom = Math.min(8, Math.max(0.5, view.zoom * factor));
    settle();
  }
  function goHome() {
    Object.assign(view, home);
    settle();
  }
  function pick(i, aloud = false) {
    if (i === picked) return;
    picked = i;
    panel.hidden = i < 0;
    root.dataset.picked = i;
    if (i >= 0) {
      const [x, y] = [(i % columns) * width, Math.floor(i / columns) * height];
      picture.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
      caption.textContent = names[labels[i]];
    }
    if (aloud && i >= 0) said.textContent = `Point ${i + 1} of ${count}: ${names[labels[i]]}`;
    refresh();
  }
  function nearest(x, y, reach) {
    let [best, least] = [-1, reach * reach];
    for (let i = 0; i < count; i++) {
      const far = (across[i] - x) ** 2 + (down[i] - y) ** 2;
      if (far < least && shown(i)) [best, least] = [i, far];
    }
    return best;
  }
  function stepBy(by) {
    for (let k = 0, i = picked < 0 && by < 0 ? 0 : picked; k < count; k++) {
      i = (i + by + count) % count;
      if (shown(i)) return pick(i, true);
    }
  }
  function choose(k) {
    if (!chosen.delete(k)) chosen.add(k);
    keys.forEach((key, i) => key.setAttribute("aria-pressed", chosen.has(i)));
    if (picked >= 0 && !shown(picked)) pick(-1);
    said.textContent = chosen.size
      ? `Shown: ${[...chosen].sort((a, b) => a - b).map((i) => names[i]).join(", ")}` : "All labels are shown";
    refresh();
  }
  function change(i) {
    before.set(now);
    [cloud, morph] = [i, 0];
    root.dataset.cloud = i;
    refresh();
  }

  // ------------------------------------------------------------------------------ mouse, pen, touch
  const fingers = new Map(); // the pointers that are down, and where
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  const spot = (event) => ({ x: event.offsetX, y: event.offsetY });
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, spot(event));
    canvas.setPointerCapture(event.pointerId);
    travelled = 0;
    settle();
  });
  canvas.addEventListener("pointermove", (event) => {
    const [last, here] = [fingers.get(event.pointerId), spot(event)];
    if (!last) return event.pointerType === "touch" || pick(nearest(here.x, here.y, 16));
    const apart = fingers.size > 1 && spread();
    fingers.set(event.pointerId, here);
    if (fingers.size > 1) {
      travelled = Infinity; // no tap
      return zoom(spread() / apart);
    }
    travelled += Math.hypot(here.x - last.x, here.y - last.y);
    return rotate((here.x - last.x) * 0.01, (here.y - last.y) * 0.01);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (fingers.delete(event.pointerId) && travelled < 6)
      pick(nearest(event.offsetX, event.offsetY, event.pointerType === "touch" ? 26 : 16));
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerenter", () => (over = true));
  canvas.addEventListener("pointerleave", (event) => {
    over = false;
    if (event.pointerType !== "touch") pick(-1);
    refresh();
  });
  canvas.addEventListener("touchmove", (event) => event.touches.length > 1 && event.preventDefault(),
    { passive: false }); // two fingers zoom the cloud; one that moves up or down scrolls the page
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)));
  }, { passive: false });

  // --------------------------------------------------------------------------- keyboard and buttons
  const byKey = {
    ArrowLeft: () => rotate(-0.1, 0), ArrowRight: () => rotate(0.1, 0),
    ArrowUp: () => rotate(0, -0.1), ArrowDown: () => rotate(0, 0.1),
    "+": () => zoom(1.2), "=": () => zoom(1.2), "-": () => zoom(1 / 1.2),
    Home: goHome, n: () => stepBy(1), p: () => stepBy(-1), Escape: () => pick(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const action = byKey[event.key] ?? byKey[event.key.toLowerCase()];
    if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    settle();
    action();
  });
  canvas.addEventListener("focus", () => (hint.textContent = KEYS));
  canvas.addEventListener("blur", () => (hint.textContent = help));
  turn.addEventListener("click", () => settle(!turning));
  closer.addEventListener("click", () => zoom(1.3));
  out.addEventListener("click", () => zoom(1 / 1.3));
  reset.addEventListener("click", goHome);
  keys.forEach((key, k) => key.addEventListener("click", () => choose(k)));
  choices.forEach(([radio], i) => radio.addEventListener("change", () => change(i)));
  tabs.addEventListener("submit", (event) => event.preventDefault());

  // --------------------------------------------------------------------------- size, sight and theme
  const sizes = new ResizeObserver(() => {
    [wide, tall] = [canvas.clientWidth, canvas.clientHeight];
    const sharp = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(wide * sharp), height: Math.round(tall * sharp) });
    if (wide) draw();
  });
  const sight = new IntersectionObserver(([entry]) => {
    onScreen = entry.isIntersecting;
    refresh();
  });
  const theme = new MutationObserver(() => (root.isConnected ? refresh() : close()));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  sizes.observe(canvas);
  sight.observe(canvas);
  for (const place of [document.documentElement, document.body]) theme.observe(place, { attributes: true });
  scheme.addEventListener("change", refresh);
  function close() {
    for (const observer of [sizes, sight, theme]) observer.disconnect();
    scheme.removeEventListener("change", refresh);
    cancelAnimationFrame(frame);
  }
  if (choices.length) choices[0][0].checked = true;
  root.dataset.cloud = 0;
  root.dataset.picked = -1;
  settle(turning);
  return close;
}

export default { render };
