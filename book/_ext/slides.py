"""Slides of each chapter, made from its notebook: the book's second Sphinx extension.

A cell that goes on a slide carries the tag ``slide``, and says in its metadata what the slide adds
to it::

    "slide": {"title": "…", "text": "a few lines of Markdown", "notes": "what the speaker says"}

or a list of such. The first cell makes the title slide, that of *What to take away* the last one;
both have titles of their own. A code cell shows its figure, else what it printed; with ``code`` it
shows its source instead. A Markdown cell shows what the slide says, and with ``equation`` one of
its displayed equations. So what a deck shows of a result is what the cell gave in this build.

1. :func:`slides_of` reads the slides of a notebook, and complains about what is not well formed.
2. :func:`hide_slides` takes tag and metadata away before the chapter is read: its page is as if
   there were none, and a changed slide executes nothing again (Jupyter's cache looks at metadata).
3. :func:`write_decks` writes ``slides/NN_name.html`` for each chapter, on reveal.js.
4. :func:`add_button` links a chapter's page to its deck; ``{slide-decks}`` lists all decks.
"""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

CHAPTER = re.compile(r"^notebooks/(\d\d)_\w+$")
TAG = "slide"
CLOSING = "What to take away"
WIDTH, HEIGHT, MARGIN = 1280, 720, 56  # of a slide, in CSS pixels; slides.css has the same
LEAST_NOTES = 40
LEAST_FONT = 15  # pixels; smaller printed text cannot be read from the last row

# --- reading --------------------------------------------------------------------------------


class SlideError(ValueError):
    """A slide that is not well formed; the message says which, and what to do."""


@dataclass(frozen=True)
class Slide:
    """One slide, as its cell describes it."""

    cell: int
    title: str
    notes: str
    text: str = ""
    answer: str = ""  # appears at the next key press
    equations: tuple[int, ...] = ()  # of those the cell displays, counted from 1
    lines: tuple[int, int] | None = None  # of the cell's source, counted from 1
    output: str = "figure or text"
    later: bool = False  # what comes from the cell appears at the next key press, below the text


KEYS = {"title", "text", "answer", "notes", "equation", "code", "output", "later"}
OUTPUTS = {"figure", "text", "both", "none"}
EQUATION = re.compile(
    r"\$\$(?P<dollars>.+?)\$\$|\\begin\{(?P<name>align|gather|equation)\*?\}"
    r"(?P<body>.+?)\\end\{(?P=name)\*?\}",
    re.DOTALL,
)


def source_of(cell: dict[str, Any]) -> str:
    """Return the source of a cell, which a notebook keeps as one text or as lines."""
    return "".join(cell["source"])


def equations_of(markdown: str) -> list[str]:
    """Return the displayed equations of a Markdown cell, ready for ``\\[…\\]``, without numbers."""
    found = []
    for match in EQUATION.finditer(markdown):
        text = match["dollars"]
        if text is None:
            inner = {"align": "aligned", "gather": "gathered"}.get(match["name"])
            text = match["body"]
            text = f"\\begin{{{inner}}}{text}\\end{{{inner}}}" if inner else text
        found.append(re.sub(r"\s*\\tag\{[^}]*\}", "", text).strip())
    return found


def slides_of(notebook: dict[str, Any]) -> list[Slide]:
    """Return a notebook's slides in the order of its cells; none if no cell has the tag.

    Raises:
        SlideError: if a tag or metadata is alone, a key is unknown, a text is missing or of the
            wrong type, an equation or a line is not there, or the first or the last slide is.
    """
    cells = notebook["cells"]
    found = [slide for k, cell in enumerate(cells) for slide in _slides_of_cell(k, cell)]
    if not found:
        return []
    if found[0].cell != 0:
        raise SlideError("the first cell must make the title slide: its text is the question")
    if not source_of(cells[found[-1].cell]).startswith(f"## {CLOSING}"):
        raise SlideError(f"the last slide must be that of the cell '## {CLOSING}'")
    return found


def _slides_of_cell(number: int, cell: dict[str, Any]) -> Iterator[Slide]:
    described, tagged = cell["metadata"].get("slide"), TAG in cell["metadata"].get("tags", [])
    source = source_of(cell)
    where = f"cell {number} ({source.partition(chr(10))[0][:40]!r})"
    if tagged != (described is not None):
        lacks = "no metadata 'slide'" if tagged else f"no tag '{TAG}'"
        raise SlideError(f"{where} has {lacks}: a slide needs both")
    if described is None:
        return
    heading = re.match(r"#{1,2} (.+)", source)
    own_title = heading[1] if number == 0 or source.startswith(f"## {CLOSING}") else ""
    for given in described if isinstance(described, list) else [described]:
        try:
            yield _slide(number, cell["cell_type"] == "code", source, own_title, given)
        except SlideError as error:
            raise SlideError(f"{where}: {error}") from None


def _slide(number: int, code: bool, source: str, own_title: str, given: Any) -> Slide:
    if not isinstance(given, dict):
        raise SlideError("a slide is a JSON object, or a list of such")
    if unknown := sorted(set(given) - KEYS):
        raise SlideError(f"unknown {unknown}: a slide has {sorted(KEYS)}")
    for key in ("title", "text", "answer", "notes", "output"):
        if not isinstance(given.get(key, ""), str):
            raise SlideError(f"'{key}' must be a text")
    if not isinstance(given.get("later", False), bool):
        raise SlideError("'later' must be true or false")
    notes = given.get("notes", "").strip()
    if len(notes) < LEAST_NOTES:
        raise SlideError("'notes' are missing or too short: what does the speaker say and ask?")
    if "$" in notes:
        raise SlideError("'notes' hold a formula: the speaker's window sets none, use words")
    title = given.get("title", "").strip()
    if bool(title) == bool(own_title):
        raise SlideError(
            f"'title' is not needed: this slide is called {own_title!r}"
            if own_title
            else "'title' is missing"
        )
    if own_title and not given.get("text", "").strip():
        raise SlideError(
            "'text' is missing: the question on the first slide, the points on the last"
        )

    equations = given.get("equation", [])
    equations = tuple(equations) if isinstance(equations, list) else (equations,)
    there = 0 if code else len(equations_of(source))
    if not all(type(k) is int and 1 <= k <= there for k in equations):
        raise SlideError(f"'equation' is {list(equations)}: the cell displays {there}, from 1")

    lines, shown = None, given.get("code")
    if shown is not None:
        count = len(source.splitlines())
        lines = (1, count) if shown is True else tuple(shown) if isinstance(shown, list) else ()
        whole = len(lines) == 2 and all(type(k) is int for k in lines)
        if not code or not whole or not 1 <= lines[0] <= lines[1] <= count:
            raise SlideError(f"'code' is {shown}: true, or [first, last] of {count} lines of code")

    output = given.get("output", "figure or text" if code and lines is None else "none")
    if output not in {*OUTPUTS, "figure or text"} or (output != "none" and not code):
        raise SlideError(f"'output' is {output!r}: of a code cell one of {sorted(OUTPUTS)}")
    text, answer = given.get("text", "").strip(), given.get("answer", "").strip()
    later = given.get("later", False)
    return Slide(number, title or own_title, notes, text, answer, equations, lines, output, later)


def without_slides(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook as if it had no slides."""
    plain = copy.deepcopy(notebook)
    for cell in plain["cells"]:
        metadata = cell["metadata"]
        metadata.pop("slide", None)
        if TAG in metadata.get("tags", []):
            metadata["tags"].remove(TAG)
            if not metadata["tags"]:
                del metadata["tags"]
    return plain


def hide_slides(app: Sphinx, docname: str, source: list[str]) -> None:
    """Take the slides out of a chapter before it is read, and report those not well formed."""
    if not CHAPTER.match(docname):
        return
    notebook = json.loads(source[0])
    try:
        slides_of(notebook)
    except SlideError as error:
        logger.warning("slides: %s", error, location=docname)
    source[0] = json.dumps(without_slides(notebook))


# --- what a slide shows ---------------------------------------------------------------------


def formula(text: str, options: dict[str, Any]) -> str:
    """Return a formula as MathJax finds it in a page."""
    left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return f"{left}{html.escape(text)}{right}"


@cache
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    return parser.use(dollarmath_plugin, renderer=formula, double_inline=True)


def markdown(text: str) -> str:
    """Return Markdown with formulas as HTML."""
    return _markdown().render(text).strip()


FIGURE = re.compile(r'<div class="aelib-figure">\s*(<svg.*?</svg>)\s*</div>', re.DOTALL)
VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def figures_of(outputs: list[dict[str, Any]]) -> list[str]:
    """Return the figures among a cell's outputs; of a widget, its still picture."""
    data = (output.get("data", {}) for output in outputs)
    return [svg for d in data for svg in FIGURE.findall("".join(d.get("text/html", "")))]


def printed(outputs: list[dict[str, Any]]) -> str:
    """Return what a cell printed."""
    streams = (output for output in outputs if output["output_type"] == "stream")
    return "".join("".join(s["text"]) for s in streams if s["name"] == "stdout").strip("\n")


def block(content: str, lines: list[str], kind: str, room: int) -> str:
    """Return preformatted text in the largest size that fits into so many pixels of height.

    Raises:
        SlideError: if it would be too small to be read.
    """
    longest = max(1, *map(len, lines))
    size = min(26, (WIDTH - 2 * MARGIN - 40) / (0.605 * longest), (room - 32) / (1.4 * len(lines)))
    if size < LEAST_FONT:
        raise SlideError(
            f"{len(lines)} lines of up to {longest} characters do not fit: show fewer of them"
        )
    return f'<div class="{kind}" style="font-size: {size:.1f}px"><pre>{content}</pre></div>'


def media_of(slide: Slide, cell: dict[str, Any], outputs: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what a slide takes from its cell as HTML, and how it is laid out."""
    parts, layout = [], "plain"
    text_lines = len(slide.text.splitlines()) + len(slide.answer.splitlines())
    room = HEIGHT - 190 - 44 * text_lines
    for k in slide.equations:
        shown = formula(equations_of(source_of(cell))[k - 1], {"display_mode": True})
        parts.append(f'<div class="math equation">{shown}</div>')
    if slide.lines:
        whole = source_of(cell).splitlines()
        lines = dedent("\n".join(whole[slide.lines[0] - 1 : slide.lines[1]])).splitlines()
        code = highlight("\n".join(lines), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
        parts.append(block(code.rstrip(), lines, "highlight", room))
    figures = figures_of(outputs) if slide.output in {"figure", "both", "figure or text"} else []
    if slide.output in {"figure", "both"} and not figures:
        raise SlideError("the cell put out no figure")
    for svg in figures:
        width, height = map(float, VIEW_BOX.search(svg).groups())
        narrow = width < 1.75 * height and slide.output != "both"
        layout = "side" if narrow and slide.text else "wide"
        shape = f"aspect-ratio: {width:g} / {height:g}"
        parts.append(f'<div class="figure" style="{shape}">{svg}</div>')
    if slide.output in {"text", "both"} or (slide.output == "figure or text" and not figures):
        said = printed(outputs)
        if not said:
            raise SlideError("the cell put out neither figure nor text")
        parts.append(block(html.escape(said), said.splitlines(), "printed", room))
    return "\n".join(parts), layout


# --- the deck -------------------------------------------------------------------------------

DECK = """<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: slides — {course}</title>
<link rel="icon" href="../_static/logo.svg">
<link rel="stylesheet" href="../reveal/reveal.css">
<link rel="stylesheet" href="../_static/pygments.css">
<link rel="stylesheet" href="../_static/slides.css">
<noscript><link rel="stylesheet" href="../_static/slides_without_scripts.css"></noscript>
<script src="../_static/slides.js"></script>
{mathjax}<script defer src="../reveal/reveal.js"></script>
<script defer src="../reveal/notes.js"></script>
</head>
<body>
<main>
<div class="reveal">
<div class="slides">
{slides}
</div>
</div>
</main>
</body>
</html>
"""
MATHJAX = '<script defer src="../mathjax/tex-chtml.js"></script>\n'


def deck(
    name: str, chapter: str, course: str, notebook: dict[str, Any], ran: dict[str, Any]
) -> str:
    """Return the page of a chapter's slides.

    Args:
        name: the chapter's number and title.
        chapter: the name of its page, without folder and ``.html``.
        course: the name of the course.
        notebook: the chapter as it is written.
        ran: the same with its outputs.

    Raises:
        SlideError: if a slide is not well formed, or shows what its cell did not put out.
    """
    found = slides_of(notebook)
    page = f"../notebooks/{chapter}.html"
    sections = []
    for slide in found:
        cell, outputs = notebook["cells"][slide.cell], ran["cells"][slide.cell].get("outputs", [])
        if slide is found[0]:
            body = _opening(slide, name, course, page)
        else:
            try:
                body = _body(slide, cell, outputs)
            except SlideError as error:
                raise SlideError(f"'{slide.title}' (cell {slide.cell}): {error}") from None
            if slide is found[-1]:
                body += (
                    f'\n<p class="links"><a href="{page}">Chapter {html.escape(name)}</a>: '
                    "to read, to run, with its exercises</p>"
                )
        sections.append(
            f'<section class="{"opening" if slide is found[0] else "inner"}">\n{body}\n'
            f'<aside class="notes">{markdown(slide.notes)}</aside>\n</section>'
        )
    slides = "\n".join(sections)
    mathjax = MATHJAX if 'class="math' in slides else ""
    name, course = html.escape(name), html.escape(course)
    return DECK.format(name=name, course=course, mathjax=mathjax, slides=slides)


def _opening(slide: Slide, name: str, course: str, page: str) -> str:
    return (
        f'<p class="course">{html.escape(course)}</p>\n<h1>{html.escape(name)}</h1>\n'
        f'<div class="question">{markdown(slide.text)}</div>\n'
        f'<p class="links"><a href="{page}">The chapter</a> · text and figures CC BY 4.0, code MIT '
        "· keys: <kbd>?</kbd></p>"
    )


def _body(slide: Slide, cell: dict[str, Any], outputs: list[dict[str, Any]]) -> str:
    media, layout = media_of(slide, cell, outputs)
    text = f'<div class="text">{markdown(slide.text)}</div>' if slide.text else ""
    answer = f'<div class="answer fragment">{markdown(slide.answer)}</div>' if slide.answer else ""
    if media:
        media = f'<div class="media{" fragment" * slide.later}">{media}</div>'
    parts = [text, media, answer] if slide.later else [media, text, answer]
    title = _markdown().renderInline(slide.title)
    content = "\n".join(filter(None, parts))
    return f'<h2>{title}</h2>\n<div class="body {layout}">\n{content}\n</div>'


def with_slides(app: Sphinx, docname: str) -> dict[str, Any] | None:
    """Return the notebook of a page if it is a chapter that has slides."""
    if not CHAPTER.match(docname):
        return None
    notebook = json.loads(Path(app.env.doc2path(docname)).read_text(encoding="utf-8"))
    try:
        return notebook if slides_of(notebook) else None
    except SlideError:
        return None  # reported when the chapter was read


def chapters_with_slides(app: Sphinx) -> dict[str, dict[str, Any]]:
    """Return {page of the chapter: its notebook} for the book's chapters that have slides."""
    notebooks = {name: with_slides(app, name) for name in sorted(app.env.found_docs)}
    return {name: notebook for name, notebook in notebooks.items() if notebook}


def title_of(docname: str, notebook: dict[str, Any]) -> str:
    """Return a chapter's number and title."""
    return f"{int(CHAPTER.match(docname)[1])}. {slides_of(notebook)[0].title}"


def executed(app: Sphinx, notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a chapter with its outputs, from Jupyter's cache.

    There they are also when this build executed nothing; MyST-NB's own folder,
    ``jupyter_execute``, then holds the chapter without them.

    Raises:
        SlideError: if it was never executed as it stands.
    """
    plain = nbformat.reads(json.dumps(without_slides(notebook)), as_version=4)
    try:
        return get_cache(app.config.nb_execution_cache_path).merge_match_into_notebook(plain)[1]
    except KeyError:
        raise SlideError("the chapter has not been executed as it stands: build again") from None


def write_decks(app: Sphinx, exception: Exception | None) -> None:
    """Write a deck for each chapter that has slides, and remove those of others."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "slides"
    folder.mkdir(exist_ok=True)
    left_over = set(folder.glob("*.html"))
    for docname, notebook in chapters_with_slides(app).items():
        chapter, name = docname.removeprefix("notebooks/"), title_of(docname, notebook)
        try:
            page = deck(name, chapter, app.config.project, notebook, executed(app, notebook))
        except SlideError as error:
            raise SphinxError(f"{docname}: slides: {error}") from error
        path = folder / f"{chapter}.html"
        path.write_text(page, encoding="utf-8")
        left_over.discard(path)
    for path in left_over:
        path.unlink()


# --- links ----------------------------------------------------------------------------------


def add_button(
    app: Sphinx,
    docname: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Put *Slides* beside the downloads of a chapter that has some."""
    if with_slides(app, docname) is None:
        return
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons":
            group["buttons"].append(
                {
                    "type": "link",
                    "url": f"../slides/{docname.removeprefix('notebooks/')}.html",
                    "text": "Slides",
                    "tooltip": "Slides of this chapter",
                    "icon": "fas fa-person-chalkboard",
                    "label": "slides-button",
                }
            )


class SlideDecks(SphinxDirective):
    """``{slide-decks}``: all decks, each with its question and the number of its slides."""

    def run(self) -> list[nodes.Node]:
        """Read them from the notebooks."""
        items = nodes.bullet_list()
        for docname, notebook in chapters_with_slides(self.env.app).items():
            self.env.note_dependency(self.env.doc2path(docname))
            found = slides_of(notebook)
            target = f"../slides/{docname.removeprefix('notebooks/')}.html"
            line = nodes.paragraph()
            line += nodes.reference("", title_of(docname, notebook), refuri=target)
            line += nodes.Text(f" ({len(found)} slides). {found[0].text}")
            items += nodes.list_item("", line)
        return [items]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.add_directive("slide-decks", SlideDecks)
    app.connect("source-read", hide_slides)
    app.connect("html-page-context", add_button, priority=900)  # after the theme's own buttons
    app.connect("build-finished", write_decks, priority=950)  # after course.py corrected the pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
