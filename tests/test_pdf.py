"""The book on paper: what stands on which page, what would be cut, and what a PDF must carry.

`make pdf` prints the PDFs from the built pages, before. Here they are read by a library that had no
part in it (PDFium), and looked at as pictures.
"""

import json
import os
import re
import subprocess
import sys
import unicodedata
from functools import cache
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pikepdf
import pypdfium2
import pytest
import rules
import yaml
from browser import BUILT

from tools import build_pdf, printed

CHAPTERS = [path.stem for path in rules.chapters()]
NAMES = [printed.WHOLE, *CHAPTERS]
A4 = (595.3, 841.9)  # points
MARGIN = 19 / 210  # of the page's width
FOOT = 50  # points from the lower edge: title and number of the page
MAX_BYTES = 40e6
MAX_PAGES = 60  # of a chapter
DOTS = 0.6  # pixels a point, of the pictures that are looked at


@pytest.fixture(scope="session", autouse=True)
def up_to_date(site):
    stale = printed.stale()
    if stale:
        pytest.fail(f"{stale} are missing or older than their pages: run `make pdf`", pytrace=False)


def plain(words):
    """With single spaces, and without ligatures."""
    return " ".join(unicodedata.normalize("NFKC", words).split())


def squeezed(words):
    """Without spaces and hyphens: words are parted at the end of a line."""
    return re.sub(r"[\s\u00ad\u2010\ufffe\u0002-]+", "", unicodedata.normalize("NFKC", words))


def darkness(page):
    """The page as a picture: 0 is white, 1 is black."""
    return 1 - page.render(scale=DOTS, grayscale=True).to_numpy().squeeze() / 255.0


def look(number, page):
    """What is to be known of one page."""
    words, picture = page.get_textpage(), darkness(page)
    height, width = picture.shape
    body = picture[: int(height - FOOT * DOTS)]
    edge = int(width * MARGIN) - 1
    return SimpleNamespace(
        number=number,
        size=page.get_size(),
        text=plain(words.get_text_bounded(bottom=FOOT)),
        # up to the number: hidden ends of tall brackets may lie there too
        foot=re.match(r"(.*\d)?", plain(words.get_text_bounded(top=FOOT)))[0],
        ink=float((body > 0.3).mean()),
        beside=float(max(picture[:, :edge].max(), picture[:, -edge:].max())),
    )


def read(path):
    """A PDF: its pages, and its bookmarks as [(depth, title, number of the page from 1)]."""
    document = pypdfium2.PdfDocument(path)
    pages = [look(number, page) for number, page in enumerate(document, start=1)]
    marks = [
        (mark.level, mark.get_title(), mark.get_dest().get_index() + 1)
        for mark in document.get_toc()
    ]
    document.close()
    return SimpleNamespace(path=path, name=path.stem, pages=pages, bookmarks=marks)


@cache
def document(name):
    return read(printed.FOLDER / f"{name}.pdf")


@pytest.fixture(params=NAMES)
def pdf(request):
    return document(request.param)


@pytest.fixture
def book():
    return document(printed.WHOLE)


def toc():
    return yaml.safe_load((rules.ROOT / "_toc.yml").read_text("utf-8"))


# ---------------------------------------------------------------- every PDF


def test_is_a4_and_of_a_sane_size(pdf):
    assert all(page.size == pytest.approx(A4, abs=1) for page in pdf.pages)
    assert pdf.path.stat().st_size < MAX_BYTES
    if pdf.name in CHAPTERS:
        assert 8 < len(pdf.pages) < MAX_PAGES


def test_nothing_reaches_into_the_margins(pdf):
    """What is wider than the text would be cut, or make the whole page smaller."""
    assert not [(page.number, page.beside) for page in pdf.pages if page.beside > 0.1]


def test_no_page_is_empty(pdf):
    """A page holds more than its foot; a single line inks about twice this part of it."""
    assert not [(page.number, page.ink) for page in pdf.pages if page.ink < 0.0004]


def test_text_can_be_taken_out(pdf):
    """No page but one that is a picture is without words, and no letter is unknown."""
    wordless = [page.number for page in pdf.pages if len(page.text) < 15]
    assert len(wordless) <= len(pdf.pages) // 10, wordless
    unknown = [page.number for page in pdf.pages if "\ufffd" in page.text]
    assert not unknown


def test_pages_are_numbered_and_named(pdf):
    """All but the cover; below a chapter stands its title."""
    first = 2 if pdf.name == printed.WHOLE else 1
    for page in pdf.pages[first - 1 :]:
        assert re.search(rf"\D ?{page.number}$", page.foot), f"page {page.number}: {page.foot!r}"
    if pdf.name in CHAPTERS:
        title = printed.title(BUILT, printed.documents()[pdf.name][0])
        assert {page.foot for page in pdf.pages} == {
            f"{plain(re.sub('<.*?>', '', title))} {page.number}" for page in pdf.pages
        }


def test_names_itself_and_not_the_hour(pdf):
    with pikepdf.open(pdf.path) as file:
        info = file.docinfo
        assert "Autoencoders, shown" in str(info["/Title"])
        assert info["/Author"]
        assert not {"/CreationDate", "/ModDate"} & set(info.keys())
        assert str(file.Root["/Lang"]).startswith("en")
        assert file.Root["/MarkInfo"]["/Marked"], "tagged, for those who listen to it"
        assert file.Root["/PageMode"] == "/UseOutlines"


def fonts(page):
    found = {}
    for font in page.get("/Resources", {}).get("/Font", {}).values():
        for inner in (font, *font.get("/DescendantFonts", [])):
            if inner.get("/Subtype") == "/Type3":  # a font of shapes, which stand in the file
                found["Type 3"] = True
            elif "/FontDescriptor" in inner:
                given = inner["/FontDescriptor"]
                files = (f"/FontFile{k}" in given for k in ("", "2", "3"))
                found[str(font["/BaseFont"])] = any(files)
    return found


def test_fonts_are_embedded(pdf):
    seen = {}
    with pikepdf.open(pdf.path) as file:
        for page in file.pages:
            seen |= fonts(page.obj)
    assert not [name for name, embedded in seen.items() if not embedded]
    assert any("STIX" in name for name in seen), f"the text's own font is not there: {set(seen)}"
    assert any("DejaVuSansMono" in name for name in seen), f"nor is the code's: {set(seen)}"


def test_bookmarks_lead_to_their_titles(pdf):
    parts = {part["caption"] for part in toc()["parts"]}
    assert len(pdf.bookmarks) > 5
    for _, title, number in pdf.bookmarks:
        if title not in parts:
            assert squeezed(title) in squeezed(pdf.pages[number - 1].text), f"{title}: {number}"


# ---------------------------------------------------------------- the contents


def listed(pages, title, number):
    """Whether the contents, on these pages, give the title with that number."""
    lines = squeezed("|".join(page.text for page in pages))
    next_line = r"(?!\d)|(?=\d+\.)"  # which may begin with a chapter's number
    return re.search(re.escape(squeezed(title)) + rf"{number}({next_line})", lines)


def test_the_contents_of_the_book(book):
    """Every chapter in its order, and every section, each with the page on which it begins."""
    chapters = [
        (title, number) for _, title, number in book.bookmarks if re.match(r"\d+\. ", title)
    ]
    assert [int(title.split(".")[0]) for title, _ in chapters] == [int(c[:2]) for c in CHAPTERS]
    contents = book.pages[1 : min(number for _, _, number in book.bookmarks) - 1]
    assert "Contents" in contents[0].text
    for title, number in chapters:
        page, before = book.pages[number - 1], book.pages[number - 2]
        assert page.text.startswith(title), f"page {number} begins with {page.text[:40]}"
        assert page.foot.startswith(title)
        assert not before.foot.startswith(title)
    entries = [entry for entry in book.bookmarks if entry[0] > 0]
    assert len(entries) > 100
    wrong = [(title, page) for _, title, page in entries if not listed(contents, title, page)]
    assert not wrong, f"not so in the contents: {wrong}"


def test_the_parts_are_bookmarks(book):
    assert [title for depth, title, _ in book.bookmarks if depth == 0][1:] == [
        part["caption"] for part in toc()["parts"]
    ]


def test_every_page_of_the_book_is_on_paper(book):
    """Those of ``_toc.yml``, each on a page of its own."""
    titles = [title for depth, title, _ in book.bookmarks if depth == 1]
    count = sum(len(part["chapters"]) for part in toc()["parts"])
    assert len(titles) == count - 1, "all but the page that lists the PDFs"
    names = [page.name for page in printed.sources()]
    assert names[0] == "book/index.html"
    assert [name[10:-5] for name in names if name.startswith("notebooks/")] == CHAPTERS


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_contents_of_a_chapter(name):
    chapter = document(name)
    sections = [(title, number) for depth, title, number in chapter.bookmarks if depth == 1]
    notebook = rules.Notebook.read(rules.NOTEBOOKS / f"{name}.ipynb")
    titles = [h for cell in notebook.prose for h in rules.headings(cell.source) if h.level == 2]
    assert len(sections) >= len(titles)
    for title, number in sections:
        assert listed(chapter.pages[:2], title, number), f"{title} is on page {number}"


# ---------------------------------------------------------------- what a chapter holds


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_line_of_code_is_cut(name):
    """All code that the chapter is about, to the last letter of its longest line."""
    words = squeezed("".join(page.text for page in document(name).pages))
    notebook = rules.Notebook.read(BUILT / "_sources" / "notebooks" / f"{name}.ipynb")
    lines = [line for cell in notebook.code if "hide-input" not in cell.tags
             for line in cell.source.splitlines()]  # fmt: skip
    assert len(lines) > 50
    missing = [line for line in lines if squeezed(line) not in words]
    assert not missing


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_was_folded_stands_at_the_end(name):
    chapter = document(name)
    _, title, start = chapter.bookmarks[-1]
    assert title == "Hints, solutions and answers"
    text = " ".join(page.text for page in chapter.pages)
    tasks = rules.exercises(rules.Notebook.read(rules.NOTEBOOKS / f"{name}.ipynb"))
    asked = len(re.findall(r"Question \d+\. ", text))
    assert asked >= 3
    for word, count in (("Hint", len(tasks)), ("Solution", len(tasks)), ("Answer", asked)):
        numbers = [int(number) for number in re.findall(rf"\b{word}: page (\d+)", text)]
        assert len(numbers) == count, f"{word}: {numbers}"
        assert all(start <= number <= len(chapter.pages) for number in numbers)


@pytest.mark.parametrize("name", CHAPTERS)
def test_questions_have_their_options_and_not_their_answers(name):
    chapter = document(name)
    start = next(number for _, title, number in chapter.bookmarks if title == "Questions")
    asked = plain(" ".join(page.text for page in chapter.pages[start - 1 :]))
    asked, answered = asked.split("Hints, solutions and answers")
    assert len(re.findall(r"\bA .+? B .+? C ", asked)) >= 3
    assert "is right." not in asked
    assert answered.count(" is right.") >= 3
    assert "Not answered yet" not in asked


def links(path):
    """Where the links of a PDF lead: addresses, and how many lead within it."""
    with pikepdf.open(path) as file:
        notes = [note for page in file.pages for note in page.obj.get("/Annots", [])]
        inside = sum("/Dest" in n or n.get("/A", {}).get("/S") == "/GoTo" for n in notes)
        return {str(n.A.URI) for n in notes if "/A" in n and "/URI" in n.A}, inside


def test_links_of_the_book_stay_in_the_book(book):
    """A chapter that names another leads to its page, not to the web or to a file."""
    outside, inside = links(book.path)
    assert inside > 300
    assert not [link for link in outside if "book.invalid" in link or link.startswith("file:")]
    assert not [link for link in outside if "colab.research" in link and "notebooks/" in link]


def test_an_address_outside_can_be_read(book):
    """Whoever holds paper can type it."""
    text = squeezed("".join(page.text for page in book.pages))
    own = build_pdf.imprint()["site"]
    papers = {link for link in links(book.path)[0] if not link.startswith(own)}
    assert len(papers) > 30
    bare = {re.sub(r"^(https?://|mailto:)(www\.)?|/$", "", unquote(link)) for link in papers}
    short = {re.sub(r"^(doi\.org|arxiv\.org/abs)/", "", link) for link in bare}
    unseen = [link for link in short if squeezed(link) not in text]
    assert not unseen


# ---------------------------------------------------------------- where a reader finds them


def test_the_site_leads_to_what_is_there(site):
    page = (BUILT / printed.PAGE).read_text("utf-8")
    for name in NAMES:
        assert f'href="../pdf/{name}.pdf"' in page
        ours, theirs = BUILT / "pdf" / f"{name}.pdf", printed.FOLDER / f"{name}.pdf"
        assert ours.read_bytes() == theirs.read_bytes()
        assert f'<td class="text-right">{len(document(name).pages)}</td>' in page
    for name in CHAPTERS:
        chapter = (BUILT / "notebooks" / f"{name}.html").read_text("utf-8")
        assert f'href="../{printed.PAGE}#{name}"' in chapter


@pytest.fixture
def copy(tmp_path):
    """A site of one page with a table, two chapters and their PDFs."""
    site, folder = tmp_path / "html", tmp_path / "pdf"
    for page in printed.sources():
        (site / page.name).parent.mkdir(parents=True, exist_ok=True)
        (site / page.name).write_text(f"<article><h1>{page.name}</h1></article>", "utf-8")
    (site / printed.PAGE).write_text("<!-- printed --><!-- /printed -->", "utf-8")
    folder.mkdir()
    known = {}
    for name, pages in printed.documents().items():
        (folder / f"{name}.pdf").write_bytes(b"%PDF " + name.encode())
        known[name] = {"mark": printed.mark(site, pages), "pages": 7}
    (folder / "printed.json").write_text(json.dumps(known))
    return site, folder


def there(site):
    return sorted(path.stem for path in (site / "pdf").iterdir())


def test_a_pdf_older_than_its_page_leaves_the_site(copy):
    site, folder = copy
    assert printed.stale(site, folder) == []
    printed.place(site, folder)
    assert there(site) == sorted(NAMES)
    assert (site / printed.PAGE).read_text().count("<a href") == len(NAMES)

    page = site / "notebooks" / f"{CHAPTERS[2]}.html"
    page.write_text("<article><h1>Other words</h1></article>", "utf-8")
    assert printed.stale(site, folder) == [printed.WHOLE, CHAPTERS[2]]
    printed.place(site, folder)
    assert there(site) == sorted({*CHAPTERS} - {CHAPTERS[2]})
    listing = (site / printed.PAGE).read_text()
    assert listing.count("<a href") == len(NAMES) - 2
    assert f'<tr id="{CHAPTERS[2]}"><td>Other words</td>' in listing
    assert "make pdf" in listing


def test_what_a_pdf_is_made_of_makes_it_old(copy):
    site, folder = copy
    (folder / f"{CHAPTERS[0]}.pdf").unlink()
    assert printed.stale(site, folder) == [CHAPTERS[0]]
    (site / "_static").mkdir()
    (site / "_static" / "a.css").write_text("p {}")
    assert printed.stale(site, folder) == NAMES
    (folder / "printed.json").write_text("{")
    assert printed.current(site, folder) == {}


def test_a_site_without_its_table_is_an_error(copy):
    site, folder = copy
    (site / printed.PAGE).write_text("<p></p>", "utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        printed.place(site, folder)


# ---------------------------------------------------------------- printed from the browser


def test_a_reader_who_prints_in_the_dark_gets_a_light_page(chromium, site, tmp_path):
    """Without the book around the page, and with nothing cut."""
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{site}notebooks/{CHAPTERS[2]}.html", wait_until="load")
    page.evaluate("MathJax.startup.promise")
    page.locator("details:has-text('Hint')").first.evaluate("fold => fold.open = true")
    themes = []
    for event in ("focus", "beforeprint", "afterprint"):
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
        themes.append(page.evaluate("document.documentElement.dataset.theme"))
    file = tmp_path / "page.pdf"
    page.pdf(path=file, prefer_css_page_size=True, print_background=True)
    context.close()
    assert themes == ["dark", "light", "dark"]

    with pypdfium2.PdfDocument(file) as read:
        pictures = [darkness(one) for one in read]
        text = " ".join(plain(one.get_textpage().get_text_bounded()) for one in read)
    assert all(np.median(picture) < 0.05 for picture in pictures), "a dark page"
    edge = int(pictures[0].shape[1] * 17 / 210) - 2
    assert not [k for k, picture in enumerate(pictures, 1) if picture[:, -edge:].max() > 0.1]
    assert "Search this book" not in text
    assert text.count("Only two of its eight linear layers") == 1, "what is opened is printed open"


# ---------------------------------------------------------------- the same again, and failures

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
    return build_pdf.make(chromium, site, [printed.Source("notebooks/a.html")], "", words)


def test_a_small_page(site, chromium, small_site, tmp_path):
    folded = "<details><summary>Hint</summary><p>Think.</p></details><script>1</script>"
    folder = small_site(f'{folded}<a href="#t">there</a> <a href="https://example.org/a">a</a>')
    data, count, left = make_small(chromium, folder)
    (tmp_path / "small.pdf").write_bytes(data)
    small = read(tmp_path / "small.pdf")
    assert count == len(small.pages) == 2
    assert not left
    assert "Hint: page 2" in small.pages[0].text
    assert "a (example.org/a)" in small.pages[0].text
    assert "Think." in small.pages[1].text
    assert [title for _, title, _ in small.bookmarks] == ["A title", "First", "Hints"]
    assert make_small(chromium, folder)[0] == data, "the same page makes the same file"


FAULTS = {
    "cut": ('<p style="white-space: nowrap">' + "wide " * 60 + "</p>", "larger than the page"),
    "tall": ('<div class="aelib-figure"><svg height="1200" width="9" style="max-height: none">'
             '</svg></div>', "larger than the page"),
    "formula": (r'<p class="math">\(\frac{1}\)</p>', "not set"),
    "link": ('<a href="#nowhere">x</a>', "leads nowhere"),
    "id": ('<p id="t">again</p>', "used twice"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_would_be_wrong_on_paper_stops_it(site, chromium, small_site, fault):
    body, words = FAULTS[fault]
    with pytest.raises(Exception, match=words):
        make_small(chromium, small_site(body))


def run(*arguments, **variables):
    command = [sys.executable, "tools/build_pdf.py", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=rules.ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_without_a_book_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["build_pdf.py"])
    monkeypatch.setattr(build_pdf, "SITE", tmp_path)
    assert build_pdf.main() == 1
    assert "run `make book`" in capsys.readouterr().err


def test_without_a_chromium_it_says_what_to_do(site):
    found = run("03", CHROMIUM="/nowhere/chromium")
    assert found.returncode == 1
    assert found.stderr == "CHROMIUM names /nowhere/chromium, which does not start.\n"


def test_an_unknown_chapter_is_named(site):
    found = run("77")
    assert found.returncode == 2
    assert "no chapter '77'" in found.stderr
