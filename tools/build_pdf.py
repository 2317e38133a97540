"""Print the built book: `make pdf`, after `make book`.

    .venv/bin/python tools/build_pdf.py [NN …] [--site FOLDER]

Writes `_build/html/pdf/NN_name.pdf` for each chapter (or for those whose numbers are given) and
`autoencoders.pdf`, the whole book in the order of `_toc.yml` with a cover and contents.

A Chromium prints (`tools/chromium.py` says which). `tools/paper/assemble.js` puts finished pages
together as one page, whose look is in `book/_static/course.css` (what any printed page needs) and
`tools/paper/paper.css` (fonts, margins, the foot of a page). It is printed twice: the first print
tells on which page everything stands, the second has these numbers in its contents.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import logging
import mimetypes
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import matplotlib
import yaml
from playwright.sync_api import Browser, Page, Route, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import chromium  # noqa: E402

SITE = ROOT / "_build" / "html"
PAPER = Path(__file__).with_name("paper")
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # so that it looks the same everywhere
ADDRESS = "http://book.invalid"  # answered from files below; nothing is asked of a network
WHOLE = "autoencoders"
COLUMN = 650  # pixels: the width of the text on A4, for what is measured before it is printed
logging.getLogger("pypdf").setLevel(logging.ERROR)  # it mends what Chromium miscounts, and says so
MATHJAX = {
    "options": {
        "processHtmlClass": "tex2jax_process|mathjax_process|math|output_area",
        "enableMenu": False,
        "enableAssistiveMml": False,  # a second, hidden text of each formula
        "menuOptions": {"settings": {"assistiveMml": False}},
    },
    "startup": {"typeset": False},
}


class Source(NamedTuple):
    """A built page: its path below the site, the part that it begins, and its title on paper.

    Both texts may be empty: it begins no part, and keeps the title that it has.
    """

    name: str
    part: str = ""
    title: str = ""


def sources(root: Path = ROOT) -> list[Source]:
    """Return the pages of the book in the order of ``_toc.yml``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = [Source(f"{toc['root']}.html", title="What this book is")]
    for part in toc["parts"]:
        for k, chapter in enumerate(part["chapters"]):
            name = re.sub(r"\.(ipynb|md)$", "", chapter["file"])
            found.append(Source(f"{name}.html", "" if k else part["caption"]))
    return found


def missing(site: Path, pages: list[Source]) -> list[str]:
    """Return the pages that the site lacks."""
    return [page.name for page in pages if not (site / page.name).is_file()]


# --- what stands at the front -----------------------------------------------------------------


def imprint(root: Path = ROOT) -> dict[str, str]:
    """Return title, address, version and year of the book, from where they stand."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return {
        "title": config["title"],
        "author": config["author"],
        "site": config["html"]["baseurl"],
        "version": str(citation["version"]),
        "year": str(citation["date-released"])[:4],
    }


def cover(words: dict[str, str], chapters: int) -> str:
    """Return the HTML of the book's first page."""
    say = {name: html.escape(text) for name, text in words.items()}
    address = re.sub(r"^https?://|/$", "", say["site"])
    return f"""<section class="paper-cover">
<h1>{say["title"]}</h1>
<p class="paper-subtitle">A course in {chapters} executed chapters</p>
<div class="paper-picture"></div>
<p class="paper-imprint">By {say["author"]}<br>
Version {say["version"]}, {say["year"]}<br>
<a href="{say["site"]}">{address}</a><br>
Text and figures: CC BY 4.0. Code: MIT.</p>
</section>"""


def offprint(words: dict[str, str], name: str) -> str:
    """Return the HTML of the line below the title of a chapter that is printed alone."""
    page = f"{words['site']}{name}"
    shown = html.escape(re.sub(r"^https?://", "", page))
    return (
        f'<p class="paper-offprint">A chapter of <em>{html.escape(words["title"])}</em>, version '
        f'{html.escape(words["version"])}: <a class="paper-published" href="{html.escape(page)}">'
        f"{shown}</a>. Text and figures: CC BY 4.0. Code: MIT.</p>"
    )


def skeleton(site: Path, page: str, title: str) -> str:
    """Return an empty page with the style sheets of a built one, MathJax and the paper's look."""
    built = (site / page).read_text(encoding="utf-8")
    sheets = re.findall(r'<link[^>]*\brel="stylesheet"[^>]*?\bhref="([^"]+)"', built)
    sheets += re.findall(r'<link[^>]*\bhref="([^"]+)"[^>]*?\brel="stylesheet"', built)
    links = "\n".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in dict.fromkeys(sheets))
    return f"""<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>{html.escape(title)}</title>
{links}
<link rel="stylesheet" href="/_paper.css">
<script>window.MathJax = {json.dumps(MATHJAX)}</script>
<script src="/mathjax/tex-chtml.js"></script>
</head><body><main class="bd-content"></main></body></html>"""


# --- printing -------------------------------------------------------------------------------


def answer(route: Route, site: Path, first: str) -> None:
    """Answer a request of the printed page from a file, or refuse it."""
    parts = urlsplit(route.request.url)
    path = unquote(parts.path).lstrip("/")
    if f"{parts.scheme}://{parts.netloc}" != ADDRESS:
        route.abort()
    elif path == "notebooks/_print.html":
        route.fulfill(body=first, content_type="text/html; charset=utf-8")
    else:
        file = PAPER / "paper.css" if path == "_paper.css" else site / path
        if path.startswith("_fonts/"):
            file = FONTS / path.removeprefix("_fonts/")
        if not file.is_file():
            route.fulfill(status=404, body="")
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(body=file.read_bytes(), content_type=kind)


@contextmanager
def assembled(
    browser: Browser, site: Path, pages: list[Source], front: str, words: dict[str, str]
) -> Iterator[tuple[Page, dict[str, Any]]]:
    """Give a page that holds the built pages, ready to be printed, and what is known about it."""
    context = browser.new_context(
        color_scheme="light", reduced_motion="reduce", viewport={"width": COLUMN, "height": 900}
    )
    try:
        page = context.new_page()
        page.set_default_timeout(300_000)
        first = skeleton(site, pages[-1].name, words["title"])
        context.route("**/*", lambda route: answer(route, site, first))
        page.emulate_media(media="print", color_scheme="light")
        page.goto(f"{ADDRESS}/notebooks/_print.html", wait_until="load")
        task = {
            "pages": [page._asdict() for page in pages],
            "front": front,
            "site": words["site"],
            "book": len(pages) > 1,
        }
        yield page, page.evaluate((PAPER / "assemble.js").read_text(encoding="utf-8"), task)
    finally:
        context.close()


def page_numbers(printed: bytes) -> dict[str, int]:
    """Return the page, counted from 1, of every anchor that a link of the printed text leads to."""
    reader = PdfReader(io.BytesIO(printed))
    found = {}
    for name, place in reader.named_destinations.items():
        number = reader.get_destination_page_number(place)
        if number is not None:
            found[unquote(name.lstrip("/"))] = number + 1
    return found


FILL = """(numbers) => {
  let changed = 0;
  for (const link of document.querySelectorAll(".paper-number")) {
    const number = String(numbers[decodeURIComponent(link.getAttribute("href").slice(1))] ?? "?");
    changed += link.textContent !== number;
    link.textContent = number;
  }
  return changed;
}"""


def printed(page: Page) -> tuple[bytes, dict[str, int]]:
    """Print until the numbers in the contents are those of the pages; return them with the print.

    Raises:
        RuntimeError: if they do not come to rest, or an entry leads to no page.
    """
    for _ in range(4):
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
        numbers = page_numbers(pdf)
        if not page.evaluate(FILL, numbers):
            return pdf, numbers
    raise RuntimeError("the page numbers of the contents do not come to rest")


def finished(
    pdf: bytes, numbers: dict[str, int], outline: list[dict[str, Any]], info: dict[str, str]
) -> bytes:
    """Return the print with bookmarks and a title, and without the time at which it was made."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    bookmark, part = writer.add_outline_item, None
    for entry in outline:
        start = numbers.get(entry["id"], 1) - 1  # nothing leads to the title of a chapter alone
        if entry["part"]:
            part = bookmark(title=entry["part"], page_number=start, bold=True)
        parent = part if len(outline) > 1 else None
        chapter = bookmark(title=entry["title"], page_number=start, parent=parent, is_open=False)
        for section in entry["sections"]:
            page = numbers[section["id"]] - 1
            bookmark(title=section["title"], page_number=page, parent=chapter)
    writer.metadata = info
    writer.root_object[NameObject("/PageMode")] = NameObject("/UseOutlines")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def make(
    browser: Browser, site: Path, pages: list[Source], front: str, words: dict[str, str]
) -> tuple[bytes, int, list[str]]:
    """Print pages as one document: its bytes, how many pages it has, and what was left out.

    Raises:
        RuntimeError: if something is wider than the page, and would be cut at its margin.
    """
    with assembled(browser, site, pages, front, words) as (page, known):
        if known["cut"]:
            raise RuntimeError("wider than the page: " + "; ".join(known["cut"][:5]))
        pdf, numbers = printed(page)
    title = words["title"]
    if len(pages) == 1:
        title = f"{known['outline'][0]['title']} ({title})"
    info = {"/Title": title, "/Author": words["author"]}
    whole = finished(pdf, numbers, known["outline"], info)
    return whole, len(PdfReader(io.BytesIO(whole)).pages), known["left"]


def write(browser: Browser, site: Path, chosen: list[str]) -> list[str]:
    """Print what is chosen (all chapters and the book, if nothing is); return remarks."""
    words, pages = imprint(), sources()
    chapters = [page for page in pages if page.name.startswith("notebooks/")]
    folder = site / "pdf"
    folder.mkdir(exist_ok=True)
    left: set[str] = set()
    tasks = [
        (Path(page.name).stem, [page], offprint(words, page.name))
        for page in chapters
        if not chosen or Path(page.name).stem[:2] in chosen
    ]
    if not chosen or "book" in chosen:
        tasks.append((WHOLE, pages, cover(words, len(chapters))))
    for name, parts, front in tasks:
        start = time.perf_counter()
        pdf, count, without = make(browser, site, parts, front, words)
        (folder / f"{name}.pdf").write_bytes(pdf)
        left |= set(without)
        took = time.perf_counter() - start
        print(f"{name:<34} {count:4} pages  {len(pdf) / 1e6:5.1f} MB  {took:4.0f} s", flush=True)
    return [f"No font of this machine has the letters of '{tag}': left out." for tag in left]


def main() -> int:
    """Print; return 1 and say what to do where that cannot be."""
    parser = argparse.ArgumentParser(description="Print the built book.")
    parser.add_argument("chosen", nargs="*", help="chapters as NN, or 'book'; all by default")
    parser.add_argument("--site", type=Path, default=SITE, help="the built site")
    arguments = parser.parse_args()
    site = arguments.site.resolve()
    absent = missing(site, sources())
    if absent:
        print(f"The book is not built ({absent[0]} is missing): run `make book`.", file=sys.stderr)
        return 1
    try:
        with sync_playwright() as playwright:
            path = chromium.find(playwright.chromium.executable_path)
            browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
            try:
                remarks = write(browser, site, arguments.chosen)
            finally:
                browser.close()
    except chromium.NoChromium as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join([*remarks, f"\nOpen {site / 'pdf'}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
