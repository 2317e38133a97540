// Puts built pages of the book together as one page that is printed. `tools/build_pdf.py` runs this
// in an empty page of the same address, and fills in page numbers when it knows them.
//
// pages: [{name, part, title}] in their order. part: a caption that begins with this page, or "";
// title: what the page is called on paper, or "" for the title that it has.
// front: what stands before the contents. site: where the book is published. book: whether this is
// the book, whose contents name parts and chapters, or one chapter, whose contents name sections.

async ({ pages, front, site, book }) => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const LONG = 16; // lines of code, from which on they may go on on the next page
  const keyOf = (name) => name.replace(/\.html$/, "").replaceAll("/", "-");
  const keys = new Map(pages.map(({ name }) => [name, keyOf(name)]));
  const pageNumber = (anchor) => make("a", { class: "paper-number", href: `#${anchor}` }, "000");
  const plain = (tex) => tex.replaceAll("-", "\u2212"); // for bookmarks, which set no formulas
  const text = (element) => element.textContent.replace(/\\\((.*?)\\\)/g, (_, tex) => plain(tex)).trim().replace(/\s+/g, " ");

  // --- one page ----------------------------------------------------------------------------

  // What means nothing on paper goes, and so does code that only draws (a chapter's head says so).
  function tidy(article, name) {
    article.querySelectorAll("script, .headerlink, .copybtn, .sd-container-fluid").forEach((e) => e.remove());
    for (const link of article.querySelectorAll("h1 + p > a[href^='https://colab.research.google.com']")) {
      link.parentElement.remove();
    }
    article.querySelectorAll("details.hide.above-input").forEach((folded) => folded.remove());
    for (const check of article.querySelectorAll(".aelib-check")) check.closest(".output").remove(); // "Not answered yet"
    for (const code of article.querySelectorAll(".cell_input")) {
      if (code.querySelector("pre").textContent.trimEnd().split("\n").length > LONG) code.classList.add("paper-long");
    }
    for (const other of article.querySelectorAll("details.hide")) other.open = true;
    for (const note of article.querySelectorAll(".aelib-still-note")) note.remove();
    for (const widget of article.querySelectorAll(".aelib-widget:has(.aelib-figure)")) {
      const address = new URL(name, site).href;
      const link = make("a", { href: address }, address.replace(/^https?:\/\//, ""));
      widget.append(make("p", { class: "paper-live" }, "In the book on the web this figure is live: ", link));
    }
  }

  // An id is used once in a page and may be used again in the next: each gets the page's key before
  // it. Ids inside drawings tell apart what differs.
  function address(article, name) {
    const key = keys.get(name);
    for (const element of article.querySelectorAll("[id]")) {
      if (!element.closest("svg")) element.id = `${key}--${element.id}`;
    }
    const here = new URL(name, location.origin);
    for (const picture of article.querySelectorAll("img[src]")) {
      picture.src = new URL(picture.getAttribute("src"), here).href;
    }
    for (const link of article.querySelectorAll("a[href]")) {
      const to = new URL(link.getAttribute("href"), here);
      if (to.origin !== location.origin) continue;
      const path = to.pathname.slice(1);
      const inside = keys.get(path);
      const anchor = decodeURIComponent(to.hash.slice(1));
      link.setAttribute("href", inside ? `#${inside}${anchor && "--"}${anchor}` : new URL(path + to.hash, site).href);
      if (!inside) link.classList.add("paper-published");
    }
  }

  // A sheet of paper cannot be unfolded: hints, solutions and answers go to the chapter's end, each
  // kind by itself, and where they were stands on which page they are.
  function foldAway(article, key) {
    const kinds = new Map();
    for (const folded of article.querySelectorAll("details:not(.hide)")) {
      const summary = folded.querySelector("summary");
      const word = text(summary);
      const kind = /^(hint|solution|answer)/i.exec(word)?.[1].toLowerCase() ?? "note";
      summary.remove();
      const section = folded.closest("section");
      const exercise = section.querySelector(":scope > h3");
      const before = [...article.querySelectorAll("p > strong, legend > b, p > b")].filter((strong) =>
        /^Question \d+/.test(text(strong)) && strong.compareDocumentPosition(folded) & Node.DOCUMENT_POSITION_FOLLOWING);
      const of = exercise ? text(exercise) : before.length ? text(before.at(-1)).replace(/\.$/, "") : word;
      const entries = kinds.get(kind) ?? kinds.set(kind, []).get(kind);
      const id = `${key}--${kind}-${entries.length + 1}`;
      const back = `${id}-asked`;
      entries.push(make("div", { class: "paper-entry", id }, make("h4", {}, make("a", { href: `#${back}` }, of)), ...folded.childNodes));
      const name = kind === "note" ? word : kind[0].toUpperCase() + kind.slice(1);
      folded.replaceWith(make("p", { class: "paper-see", id: back }, `${name}: page `, pageNumber(id)));
    }
    if (!kinds.size) return;
    const names = [...kinds.keys()].map((kind) => `${kind}s`);
    const title = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
    const end = make("section", { id: `${key}--folded`, class: "paper-end" },
      make("h2", {}, title[0].toUpperCase() + title.slice(1)));
    for (const [kind, entries] of kinds) {
      end.append(make("section", { id: `${key}--${kind}s` }, make("h3", {}, `${kind[0].toUpperCase()}${kind.slice(1)}s`), ...entries));
    }
    article.querySelector("section").append(end);
  }

  // Paper has no links: an address that the text does not show stands behind it.
  function spell(article) {
    for (const link of article.querySelectorAll("a[href^='http']:not(.paper-published)")) {
      if (link.closest(".paper-live")) continue;
      const shown = link.href.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");
      const short = shown.replace(/^(doi\.org|arxiv\.org\/abs)\//, "");
      const said = text(link).replace(/^https?:\/\/(www\.)?/, "");
      if (said.includes(short)) continue;
      link.after(make("span", { class: "paper-address" }, ` (${decodeURI(shown)})`));
    }
  }

  const articles = [];
  for (const { name, part, title } of pages) {
    const answer = await fetch(`/${name}`);
    if (!answer.ok) throw Error(`${name}: ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const article = document.importNode(page.querySelector("article"), true);
    const key = keys.get(name);
    tidy(article, name);
    if (title) article.querySelector("h1").textContent = title;
    address(article, name);
    foldAway(article, key);
    spell(article);
    article.id = key;
    article.style.page = `paper-${key}`;
    articles.push({ article, key, part, title: text(article.querySelector("h1")), chapter: name.startsWith("notebooks/") });
  }

  // --- contents ----------------------------------------------------------------------------

  const line = (level, words, id) =>
    make("li", { class: `paper-level-${level}` }, make("a", { href: `#${id}` }, ...words), make("span", { class: "paper-dots" }), pageNumber(id));
  const contents = make("nav", { class: "paper-contents", "aria-label": "Contents" });
  contents.append(book ? make("h1", { id: "contents" }, "Contents") : make("h2", {}, "In this chapter"));
  const list = contents.appendChild(make("ol"));
  const outline = [];
  for (const { article, key, part, title, chapter } of articles) {
    const sections = [...article.querySelectorAll("section:has(> h2)")].filter((s) => chapter || !book)
      .map((s) => ({ title: text(s.querySelector("h2")), id: s.id, words: s.querySelector("h2").cloneNode(true).childNodes }));
    if (book) {
      if (part) list.append(make("li", { class: "paper-part" }, part));
      list.append(line(1, [title], key));
    }
    for (const { words, id } of sections) list.append(line(2, words, id));
    outline.push({ title, id: key, part, sections: sections.map(({ title, id }) => ({ title, id })) });
  }
  const feet = articles.map(({ key, title }) =>
    `@page paper-${key} { @bottom-left { content: ${JSON.stringify(title)}; } }`);
  document.head.append(make("style", {}, feet.join("\n")));

  const root = document.querySelector("main");
  if (book) {
    root.innerHTML = front;
    const drawing = articles.map(({ article }) => article.querySelector("[data-aelib-kind='draw_digit'] .aelib-figure")).find(Boolean);
    if (drawing) root.querySelector(".paper-picture").append(drawing.cloneNode(true));
    root.append(contents);
  }
  for (const { article, part } of articles) {
    if (part) article.dataset.part = part;
    root.append(article);
  }
  if (!book) {
    articles[0].article.querySelector("h1").after(...make("div", {}, contents).childNodes);
    root.querySelector("h1").insertAdjacentHTML("afterend", front);
  }

  // --- what can only be done when it stands there ----------------------------------------------

  const ids = [...root.querySelectorAll("[id]")].filter((element) => !element.closest("svg")).map((element) => element.id);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  if (twice.length) throw Error(`used twice: ${twice.slice(0, 5)}`);
  for (const link of root.querySelectorAll("a[href^='#']")) {
    if (!document.getElementById(link.getAttribute("href").slice(1))) throw Error(`leads nowhere: ${link.outerHTML.slice(0, 200)}`);
  }

  // Where no font of this machine has a script's letters, boxes would stand in their place.
  const canvas = make("canvas").getContext("2d", { willReadFrequently: true });
  const drawn = (letter) => {
    canvas.clearRect(0, 0, 60, 60);
    canvas.font = "40px serif";
    canvas.fillText(letter, 5, 45);
    return canvas.getImageData(0, 0, 60, 60).data.join();
  };
  const foreign = [...root.querySelectorAll("[lang]")].filter((e) => text(e) && drawn(text(e)[0]) === drawn("\u{10fffd}"));
  foreign.forEach((element) => element.remove());

  // Formulas are set in the size of the letters around them, which must be there.
  const paper = [...document.fonts].filter((font) => /^"?Paper/.test(font.family));
  if (!paper.length) throw Error("the fonts of tools/paper/paper.css are not there");
  await Promise.all(paper.map((font) => font.load()));
  await MathJax.startup.promise;
  for (const { article } of articles) {
    MathJax.texReset();
    await MathJax.typesetPromise([article]);
  }
  if (book) await MathJax.typesetPromise([contents]);
  const bad = root.querySelector("mjx-merror, .MathJax_Error");
  if (bad) throw Error(`a formula is not set: ${text(bad).slice(0, 100)}`);
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode()));

  // What is wider than the column is set smaller.
  for (const wide of root.querySelectorAll("mjx-container[display='true'], article table")) {
    const room = wide.closest(".output, .pst-scrollable-table-container, article, div.math").clientWidth;
    const inner = wide.matches("table") ? wide.offsetWidth : wide.querySelector("mjx-math").getBoundingClientRect().width + 8;
    if (inner > room) wide.style.fontSize = `${Math.floor((96 * room) / inner) / 100}em`;
  }

  // Whatever still reaches over the margin would be cut there.
  const cut = new Set();
  const edge = root.getBoundingClientRect().right + 1.5;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.data.trim() || node.parentElement.closest("style, svg, mjx-container")) continue;
    range.selectNodeContents(node);
    if (range.getBoundingClientRect().right > edge) cut.add(`${node.data.trim().slice(0, 40)} (in: ${text(node.parentElement.closest("p, li, td, pre, h1, h2, h3, h4, div") ?? node.parentElement).slice(0, 80)})`);
  }
  const HEIGHT = 960; // pixels: what a page holds
  for (const wide of root.querySelectorAll("svg, img, canvas, mjx-container")) {
    const { right, height } = wide.getBoundingClientRect();
    if (right > edge || height > HEIGHT) cut.add(wide.getAttribute("aria-label") ?? wide.outerHTML.slice(0, 80));
  }
  return { outline, cut: [...cut], left: [...new Set(foreign.map((element) => element.lang))] };
};
