"""Write the repository's address, which stands in _config.yml, wherever it must be repeated.

    .venv/bin/python tools/repository.py            # write it everywhere
    .venv/bin/python tools/repository.py --check    # only list the copies that differ

Copies are in badges, in links, in the setup cell and the Colab line of every notebook, in
CITATION.cff and in pyproject.toml. A link is a copy if it leads

- to the repository named in _config.yml, or the one named in pyproject.toml (written last time);
- to a repository of the same name with another owner;
- to a chapter (`notebooks/NN_….ipynb`), or to the `aelib` that pip fetches, in any repository.

Links to other projects are left alone. To move the course: change `repository.url` in
_config.yml, and run this.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import yaml

ROOT = Path(__file__).resolve().parents[1]

_SETUP_CELL = """\
try:
    import aelib
except ModuleNotFoundError:  # on Colab: fetch the course's library; the torch that is there stays
    %pip install -q "aelib @ git+{url}"
    import aelib
aelib.seed(0)"""
COLAB_LINE = re.compile(r"\[Open in Colab\]\([^)\n]*\)")

# Folders that hold no copy: made by tools, or other people's work.
SKIPPED_FOLDERS = {"_build", "data", "extra", "node_modules", "vendor", "__pycache__"}
HIDDEN_FOLDERS_READ = {".ci", ".github"}
SUFFIXES = {
    ".bib", ".cff", ".cfg", ".css", ".html", ".ipynb", ".js", ".json", ".md", ".py", ".sh",
    ".toml", ".txt", ".yaml", ".yml",
}  # fmt: skip
NAMES = {"Makefile", "LICENSE", "run"}

_PART = r"[A-Za-z0-9_-]+(?:\.(?!git\b|ipynb\b)[A-Za-z0-9_-]+)*"
_BEFORE = (
    r"git@github\.com:",
    r"(?:https?://)?(?:www\.)?github\.com/",
    r"https?%3A%2F%2Fgithub\.com%2F",
    r"https?://raw\.githubusercontent\.com/",
    r"https?://(?:colab\.research\.google\.com|nbviewer\.org)/github/",
    r"https?://mybinder\.org/v2/gh/",
    r"https?://img\.shields\.io/github/(?:[a-z-]+/)+?",
)
REPOSITORY_LINK = re.compile(
    rf"(?P<before>{'|'.join(_BEFORE)})(?P<owner>{_PART})(?P<slash>/|%2F)(?P<name>{_PART})"
    r"(?P<rest>[^\s\"'`<>()\[\]{}\\|]*)",
    re.IGNORECASE,
)
PAGES_LINK = re.compile(
    r"https?://(?P<owner>[A-Za-z0-9-]+)\.github\.io(?:/(?P<name>[A-Za-z0-9_.-]*[A-Za-z0-9_-]))?"
    r"(?P<rest>/?[^\s\"'`<>()\[\]{}\\|]*)",
    re.IGNORECASE,
)
CHAPTER_PATH = re.compile(r"notebooks/\d\d_\w+\.ipynb")
COMMIT = re.compile(r"[0-9a-f]{40}")


class Address(NamedTuple):
    """Where the course lives."""

    owner: str
    name: str
    branch: str = "main"

    @classmethod
    def of(cls, url: str, branch: str = "main") -> Address:
        """Read `https://github.com/OWNER/NAME`."""
        match = re.fullmatch(rf"https://github\.com/({_PART})/({_PART})(?:\.git)?/?", url)
        if not match:
            raise ValueError(f"repository.url must be https://github.com/OWNER/NAME, not {url!r}")
        return cls(match[1], match[2], branch)

    @property
    def url(self) -> str:
        """The repository."""
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def pages(self) -> str:
        """The published book."""
        site = f"{self.owner.lower()}.github.io"
        return f"https://{site}/" if self.name.lower() == site else f"https://{site}/{self.name}/"

    def is_at(self, owner: str, name: str) -> bool:
        """Compare as GitHub does."""
        return (self.owner.lower(), self.name.lower()) == (owner.lower(), name.lower())


def address(root: Path = ROOT) -> Address:
    """Return the address that stands in _config.yml."""
    table = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    return Address.of(table["url"], table.get("branch", "main"))


def written_last(root: Path = ROOT) -> Address | None:
    """Return the address that this script wrote last, as pyproject.toml has it."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    match = re.search(r'^Repository = "([^"]+)"', text, re.MULTILINE)
    return Address.of(match[1]) if match else None


def setup_cell(root: Path = ROOT) -> str:
    """Return the first code cell of every notebook."""
    return _SETUP_CELL.format(url=address(root).url)


def __getattr__(name: str) -> str:
    """Give `SETUP_CELL` as the text of this repository's own."""
    if name == "SETUP_CELL":
        return setup_cell()
    raise AttributeError(name)


def colab_link(notebook: str, root: Path = ROOT) -> str:
    """Return the line under the title of the chapter with this file name."""
    here = address(root)
    path = f"{here.owner}/{here.name}/blob/{here.branch}/notebooks/{notebook}"
    return f"[Open in Colab](https://colab.research.google.com/github/{path})"


def readable_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the text files of the course."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED_FOLDERS
            and (not name.startswith(".") or name in HIDDEN_FOLDERS_READ)
            and not name.endswith(".egg-info")
        )
        for name in sorted(names):
            path = Path(folder, name)
            if (path.suffix in SUFFIXES or name in NAMES) and not path.is_symlink():
                yield path


def _with_branch(rest: str, before: str, branch: str) -> str:
    """Put the branch into the part of a link that follows the repository's name."""
    if "mybinder" in before.lower():
        return re.sub(r"^/[^/?#]+", f"/{branch}", rest)
    if "raw.github" in before.lower():
        return re.sub(r"^/(?!refs/)[^/?#]+", f"/{branch}", rest)
    match = re.match(r"/(?:blob|tree|raw|edit)/([^/?#]+)", rest)
    if match and not COMMIT.fullmatch(match[1]):
        return rest[: match.start(1)] + branch + rest[match.end(1) :]
    return re.sub(r"(badge\.svg\?branch=)[^&\s]+", rf"\g<1>{branch}", rest)


def rewritten(text: str, here: Address, last: Address | None = None) -> str:
    """Return the text with every link to the course leading to `here`."""
    known = [here] if last is None else [here, last]
    names = {a.name.lower() for a in known}

    def repository(match: re.Match) -> str:
        ours = (
            any(a.is_at(match["owner"], match["name"]) for a in known)
            or match["name"].lower() in names
            or CHAPTER_PATH.search(unquote(match["rest"])) is not None
            or re.search(r"aelib(?:\[\w+\])? @ git\+$", text[: match.start()]) is not None
        )
        if not ours:
            return match[0]
        rest = _with_branch(match["rest"], match["before"], here.branch)
        return f"{match['before']}{here.owner}{match['slash']}{here.name}{rest}"

    def pages(match: re.Match) -> str:
        owner, name = match["owner"], match["name"] or ""
        ours = name.lower() in names or any(
            a.is_at(owner, f"{owner}.github.io") and not name for a in known
        )
        return here.pages.rstrip("/") + match["rest"] if ours else match[0]

    return PAGES_LINK.sub(pages, REPOSITORY_LINK.sub(repository, text))


def _is_setup(source: str) -> bool:
    return "import aelib" in source and "ModuleNotFoundError" in source


def _rewritten_notebook(text: str, path: Path, root: Path) -> str:
    """Return the notebook with the course's setup cell and, for a chapter, its Colab line."""
    try:
        notebook = json.loads(text)
        cells = notebook["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.relative_to(root)} is not a notebook: {error}") from error
    changed = False
    for cell in cells:
        old = "".join(cell["source"])
        new = old
        if cell["cell_type"] == "code" and _is_setup(old):
            new = setup_cell(root)
        elif cell["cell_type"] == "markdown" and path.parent == root / "notebooks":
            new = COLAB_LINE.sub(lambda _: colab_link(path.name, root), old)
        if new != old:
            cell["source"] = new.splitlines(keepends=True)
            changed = True
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n" if changed else text


def changes(root: Path = ROOT) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, text, text as it should be) for every file with a copy that differs."""
    here, last = address(root), written_last(root)
    for path in readable_files(root):
        try:
            old = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        new = rewritten(old, here, last)
        if path.suffix == ".ipynb":
            new = _rewritten_notebook(new, path, root)
        if new != old:
            yield path, old, new


def differences(root: Path = ROOT) -> list[str]:
    """Return one line, `file:line: is → should be`, for every copy that differs."""
    lines = []
    for path, old, new in changes(root):
        a, b = old.splitlines(), new.splitlines()
        pairs = zip(a, b, strict=True) if len(a) == len(b) else [(a[0], "other text")]
        name = path.relative_to(root)
        found = [
            f"{name}:{number}: {was.strip()} → {now.strip()}"
            for number, (was, now) in enumerate(pairs, start=1)
            if was != now
        ]
        lines += found or [f"{name}: the setup cell or the Colab line differs"]
    return lines


def main() -> int:
    """Write the copies, or check them."""
    parser = argparse.ArgumentParser(description="Write the repository's address everywhere.")
    parser.add_argument("--check", action="store_true", help="write nothing, list what differs")
    if parser.parse_args().check:
        lines = differences()
        for line in lines:
            print(line)
        if lines:
            print(f"{len(lines)} copies differ from _config.yml; run: python tools/repository.py")
        return 1 if lines else 0
    for path, _, new in list(changes()):
        path.write_text(new, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
