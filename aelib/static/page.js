// What stands in for a notebook's kernel in a page: a model that holds what Python packed.
// The widget's own code stands above this, and WIDGET below is the mark of its place in the page.

const modelOf = (state) => {
  const heard = new Map();
  const of = (event) => heard.get(event) ?? heard.set(event, new Set()).get(event);
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      of(`change:${name}`).forEach((callback) => callback());
    },
    on: (event, callback) => of(event).add(callback),
    off: (event, callback) => of(event).delete(callback),
    save_changes: () => {},
  };
};

// A rule stands in a page once, in its head. What widgets share, repeated by a later one, would outdo
// what an earlier one has of its own.
function once(own) {
  const all = document.head.querySelector("style[data-aelib]") ?? document.head.appendChild(document.createElement("style"));
  all.dataset.aelib = "";
  const known = new Set([...all.sheet.cssRules].map((rule) => rule.cssText));
  all.append(...[...own.sheet.cssRules].map((rule) => rule.cssText).filter((text) => !known.has(text)));
  own.remove();
}

for (const place of document.querySelectorAll('[data-aelib="WIDGET"]:not([data-started])')) {
  place.dataset.started = "";
  once(place.querySelector(":scope > style"));
  const state = JSON.parse(place.querySelector("script[type='application/json']").textContent);
  const el = document.createElement("div");
  widget.render({ model: modelOf(state), el });
  place.querySelector(".aelib-still-note")?.remove();
  place.querySelector(".aelib-figure, .aelib-still").replaceWith(el); // it has done its duty
}
