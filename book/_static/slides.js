// Starts a deck: its colours at once, reveal.js when the page has been read.
(() => {
  const asked = new URLSearchParams(location.search);
  const print = asked.has("print-pdf");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      const mode = localStorage.getItem("mode"); // the book's own switch
      return mode === "light" || mode === "dark" ? mode : null;
    } catch {
      return null; // a page opened as a file may have no storage
    }
  };
  const colour = () => {
    const theme = print ? "light" : chosen() || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
  };
  const exchange = () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("mode", theme);
      localStorage.setItem("theme", theme);
    } catch {
      // then it holds for this page alone
    }
    document.documentElement.dataset.theme = theme;
  };
  colour();
  dark.addEventListener("change", colour);

  // Slides are hidden when formulas are set, so nothing may be measured.
  window.MathJax = {
    chtml: { matchFontHeight: false, scale: 1.15 },
    options: { enableMenu: false, ignoreHtmlClass: "reveal", processHtmlClass: "math" },
  };

  addEventListener("DOMContentLoaded", () => {
    Reveal.initialize({
      width: 1280,
      height: 720,
      margin: 0,
      center: false,
      display: "flex",
      hash: true,
      slideNumber: "c/t",
      transition: "none",
      backgroundTransition: "none",
      controlsTutorial: false,
      controlsBackArrows: "visible",
      pdfSeparateFragments: false,
      pdfMaxPagesPerSlide: 1,
      showNotes: print && asked.has("notes") ? "separate-page" : false,
      plugins: [RevealNotes],
    });
    Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark or light" }, exchange);
  });
})();
