"""Words: British where a reader reads; nothing left to do; links that lead somewhere.

`make lint` runs codespell for misspellings. Its list of British and American pairs, read backwards,
finds American spelling here. Code, formulas, quotations, italics and lines that cite a paper keep
the spelling they have, and so do the titles in the references.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import codespell_lib
import pytest
import rules

ROOT = rules.ROOT
KINDS = {".md", ".py", ".ipynb", ".toml", ".yml", ".yaml", ".cff", ".txt", ".css", ".js", ".html"}
NOT_OURS = ("data/MNIST", "tests/vendor", "book/extra", "LICENSE")
# Words that the two spellings share, or that British English writes both ways.
SHARED = """
acknowledgment acknowledgments analog biased coloration dialog focused focuses focusing fulfill
judgment judgments license licensed licenses licensing math meter meters practice practiced
practices practicing program routing story stories
"""
UNFINISHED = r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|T" r"BD|lorem ip" r"sum)\b"
A_MACHINE = re.compile(r"(?<![\w.~])/(?:home|Users|mnt|root|tmp|work)/[\w.-]+|\b[A-Z]:\\\\")


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


def prose(path):
    """What a reader reads in a Markdown file or a chapter: no code, formulas, or outside titles."""
    if path.suffix == ".ipynb":
        notebook = rules.Notebook.read(ROOT / path)
        cells = [cell.source for cell in notebook.prose]
        return plain("\n\n".join([*cells, rules.questions_text(notebook)]))
    return plain(read(path))


CITES = re.compile(r"doi\.org|arxiv\.org|openreview\.net|jmlr\.org|proceedings", re.I)
QUOTED = re.compile(
    r"“[^”]*”|\"[^\"\n]*\"|(?<![\w*])\*[^*\n]+\*(?![\w*])|(?<!\w)_[^_\n]+_(?!\w)"
    r"|\[[^\]]*\]\(https?:[^)]*\)|https?://\S+"
)


def plain(text):
    """The text without what may be American; lines keep their numbers."""
    kept = [line if not CITES.search(line) else "" for line in text.split("\n")]
    text = rules.without_math(rules.without_code("\n".join(kept)))
    return re.sub(rf"[{rules.CODE_MARK}{rules.MATH_MARK}]|</?\w+[^>]*>", " ", QUOTED.sub("", text))


def prose_files():
    return [path for path in files() if path.suffix in {".md", ".ipynb"}]


def british(folder):
    """codespell's American words and the British ones that are wanted, as a dictionary file."""
    pairs = Path(codespell_lib.__file__).with_name("data") / "dictionary_en-GB_to_en-US.txt"
    lines = []
    for line in pairs.read_text(encoding="utf-8").splitlines():
        wanted, _, american = line.partition("->")
        if american and american not in SHARED.split() and "," not in american:
            lines.append(f"{american}->{wanted}\n")
    path = folder / "british.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def american(texts, folder):
    """['name:line: wrong ==> right'] for {name: text}, by codespell."""
    for name, text in texts.items():
        path = folder / "texts" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "codespell_lib", "--disable-colors", "-q", "3"]
    asked = subprocess.run(
        [*command, "-D", british(folder), "."], cwd=folder / "texts", capture_output=True, text=True
    )
    assert asked.returncode in {0, 65}, asked.stderr
    return [re.sub(r"^\./(.*?)\.txt:", r"\1:", line) for line in asked.stdout.splitlines()]


def lines(found):
    return "\n" + "\n".join(found)


def test_there_are_texts():
    assert len(files()) > 5
    assert prose_files()


def test_british_spelling(tmp_path):
    texts = {str(path): prose(path) for path in prose_files() if path.name != "references.md"}
    found = american(texts, tmp_path)
    assert not found, lines(found)


def matches(pattern, texts):
    return [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: {match.group(0)}"
        for name, text in texts.items()
        for match in re.finditer(pattern, text)
    ]


def test_nothing_is_left_to_do():
    found = matches(UNFINISHED, {str(path): read(path) for path in files()})
    assert not found, lines(found)


def test_no_path_of_a_machine():
    ours = [path for path in files() if path.parts[0] != "tests"]  # tests plant such paths
    found = matches(A_MACHINE, {str(path): read(path) for path in ours})
    assert not found, lines(found)


@pytest.mark.parametrize("path", [p for p in prose_files() if p.suffix == ".md"], ids=str)
def test_links(path):
    found = rules.broken_links(read(path), (ROOT / path).parent)
    assert not found, lines(found)


# ---------------------------------------------------------------- the tests can fail


def test_planted_words_are_found(tmp_path):
    texts = {"a/b.md": "Once.\n\nThe color of\nthe Center.", "c.md": "Colour, centre, size."}
    found = american(texts, tmp_path)
    assert found == ["a/b.md:3: color ==> colour", "a/b.md:4: Center ==> Centre"]


def test_code_formulas_and_titles_are_not_prose():
    text = (
        "`color` $color$ *Color Theory* “color” [Color](https://x.org) <kbd>colour</kbd>\n"
        "```\ncenter\n```\nA. Center: Color, https://doi.org/10.1/1\n"
    )
    assert plain(text).split() == ["colour"]


def test_planted_leftovers_are_found():
    assert matches(UNFINISHED, {"a": "x\n# TO" + "DO: later"}) == ["a:2: TO" + "DO"]
    assert matches(A_MACHINE, {"a": "see /home/ann/x"}) == ["a:1: /home/ann"]
    assert not matches(A_MACHINE, {"a": "https://x.org/home/ann ~/x /usr/bin"})
