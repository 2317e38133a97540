"""The book on paper: what stands on which page, what would be cut, and what a PDF must carry.

The PDFs are printed from the built pages, unless those that lie there are younger.
"""

import io
import os
import re
import subprocess
import sys
import unicodedata
from functools import cache

import pytest
import rules
import yaml
from browser import BUILT
from pypdf import PdfReader, PdfWriter

from tools import build_pdf

CHAPTERS = [path.stem for path in rules.chapters()]
FOLDER = BUILT / "pdf"
NAMES = [*CHAPTERS, build_pdf.WHOLE]
A4 = (595.3, 841.9)  # points
MAX_BYTES = 40e6
MAX_PAGES = 60  # of a chapter


def inputs():
    return [
        *BUILT.rglob("*.html"),
        *BUILT.rglob("_static/*.css"),
        *build_pdf.PAPER.iterdir(),
        rules.ROOT / "tools" / "build_pdf.py",
    ]


@pytest.fixture(scope="session")
def folder(site, request):
    """The folder of the PDFs, printed if they are older than what they are made of."""
    files = [FOLDER / f"{name}.pdf" for name in NAMES]
    newest = max(path.stat().st_mtime for path in inputs())
    if not all(file.exists() and file.stat().st_mtime > newest for file in files):
        build_pdf.write(request.getfixturevalue("chromium"), BUILT, [])
    return FOLDER


@cache
def read(path):
    return PdfReader(path)


@cache
def text(path, number):
    """The text of a page, counted from 0, with single spaces and without ligatures."""
    words = read(path).pages[number].extract_text()
    return " ".join(unicodedata.normalize("NFKC", words).split())


def squeezed(words):
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", words))


def bookmarks(reader):
    """[(depth, title, page counted from 0)]"""

    def walk(entries, depth):
        for entry in entries:
            if isinstance(entry, list):
                yield from walk(entry, depth + 1)
            else:
                yield depth, entry.title, reader.get_destination_page_number(entry)

    return list(walk(reader.outline, 0))


@pytest.fixture(params=NAMES)
def pdf(request, folder):
    return folder / f"{request.param}.pdf"


@pytest.fixture
def book(folder):
    return folder / f"{build_pdf.WHOLE}.pdf"


# ---------------------------------------------------------------- every PDF


def test_is_a4_and_of_a_sane_size(pdf):
    pages = read(pdf).pages
    for page in (pages[0], pages[-1]):
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx(A4, abs=1)
    assert pdf.stat().st_size < MAX_BYTES
    if pdf.stem in CHAPTERS:
        assert 8 < len(pages) < MAX_PAGES


def test_names_itself_and_not_the_hour(pdf):
    info = read(pdf).metadata
    assert "Autoencoders, shown" in info.title
    assert info.author
    assert "/CreationDate" not in info
    assert "/ModDate" not in info
    assert read(pdf).root_object["/Lang"].startswith("en")
    assert read(pdf).root_object["/MarkInfo"]["/Marked"], "tagged, for those who listen to it"


def fonts(page):
    found = {}
    for font in (page.get("/Resources", {}).get("/Font", {}) or {}).values():
        font = font.get_object()
        for inner in (font, *(d.get_object() for d in font.get("/DescendantFonts", []))):
            if inner.get("/Subtype") == "/Type3":  # a font of shapes, which stand in the file
                found["Type 3"] = True
            elif "/FontDescriptor" in inner:
                given = inner["/FontDescriptor"]
                found[font["/BaseFont"]] = any(f"/FontFile{k}" in given for k in ("", "2", "3"))
    return found


def test_fonts_are_embedded(pdf):
    seen = {}
    for page in read(pdf).pages:
        seen |= fonts(page)
    assert seen
    assert not [name for name, embedded in seen.items() if not embedded]
    assert any("STIX" in name for name in seen), f"the text's own font is not there: {set(seen)}"
    assert any("DejaVuSansMono" in name for name in seen), f"nor is the code's: {set(seen)}"


def test_no_page_is_empty(pdf):
    """A page holds more than its foot, or a picture that fills it."""
    bare = []
    for number, page in enumerate(read(pdf).pages):
        drawn = len(page.get_contents().get_data())
        if drawn < 2500 and not page["/Resources"].get("/XObject"):
            bare.append((number + 1, drawn))
    assert not bare, f"(page, bytes of drawing): {bare}"


def test_bookmarks_lead_to_their_titles(pdf):
    found = bookmarks(read(pdf))
    assert len(found) > 5
    for _, title, number in found:
        if title not in {part["caption"] for part in toc()["parts"]}:
            assert squeezed(title) in squeezed(text(pdf, number)), f"{title}: page {number + 1}"


def test_pages_are_numbered(pdf):
    first = 1 if pdf.stem in CHAPTERS else 2
    pages = read(pdf).pages
    for number in {first, 5, len(pages) // 2, len(pages)}:
        words = text(pdf, number - 1)  # the foot of a page comes first
        assert re.match(rf"{number}(\d+\. |\D)", words), f"page {number}: {words[:40]}"


# ---------------------------------------------------------------- the contents and the text


def toc():
    return yaml.safe_load((rules.ROOT / "_toc.yml").read_text("utf-8"))


def listed(path, first, last, title, page):
    """Whether the contents, on these pages counted from 0, give the title with that page."""
    lines = squeezed("|".join(text(path, number) for number in range(first, last + 1)))
    next_line = r"(?!\d)|(?=\d+\.)"  # which may begin with a chapter's number
    return re.search(re.escape(squeezed(title)) + rf"{page}({next_line})", lines)


def test_the_contents_of_the_book(book):
    """Every chapter in its order, each with the page on which it begins with its title."""
    found = bookmarks(read(book))
    chapters = [(title, number) for depth, title, number in found if re.match(r"\d+\. ", title)]
    assert len(chapters) == len(CHAPTERS)
    assert [number for _, number in chapters] == sorted(number for _, number in chapters)
    last = min(number for _, _, number in found) - 1
    for title, number in chapters:
        assert listed(book, 1, last, title, number + 1), f"{title} is on page {number + 1}"
        foot = squeezed(title)
        assert squeezed(text(book, number)).startswith(f"{number + 1}{foot}{foot}")
        assert not squeezed(text(book, number - 1)).startswith(f"{number}{foot}")
    sections = [(title, number) for depth, title, number in found if depth == 2]
    assert len(sections) > 100
    wrong = [(t, n + 1) for t, n in sections if not listed(book, 1, last, t, n + 1)]
    assert not wrong, f"not so in the contents: {wrong}"


def test_the_parts_are_bookmarks(book):
    parts = [title for depth, title, _ in bookmarks(read(book)) if depth == 0]
    assert parts[1:] == [part["caption"] for part in toc()["parts"]]


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_contents_of_a_chapter(folder, name):
    path = folder / f"{name}.pdf"
    sections = [(title, number) for depth, title, number in bookmarks(read(path)) if depth == 1]
    titles = [h.text for c in rules.Notebook.read(rules.NOTEBOOKS / f"{name}.ipynb").prose
              for h in rules.headings(c.source) if h.level == 2]  # fmt: skip
    assert len(sections) >= len(titles)
    for title, number in sections:
        assert listed(path, 0, 1, title, number + 1), f"{title} is on page {number + 1}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_line_of_code_is_cut(folder, name):
    """All code that the chapter is about, to the last letter of its longest line."""
    path = folder / f"{name}.pdf"
    printed = squeezed("".join(text(path, k) for k in range(len(read(path).pages))))
    notebook = rules.Notebook.read(BUILT / "_sources" / "notebooks" / f"{name}.ipynb")
    for cell in notebook.code:
        if "hide-input" in cell.tags:
            continue
        for line in cell.source.splitlines():
            assert squeezed(line) in printed, f"{cell}: {line}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_was_folded_stands_at_the_end(folder, name):
    path = folder / f"{name}.pdf"
    titles = [title for _, title, _ in bookmarks(read(path))]
    assert titles[-1] == "Hints, solutions and answers"
    asked = " ".join(text(path, k) for k in range(len(read(path).pages)))
    tasks = rules.exercises(rules.Notebook.read(rules.NOTEBOOKS / f"{name}.ipynb"))
    pages = [int(number) for number in re.findall(r"(?:Hint|Solution): page (\d+)", asked)]
    assert len(pages) == 2 * len(tasks)
    start = bookmarks(read(path))[-1][2] + 1
    assert all(start <= number <= len(read(path).pages) for number in pages)


def test_links_of_the_book_stay_in_the_book(book):
    """A chapter that names another leads to its page, not to the web or to a file."""
    reader, outside, inside = read(book), set(), 0
    for page in reader.pages:
        for note in page.get("/Annots", []) or []:
            link = note.get_object()
            action = link.get("/A", {})
            inside += "/Dest" in link or action.get("/S") == "/GoTo"
            outside.add(str(action.get("/URI", "")))
    assert inside > 300
    assert not [link for link in outside if "book.invalid" in link or link.startswith("file:")]
    assert not [link for link in outside if "colab.research" in link and "notebooks/" in link]


def test_a_reader_who_prints_in_the_dark_gets_a_light_page(chromium, site):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{site}book/part_2.html", wait_until="load")
    themes = []
    for event in ("focus", "beforeprint", "afterprint"):
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
        themes.append(page.evaluate("document.documentElement.dataset.theme"))
    page.emulate_media(media="print")
    unseen = [".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"]
    shown = [name for name in unseen if page.locator(name).first.is_visible()]
    context.close()
    assert themes == ["dark", "light", "dark"]
    assert not shown


# ---------------------------------------------------------------- the same again, and failures


def test_the_same_pages_make_the_same_pdf(chromium, folder):
    words, page = build_pdf.imprint(), build_pdf.Source(f"notebooks/{CHAPTERS[-1]}.html")
    front = build_pdf.offprint(words, page.name)
    again, _, _ = build_pdf.make(chromium, BUILT, [page], front, words)
    assert again == (folder / f"{CHAPTERS[-1]}.pdf").read_bytes()


PAGE = """<!doctype html><html><head><link rel="stylesheet" href="../_static/none.css"></head><body>
<article class="bd-article"><section id="s"><h1>A title</h1><p>Words.</p><section id="t"><h2>First</h2>{}</section>
</section></article></body></html>"""


@pytest.fixture
def small_site(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "mathjax").symlink_to(BUILT / "mathjax")

    def write(body):
        (tmp_path / "notebooks" / "a.html").write_text(PAGE.format(body), "utf-8")
        return tmp_path

    return write


def make_small(chromium, site):
    words = build_pdf.imprint()
    return build_pdf.make(chromium, site, [build_pdf.Source("notebooks/a.html")], "", words)


def test_a_small_page(site, chromium, small_site):
    folded = "<details><summary>Hint</summary><p>Think.</p></details><script>1</script>"
    data, pages, left = make_small(chromium, small_site(f'{folded}<a href="#t">there</a>'))
    words = PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert pages == 1
    assert not left
    assert "Hint: page 1" in " ".join(words.split())
    assert words.index("Hint: page") < words.index("Think.")


FAULTS = {
    "cut": ('<p style="white-space: nowrap">' + "wide " * 60 + "</p>", "wider than the page"),
    "formula": (r'<p class="math">\(\frac{1}\)</p>', "not set"),
    "link": ('<a href="#nowhere">x</a>', "leads nowhere"),
    "id": ('<p id="t">again</p>', "used twice"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_would_be_wrong_on_paper_stops_it(site, chromium, small_site, fault):
    body, words = FAULTS[fault]
    with pytest.raises(Exception, match=words):
        make_small(chromium, small_site(body))


def test_the_pages_are_those_of_the_contents():
    names = [page.name for page in build_pdf.sources()]
    assert names[0] == "book/index.html"
    assert [name[10:-5] for name in names if name.startswith("notebooks/")] == CHAPTERS
    parts = [page.part for page in build_pdf.sources() if page.part]
    assert parts == [part["caption"] for part in toc()["parts"]]


def test_numbers_come_from_the_print():
    writer = PdfWriter()
    for _ in range(3):
        writer.add_blank_page(100, 100)
    writer.add_named_destination("a--b", 2)
    writer.add_named_destination("c%20d", 0)
    file = io.BytesIO()
    writer.write(file)
    assert build_pdf.page_numbers(file.getvalue()) == {"a--b": 3, "c d": 1}


def test_without_a_book_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["build_pdf.py", "--site", str(tmp_path)])
    assert build_pdf.main() == 1
    assert "run `make book`" in capsys.readouterr().err


def test_without_a_chromium_it_says_what_to_do(site):
    command = [sys.executable, "tools/build_pdf.py", "--site", str(BUILT)]
    run = subprocess.run(
        command,
        cwd=rules.ROOT,
        env={**os.environ, "CHROMIUM": "/nowhere/chromium"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == "CHROMIUM names /nowhere/chromium, which does not start.\n"
