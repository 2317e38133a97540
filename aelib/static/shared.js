// What the widgets share: parts of a page, packed numbers, sliders, and how a number is written.
// `aelib.widgets` puts this text in front of the code of each widget that imports from it.

export function bytes(text) {
  const letters = atob(text);
  const found = new Uint8Array(letters.length);
  for (let i = 0; i < found.length; i++) found[i] = letters.charCodeAt(i);
  return found;
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A number with so many digits after the point, and a minus sign as it is printed.
export function number(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) ? text.replace("-", "\u2212") : text.replace("-", "");
}

// A named slider with its value beside it. `set` moves it and `change` hears what the reader does.
export function slider({ name, label, low, high, step, digits, words = (value) => number(value, digits), change }) {
  const input = make("input", { type: "range", min: low, max: high, step, "aria-label": label ?? name });
  const shown = make("span", { class: "aelib-slider-value", "aria-hidden": "true" });
  const row = make("label", { class: "aelib-slider" }, make("span", { "aria-hidden": "true" }, name), input, shown);
  const set = (value, text = words(value)) => {
    input.value = value;
    shown.textContent = text;
    input.setAttribute("aria-valuetext", shown.textContent);
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
