"""Print the built book: `make pdf`, after `make book`.

    .venv/bin/python tools/build_pdf.py [NN …] [--all]

Writes `_build/pdf/NN_name.pdf` for each chapter and `autoencoders.pdf`, the whole book in the order
of `_toc.yml` with a cover and contents; puts copies into the site. What is up to date is not
printed again, unless its number (or `book`) is given or all are asked for.

A Chromium prints (`tools/chromium.py` says which). `tools/paper/assemble.js` puts finished pages
together as one page, whose look is in `book/_static/course.css` (what any printed page needs) and
`tools/paper/paper.css` (fonts, margins, the foot of a page). It is printed twice: the first print,
without drawings, tells on which page everything stands, the second has these numbers.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import mimetypes
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import matplotlib
import pikepdf
import yaml
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import chromium, printed  # noqa: E402
from tools.printed import PAPER, SITE, WHOLE, Source  # noqa: E402

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # so that it looks the same everywhere
ADDRESS = "http://book.invalid"  # answered from files below; nothing is asked of a network
COLUMN = 650  # pixels: the width of the text on A4, for what is measured before it is printed
MATHJAX = {
    "options": {
        "processHtmlClass": "tex2jax_process|mathjax_process|math|output_area",
        "enableMenu": False,
        "enableAssistiveMml": False,  # a second, hidden text of each formula
        "menuOptions": {"settings": {"assistiveMml": False}},
    },
    "startup": {"typeset": False},
}


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
        f"{shown}</a>. Code that only draws a figure is not printed. Text and figures: CC BY 4.0. "
        "Code: MIT.</p>"
    )


def skeleton(site: Path, page: str, title: str) -> str:
    """Return an empty page with the style sheets of a built one, MathJax and the paper's look."""
    built = (site / page).read_text(encoding="utf-8")
    sheets = re.findall(r'<link[^>]*\brel="stylesheet"[^>]*?\bhref="([^"]+)"', built)
    sheets += re.findall(r'<link[^>]*\bhref="([^"]+)"[^>]*?\brel="stylesheet"', built)
    sheets = [urljoin(f"/{page}", sheet) for sheet in dict.fromkeys(sheets)]
    links = "\n".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets)
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


def page_numbers(pdf: bytes) -> dict[str, int]:
    """Return the page, counted from 1, of every anchor that a link of the printed text leads to."""
    with pikepdf.open(io.BytesIO(pdf)) as read:
        number = {page.obj.objgen: k for k, page in enumerate(read.pages, start=1)}
        places = read.Root.get("/Dests", {})
        return {unquote(name[1:]): number[place[0].objgen] for name, place in places.items()}


FILL = """(numbers) => {
  let changed = 0;
  for (const link of document.querySelectorAll(".paper-number")) {
    const number = String(numbers[decodeURIComponent(link.getAttribute("href").slice(1))] ?? "?");
    changed += link.textContent !== number;
    link.textContent = number;
  }
  return changed;
}"""


def in_print(page: Page) -> tuple[bytes, dict[str, int]]:
    """Print until the numbers in the contents are those of the pages; return them with the print.

    Raises:
        RuntimeError: if they do not come to rest, or an entry leads to no page.
    """
    for draft in (True, False, False, False):
        page.evaluate("(draft) => document.body.classList.toggle('paper-draft', draft)", draft)
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=not draft)
        numbers = page_numbers(pdf)
        if not page.evaluate(FILL, numbers) and not draft:
            return pdf, numbers
    raise RuntimeError("the page numbers of the contents do not come to rest")


def bookmarks(
    read: pikepdf.Pdf, numbers: dict[str, int], outline: list[dict[str, Any]]
) -> list[pikepdf.OutlineItem]:
    """Return parts, chapters and sections as bookmarks; a chapter alone has its sections."""
    places = {unquote(name[1:]): place for name, place in read.Root.Dests.items()}

    def item(entry: dict[str, Any]) -> pikepdf.OutlineItem:
        number = numbers.get(entry["id"], 1)  # nothing leads to the title of a chapter alone
        top = places[entry["id"]][3] if entry["id"] in places else Decimal(842)
        return pikepdf.OutlineItem(
            entry["title"], number - 1, page_location="XYZ", left=0, top=float(top), zoom=0
        )

    found: list[pikepdf.OutlineItem] = []
    level = found
    for entry in outline:
        chapter = item(entry)
        chapter.children.extend(map(item, entry["sections"]))
        chapter.is_closed = len(outline) > 1
        if entry["part"]:
            found.append(item({**entry, "title": entry["part"]}))
            level = found[-1].children
        level.append(chapter)
    return found


def finished(
    pdf: bytes, numbers: dict[str, int], outline: list[dict[str, Any]], info: dict[str, str]
) -> tuple[bytes, int]:
    """Return the print with bookmarks and a title, and how many pages it has.

    It keeps no time at which it was made: the same pages make the same file.
    """
    with pikepdf.open(io.BytesIO(pdf)) as read:
        with read.open_outline() as shown:
            shown.root[:] = bookmarks(read, numbers, outline)
        read.docinfo = read.make_indirect(pikepdf.Dictionary(info))
        read.Root.PageMode = pikepdf.Name.UseOutlines
        file = io.BytesIO()
        read.save(
            file,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
        return file.getvalue(), len(read.pages)


def make(
    browser: Browser, site: Path, pages: list[Source], front: str, words: dict[str, str]
) -> tuple[bytes, int, list[str]]:
    """Print pages as one document: its bytes, how many pages it has, and what was left out.

    Raises:
        RuntimeError: if something is larger than the page, and would be cut at its margin.
    """
    with assembled(browser, site, pages, front, words) as (page, known):
        if known["cut"]:
            raise RuntimeError("larger than the page: " + "; ".join(known["cut"][:5]))
        pdf, numbers = in_print(page)
    title = words["title"]
    if len(pages) == 1:
        title = f"{known['outline'][0]['title']} ({title})"
    info = {"/Title": title, "/Author": words["author"]}
    return *finished(pdf, numbers, known["outline"], info), known["left"]


@contextmanager
def chromium_started() -> Iterator[Browser]:
    """Give a browser.

    Raises:
        chromium.NoChromium: if there is none that starts.
    """
    with sync_playwright() as playwright:
        path = chromium.find(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def write(name: str, site: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Print one PDF into a folder; return what is to be known of it, and what was left out."""
    words, everything = imprint(), printed.documents()
    pages = everything[name]
    front = cover(words, len(everything) - 1) if name == WHOLE else offprint(words, pages[0].name)
    mark = printed.mark(site, pages)
    with chromium_started() as browser:
        pdf, count, left = make(browser, site, pages, front, words)
    (folder / f"{name}.pdf").write_bytes(pdf)
    return {"mark": mark, "pages": count}, left


def write_all(names: list[str], site: Path = SITE, folder: Path = printed.FOLDER) -> list[str]:
    """Print PDFs, two at a time where there are two cores, and say so; return remarks."""
    folder.mkdir(parents=True, exist_ok=True)
    known, left, start = printed.known(folder), set(), time.perf_counter()
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), fresh) as pool:
        tasks = {pool.submit(write, name, site, folder): name for name in names}
        for task in as_completed(tasks):
            name = tasks[task]
            try:
                known[name], without = task.result()
            except Exception as error:
                error.add_note(f"So {name}.pdf was not printed.")
                raise
            left |= set(without)
            (folder / "printed.json").write_text(json.dumps(known, indent=1), encoding="utf-8")
            size = (folder / f"{name}.pdf").stat().st_size / 1e6
            took = time.perf_counter() - start
            pages = known[name]["pages"]
            print(f"{name:<34} {pages:4} pages  {size:5.1f} MB  after {took:3.0f} s", flush=True)
    return [f"No font of this machine has the letters of '{tag}': left out." for tag in left]


def main() -> int:
    """Print what has changed; return 1 and say what to do where that cannot be."""
    parser = argparse.ArgumentParser(description="Print the built book.")
    parser.add_argument("chosen", nargs="*", help="chapters as NN, or 'book'; else what changed")
    parser.add_argument("--all", action="store_true", help="all of them, changed or not")
    arguments = parser.parse_args()
    absent = printed.missing(SITE, printed.sources())
    if absent:
        print(f"The book is not built ({absent[0]} is missing): run `make book`.", file=sys.stderr)
        return 1
    numbers = {"book" if name == WHOLE else name[:2]: name for name in printed.documents()}
    unknown = sorted(set(arguments.chosen) - set(numbers))
    if unknown:
        parser.error(f"no chapter {unknown[0]!r}: choose of {', '.join(numbers)}")
    names = [numbers[number] for number in arguments.chosen] or printed.stale()
    try:
        remarks = write_all(list(numbers.values()) if arguments.all else names)
    except chromium.NoChromium as error:
        print(error, file=sys.stderr)
        return 1
    fresh = printed.place()
    print("\n".join([*remarks, f"{len(fresh)} PDFs are up to date: {printed.FOLDER}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
