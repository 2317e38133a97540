"""The slides of every chapter: what the notebooks say, and the decks in a real browser.

A deck is shown once, slide by slide, by the keyboard, in the light and in the dark; the tests look
at what was found. `make book` makes the decks that are shown here.
"""

import copy
import importlib.util
import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import browser as machinery
import nbformat
import pytest
import rules
import test_pages
import test_text
from browser import BUILT
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from playwright import sync_api as playwright

PROBE = Path(__file__).with_name("slides.js")
CHAPTERS = rules.chapters()
DECKS = [path.stem for path in CHAPTERS]
each_deck = pytest.mark.parametrize("name", DECKS)
COURSE = "Autoencoders, shown"


def load():
    path = rules.ROOT / "book" / "_ext" / "slides.py"
    spec = importlib.util.spec_from_file_location("slides_extension", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks its own module up
    spec.loader.exec_module(module)
    return module


slides = load()


def lines(found):
    return "\n" + "\n".join(map(str, found))


def read(name):
    return json.loads((rules.NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))


# ---------------------------------------------------------------- what the notebooks say


@each_deck
def test_every_chapter_has_a_deck(name):
    found = slides.slides_of(read(name))
    assert 8 <= len(found) <= 14, f"{len(found)} slides: 8 to 14 are wanted"
    assert any(slide.lines or slide.equations for slide in found), "neither a formula nor code"
    asking = [slide for slide in found if "?" in slide.title + slide.text]
    assert len(asking) >= 2, "no question to the room beside that of the chapter"


@each_deck
def test_slides_are_short(name):
    found = []
    for slide in slides.slides_of(read(name)):
        for text in (slide.text, slide.answer):
            items = [line for line in text.splitlines() if line.startswith("- ")]
            longest = max((len(re.sub(r"\$.*?\$", "x", line)) for line in items), default=0)
            if len(items) > 4 or longest > 95:
                found.append(f"{slide.title}: {len(items)} points, up to {longest} characters")
        sentences = len(re.findall(r"[.?!](?:\s|$)", slide.notes))
        if not 2 <= sentences <= 8:
            found.append(f"{slide.title}: notes of {sentences} sentences: 2 to 6 are wanted")
    assert not found, lines(found)


def measured(notebook):
    """Decimals and percentages in the texts of slides that the chapter itself does not write."""
    cells = notebook["cells"]
    chapter = "\n".join(map(slides.source_of, cells))
    found = []
    for slide in slides.slides_of(notebook):
        text = re.sub(r"CC BY(-SA)? \d\.\d", "", f"{slide.title} {slide.text} {slide.answer}")
        for number in re.findall(r"\d+\.\d+|\d+(?=\s?%)", text):
            if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", chapter):
                found.append(f"{slide.title}: {number}")
    return found


@each_deck
def test_no_number_is_the_slides_own(name):
    assert not measured(read(name)), lines(measured(read(name)))


def test_british_spelling(tmp_path):
    texts = {
        f"{name}_{k}": test_text.plain(f"{s.title}\n{s.text}\n{s.answer}\n{s.notes}")
        for name in DECKS
        for k, s in enumerate(slides.slides_of(read(name)))
    }
    found = test_text.american(texts, tmp_path)
    assert not found, lines(found)


# ---------------------------------------------------------------- what is not well formed

NOTES = "Say what there is to see, and ask the room what it means."
SVG = (
    '<div class="aelib-figure"><svg role="img" aria-label="A line that rises from the left to the '
    'right." viewBox="0 0 {} {}" style="width:100%;max-width:99px"><text x="9" y="20" '
    'fill="currentColor">word</text></svg></div>'
)


def markdown(source, **slide):
    return {"cell_type": "markdown", "metadata": described(slide), "source": source}


def code(source, **slide):
    return {"cell_type": "code", "metadata": described(slide), "source": source, "outputs": []}


def described(slide):
    return {"tags": ["slide"], "slide": {"notes": NOTES, **slide}} if slide else {}


def chapter(*cells):
    """A notebook with its first and last slide, and these cells between."""
    return {
        "cells": [
            markdown("# A small chapter\n\nText.", text="What is small?"),
            *cells,
            markdown("## What to take away\n\n- this", text="- this"),
        ]
    }


def whole(*cells):
    """The same, as nbformat knows it."""
    notebook = chapter(*cells) | {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for k, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{k}"
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
    return notebook


EQUATIONS = (
    "So\n\n$$ x = 1 \\tag{3} $$\n\n\\begin{align*} a &= b \\\\ c &= d . \\tag{4} \\end{align*}"
)
BROKEN = [
    (markdown("x", title="A", nots="…"), "unknown ['nots']"),
    (markdown("x", title="A", notes="Short."), "'notes' are missing"),
    (markdown("x", title="A", notes=f"{NOTES} $x$"), "hold a formula"),
    (markdown("x", text="no title"), "'title' is missing"),
    (markdown("x", title=["A"]), "'title' must be a text"),
    (markdown(EQUATIONS, title="A", equation=3), "the cell displays 2"),
    (markdown("x", title="A", equation=0), "the cell displays 0"),
    (markdown("x", title="A", output="figure"), "of a code cell"),
    (code("a = 1\nb = 2", title="A", output="all"), "of a code cell one of"),
    (code("a = 1\nb = 2", title="A", code=[1, 3]), "of 2 lines of code"),
    (code("a = 1\nb = 2", title="A", code="all"), "of 2 lines of code"),
    (code("a = 1", title="A", equation=1), "the cell displays 0"),
    (markdown("x", title="A", code=True), "'code' is True"),
    (code("a = 1", title="A", later="yes"), "'later' must be true or false"),
    ({**code("x = 1"), "metadata": {"tags": ["slide"]}}, "no metadata 'slide'"),
    ({**code("x = 1"), "metadata": {"slide": {"title": "A", "notes": NOTES}}}, "no tag 'slide'"),
    ({**code("x = 1"), "metadata": {"tags": ["slide"], "slide": "A"}}, "JSON object"),
]


@pytest.mark.parametrize("cell, complaint", BROKEN, ids=[text for _, text in BROKEN])
def test_what_is_not_well_formed_is_named(cell, complaint):
    with pytest.raises(slides.SlideError, match=re.escape(complaint)) as raised:
        slides.slides_of(chapter(cell))
    assert "cell 1" in str(raised.value)


def test_a_deck_opens_and_closes():
    whole = chapter()
    assert len(slides.slides_of(whole)) == 2
    for k, complaint in ((0, "title slide"), (-1, "What to take away")):
        part = copy.deepcopy(whole)
        part["cells"].insert(1, markdown("x", title="A"))
        part["cells"][k]["metadata"] = {}
        with pytest.raises(slides.SlideError, match=complaint):
            slides.slides_of(part)
    twice = copy.deepcopy(whole)
    twice["cells"][0]["metadata"]["slide"]["title"] = "Another"
    with pytest.raises(slides.SlideError, match="'title' is not needed"):
        slides.slides_of(twice)
    assert slides.slides_of({"cells": [markdown("# No slides")]}) == []


def test_slides_leave_no_trace_in_the_chapter():
    plain = chapter()
    for cell in plain["cells"]:
        cell["metadata"] = {}
    plain["cells"].insert(1, {**code("1"), "metadata": {"tags": ["hide-input"]}})
    marked = chapter(code("1", title="A"))
    marked["cells"][1]["metadata"]["tags"].insert(0, "hide-input")
    text = [json.dumps(marked)]
    slides.hide_slides(None, "notebooks/99_small", text)
    assert json.loads(text[0]) == plain
    page = ["# A page, no notebook"]
    slides.hide_slides(None, "book/index", page)
    assert page == ["# A page, no notebook"]


def test_what_is_not_well_formed_fails_the_build(monkeypatch):
    warned = []
    monkeypatch.setattr(
        slides.logger, "warning", lambda text, *rest, **_: warned.append(text % rest)
    )
    slides.hide_slides(None, "notebooks/99_small", [json.dumps(chapter(markdown("x", text="y")))])
    assert len(warned) == 1 and "'title' is missing" in warned[0]


def test_equations_lose_their_numbers():
    one, two = slides.equations_of(EQUATIONS)
    assert one == "x = 1"
    assert two == r"\begin{aligned} a &= b \\ c &= d . \end{aligned}"


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_parts_of_a_stream_are_read_in_order():
    error = {"output_type": "stream", "name": "stderr", "text": "warned"}
    assert slides.printed([stream("a\n"), error, stream("b\nc\n")]) == "a\nb\nc"


def executed(notebook, *outputs):
    """The notebook with these outputs in its code cells, one each."""
    ran, given = copy.deepcopy(notebook), iter(outputs)
    for cell in ran["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [next(given)]
    return ran


def figure(width=480, height=200):
    return {"output_type": "display_data", "data": {"text/html": SVG.format(width, height)}}


def made(*cells, outputs=()):
    notebook = chapter(*cells)
    return slides.deck(
        "9. A small chapter", "99_small", COURSE, notebook, executed(notebook, *outputs)
    )


def test_a_code_cell_shows_its_figure_else_what_it_printed():
    cell = code("print(7)", title="A", text="- words")
    wide = made(cell, outputs=[figure()])
    assert 'body wide"' in wide and 'style="aspect-ratio: 480 / 200"><svg' in wide
    assert 'body side"' in made(cell, outputs=[figure(300, 300)])
    assert "<pre>7 &lt; 8</pre>" in made(cell, outputs=[stream("7 < 8\n")])
    shown = made(code("a = 1\nb = 2", title="A", code=[2, 2]), outputs=[stream("7")])
    assert "highlight" in shown and ">7<" not in shown and ">a<" not in shown


@pytest.mark.parametrize(
    "cell, output, complaint",
    [
        (code("1", title="A"), stream(""), "neither figure nor text"),
        (code("1", title="A", output="figure"), stream("7"), "no figure"),
        (code("1", title="A"), stream("7" * 200), "do not fit"),
        (code("1", title="A"), stream("7\n" * 60), "do not fit"),
    ],
)
def test_what_cannot_be_shown_is_named(cell, output, complaint):
    with pytest.raises(slides.SlideError, match=f"'A' .cell 1.: .*{complaint}"):
        made(cell, outputs=[output])


def test_what_comes_later_stands_below_the_text():
    cell = code("1", title="A", text="What?", later=True, output="text")
    page = made(cell, outputs=[stream("7\n")])
    assert page.index("What?") < page.index('<div class="media fragment">') < page.index(">7<")


def test_outputs_come_from_the_cache(tmp_path):
    """Also where a chapter carries slides, which its execution has not seen."""
    notebook = nbformat.reads(json.dumps(whole(code("print(7)", title="A"))), as_version=4)
    plain = nbformat.from_dict(slides.without_slides(notebook))
    plain["cells"][1]["outputs"] = [nbformat.from_dict(stream("7\n"))]
    plain["cells"][1]["execution_count"] = 1
    cache = get_cache(str(tmp_path))
    cache.cache_notebook_bundle(CacheBundleIn(plain, "99_small.ipynb"), check_validity=False)

    class App:
        class config:
            nb_execution_cache_path = str(tmp_path)

    ran = slides.executed(App, notebook)
    assert slides.printed(ran["cells"][1]["outputs"]) == "7"
    notebook["cells"][1]["source"] = "print(8)"
    with pytest.raises(slides.SlideError, match="build again"):
        slides.executed(App, notebook)


def test_a_measured_number_is_found():
    assert measured(chapter(markdown("Noise of 0.5.", title="At 0.5", text="92.3 %"))) == [
        "At 0.5: 92.3"
    ]


# ---------------------------------------------------------------- the decks, shown


@dataclass
class Showing:
    """What one deck did and showed; lists hold 'slide: what'."""

    titles: list = field(default_factory=list)
    steps: int = 0
    back: int = -1
    hidden_answers: int = 0
    shown_answers: int = 0
    notes: list = field(default_factory=list)
    seen_notes: list = field(default_factory=list)
    overflow: list = field(default_factory=list)
    silent: list = field(default_factory=list)
    math: list = field(default_factory=list)
    light: list = field(default_factory=list)
    dark: list = field(default_factory=list)
    themes: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    errors: list = field(default_factory=list)


def ask(page, question):
    return page.evaluate(f"{PROBE.read_text('utf-8')}.{question}()")


def opened(context, address, seen=None):
    """A page of a deck, ready to be shown."""
    page = context.new_page()
    if seen:
        machinery.watch(page, seen)
    page.goto(address, wait_until="load")
    page.wait_for_function("() => window.Reveal?.isReady()")
    test_pages.settle(page)
    return page


def look(page, seen, title):
    """What is to be seen on a slide whose answers are shown."""
    for what in ("overflow", "silent", "math"):
        getattr(seen, what).extend(f"{title}: {one}" for one in ask(page, what))
    notes = ask(page, "notes")
    seen.notes.append(notes["text"])
    seen.seen_notes += notes["seen"]
    for theme in ("light", "dark"):
        seen.themes.append(page.evaluate("document.documentElement.dataset.theme"))
        getattr(seen, theme).extend(f"{title}: {one}" for one in violations(page))
        page.keyboard.press("d")


def violations(page):
    """axe-core's serious and critical findings."""
    found = page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] })"
        ".then(({ violations }) => violations.filter((v) => /serious|critical/.test(v.impact))"
        ".flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target[0]} ${n.html.slice(0, 120)}`)))"
    )
    return found[:5]


def show(chromium, address):
    """Goes through a deck with the right arrow, and back to its first slide with Home."""
    seen = Showing()
    context = chromium.new_context(
        viewport={"width": 1280, "height": 720}, color_scheme="light", reduced_motion="reduce"
    )
    try:
        page = opened(context, address, seen)
        test_pages.probe(page, "lighten")
        page.evaluate(test_pages.AXE.read_text("utf-8"))
        while True:
            place = ask(page, "where")
            if place["title"] not in seen.titles[-1:]:
                seen.titles.append(place["title"])
            if place["step"] == -1:
                seen.hidden_answers += place["answers"].count("hidden")
            if "hidden" not in place["answers"]:
                seen.shown_answers += len(place["answers"])
                look(page, seen, place["title"])
            if place["last"] or seen.steps > 60:
                break
            page.keyboard.press("ArrowRight")
            seen.steps += 1
        page.keyboard.press("Home")
        seen.back = ask(page, "where")["at"]
    finally:
        context.close()
    return seen


@pytest.fixture(scope="session")
def shows():
    return {}


@pytest.fixture
def shown(name, chromium, site, shows):
    """The showing of a chapter's deck, made once, also if it went wrong."""
    if name not in shows:
        try:
            shows[name] = show(chromium, f"{site}slides/{name}.html")
        except playwright.Error as error:
            shows[name] = error
    if isinstance(shows[name], Exception):
        pytest.fail(f"the showing of {name} went wrong: {shows[name]}", pytrace=False)
    return shows[name]


@each_deck
def test_the_keyboard_leads_through(name, shown):
    expected = slides.slides_of(read(name))
    assert len(shown.titles) == len(expected), shown.titles
    answers = sum(bool(slide.answer) + slide.later for slide in expected)
    assert shown.steps == len(expected) - 1 + answers
    assert shown.hidden_answers == shown.shown_answers == answers
    assert shown.back == 0
    assert shown.themes == ["light", "dark"] * len(expected), "the key D exchanges light and dark"


@each_deck
def test_nothing_overflows(shown):
    assert not shown.overflow, lines(shown.overflow)


@each_deck
def test_asks_no_other_host(shown, site):
    elsewhere = {u for u in shown.requests if not u.startswith((site, "data:", "blob:", "about:"))}
    assert not elsewhere, lines(elsewhere)
    assert not shown.failed, lines(shown.failed)
    assert not shown.errors, lines(shown.errors)


@each_deck
def test_every_picture_says_what_it_shows(shown):
    assert not shown.silent, lines(shown.silent)


@each_deck
def test_formulas_are_set(shown):
    assert not shown.math, lines(shown.math)


@pytest.mark.parametrize("theme", ["light", "dark"])
@each_deck
def test_axe(shown, theme):
    assert not getattr(shown, theme), lines(getattr(shown, theme))


@each_deck
def test_notes_are_for_the_speaker(shown):
    assert all(len(text) >= 40 for text in shown.notes), "a slide without notes"
    assert not shown.seen_notes, f"the room sees notes: {lines(shown.seen_notes)}"


@pytest.mark.parametrize("opened_as", ["page", "file"])
def test_the_speakers_window(chromium, site, opened_as):
    """It shows the notes, and leads the deck; from a server and from a folder on a stick."""
    name = DECKS[0]
    path = f"slides/{name}.html"
    address = site + path if opened_as == "page" else (BUILT / path).as_uri()
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    requests = []
    context.on("request", lambda request: requests.append(request.url))
    try:
        page = opened(context, address)
        with context.expect_page() as waiting:
            page.keyboard.press("s")
        window = waiting.value
        notes = [slide.notes for slide in slides.slides_of(read(name))]
        window.wait_for_function(f"() => document.body.innerText.includes({notes[0][:30]!r})")
        window.locator("body").press("ArrowRight")
        window.wait_for_function(f"() => document.body.innerText.includes({notes[1][:30]!r})")
        page.wait_for_function("() => Reveal.getState().indexh === 1")
        elsewhere = [u for u in requests if not u.startswith((site, "file:", "data:", "about:"))]
        assert not elsewhere, lines(elsewhere)
    finally:
        context.close()


@pytest.mark.parametrize("notes", [False, True])
def test_prints_a_page_a_slide(chromium, site, notes):
    name = DECKS[0]
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    try:
        page = opened(context, f"{site}slides/{name}.html?print-pdf{'&notes' * notes}")
        page.wait_for_selector(".pdf-page")
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    finally:
        context.close()
    count = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    assert count == len(slides.slides_of(read(name))) * (2 if notes else 1)


@each_deck
def test_can_be_read_without_scripts(name, scriptless_deck, site):
    scriptless_deck.goto(f"{site}slides/{name}.html", wait_until="load")
    found = scriptless_deck.evaluate(
        """() => ({
            hidden: [...document.querySelectorAll("h1, h2, .text, .answer, .figure svg, pre")]
              .filter((e) => !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
                || e.getBoundingClientRect().height < 10).map((e) => e.textContent.slice(0, 60)),
            notes: [...document.querySelectorAll("aside.notes")].filter((e) => e.checkVisibility()).length,
            titles: document.querySelectorAll("h1, h2").length,
            tops: [...document.querySelectorAll("section")].map((e) => e.getBoundingClientRect().top),
        })"""
    )
    assert not found["hidden"], lines(found["hidden"])
    assert found["titles"] == len(slides.slides_of(read(name)))
    assert found["notes"] == 0
    assert found["tops"] == sorted(found["tops"]) and found["tops"][-1] > 3000, (
        "one below the other"
    )


@pytest.fixture(scope="module")
def scriptless_deck(chromium):
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_links_lead_somewhere():
    decks = {f"slides/{name}.html" for name in DECKS}
    built = {path.relative_to(BUILT).as_posix() for path in (BUILT / "slides").glob("*.html")}
    assert built == decks, "decks and chapters differ: run `make book`"
    pages = test_pages.parsed() | {
        deck: test_pages.Page((BUILT / deck).read_text("utf-8")) for deck in decks
    }
    only = {deck: pages[deck] for deck in decks}
    found = test_pages.broken_targets(only, lambda path: (BUILT / path).exists())
    found += test_pages.foreign_loads(only)
    assert not found, lines(found)
    listed = set(pages["book/slides.html"].links)
    for name in DECKS:
        link = f"../slides/{name}.html"
        assert link in listed, f"book/slides.md does not list {name}"
        assert link in pages[f"notebooks/{name}.html"].links, f"{name} does not link its deck"


def test_the_chapters_show_nothing_of_it():
    for name in DECKS:
        page = (BUILT / "notebooks" / f"{name}.html").read_text("utf-8")
        assert "tag_slide" not in page, f"{name} was read with its slides"
        assert slides.slides_of(read(name))[1].notes not in page


# ---------------------------------------------------------------- the tests can fail

PLANTED = {
    "too long": ("overflow", "past the edge", "<p>long</p>" * 30),
    "too wide": ("overflow", "past the edge", '<p style="width: 1300px">wide</p>'),
    "one over the other": ("overflow", "one over", '<div class="text" style="height: 40px; margin-bottom: '
                           '-40px">x</div><div class="answer">y</div>'),
    "a stamp": ("overflow", "its words have", f'<div class="figure" style="flex: none; width: 90px">'
                f"{SVG.format(480, 200)}</div>"),
    "silent": ("silent", "<svg", '<svg role="img" width="99" height="40"></svg>'),
    "formula": ("math", "math", '<span class="math">x</span>'),
    "axe": ("light", "button-name", "<button></button>"),
    "grey in the dark": ("dark", "#dim", '<p id="dim" style="color: #444">Dim</p>'),
    "another host": ("requests", "example.org", '<img alt="" src="https://example.org/x.png">'),
    "missing": ("failed", "gone.css: 404", '<link rel="stylesheet" href="gone.css">'),
    "error": ("errors", "thrown", "<script>throw Error('thrown')</script>"),
    "notes": ("seen_notes", "speaker-notes", '<p class="speaker-notes" style="display: block">x</p>'),
}  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A folder in which a deck finds what it loads."""
    folder = tmp_path_factory.mktemp("stage")
    for part in ("_static", "extra/reveal", "extra/mathjax"):
        shutil.copytree(rules.ROOT / "book" / part, folder / Path(part).name)
    (folder / "_static" / "pygments.css").write_text("", "utf-8")
    (folder / "slides").mkdir()
    (folder / "notebooks").mkdir()
    return folder


def show_deck(chromium, stage, page):
    (stage / "slides" / "99_small.html").write_text(page, "utf-8")
    with machinery.serving(stage) as address:
        return show(chromium, f"{address}slides/99_small.html")


@pytest.fixture(scope="module")
def planted(chromium, stage):
    """A deck with one error a slide."""
    page = made(*(markdown("x", title=plant, text=f"- put {plant}") for plant in PLANTED))
    for plant, (_, _, body) in PLANTED.items():
        page = page.replace(f"put {plant}<", f"{body}<")
    return show_deck(chromium, stage, page)


def test_a_sound_deck_is_left_alone(chromium, stage):
    """Formulas, a figure, a figure over printed text, an answer, code."""
    notebook = chapter(
        markdown(EQUATIONS, title="Formulas", text="- $x$ is small", equation=[1, 2]),
        code("a = 1", title="A figure", text="- what to see"),
        code("print(7)", title="Two things", text="Which?", answer="- **both**", output="both"),
        code("def f(x):\n    return x + 1", title="Code", code=True),
    )
    ran = executed(notebook, figure(), figure(480, 150), stream(""))
    ran["cells"][3]["outputs"].append(stream("7\n"))
    page = slides.deck("9. A small chapter", "99_small", COURSE, notebook, ran)
    seen = show_deck(chromium, stage, page)
    for what in ("overflow", "silent", "math", "light", "dark", "failed", "errors", "seen_notes"):
        assert not getattr(seen, what), (what, getattr(seen, what))
    assert len(seen.titles) == 6 and seen.steps == 6 and seen.shown_answers == 1


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_error_is_found(planted, plant):
    where, what, _ = PLANTED[plant]
    found = [one for one in getattr(planted, where) if what in one]
    assert found, getattr(planted, where)
    if where not in {"requests", "failed", "errors", "seen_notes"}:
        assert any(one.startswith(f"{plant}: ") for one in found), found
