"""Words: nothing is left to do, and links lead somewhere.

Spelling is looked at by `make lint`.
"""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import rules

ROOT = rules.ROOT
KINDS = {".md", ".py", ".ipynb", ".toml", ".yml", ".yaml", ".cff", ".txt", ".css", ".js", ".html"}
NOT_OURS = ("data/MNIST", "tests/vendor", "book/extra", "LICENSE")
UNFINISHED = r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|T" r"BD|lorem ip" r"sum)\b"


@cache
def files():
    """The project's own text files."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    found = (
        listed.stdout.splitlines()
        if listed.returncode == 0
        else [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file()]
    )
    return [
        Path(name)
        for name in sorted(found)
        if Path(name).suffix in KINDS
        and not name.startswith((*NOT_OURS, "_build/", ".venv/"))
        and (ROOT / name).exists()
    ]


def read(path):
    """The file's text; of a notebook, what its cells say."""
    if path.suffix == ".ipynb":
        return "\n\n".join(cell.source for cell in rules.Notebook.read(ROOT / path).cells)
    return (ROOT / path).read_text(encoding="utf-8")


def pages():
    return [path for path in files() if path.suffix == ".md"]


def lines(found):
    return "\n" + "\n".join(found)


def test_there_are_texts():
    assert len(files()) > 5
    assert pages()


def matches(pattern, texts):
    return [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: {match.group(0)}"
        for name, text in texts.items()
        for match in re.finditer(pattern, text)
    ]


def test_nothing_is_left_to_do():
    found = matches(UNFINISHED, {str(path): read(path) for path in files()})
    assert not found, lines(found)


@pytest.mark.parametrize("path", pages(), ids=str)
def test_links(path):
    found = rules.broken_links(read(path), (ROOT / path).parent)
    assert not found, lines(found)


# ---------------------------------------------------------------- the tests can fail


def test_planted_leftovers_are_found():
    assert matches(UNFINISHED, {"a": "x\n# TO" + "DO: later"}) == ["a:2: TO" + "DO"]
