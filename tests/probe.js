// What the page tests ask of a page, from inside it. Evaluates to a set of functions.
(() => {
  const article = () => document.querySelector("article") || document.querySelector("main");
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const shortly = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 120);

  // any CSS colour as [red, green, blue, alpha], by way of a canvas
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((part, i) => part * a + below[i] * (1 - a)).concat(1);
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  const figures = () =>
    [...(article() || document).querySelectorAll("svg[role=img]")].filter(
      (svg) => svg.getBoundingClientRect().width > 60,
    );

  // A figure's ink (its text, and all that is drawn in the text's colour) against what lies behind.
  const ink = (svg) => {
    const behind = background(svg);
    const found = [];
    const own = getComputedStyle(svg).color;
    const note = (what, colour, element) => {
      const [r, g, b, a] = rgba(colour);
      const ratio = contrast(over([r, g, b, a], behind), behind);
      if (ratio < 4.5) found.push(`${what} ${colour}, contrast ${ratio.toFixed(1)}: ${shortly(element)}`);
    };
    const current = svg.querySelectorAll(
      '[fill="currentColor" i], [stroke="currentColor" i], [style*="currentcolor" i]',
    );
    if (current.length || /currentcolor/i.test(svg.outerHTML)) note("ink", own, svg);
    // shapes that carry the words: <text>, or matplotlib's groups of glyphs named …text_1, …text_2
    const words = svg.querySelectorAll('text, g[id*="text_"] use, g[id*="text_"] path');
    const pictures = [...svg.querySelectorAll("image")].map((e) => e.getBoundingClientRect());
    for (const shape of words) {
      if (shape.closest("defs")) continue;
      const box = shape.getBoundingClientRect();
      const inside = pictures.some(
        (p) => box.left >= p.left && box.right <= p.right && box.top >= p.top && box.bottom <= p.bottom,
      );
      const { fill, fillOpacity } = getComputedStyle(shape);
      if (!inside && fill !== "none" && Number(fillOpacity) > 0) note("text", fill, shape);
    }
    return found.slice(0, 5);
  };

  const textOf = (root) => {
    const copy = root.cloneNode(true);
    copy.querySelectorAll("pre, code, mjx-container, script, style, svg, textarea").forEach((e) => e.remove());
    return copy.textContent.replace(/\s+/g, " ").trim();
  };

  return {
    // Opens every fold, and waits until what fades in has done so.
    openAll: async () => {
      document.querySelectorAll("details").forEach((e) => (e.open = true));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const moving = document.getAnimations().map((animation) => animation.finished);
      await Promise.race([Promise.allSettled(moving), new Promise((done) => setTimeout(done, 1500))]);
    },

    // Leaves to axe what it has to look at: a figure is one picture to it, and of the words of code
    // in one colour it needs one. Without this it spends most of its time on their letters.
    lighten: () => {
      for (const svg of document.querySelectorAll("svg[role=img]"))
        svg.replaceChildren(...svg.querySelectorAll(":scope > title"));
      const kinds = new Set();
      for (const word of document.querySelectorAll(".highlight pre span[class]")) {
        if (kinds.has(word.className)) word.replaceWith(...word.childNodes);
        else kinds.add(word.className);
      }
    },

    structure: () => ({
      lang: document.documentElement.lang,
      title: document.title,
      theme: document.documentElement.dataset.theme,
      headings: [...document.querySelectorAll("h1")].filter(visible).map((e) => e.firstChild.textContent.trim()),
      levels: [...(article() || document.body).querySelectorAll("h1, h2, h3, h4, h5, h6")]
        .map((e) => [Number(e.tagName[1]), e.textContent.trim().slice(0, 50)]),
      text: article() ? textOf(article()) : "",
      math: [...document.querySelectorAll(".math")]
        .filter((e) => !e.querySelector("mjx-container"))
        .map(shortly),
      mathErrors: [...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map(shortly),
      figures: figures().length,
      troubles: [...document.querySelectorAll(".output.stderr, .output.traceback, .problematic, .system-message")].map(
        (e) => e.textContent.trim().slice(0, 200),
      ),
      launch: [...document.querySelectorAll("a[href]")]
        .filter((e) => !article()?.contains(e))
        .map((e) => e.href)
        .filter((href) => /colab\.research\.google\.com|mybinder\.org/.test(href)),
    }),

    // Pictures that say nothing to who does not see them.
    silent: () => {
      const found = [];
      for (const image of document.querySelectorAll("img")) {
        const alt = image.getAttribute("alt");
        const inArticle = article()?.contains(image);
        if (alt === null) found.push(`no alt: ${shortly(image)}`);
        else if (!inArticle) continue; // beside its own text, a picture may be decoration: alt=""
        else if (!alt.trim()) found.push(`empty alt: ${shortly(image)}`);
        else if (/^\S*[/\\]\S*$|\.(png|svg|jpe?g|gif)$/i.test(alt.trim())) found.push(`alt is a path: ${alt}`);
        else if (alt.trim().length < 20) found.push(`alt is too short: ${alt}`);
      }
      for (const svg of document.querySelectorAll("svg")) {
        const label = svg.getAttribute("aria-label") || svg.querySelector(":scope > title")?.textContent
          || document.getElementById(svg.getAttribute("aria-labelledby"))?.textContent || "";
        if (svg.getAttribute("role") === "img") {
          if (!svg.closest("a, button") && label.trim().length < 20) found.push(`label too short: ${shortly(svg)}`);
        } else if (article()?.contains(svg) && visible(svg) && svg.getAttribute("aria-hidden") !== "true"
          && !svg.closest("mjx-container, a, button, [aria-hidden=true], [role=img]")) {
          found.push(`an inline picture without role=img: ${shortly(svg)}`);
        }
      }
      for (const canvas of article()?.querySelectorAll("canvas, video, iframe") ?? []) {
        const label = canvas.getAttribute("aria-label") || canvas.getAttribute("title") || canvas.textContent;
        if (!label.trim() && !canvas.closest("[aria-label], [role=img], [aria-hidden=true]"))
          found.push(`no label: ${shortly(canvas)}`);
      }
      return found;
    },

    faint: () => figures().flatMap(ink),

    // What reaches past the right edge of a narrow window and does not scroll on its own, or scrolls
    // and shows its end first.
    overflow: () => {
      const width = document.documentElement.clientWidth;
      const found = [];
      for (const element of (article() || document.body).querySelectorAll("*")) {
        if (!visible(element) || element.closest("mjx-assistive-mml, defs")) continue;
        const { left, right } = element.getBoundingClientRect();
        let e = element.parentElement;
        while (e && e !== document.body && getComputedStyle(e).overflowX === "visible") e = e.parentElement;
        const scrolls = e && e !== document.body;
        if (right > width + 1 && !scrolls) found.push(`${Math.round(right)} px: ${shortly(element)}`);
        if (scrolls && !e.scrollLeft && left < e.getBoundingClientRect().left - 3 && right - left > 1)
          found.push(`its beginning is out of sight: ${shortly(element)}`);
      }
      const page = document.documentElement.scrollWidth;
      if (page > width) found.unshift(`the page is ${page} px wide in a window of ${width} px`);
      return found.slice(0, 6);
    },

    unseen: () => figures().filter((svg) => !visible(svg)).map(shortly),
  };
})()
