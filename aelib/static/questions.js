// Questions with options: an answer is checked, and the option's own explanation comes with the mark.
// The interface is anywidget's. Python's `Questions` says what the entries of the model are; its
// texts are HTML that it has made and escaped.

import { live, make } from "./shared.js";

const letter = (i) => String.fromCharCode(65 + i);
const hidden = (text) => make("span", { class: "aelib-said" }, text);

function rich(tag, text, ...before) {
  const element = make(tag);
  element.innerHTML = text;
  element.prepend(...before);
  return element;
}

// One question. `first` hears whether the first answer was right.
function asked({ text, options }, number, first) {
  const name = `question ${Math.random()}`; // radio buttons of one name on a page exclude each other
  const inputs = options.map((_, i) => make("input", { type: "radio", name, value: i }));
  const marks = options.map(() => make("span", { class: "aelib-mark" }));
  const labels = options.map((one, i) =>
    make("label", {}, inputs[i], rich("span", one.text, make("b", {}, letter(i)), " "), marks[i]));
  const button = make("button", { type: "button", "aria-label": `Check question ${number}` }, "Check");
  const verdict = make("div", { class: "aelib-verdict", role: "status" });
  let tried = false;

  function check() {
    const chosen = inputs.findIndex((input) => input.checked);
    if (chosen < 0) {
      verdict.replaceChildren(make("p", {}, "Choose an option first."));
      return;
    }
    const { right, why } = options[chosen];
    const sign = () => make("span", { "aria-hidden": "true" }, right ? "✓" : "✗");
    marks[chosen].replaceChildren(sign(), hidden(right ? " (right)" : " (wrong)"));
    verdict.dataset.right = right;
    verdict.replaceChildren(
      rich("p", why, sign(), make("b", {}, ` ${letter(chosen)} is ${right ? "right" : "wrong"}.`), " "));
    if (!tried) first(right);
    tried = true;
  }
  button.addEventListener("click", check);
  inputs.forEach((input) => input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    check();
  }));

  const order = options.map((_, i) => i).sort((a, b) => options[b].right - options[a].right);
  const explained = order.map((i) =>
    rich("p", options[i].why, make("b", {}, `${letter(i)} is ${options[i].right ? "right" : "wrong"}.`), " "));
  return make("fieldset", { class: "aelib-question" },
    rich("legend", text, make("b", {}, `Question ${number}.`), " "),
    make("div", { class: "aelib-options" }, ...labels),
    make("p", { class: "aelib-try" }, button),
    verdict,
    make("details", {}, make("summary", {}, `Answer to question ${number}`), ...explained));
}

function render({ model, el }) {
  const questions = model.get("questions");
  let [tried, right] = [0, 0];
  const score = make("p", { class: "aelib-score", role: "status" });
  const count = () => {
    const open = tried < questions.length ? `${tried} of ${questions.length} tried, ${right}` : `${right} of ${tried}`;
    score.textContent = `${open} right at the first try.`;
  };
  count();
  el.append(live("questions", model,
    ...questions.map((one, i) => asked(one, i + 1, (good) => {
      [tried, right] = [tried + 1, right + good];
      count();
    })),
    score));
}

export default { render };
