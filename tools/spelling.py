"""Check that the prose is British: colour, optimise, centre.

    .venv/bin/python tools/spelling.py

codespell finds misspellings; this finds American spellings, by codespell's own list read the other
way round, in the Markdown of pages and notebooks. Code, formulas, addresses, quotations, italics
and lines that cite a paper are left alone: they keep the spelling they have.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import codespell_lib

ROOT = Path(__file__).resolve().parents[1]
FINE_IN_BRITISH = {
    "acknowledgment", "acknowledgments", "analog", "biased", "dialog", "dialogs", "focused",
    "focuses", "focusing", "judgment", "judgments", "license", "licensed", "licenses", "licensing",
    "math", "meter", "meters", "practice", "practiced", "practices", "practicing", "program",
    "refocused", "refocuses", "refocusing", "routing", "salable", "stories", "story", "tidbit",
    "tidbits", "writable", "overwritable",
}  # fmt: skip
CITES = re.compile(r"doi\.org|arxiv\.org|openreview\.net|jmlr\.org|proceedings", re.IGNORECASE)
NOT_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~"  # blocks of code
    r"|`[^`\n]*`"  # code in a line
    r"|\$\$.*?\$\$|\$[^$\n]*\$"  # formulas
    r"|<!--.*?-->|<[^>]*>"  # HTML
    r"|\]\([^)\s]*\)|https?://\S+"  # addresses
    r"|“[^”]*”|\"[^\"\n]*\"|(?<![\w*])\*[^*\n]+\*(?![\w*])|(?<!\w)_[^_\n]+_(?!\w)",  # quoted
    re.DOTALL,
)


def american() -> dict[str, str]:
    """Return the British spelling of each American one."""
    folder = Path(codespell_lib.__file__).parent / "data"
    lines = (folder / "dictionary_en-GB_to_en-US.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("->") for line in lines if "->" in line)
    words = {us.split(",")[0].strip(): gb.strip() for gb, us in pairs}
    return {us: gb for us, gb in words.items() if us not in FINE_IN_BRITISH}


def prose(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (place, text) for each piece of Markdown in a file."""
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            if cell["cell_type"] == "markdown":
                yield f"cell {number}", "".join(cell["source"])
    else:
        yield "", path.read_text(encoding="utf-8")


def findings(paths: list[Path]) -> list[str]:
    """Return a line for each American spelling."""
    words, found = american(), []
    for path in paths:
        for place, text in prose(path):
            # blank out what is not prose, and keep the line breaks
            left = NOT_PROSE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
            raw = text.splitlines()
            for number, line in enumerate(left.splitlines(), start=1):
                if CITES.search(raw[number - 1]):
                    continue
                for word in re.findall(r"[A-Za-z]+", line):
                    if word.lower() in words:
                        where = f"{place} line {number}" if place else f"line {number}"
                        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
                        found.append(f"{name}: {where}: {word}: {words[word.lower()]}?")
    return found


def main() -> int:
    """Print the findings; return 1 if there are any."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "book").rglob("*.md"), *(ROOT / "data").glob("*.md")]
    paths += [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "tools").glob("*.ipynb")]
    lines = findings(sorted(paths))
    print("\n".join(lines) or "British throughout")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
