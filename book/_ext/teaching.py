"""What the instructor's guide needs: run times as the build measured them, plans that add up.

- ``{chapter-seconds}`05` `` in a sentence: what chapter 05 took when it was last executed.
- ``{session} 90``: a session of 90 minutes as a table. Each line of it reads ``minutes | chapters
  that run meanwhile, or nothing | what happens``. The minutes must add up to the argument.
- ``{chapter-memory} NAME``: the table of ``benchmarks/results/NAME.json``.
- ``{lab-list}``: the labs, with their minutes and points, and the student's notebook to download.
- ``{colab-versions}``: what the library needs, as Colab ships it (``tools/colab_versions.txt``) and
  at the least (``pyproject.toml``): the versions of ``make colab-check``.

Run times are known when every chapter has been read. So the first two leave a mark in the page,
which :func:`fill` replaces.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

from course import CHAPTER, chapter_seconds, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)

GUIDE = "book/instructors/"  # its pages show what chapters have measured


class RunTimeNode(nodes.Inline, nodes.Element):
    """The place of a measured run time: ``chapters`` ("03 05"), ``minutes`` of the step or None."""


def spoken(seconds: float) -> str:
    """Return seconds as they are said: ``98 s``, ``3 min``, ``3 min 57 s``."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def run_time(chapters: str, minutes: int | None, seconds: dict[str, float]) -> str:
    """Return what stands in the page for chapters that run one after the other.

    Args:
        chapters: their numbers, as in ``"03 05"``.
        minutes: how long the step lasts in which they run; None outside a plan.
        seconds: by two-digit number, what each chapter took.

    Raises:
        KeyError: for a chapter that has not been measured.
    """
    total = sum(seconds[number] for number in chapters.split())
    text = spoken(total)
    if minutes is not None and total > 60 * minutes:
        text += f"; start it {math.ceil(total / 60 - minutes)} min earlier"
    return text


def by_number(env: BuildEnvironment) -> dict[str, float]:
    """Return {"03": seconds} for the chapters that have been executed."""
    return {CHAPTER.match(name)[1]: time for name, time in chapter_seconds(env).items()}


def fill(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Replace each mark by its run time."""
    for place in list(tree.findall(RunTimeNode)):
        try:
            text = run_time(place["chapters"], place["minutes"], by_number(app.env))
        except KeyError as missing:
            logger.warning("%s: chapter %s has no measured run time", name, missing.args[0])
            text = "not measured"
        place.replace_self(nodes.Text(text))


class ChapterSeconds(SphinxRole):
    """``{chapter-seconds}`03 05` ``: the measured time of these chapters, one after the other."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave a mark."""
        return [RunTimeNode(chapters=self.text, minutes=None)], []


LINE = re.compile(r"(\d+) *\|([\d ]*)\| *(\S.*)")


class Session(SphinxDirective):
    """``{session} MINUTES``: a plan, minute by minute."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table.

        Raises:
            DirectiveError: if a line cannot be read, or the minutes do not add up.
        """
        start, rows = 0, []
        for line in filter(str.strip, self.content):
            match = LINE.fullmatch(line.strip())
            if match is None:
                raise self.error(f"session: not 'minutes | chapters | what happens': {line!r}")
            minutes, chapters = int(match[1]), match[2].strip()
            what = nodes.inline()
            what += self.parse_inline(match[3], lineno=self.lineno)[0]
            run = RunTimeNode(chapters=chapters, minutes=minutes) if chapters else ""
            rows.append([f"{start}–{start + minutes}", what, run])
            start += minutes
        if start != int(self.arguments[0]):
            raise self.error(f"session: {start} minutes are planned, not {self.arguments[0]}")
        plan = table(["minute", "what happens", "run"], rows, left=3)
        plan["classes"].append("session")
        return [plan]


class ChapterMemory(SphinxDirective):
    """``{chapter-memory} NAME``: what ``benchmarks/memory.py`` has measured."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, and a line that says on what it was measured."""
        path = Path(self.env.srcdir) / "benchmarks" / "results" / f"{self.arguments[0]}.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            return [nodes.paragraph("", "No measurement has been committed yet.")]
        report = json.loads(path.read_text(encoding="utf-8"))
        rows: list[list[nodes.Node | str]] = []
        for name, line in report.items():
            match = CHAPTER.match(name)
            label: nodes.Node | str = "an idle JupyterLab"
            if match:
                target = posixpath.relpath(name, posixpath.dirname(self.env.docname)) + ".html"
                label = nodes.reference("", f"chapter {int(match[1])}", refuri=target)
            used = [
                f"{line[key]:.0f}" if key in line else "–"
                for key in ("processor_seconds", "seconds")
            ]
            rows.append([label, f"{line['peak_mb']:,}", *used])
        head = ["", "memory at most, MB", "processor seconds", "seconds by the clock"]
        machines = {  # more than one, if chapters were measured on different ones
            f"{line['processors']} processor cores and {line['threads']} threads on "
            f"{line['system']}, Python {line['python']}, PyTorch {line['torch']}": None
            for line in report.values()
        }
        note = f"Measured with {'; or with '.join(machines)}."
        return [table(head, rows), nodes.paragraph("", note)]


LAB_TITLE = re.compile(r"# Lab (\d+): (.+)")
LAB_TIME = re.compile(r"\*\*Time\*\* (\d+) minutes")


class LabList(SphinxDirective):
    """``{lab-list}``: a table of the notebooks in ``labs/source``."""

    def run(self) -> list[nodes.Node]:
        """Return the table.

        Raises:
            DirectiveError: if a lab has no title or does not say how long it takes.
        """
        rows: list[list[nodes.Node | str]] = []
        site = posixpath.relpath("labs", posixpath.dirname(self.env.docname))
        chapters = posixpath.relpath("notebooks", posixpath.dirname(self.env.docname))
        for path in sorted(Path(self.env.srcdir).glob("labs/source/*/lab_*.ipynb")):
            self.env.note_dependency(str(path))
            notebook = json.loads(path.read_text(encoding="utf-8"))
            first = "".join(notebook["cells"][0]["source"])
            title, minutes = LAB_TITLE.match(first), LAB_TIME.search(first)
            if title is None or minutes is None:
                raise self.error(f"{path.name}: its first cell needs '# Lab N: …', '**Time** N …'")
            link = nodes.reference("", title[2], refuri=f"{site}/{path.name}")
            name = path.parent.name
            chapter = nodes.reference("", title[1], refuri=f"{chapters}/{name}.html")
            rows.append([chapter, link, minutes[1]])
        return [table(["chapter", "lab: the notebook to download", "minutes"], rows, left=2)]


class ColabVersions(SphinxDirective):
    """``{colab-versions}``: the versions that the chapters are checked with, apart from ours."""

    def run(self) -> list[nodes.Node]:
        """Return the table: what the library needs, on Colab and at the least."""
        root = Path(self.env.srcdir)
        shipped, project = root / "tools" / "colab_versions.txt", root / "pyproject.toml"
        for path in (shipped, project):
            self.env.note_dependency(str(path))
        colab = dict(re.findall(r"^([\w-]+)==(\S+)", shipped.read_text("utf-8"), re.MULTILINE))
        asked = tomllib.loads(project.read_text("utf-8"))["project"]
        lines = [f"python{asked['requires-python']}", *asked["dependencies"]]
        lowest = dict(re.findall(r"^([\w-]+)>=([\w.]+)", "\n".join(lines), re.MULTILINE))
        rows: list[list[nodes.Node | str]] = [[name, colab[name], lowest[name]] for name in lowest]
        return [table(["package", "Colab", "the lowest"], rows)]


def refresh(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Read the guide's pages again whenever anything else is: a chapter may have a new time."""
    if names:
        names += sorted(n for n in env.found_docs if n.startswith(GUIDE) and n not in names)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.add_node(RunTimeNode)
    app.add_role("chapter-seconds", ChapterSeconds())
    app.add_directive("session", Session)
    app.add_directive("chapter-memory", ChapterMemory)
    app.add_directive("lab-list", LabList)
    app.add_directive("colab-versions", ColabVersions)
    app.connect("env-before-read-docs", refresh)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
