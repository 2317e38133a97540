"""The course's own Sphinx extension: what Jupyter Book and its theme leave to do.

1. The cache of executed chapters lives in a folder named after the code that the chapters use
   (:func:`cache_folder`). Jupyter's cache looks at a notebook's own code alone, so that without
   this an edit in ``aelib`` would leave every figure as it was.
2. Chapters are numbered by their file names (:class:`ChapterNumber`), and link each term to the
   glossary where they first use it (:func:`link_terms`).
3. Tables that are measured, not written: ``{chapter-times}``, ``{versions}``,
   ``{training-loop-benchmark}``, ``{widget-benchmark}``; and ``{widget-of}``, a chapter's widget
   on another page.
4. Finished pages are corrected (:func:`finish_page`): icons are drawn in the page instead of by
   a 1.5 MB script, and the theme's gaps in accessibility are closed.

Nothing here needs the network, and no page that it writes asks another host for anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import posixpath
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

CHAPTER = re.compile(r"^notebooks/(\d\d)_")
SHOW_OTHERS = ("book/index", "book/status")  # pages that show what chapters have made
VERSIONS = ("aelib", "torch", "torchvision", "numpy", "matplotlib", "scikit-learn")
TOOLS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "nbclient", "ipykernel")


# --- the cache of executed chapters ---------------------------------------------------------


def cache_folder(root: Path) -> Path:
    """Return the folder that holds the outputs of chapters executed with the present code.

    Its name is a hash of ``constraints.txt`` and of every file of ``aelib`` that is code (Python,
    and what widgets put into a page), names and contents: a change in any opens a new, empty cache.
    """
    digest = hashlib.sha256()
    for path in [*sorted((root / "aelib").rglob("*")), root / "constraints.txt"]:
        if path.is_file() and path.suffix in {".py", ".js", ".css", ".txt"}:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return root / "_build" / ".jupyter_cache" / digest.hexdigest()[:16]


def configure(app: Sphinx, config: Config) -> None:
    """Name the cache, show every warning, and keep progress bars out of the pages."""
    config.nb_execution_cache_path = str(cache_folder(Path(app.srcdir)))
    config.suppress_warnings = []
    os.environ["TQDM_DISABLE"] = "1"  # read by the kernels that execute the chapters


# --- chapters -------------------------------------------------------------------------------


class ChapterNumber(SphinxTransform):
    """Put a chapter's number, taken from its file name, before its title."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Change the first title of ``notebooks/NN_…`` to ``N. …``."""
        match = CHAPTER.match(self.env.docname)
        title = next(iter(self.document.findall(nodes.title)), None)
        if match and title is not None:
            title.insert(0, nodes.Text(f"{int(match[1])}. "))
            self.env.note_dependency(str(Path(self.env.srcdir) / f"{GLOSSARY}.md"))


def chapter_seconds(env: BuildEnvironment) -> dict[str, float]:
    """Return the seconds that each chapter took when it was last executed, in book order."""
    data = NbMetadataCollector.get_doc_data(env)
    return {
        name: data[name]["exec_data"]["runtime"]
        for name in sorted(data)
        if CHAPTER.match(name) and (data[name].get("exec_data") or {}).get("runtime") is not None
    }


def refresh(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Read the pages that show what chapters have made again whenever anything else is."""
    if names:
        names += [page for page in SHOW_OTHERS if page in env.found_docs and page not in names]


# --- terms ----------------------------------------------------------------------------------

GLOSSARY = "book/glossary"
EVERYDAY = {"batch", "bit", "code", "prior"}  # words that a chapter also uses in another sense
CITATIONS = "Where this came from"
NOT_PROSE = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw, nodes.reference)


def glossary(root: Path) -> dict[str, tuple[str, str]]:
    """Return {term in small letters: (its anchor, the first sentence on it)}."""
    found = {}
    text = (root / f"{GLOSSARY}.md").read_text(encoding="utf-8")
    for term, meaning in re.findall(r"^### (.+)\n\n((?:.+\n)+)", text, flags=re.MULTILINE):
        plain = re.sub(r"<span.*?</span>|\]\(.*?\)|\[", "", meaning.replace("\n", " ")).strip()
        sentence = "" if "$" in plain else re.split(r"(?<=[.?]) ", plain)[0]
        found[term.lower()] = (nodes.make_id(term), sentence)
    return found


def is_prose(text: nodes.Text) -> bool:
    """Whether a term in this text may become a link: not in code, titles, links or citations."""
    node = text.parent
    while node is not None:
        if isinstance(node, (nodes.title, *NOT_PROSE)):
            return False
        if isinstance(node, nodes.section) and node[0].astext() == CITATIONS:
            return False
        node = node.parent
    return True


def link_terms(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Link each term to the glossary where a chapter first uses it, unless the author did.

    A link to the glossary as a whole, as in ``[logits](../book/glossary.md)``, goes to its term.
    """
    if not CHAPTER.match(name) or app.builder.format != "html":
        return
    terms = glossary(Path(app.srcdir))
    page = app.builder.get_relative_uri(name, GLOSSARY)
    unseen = {term: to for term, to in terms.items() if term not in EVERYDAY}
    for link in tree.findall(nodes.reference):
        if link.get("refuri") == page:
            words = link.astext().lower()
            close = [t for t in terms if t == words.rstrip("s") or t.startswith(f"{words} ")]
            if close:
                link["refuri"] = f"{page}#{terms[close[0]][0]}"
        if link.get("refuri", "").startswith(f"{page}#"):
            anchor = link["refuri"].partition("#")[2]
            unseen.pop(next((t for t, to in terms.items() if to[0] == anchor), ""), None)

    longest_first = sorted(terms, key=len, reverse=True)
    pattern = re.compile(
        rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})s?(?![\w-])", re.IGNORECASE
    )
    for text in list(tree.findall(nodes.Text)):
        parts: list[nodes.Node] = []
        words, at = text.astext(), 0
        for match in pattern.finditer(words) if is_prose(text) else ():
            if (term := match[1].lower()) not in unseen:
                continue
            anchor, sentence = unseen.pop(term)
            link = nodes.reference("", match[0], refuri=f"{page}#{anchor}", classes=["term"])
            if sentence:
                link["reftitle"] = sentence
            parts += [nodes.Text(words[at : match.start()]), link]
            at = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(words[at:])])


# --- tables ---------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[nodes.Node | str]], left: int = 1) -> nodes.table:
    """Return a docutils table; the columns after the first ``left`` hold numbers, flush right."""
    group = nodes.tgroup(cols=len(head))
    for _ in head:
        group += nodes.colspec(colwidth=1)

    def line(cells: list[nodes.Node | str]) -> nodes.row:
        row = nodes.row()
        for k, cell in enumerate(cells):
            entry = nodes.entry("", classes=["text-right" if k >= left else "text-left"])
            paragraph = nodes.paragraph()
            paragraph += nodes.Text(cell) if isinstance(cell, str) else cell
            entry += paragraph
            row += entry
        return row

    header, body = nodes.thead(), nodes.tbody()
    header += line(list(head))
    body += [line(row) for row in rows]
    group += [header, body]
    result = nodes.table(classes=["colwidths-auto"])
    result += group
    return result


class ChapterTimesNode(nodes.General, nodes.Element):
    """The place of the table of chapter times, filled when every chapter has been read."""


class ChapterTimes(SphinxDirective):
    """``{chapter-times}``: the seconds that each chapter took when it was last executed."""

    def run(self) -> list[nodes.Node]:
        """Leave a placeholder."""
        return [ChapterTimesNode()]


def fill_chapter_times(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Replace each placeholder by the table."""
    for place in list(tree.findall(ChapterTimesNode)):
        seconds = chapter_seconds(app.env)
        rows: list[list[nodes.Node | str]] = []
        for chapter, time in seconds.items():
            target = posixpath.relpath(chapter, posixpath.dirname(name)) + ".html"
            link = nodes.reference("", app.env.titles[chapter].astext(), refuri=target)
            rows.append([link, f"{time:.0f}"])
        rows.append([f"{len(seconds)} chapters", f"{sum(seconds.values()):.0f}"])
        place.replace_self(table(["chapter", "seconds"], rows))


class Versions(SphinxDirective):
    """``{versions}``: the versions that this build of the book ran with."""

    def run(self) -> list[nodes.Node]:
        """Ask the installed packages for their versions."""
        rows: list[list[nodes.Node | str]] = [["Python", platform.python_version()]]
        for package in (*VERSIONS, *TOOLS):
            try:
                rows.append([package, metadata.version(package)])
            except metadata.PackageNotFoundError:
                continue
        return [table(["package", "version"], rows)]


LOOPS = {
    "bare": "a bare loop over tensors in memory, fused Adam",
    "aelib": "aelib.training.fit",
    "dataloader": "DataLoader, torchvision, ToTensor",
    "lightning": "Lightning over the same DataLoader",
    "pythae": "Pythae's BaseTrainer, tensors in memory",
}


class TrainingLoopBenchmark(SphinxDirective):
    """``{training-loop-benchmark} NAME``: the tables of ``benchmarks/results/NAME.json``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return one table for each number of threads, each after a line that names it."""
        results = Path(self.env.srcdir) / "benchmarks" / "results"
        path = results / f"{self.arguments[0]}.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            return [nodes.paragraph("", "No measurement has been committed yet.")]
        report = json.loads(path.read_text(encoding="utf-8"))
        found: list[nodes.Node] = []
        for part in report["measurements"]:
            threads = part["threads"]
            found.append(nodes.rubric("", f"{threads} thread{'s' if threads > 1 else ''}"))
            rows: list[list[nodes.Node | str]] = []
            for name, loop in part["loops"].items():
                ratio = part["ratios"].get(name)
                against = f"{ratio['aelib_over_it']:.2f}" if ratio else "1.00"
                limit = f"{ratio['limit']}" if ratio and ratio["limit"] else "–"
                rows.append(
                    [
                        LOOPS.get(name, name),
                        f"{loop['seconds_an_epoch']:.2f}",
                        f"{min(loop['every_seconds']):.2f}–{max(loop['every_seconds']):.2f}",
                        against,
                        limit,
                        f"{loop['test_loss']:.2f}",
                    ]
                )
            head = ["loop", "seconds an epoch", "least–most", "aelib over it", "expected at most"]
            found.append(table([*head, "test loss (nats)"], rows))
        versions = ", ".join(f"{k} {v}" for k, v in report["versions"].items() if v)
        note = (
            f"{report['network']}, batch {report['batch_size']}, {report['images']:,} images. "
            f"Medians of {report['rounds']} rounds, the loops taking turns in one process "
            f"with {report['processors']} processor cores to run on. Versions: {versions}."
        )
        return [*found, nodes.paragraph("", note)]


class WidgetBenchmark(SphinxDirective):
    """``{widget-benchmark}``: the table of ``benchmarks/results/widgets.json``."""

    def run(self) -> list[nodes.Node]:
        """Return one row for each chapter with a widget."""
        path = Path(self.env.srcdir) / "benchmarks" / "results" / "widgets.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            return [nodes.paragraph("", "No measurement has been committed yet.")]
        report = json.loads(path.read_text(encoding="utf-8"))
        rows: list[list[nodes.Node | str]] = [
            [name.partition("_")[0], f"{row['with_ms']:.1f}", f"{row['beside_ms']:.1f}"]
            for name, row in report["pages"].items()
        ]
        head = ["widget of chapter", "over the widget (ms)", "beside it (ms)"]
        note = (
            f"Medians, from a move of the pointer to the painted frame. "
            f"Chromium {report['chromium']}, {report['processors']} processor cores."
        )
        return [table(head, rows), nodes.paragraph("", note)]


class WidgetOf(SphinxDirective):
    """``{widget-of} CHAPTER KIND``: a widget that a chapter has made, shown on another page too.

    KIND is the name of its files in ``aelib/static``. A chapter's outputs are known to the chapter
    alone, so that the widget is taken from its finished page (:func:`place_widgets`).
    """

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Leave a mark in the page."""
        chapter, kind = self.arguments
        return [nodes.raw("", f"<!-- widget {kind} of {chapter} -->", format="html")]


# --- finished pages -------------------------------------------------------------------------

ICON = re.compile(
    r'<(i|span) class="([^"]*\b(?:fa-solid|fa-regular|fa-brands|fa[srb])\b[^"]*)"([^>]*)></\1>'
)
ICON_SCRIPT = re.compile(r"\s*<script[^>]*scripts/fontawesome\.js[^>]*></script>")

MATH_SCRIPT = re.compile(r"\s*<script[^>]*mathjax/tex-chtml\.js[^>]*></script>")
FONTS = ("fa-solid", "fa-regular", "fa-brands", "fas", "far", "fab")
CORRECTIONS = {
    # the sidebar outside its navigation belongs to no landmark
    '<div id="pst-primary-sidebar" class': '<div id="pst-primary-sidebar" role="complementary"'
    ' aria-label="Book" class',
    # a label that differs from the words that are shown
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # a page has its colours before the theme's scripts run, and without them
    'data-theme="auto">': 'data-theme="light">',
    'localStorage.getItem("theme") || "auto"': 'localStorage.getItem("theme") ||'
    ' (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")',
}


@cache
def icon_shapes() -> str:
    """Return the theme's icon script, which holds every icon's outline."""
    import pydata_sphinx_theme

    static = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    return (static / "scripts" / "fontawesome.js").read_text(encoding="utf-8")


@cache
def icon(name: str) -> tuple[str, str, str] | None:
    """Return width, height and outline of one Font Awesome icon, or None if there is no such."""
    shape = rf'[{{,]"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]+)"\]'
    match = re.search(shape, icon_shapes())
    return (match[1], match[2], match[3]) if match else None


def draw_icon(match: re.Match[str]) -> str:
    """Replace ``<i class="fa-solid fa-bars">`` by the drawing that it stands for."""
    _, classes, rest = match.groups()
    for word in classes.split():
        shape = icon(word.removeprefix("fa-")) if word.startswith("fa-") else None
        if shape:
            width, height, outline = shape
            kept = " ".join(c for c in classes.split() if c not in FONTS)  # or a font is fetched
            return (
                f'<svg class="svg-inline--fa {kept}" aria-hidden="true" focusable="false"'
                f' viewBox="0 0 {width} {height}"{re.sub(r" title=.[^>]*?.(?= |$)", "", rest)}>'
                f'<path fill="currentColor" d="{outline}"/></svg>'
            )
    return match[0]


def finish_page(html: str) -> str:
    """Return a page with its icons drawn in place, no script in vain, and its parts labelled."""
    html = ICON.sub(draw_icon, ICON_SCRIPT.sub("", html))
    if 'class="math' not in html and "text_latex" not in html:
        html = MATH_SCRIPT.sub("", html)  # Sphinx loads it wherever a later page has formulas
    for before, after in CORRECTIONS.items():
        html = html.replace(before, after)
    return html


WIDGET_MARK = re.compile(r"<!-- widget (\w+) of (\S+) -->")


def place_widgets(html: str, site: Path) -> str:
    """Return a page with each mark of ``{widget-of}`` replaced by the widget itself.

    Raises:
        ExtensionError: if the chapter's page holds no such widget.
    """

    def found(mark: re.Match[str]) -> str:
        kind, chapter = mark.groups()
        page = site / f"{chapter}.html"
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        start = rf'<div class="aelib-widget"[^>]* data-aelib-kind="{kind}">'
        end = r'</div>\n<script type="module">.*?</script>'
        widget = re.search(f"{start}.*?{end}", text, flags=re.DOTALL)
        if widget is None:
            raise ExtensionError(f"{{widget-of}}: {chapter} shows no widget {kind}")
        return f'<div class="cell_output"><div class="output text_html">{widget[0]}</div></div>'

    return WIDGET_MARK.sub(found, html)


def finish_pages(app: Sphinx, exception: Exception | None) -> None:
    """Correct every page that this build wrote, and say how long each chapter took."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for path in site.rglob("*.html"):
        before = path.read_text(encoding="utf-8")
        after = finish_page(place_widgets(before, site))
        if after != before:
            path.write_text(after, encoding="utf-8")
    seconds = chapter_seconds(app.env)
    for name, time in seconds.items():
        logger.info("%7.1f s  %s", time, name)
    logger.info("%7.1f s  all chapters, when each was last executed", sum(seconds.values()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.connect("config-inited", configure)
    app.add_transform(ChapterNumber)
    app.add_node(ChapterTimesNode)
    app.add_directive("chapter-times", ChapterTimes)
    app.add_directive("versions", Versions)
    app.add_directive("widget-of", WidgetOf)
    app.add_directive("training-loop-benchmark", TrainingLoopBenchmark)
    app.add_directive("widget-benchmark", WidgetBenchmark)
    app.connect("env-before-read-docs", refresh)
    app.connect("doctree-resolved", fill_chapter_times)
    app.connect("doctree-resolved", link_terms)
    app.connect("build-finished", finish_pages, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
