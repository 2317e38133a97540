// What the widgets share: parts of a page, packed numbers, sliders, and how a number is written.
// `aelib.widgets` puts this text in front of the code of each widget that imports from it.

export function bytes(text) {
  const letters = atob(text);
  const found = new Uint8Array(letters.length);
  for (let i = 0; i < found.length; i++) found[i] = letters.charCodeAt(i);
  return found;
}

export const floats = (text) => new Float32Array(bytes(text).buffer);

// Whole numbers of 16 bits, in steps.
export const sixteenBits = (text, step) => Float32Array.from(new Int16Array(bytes(text).buffer), (whole) => whole * step);

// Numbers as rows of so many.
export const rowsOf = (values, long) =>
  Array.from({ length: values.length / long }, (_, i) => values.slice(i * long, (i + 1) * long));

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// An element of a drawing. The parser knows the name space of SVG: it looks like an address, and a page has none.
let space;
export function drawn(tag, attributes = {}, ...children) {
  space ??= new DOMParser().parseFromString("<svg></svg>", "text/html").body.firstChild.namespaceURI;
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// What is seen through, and covers all that moves above it: what is painted keeps its bounds. Where they
// change, Chromium sorts the layers of all the page anew, which takes longer than all else in a frame.
export const ground = (x, y, width, height) => drawn("rect", { class: "aelib-ground", x, y, width, height });

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A number with so many digits after the point, and a minus sign as it is printed.
export function number(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) ? text.replace("-", "\u2212") : text.replace("-", "");
}

// Puts a text into an element; says whether there was another one. What is the same is not laid out again.
export function write(element, text) {
  const other = element.textContent !== text;
  if (other && element.firstChild) element.firstChild.data = text;
  else if (other) element.textContent = text;
  return other;
}

// A named slider with its value beside it. `set` moves it and `change` hears what the reader does.
export function slider({ name, label, low, high, step, digits, words = (value) => number(value, digits), change }) {
  const input = make("input", { type: "range", min: low, max: high, step, "aria-label": label ?? name });
  const shown = make("span", { class: "aelib-slider-value", "aria-hidden": "true" });
  const row = make("label", { class: "aelib-slider" }, make("span", { "aria-hidden": "true" }, name), input, shown);
  const set = (value, text = words(value)) => {
    if (input.valueAsNumber !== value) input.value = value;
    if (write(shown, text)) input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", () => change(input.valueAsNumber));
  return { row, input, set };
}

// A choice of one among a few, as a row of buttons that arrow keys walk through.
export function choice({ name, options, change }) {
  const group = `${name} ${Math.random()}`; // radio buttons of one name on a page exclude each other
  const inputs = options.map((_, i) => make("input", { type: "radio", name: group, value: i }));
  inputs.forEach((input, i) => input.addEventListener("change", () => change(i)));
  inputs[0].checked = true;
  const labels = inputs.map((input, i) => make("label", {}, input, make("span", {}, options[i])));
  return make("div", { class: "aelib-choice", role: "radiogroup", "aria-label": name }, ...labels);
}

// A table of numbers. `heads` are the words above the columns and `rows` those before the rows, each a
// text or a list of parts; `corner` stands above the latter. What it gives: the table, its numbers' cells
// row by row, and the cells of the words before the rows.
export function grid({ label, corner, heads, rows }) {
  const word = (scope, words) => make("th", { scope }, ...[words].flat());
  const cells = rows.map(() => heads.map(() => make("td")));
  const names = rows.map((words) => word("row", words));
  const first = corner ? word("col", corner) : make("td");
  const element = make("table", { "aria-label": label },
    make("thead", {}, make("tr", {}, first, ...heads.map((words) => word("col", words)))),
    make("tbody", {}, ...cells.map((row, i) => make("tr", {}, names[i], ...row))));
  return { element, cells, names };
}

// The whole of a widget that is named so, and what it holds.
export const live = (name, model, ...parts) => make("div", { class: `aelib-live aelib-${name}`, role: "group",
  "aria-label": model.get("alt"), "data-lm-suppress-shortcuts": "true" }, ...parts);

// Does the work at the next frame, once, however often it is called before.
export function onceAFrame(work) {
  let frame = 0;
  return () => (frame ||= requestAnimationFrame((time) => {
    frame = 0;
    work(time);
  }));
}

// A round dot of one colour, so many pixels wide: drawn once and copied for each point.
export function dotOf(colour, wide) {
  const dot = make("canvas", { width: wide, height: wide });
  const pen = dot.getContext("2d");
  pen.fillStyle = colour;
  pen.arc(wide / 2, wide / 2, wide / 2 - 1, 0, 2 * Math.PI);
  pen.fill();
  return dot;
}

// A sentence for those who listen: spoken when the hand has come to rest.
export function voice() {
  const place = make("p", { class: "aelib-said", role: "status" });
  let wait = 0;
  const say = (sentence) => {
    clearTimeout(wait);
    wait = setTimeout(() => (place.textContent = sentence), 400);
  };
  return { place, say };
}

// Calls `move` with each event of a pointer from its press on the element to its release.
export function drag(element, move) {
  let held = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = event.pointerId;
    element.setPointerCapture(held);
    move(event, true);
  });
  element.addEventListener("pointermove", (event) => event.pointerId === held && move(event, false));
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (held = null));
}
