"""Every page of the built book, in a real browser.

A page is visited once: in the light, in the dark, in a window of 360 pixels and without scripts.
The tests look at what was found. `make book` builds what is visited here.
"""

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import browser as machinery
import pytest
import rules
from browser import BUILT
from playwright import sync_api as playwright

from aelib import plots
from tools import repository

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
PROBE = Path(__file__).with_name("probe.js")
MAX_WEIGHT = 1_500_000
NOT_PROSE = {
    "genindex.html": "Sphinx's index: made of links alone, and empty here",
    "search.html": "Sphinx's search: has no text before a reader asks",
    "index.html": "sends the reader to the landing page",
}


def built_pages():
    """Every page of the book, as a path below _build/html.

    The theme's own files are no pages, and slides have tests of their own.
    """
    found = (path.relative_to(BUILT).as_posix() for path in sorted(BUILT.rglob("*.html")))
    return [page for page in found if not page.startswith(("_static/", "_sources/", "slides/"))]


def is_redirect(page):
    return page == "index.html" and "http-equiv" in (BUILT / page).read_text("utf-8")[:400].lower()


ALL_PAGES = built_pages()
PAGES = [p for p in ALL_PAGES if p not in NOT_PROSE or (p == "index.html" and not is_redirect(p))]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]
each_page = pytest.mark.parametrize("page", PAGES)


def test_the_book_is_built():
    assert PAGES, "The book is not built: run `make book`."


def test_every_chapter_has_its_page():
    wanted = {f"notebooks/{path.stem}.html" for path in rules.chapters()}
    missing, left_over = wanted - set(CHAPTERS), set(CHAPTERS) - wanted
    assert not missing, f"not built: {sorted(missing)}: run `make book`"
    assert not left_over, f"of chapters that are no more: {sorted(left_over)}: remove them"


# ---------------------------------------------------------------- one visit, many questions


@dataclass
class Visit:
    """What one page did and showed."""

    light: dict = field(default_factory=dict)
    dark: dict = field(default_factory=dict)
    bare: dict = field(default_factory=dict)  # without scripts
    requests: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    weight: dict = field(default_factory=dict)
    overflow: list = field(default_factory=list)
    silent: list = field(default_factory=list)
    seconds: float = 0.0


def settle(page):
    """Waits until nothing loads any more and the formulas stand."""
    page.wait_for_load_state("networkidle")
    page.evaluate("() => window.MathJax?.startup?.promise?.then(() => true)")


def probe(page, question):
    return page.evaluate(f"{PROBE.read_text('utf-8')}.{question}()")


def violations(page):
    """axe-core's serious and critical findings, one line each. Nothing is to be asked after it."""
    probe(page, "lighten")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['impact']} {rule['id']} ({rule['help']}): {' '.join(node['target'][0:1])}"
        f"\n    {node['html'][:160]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"][:5]
    ]


def in_theme(page, theme):
    """The page as it looks in a theme, all folds open."""
    found = probe(page, "structure")
    assert found["theme"] == theme, f"{found['theme']} where the reader asked for {theme}"
    found["faint"] = probe(page, "faint")
    probe(page, "openAll")
    return found


def visit_page(chromium, address):
    started, seen = time.perf_counter(), Visit()
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    page = context.new_page()
    machinery.watch(page, seen)
    try:
        page.goto(address, wait_until="load")
        settle(page)
        ours = {url for url in seen.requests if url.startswith("http://127.0.0.1")}
        files = {machinery.file_of(url) for url in ours}
        seen.weight = {str(f): machinery.wire_bytes(f) for f in files if f.is_file()}
        page.evaluate(
            "async () => { for (let y = 0; y < document.body.scrollHeight; y += 800) {"
            " scrollTo(0, y); await new Promise(requestAnimationFrame); } }"
        )
        settle(page)
        seen.silent = probe(page, "silent")
        seen.light = in_theme(page, "light")
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_timeout(150)
        seen.overflow = probe(page, "overflow")
        page.set_viewport_size({"width": 1280, "height": 900})
        seen.light["violations"] = violations(page)
        page.emulate_media(color_scheme="dark")
        page.reload(wait_until="load")
        settle(page)
        seen.dark = in_theme(page, "dark")
        seen.dark["violations"] = violations(page)
    finally:
        context.close()
    seen.seconds = time.perf_counter() - started
    return seen


@pytest.fixture(scope="session")
def scriptless(chromium):
    """A window in which no script of the page runs."""
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def visits():
    return {}


@pytest.fixture
def visit(page, chromium, scriptless, site, visits):
    """The visit to a page, made once, also if it went wrong."""
    if page not in visits:
        try:
            visits[page] = visit_page(chromium, site + page)
            scriptless.goto(site + page, wait_until="load")
            visits[page].bare = {
                **probe(scriptless, "structure"),
                "unseen": probe(scriptless, "unseen"),
            }
        except (AssertionError, playwright.Error) as error:
            visits[page] = error
    if isinstance(visits[page], Exception):
        pytest.fail(f"the visit to {page} went wrong: {visits[page]}", pytrace=False)
    return visits[page]


def lines(found):
    return "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("page", [p for p in ALL_PAGES if not is_redirect(p)])
def test_asks_no_other_host(visit, site):
    elsewhere = {u for u in visit.requests if not u.startswith((site, "data:", "blob:", "about:"))}
    assert not elsewhere, f"asked other hosts, or left the book's folder: {lines(elsewhere)}"


@pytest.mark.parametrize("page", [p for p in ALL_PAGES if not is_redirect(p)])
def test_nothing_fails(visit):
    assert not visit.failed, lines(visit.failed)
    assert not visit.errors, lines(visit.errors)


@each_page
def test_fits_360_pixels(visit):
    assert not visit.overflow, lines(visit.overflow)


@each_page
def test_every_picture_says_what_it_shows(visit):
    assert not visit.silent, lines(visit.silent)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", [p for p in ALL_PAGES if not is_redirect(p)])
def test_axe(visit, theme):
    assert not getattr(visit, theme)["violations"], lines(getattr(visit, theme)["violations"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@each_page
def test_figures_can_be_read(visit, theme):
    faint = getattr(visit, theme)["faint"]
    assert not faint, lines(faint)


@each_page
def test_weight(visit):
    total = sum(visit.weight.values())
    heavy = sorted(visit.weight.items(), key=lambda item: -item[1])[:5]
    assert 0 < total < MAX_WEIGHT, f"{total / 1e6:.2f} MB over the wire: {lines(heavy)}"


@each_page
def test_can_be_read_without_scripts(visit):
    bare, full = visit.bare, visit.light
    assert bare["headings"] == full["headings"]
    assert len(bare["text"]) >= 0.9 * len(full["text"]), "text appears only with scripts"
    assert bare["figures"] >= full["figures"], "figures appear only with scripts"
    assert not bare["unseen"], lines(bare["unseen"])


@each_page
def test_headings_and_language(visit):
    found = visit.light
    assert found["lang"] == "en"
    assert len(found["headings"]) == 1, f"a page has one title: {found['headings']}"
    skipped = [
        f"'{text}' (h{level}) after h{before}"
        for (before, _), (level, text) in zip(found["levels"], found["levels"][1:], strict=False)
        if level > before + 1
    ]
    assert not skipped, lines(skipped)


@each_page
def test_formulas_are_set(visit):
    assert not visit.light["math"], f"formulas left as written: {lines(visit.light['math'])}"
    assert not visit.light["mathErrors"], lines(visit.light["mathErrors"])
    raw = re.findall(r"\$\$|\\\(|\\\[|\$[\\A-Za-z{][^$]{0,60}\$", visit.light["text"])
    assert not raw, f"raw formulas in the text: {lines(raw)}"


@each_page
def test_no_leftovers(visit):
    assert not visit.light["troubles"], f"warnings or errors on the page: {visit.light['troubles']}"
    strays = re.findall(r":::|\{(?:ref|doc|term|numref|eq|cite)\S*\}", visit.light["text"])
    assert not strays, f"Markdown that was not understood: {strays}"


@pytest.mark.parametrize("page", CHAPTERS)
def test_launch_links(visit, page):
    name = page.removesuffix(".html") + ".ipynb"
    colab = repository.colab_link(Path(name).name).partition("(")[2].rstrip(")")
    links = [unquote(link) for link in visit.light["launch"]]
    assert colab in links, f"{colab} is not among {lines(links)}"
    owner, course, _ = repository.address()
    binder = [link for link in links if "mybinder.org" in link]
    assert any(f"/gh/{owner}/{course}/" in link and name in link for link in binder), lines(links)


@pytest.mark.parametrize("page", CHAPTERS)
def test_page_is_of_the_chapter_as_it_is(visit, page):
    path = rules.ROOT / page.replace(".html", ".ipynb")
    assert path.exists(), f"left over from a chapter that is no more: {page}"
    notebook = rules.Notebook.read(path)
    title = rules.headings(notebook.cells[0].source)[0].text
    assert title in visit.light["title"], f"older than '{title}': run `make book`"


# ---------------------------------------------------------------- the HTML itself


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    LOADS = {"stylesheet", "icon", "shortcut icon", "preload", "modulepreload", "preconnect",
             "dns-prefetch", "prefetch", "apple-touch-icon", "manifest"}  # fmt: skip

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.refresh = set(), [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel", "").lower() in self.LOADS:
            self.loads.append(given.get("href", ""))
        if tag not in {"a", "link"} and "src" in given:
            self.loads.append(given["src"])
        for name in ("srcset", "poster", "data"):
            if name in given and tag in {"img", "source", "video", "object"}:
                self.loads.append(given[name].split()[0])
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.refresh = given.get("content", "").partition("url=")[2].strip("'\" ")


def parsed():
    return {page: Page((BUILT / page).read_text("utf-8")) for page in ALL_PAGES}


def broken_targets(pages, exists):
    """Links inside the book whose page or anchor is not there."""
    found = []
    for page, content in pages.items():
        targets = [*content.links, *filter(None, [content.refresh]), *content.loads]
        for link in dict.fromkeys(targets):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            path = urlsplit(urljoin(f"http://book/{page}", link)).path.lstrip("/") or "index.html"
            path = unquote(path)
            anchor = unquote(parts.fragment)
            if not exists(path):
                found.append(f"{page}: {link} leads nowhere")
            elif anchor and path in pages and anchor not in pages[path].anchors:
                found.append(f"{page}: {link} leads to no anchor of {path}")
    return found


def foreign_loads(pages):
    return [
        f"{page}: loads {load}"
        for page, content in pages.items()
        for load in content.loads
        if urlsplit(load).netloc
    ]


def foreign_styles(folder):
    """Style sheets that load from other hosts."""
    return [
        f"{path.relative_to(folder)}: {match.group(0)}"
        for path in sorted(folder.rglob("*.css"))
        for match in re.finditer(
            r"(url\(|@import)\s*[\"']?(https?:)?//[^\"')\s]+", path.read_text("utf-8")
        )
    ]


def test_links_and_anchors():
    found = broken_targets(parsed(), lambda path: (BUILT / path).exists())
    assert not found, lines(found)


def test_html_loads_nothing_from_elsewhere():
    found = foreign_loads(parsed()) + foreign_styles(BUILT)
    assert not found, lines(found)


# ---------------------------------------------------------------- the tests can fail


GOOD = """<!doctype html><html lang="en" data-theme="light"><head><title>t</title>
<link rel="icon" href="data:,">
<script>addEventListener("DOMContentLoaded", () => document.documentElement.dataset.theme =
  matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")</script>
<style>[data-theme=dark] body {{ background: #111; color: #eee }}</style></head>
<body><main><article><h1>T</h1><p>Some text.</p>{}</article></main></body></html>"""

# Nothing is wrong with these, though a careless test might think so.
SOUND = """<div style="overflow-x: auto" tabindex="0"><div style="width: 500px">x</div></div>
<svg role="img" aria-label="One word in the colour of the page." width="99" height="40">
<text y="20" fill="currentColor">word</text></svg>"""

GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
PLANTED = {
    "other host": ('<script src="https://example.org/x.js"></script>', "requests", "org/x.js"),
    "late request": ("<script>onscroll = () => fetch('https://example.org/late')</script>"
                     '<div style="height: 3000px"></div>', "requests", "late"),
    "missing file": ('<link rel="stylesheet" href="gone.css">', "failed", "gone.css: 404"),
    "root path": ('<link rel="stylesheet" href="/x.css">', "failed", "/x.css: 404"),
    "script error": ("<script>throw Error('thrown')</script>", "errors", "thrown"),
    "console error": ("<script>console.error('logged')</script>", "errors", "logged"),
    "too wide": ('<div id="wide" style="width: 500px">x</div>', "overflow", 'id="wide"'),
    "end first": ('<div style="overflow: auto; display: flex; flex-direction: row-reverse">'
                  '<div id="cut" style="width: 600px; flex: none">x</div></div>',
                  "overflow", 'sight: <div id="cut"'),
    "no alt": (f'<img src="{GIF}">', "silent", "no alt"),
    "empty alt": (f'<img src="{GIF}" alt="">', "silent", "empty alt"),
    "alt is a path": (f'<img src="{GIF}" alt="a/long/path.png">', "silent", "alt is a path"),
    "short alt": (f'<img src="{GIF}" alt="a plot">', "silent", "too short: a plot"),
    "silent figure": ('<svg role="img" width="99" height="9"></svg>', "silent", "label too short"),
    "figure without a role": ('<svg width="98" height="9"></svg>', "silent", "without role=img"),
    "nameless button": ("<button></button>", "axe light", "button-name"),
    "grey in the dark": ('<p id="dim" style="color: #333">Dim</p>', "axe dark", "#dim"),
    "black figure": ('<svg role="img" aria-label="Two words, black wherever they are." width="97" '
                     'height="40"><text y="20">words</text></svg>', "faint dark", "contrast"),
    "black glyphs": ('<svg role="img" aria-label="Words as shapes, black wherever they are." '
                     'width="96" height="40"><g id="f1-text_1" style="fill: #222222">'
                     '<path id="glyph" d="M0 0h20v20h-20z"/></g></svg>', "faint dark", "glyph"),
    "formula left": ('<p class="math">$x$</p>', "math", "$x$"),
    "raw formula": ("<p>so $$x$$ it is</p>", "text", "$$x$$"),
    "warning": ('<div class="output stderr">a warning</div>', "troubles", "a warning"),
}  # fmt: skip


def findings(seen):
    elsewhere = [url for url in seen.requests if "127.0.0.1" not in url and url[:5] != "data:"]
    return {
        "requests": elsewhere, "failed": seen.failed, "errors": seen.errors,
        "overflow": seen.overflow, "silent": seen.silent, "math": seen.light["math"],
        "axe light": seen.light["violations"], "axe dark": seen.dark["violations"],
        "faint light": seen.light["faint"], "faint dark": seen.dark["faint"],
        "troubles": seen.light["troubles"],
    }  # fmt: skip


def visit_text(chromium, folder, body):
    (folder / "page.html").write_text(GOOD.format(body), "utf-8")
    with machinery.serving(folder) as address:
        return visit_page(chromium, address + "page.html")


@pytest.fixture(scope="module")
def planted(chromium, tmp_path_factory):
    everything = "".join(body for body, _, _ in PLANTED.values())
    seen = visit_text(chromium, tmp_path_factory.mktemp("planted"), everything)
    return {**findings(seen), "text": seen.light["text"]}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_error_is_found(planted, plant):
    _, where, what = PLANTED[plant]
    found = planted[where] if where == "text" else "\n".join(planted[where])
    assert what in found, found


def aelib_figure(monkeypatch):
    """A figure as a chapter shows it."""
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, axes = plots.figure()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.scatter(range(9), range(9), rasterized=True)
    axes.set(title="A line and points", xlabel="across $x^2$", ylabel="up")
    axes.text(0.5, 0.2, "between", color=plots.INK)
    axes.legend()
    plots.show(figure, alt="A line that rises from the left to the right, and nine points on it.")
    return shown[0]._repr_html_()


def test_a_sound_page_is_left_alone(chromium, tmp_path, monkeypatch):
    figure = aelib_figure(monkeypatch)
    found = visit_text(chromium, tmp_path, SOUND + figure)
    assert not any(findings(found).values()), findings(found)
    assert found.light["figures"] == 2
    assert figure.count("text_") > 5, "the probe knows a figure's words by this name"


def test_planted_links_are_found():
    pages = {
        "a.html": Page('<h1 id="top"></h1><a href="b.html#there"></a><a href="#top"></a>'),
        "b.html": Page('<a href="a.html#gone"></a><a href="c.html"></a><img src="d.png">'),
    }
    found = broken_targets(pages, lambda path: path in pages)
    assert len(found) == 4, found
    assert foreign_loads({"a.html": Page('<iframe src="//example.org"></iframe>')})
    assert not foreign_loads({"a.html": Page('<a href="https://example.org">x</a>')})


def test_planted_style_is_found(tmp_path):
    (tmp_path / "a.css").write_text('@import "https://fonts.example.org/x.css";', "utf-8")
    (tmp_path / "b.css").write_text("a { background: url(data:,) }", "utf-8")
    assert len(foreign_styles(tmp_path)) == 1


def test_without_a_chromium_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(machinery.places, "on_the_system", lambda: ["/nowhere/chromium"])
    monkeypatch.setattr(machinery, "installed_by_debian", list)
    with pytest.raises(pytest.fail.Exception, match="install") as raised:
        machinery.find_chromium("/nowhere/playwright")
    assert "\n" not in str(raised.value)
    monkeypatch.setenv("CHROMIUM", "/nowhere/else")
    with pytest.raises(pytest.fail.Exception, match="does not start"):
        machinery.find_chromium("/nowhere/playwright")
