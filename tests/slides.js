// What the slide tests ask of the slide that is shown. Evaluates to a set of functions.
(() => {
  const EDGE = 16; // pixels that stay free at each side of a slide
  const shortly = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 120);
  const shown = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const slide = () => Reveal.getCurrentSlide();
  const parts = () =>
    [...slide().querySelectorAll("*")].filter(
      (e) => !e.closest("aside.notes, mjx-assistive-mml") && !e.parentElement.closest("svg"),
    );

  return {
    where: () => ({
      at: Reveal.getState().indexh,
      step: Reveal.getState().indexf ?? -1,
      title: slide().querySelector("h1, h2").textContent.trim(),
      last: Reveal.isLastSlide() && !Reveal.availableFragments().next,
      answers: [...slide().querySelectorAll(".fragment")].map((e) => getComputedStyle(e).visibility),
    }),

    // What leaves the slide, what lies over something else, and figures too small to be read.
    overflow: () => {
      const found = [];
      const frame = slide().getBoundingClientRect();
      if (Math.round(frame.width) !== 1280 || Math.round(frame.height) !== 720)
        found.push(`the slide is ${frame.width} by ${frame.height}`);
      for (const e of parts()) {
        const box = e.getBoundingClientRect();
        if (!shown(e)) continue;
        const past = Math.max(
          frame.left + EDGE - box.left, box.right - frame.right + EDGE,
          frame.top + EDGE - box.top, box.bottom - frame.bottom + EDGE,
        );
        if (past > 1) found.push(`${Math.round(past)} px past the edge: ${shortly(e)}`);
      }
      const blocks = [...slide().querySelectorAll("h1, h2, .text, .answer, .figure, .equation, .printed, .highlight, .links")];
      for (const [k, one] of blocks.entries()) {
        const a = one.getBoundingClientRect();
        if (!one.querySelector("mjx-container") && (one.scrollHeight > one.clientHeight + 2 || one.scrollWidth > one.clientWidth + 2))
          found.push(`more in it than fits: ${shortly(one)}`);
        for (const other of blocks.slice(k + 1)) {
          const b = other.getBoundingClientRect();
          if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
            found.push(`one over the other: ${shortly(one).slice(0, 60)}, ${shortly(other).slice(0, 60)}`);
        }
      }
      for (const svg of slide().querySelectorAll(".figure svg")) {
        const { width, height } = svg.viewBox.baseVal;
        const box = svg.getBoundingClientRect();
        const font = 9 * Math.min(box.width / width, box.height / height); // of most ticks and labels
        if (font < 11) found.push(`its words have ${font.toFixed(1)} px: ${shortly(svg)}`);
      }
      return found.slice(0, 5);
    },

    silent: () =>
      [...slide().querySelectorAll("svg, img, canvas")]
        .filter((e) => !e.closest("mjx-container, aside.notes") && !e.parentElement.closest("svg"))
        .filter((e) => (e.getAttribute("aria-label") || e.getAttribute("alt") || "").trim().length < 40
          || (e.tagName === "svg" && e.getAttribute("role") !== "img"))
        .map(shortly),

    math: () => [
      ...[...slide().querySelectorAll(".math")].filter((e) => !e.querySelector("mjx-container")),
      ...slide().querySelectorAll("mjx-merror, [data-mjx-error]"),
    ].map(shortly),

    // Notes: what there is, and whether the room sees any.
    notes: () => ({
      text: [...slide().querySelectorAll("aside.notes")].map((e) => e.textContent.trim()).join("\n"),
      seen: [...document.querySelectorAll("aside.notes, .speaker-notes")].filter(shown).map(shortly),
    }),
  };
})()
