"""Which PDFs of the built book there are, and whether they are those of its pages as they stand.

`tools/build_pdf.py` prints them into `_build/pdf`. The site gets a copy of those that are up to
date, and a table of them (:func:`place`). So it never leads to a PDF that is missing or older than
its page: after a change, `make book` takes the PDF away until `make pdf` has printed it anew.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import yaml

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
FOLDER = ROOT / "_build" / "pdf"
WHOLE = "autoencoders"
PAGE = "book/paper.html"  # says where the PDFs are; printed, it would speak of itself
PAPER = Path(__file__).with_name("paper")
PRINTER = (PAPER / "assemble.js", PAPER / "paper.css", PAPER.with_name("build_pdf.py"))
TABLE = re.compile(r"(<!-- printed -->).*?(<!-- /printed -->)", re.DOTALL)


class Source(NamedTuple):
    """A built page: its path below the site, the part that it begins, and its title on paper.

    Both texts may be empty: it begins no part, and keeps the title that it has.
    """

    name: str
    part: str = ""
    title: str = ""


def sources(root: Path = ROOT) -> list[Source]:
    """Return the pages of the book on paper, in the order of ``_toc.yml``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = [Source(f"{toc['root']}.html", title="What this book is")]
    for part in toc["parts"]:
        for k, chapter in enumerate(part["chapters"]):
            name = re.sub(r"\.(ipynb|md)$", "", chapter["file"]) + ".html"
            if name != PAGE:
                found.append(Source(name, "" if k else part["caption"]))
    return found


def documents(root: Path = ROOT) -> dict[str, list[Source]]:
    """Return what is printed: by the name of the PDF, its pages. The whole book comes first."""
    pages = sources(root)
    chapters = {Path(p.name).stem: [p] for p in pages if p.name.startswith("notebooks/")}
    return {WHOLE: pages, **chapters}


def missing(site: Path, pages: list[Source]) -> list[str]:
    """Return the pages that the site lacks."""
    return [page.name for page in pages if not (site / page.name).is_file()]


def article(page: Path) -> str:
    """Return the part of a built page that is printed."""
    found = re.search(r"<article.*</article>", page.read_text(encoding="utf-8"), re.DOTALL)
    return found[0] if found else ""


def mark(site: Path, pages: list[Source]) -> str:
    """Return a hash of all that a PDF is made of: pages, pictures, style sheets, the printer."""
    digest = hashlib.sha256()
    files = [*PRINTER, ROOT / "_config.yml", ROOT / "CITATION.cff"]
    files += sorted((site / "_static").rglob("*.css"))
    for page in pages:
        text = article(site / page.name)
        digest.update(f"{page}\0{text}\0".encode())
        pictures = re.findall(r'<img[^>]*\bsrc="([^":]+)"', text)
        files += [(site / page.name).parent / unquote(picture) for picture in pictures]
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def known(folder: Path = FOLDER) -> dict[str, dict]:
    """Return what is known of each PDF that was printed: its ``mark``, and how many ``pages``."""
    try:
        return json.loads((folder / "printed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def current(site: Path = SITE, folder: Path = FOLDER) -> dict[str, dict]:
    """Return what is known of each PDF that is there and is that of the pages as they stand."""
    found, all_known = {}, known(folder)
    for name, pages in documents().items():
        if name not in all_known or missing(site, pages):
            continue
        if (folder / f"{name}.pdf").is_file() and all_known[name]["mark"] == mark(site, pages):
            found[name] = all_known[name]
    return found


def stale(site: Path = SITE, folder: Path = FOLDER) -> list[str]:
    """Return the names of the PDFs that have to be printed, the whole book first."""
    fresh = current(site, folder)
    return [name for name in documents() if name not in fresh]


def title(site: Path, page: Source) -> str:
    """Return the HTML of a page's title."""
    heading = re.search(r"<h1>(.*?)(?:<a class=\"headerlink\"|</h1>)", article(site / page.name))
    return heading[1] if heading else html.escape(page.name)


def table(site: Path, fresh: dict[str, dict], folder: Path) -> str:
    """Return the HTML of the table of PDFs, with a line also for one that is not there."""
    lines = []
    for name, pages in documents().items():
        what = "<strong>The whole book</strong>" if name == WHOLE else title(site, pages[0])
        length = size = "–"
        if name in fresh:
            megabytes = (folder / f"{name}.pdf").stat().st_size / 1e6
            what = f'<a href="../pdf/{name}.pdf">{what}</a>'
            length, size = str(fresh[name]["pages"]), f"{megabytes:.1f} MB"
        lines.append(
            f'<tr id="{name}"><td>{what}</td><td class="text-right">{length}</td>'
            f'<td class="text-right">{size}</td></tr>'
        )
    without = len(lines) - len(fresh)
    note = ""
    if without:
        which = "None of them is" if without == len(lines) else "Those without a number are not"
        note = f"\n<p>{which} in this copy of the book: <code>make pdf</code> prints them.</p>"
    return (
        '<div class="pst-scrollable-table-container"><table class="table">\n<thead><tr><th>PDF</th>'
        '<th class="text-right">pages</th><th class="text-right">size</th></tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + f"\n</tbody></table></div>{note}"
    )


def place(site: Path = SITE, folder: Path = FOLDER) -> dict[str, dict]:
    """Put the PDFs that are up to date into the site, and no others; return what is known of them.

    Raises:
        ValueError: if the page that lists them has no place for the table.
    """
    fresh = current(site, folder)
    target = site / "pdf"
    target.mkdir(exist_ok=True)
    for left_over in target.glob("*.pdf"):
        if left_over.stem not in fresh:
            left_over.unlink()
    for name in fresh:
        shutil.copyfile(folder / f"{name}.pdf", target / f"{name}.pdf")
    page = site / PAGE
    text = page.read_text(encoding="utf-8")
    listed, count = TABLE.subn(lambda m: m[1] + table(site, fresh, folder) + m[2], text)
    if count != 1:
        raise ValueError(f"{page} has no place for the table of PDFs")
    page.write_text(listed, encoding="utf-8")
    return fresh
