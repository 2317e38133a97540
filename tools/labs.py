"""Make the students' version of the labs, and prove every lab: `make labs`.

    .venv/bin/python tools/labs.py [04 05 …] [--only-release]

A lab is `labs/source/NN_topic/lab_NN_topic.ipynb`, with solutions, in nbgrader's format. The
students' version goes to `_build/labs/NN_topic/`, what was found to `_build/labs/results.json`.
Each lab is run

- as a student gets it: it stops at the first blank, and the message says what to do;
- solved: every test passes, the hidden ones too;
- with each wrong answer of `labs/wrong_answers/NN_topic.toml` in turn: the named test fails, and
  the named words are in what it says.

A course with labs of its own names their folder in the environment: `LABS_FOLDER`.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[1]
LABS = Path(os.environ.get("LABS_FOLDER", ROOT / "labs")).resolve()  # a course's own labs
RELEASE = (ROOT if LABS == ROOT / "labs" else LABS) / "_build" / "labs"
CELL_TIMEOUT = 300  # seconds
IMPORTED = ("torch", "torchvision", "matplotlib.pyplot", "skimage", "sklearn.linear_model", "aelib")
TO_DO = "Write your answer"  # what a blank says, in the stub's words and in those of aelib.checks


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer.

    Attributes:
        name: what the mistake is.
        cell: the solution cell whose text `answer` replaces.
        fails: the test that must be the first to fail.
        says: words that must stand in its message.
    """

    name: str
    cell: str
    fails: str
    says: str
    answer: str


@dataclass
class Ended:
    """How a run ended: in which cell and with what message, or None and "" at the end."""

    lab: str
    what: str
    cell: str | None = None
    message: str = ""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def names() -> list[str]:
    """Return the labs, in order."""
    return sorted(path.parent.name for path in (LABS / "source").glob("*/lab_*.ipynb"))


def source(lab: str) -> Path:
    """Return the notebook with the solutions."""
    return LABS / "source" / lab / f"lab_{lab}.ipynb"


def released(lab: str) -> Path:
    """Return the students' notebook."""
    return RELEASE / lab / f"lab_{lab}.ipynb"


def wrong_answers(lab: str) -> list[Wrong]:
    """Return the typical wrong answers of a lab."""
    path = LABS / "wrong_answers" / f"{lab}.toml"
    return [Wrong(**row) for row in tomllib.loads(path.read_text("utf-8"))["wrong"]]


def grader_settings(**folders: str) -> Config:
    """Return the settings in labs/nbgrader_config.py, with other folders of the course."""
    path = ROOT / "labs" / "nbgrader_config.py"
    settings = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    settings.CourseDirectory.update(folders)
    return settings


def grader(settings: Config) -> NbGraderAPI:
    """Return nbgrader with these settings."""
    here = str(Path(sys.executable).parent)
    if here not in os.environ.get("PATH", "").split(os.pathsep):  # nbgrader starts alembic by name
        os.environ["PATH"] = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
    return NbGraderAPI(coursedir=CourseDirectory(config=settings), config=settings)


def release(labs: list[str]) -> None:
    """Generate the students' version of these labs.

    Raises:
        RuntimeError: when nbgrader refuses one, with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:  # its gradebook is of no use here
        api = grader(grader_settings(root=folder, source_directory=str(LABS / "source")))
        for lab in labs:
            result = api.generate_assignment(lab, force=True)
            if not result["success"]:
                raise RuntimeError(f"nbgrader refused lab {lab}:\n{result.get('log', '')}")
            made = Path(folder) / "release" / lab
            shutil.rmtree(RELEASE / lab, ignore_errors=True)
            RELEASE.mkdir(parents=True, exist_ok=True)
            shutil.move(made, RELEASE / lab)


def name_of(cell: Any) -> str:
    """Return what a cell is called in a report."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)


def execute(lab: str, what: str, notebook: Any) -> tuple[Ended, Any]:
    """Run a notebook until its end or its first error."""
    ended = Ended(lab, what)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:  # a lab needs no file beside it
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(stderr=subprocess.DEVNULL)  # the kernel's own remarks
        except CellExecutionError as error:
            failed = [
                cell
                for cell in notebook.cells
                if any(o.output_type == "error" for o in cell.get("outputs", []))
            ]
            ended.cell, ended.message = name_of(failed[0]), f"{error.ename}: {error.evalue}"
    ended.seconds = time.perf_counter() - start
    return ended, notebook


def execute_here(lab: str, what: str, notebook: Any) -> Ended:
    """Run a notebook in this process, until its end or its first error.

    For a process that was forked for it alone, from one that has imported what notebooks import.
    """
    ended = Ended(lab, what)
    start = time.perf_counter()
    settings = Config()
    settings.HistoryManager.enabled = False
    main = sys.modules["__main__"]  # the shell puts the notebook there
    shell = InteractiveShell.instance(config=settings)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        os.chdir(folder)
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            result = shell.run_cell(cell.source)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                ended.cell, ended.message = name_of(cell), f"{type(error).__name__}: {error}"
                break
        os.chdir(ROOT)
    sys.modules["__main__"] = main
    ended.seconds = time.perf_counter() - start
    return ended


def run_as_student(lab: str) -> Ended:
    """Run what a student gets: it must stop at the first blank, and say what to do."""
    notebook = nbformat.read(released(lab), as_version=4)
    solutions = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    first = notebook.cells.index(next(c for c in solutions if c.cell_type == "code"))
    test = next(c for c in notebook.cells[first:] if c.metadata.get("nbgrader", {}).get("points"))
    allowed = [name_of(notebook.cells[first]), name_of(test)]
    ended, _ = execute(lab, "as given to students", notebook)
    if ended.cell not in allowed:
        ended.problems.append(f"it must stop in {' or '.join(allowed)}; it stopped in {ended.cell}")
    if TO_DO not in ended.message:
        ended.problems.append(f"“{TO_DO}” is missing in: {ended.message}")
    return ended


def run_solved(lab: str) -> Ended:
    """Run the solution: it must pass every test, and print no warning into one."""
    ended, notebook = execute(lab, "solved", nbformat.read(source(lab), as_version=4))
    if ended.cell:
        ended.problems.append(f"{ended.cell} failed: {ended.message}")
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("points") and cell.cell_type == "code":
            # nbgrader gives no points where something went to stderr
            noise = [o.text for o in cell.outputs if o.get("name") == "stderr"]
            ended.problems += [f"{name_of(cell)} prints to stderr: {text}" for text in noise]
    return ended


def run_wrong(lab: str, wrong: Wrong) -> Ended:
    """Run the lab with a wrong answer: its test must fail, and name the mistake."""
    notebook = nbformat.read(source(lab), as_version=4)
    cells = {name_of(cell): cell for cell in notebook.cells}
    for name in (wrong.cell, wrong.fails):
        if name not in cells:
            return Ended(lab, wrong.name, problems=[f"there is no cell {name}"])
    cells[wrong.cell].source = wrong.answer.strip("\n")
    ended = execute_here(lab, f"wrong: {wrong.name}", notebook)
    if ended.cell != wrong.fails:
        ended.problems.append(f"{wrong.fails} must fail; it stopped in {ended.cell or 'no cell'}")
    if wrong.says not in ended.message:
        ended.problems.append(f"“{wrong.says}” is missing in: {ended.message}")
    return ended


def runs(labs: list[str]) -> Iterator[tuple[Callable[..., Ended], tuple[Any, ...]]]:
    """Yield what proves these labs: the longest runs, the solved ones, first."""
    for lab in labs:
        yield run_solved, (lab,)
    for lab in labs:
        yield run_as_student, (lab,)
        for wrong in wrong_answers(lab):
            yield run_wrong, (lab, wrong)


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prove(labs: list[str]) -> list[Ended]:
    """Run them all, one process a core, and report each as it ends."""
    workers = min(cores(), 4)
    os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(cores() // workers))
    os.environ |= {"TQDM_DISABLE": "1", "MPLBACKEND": "agg"}
    for name in IMPORTED:
        importlib.import_module(name)
    # forked, so that no run imports all of this again; each run has a process of its own
    with multiprocessing.get_context("fork").Pool(workers, maxtasksperchild=1) as pool:
        waiting = [pool.apply_async(function, arguments) for function, arguments in runs(labs)]
        ends = []
        for result in waiting:
            ended = result.get()
            mark = "failed" if ended.problems else "ok"
            print(f"{ended.seconds:6.1f} s  {mark:<6}  {ended.lab}  {ended.what}", flush=True)
            for problem in ended.problems:
                print(f"          {problem}", flush=True)
            ends.append(ended)
    return ends


def chosen(asked: list[str]) -> list[str]:
    """Return the labs whose names begin with what was asked for; all, if nothing was.

    Raises:
        ValueError: for a lab that does not exist.
    """
    there = names()
    for begin in asked:
        if not any(name.startswith(begin) for name in there):
            raise ValueError(f"there is no lab {begin}: choose of {', '.join(there)}")
    return [name for name in there if not asked or any(name.startswith(a) for a in asked)]


def main() -> int:
    """Make and prove the labs that are asked for; return 1 if something is wrong."""
    parser = argparse.ArgumentParser(description="Make the students' labs, and prove them.")
    parser.add_argument("labs", nargs="*", metavar="lab", help="how its name begins: 04")
    parser.add_argument("--only-release", action="store_true", help="prove nothing")
    arguments = parser.parse_args()
    try:
        labs = chosen(arguments.labs)
    except ValueError as error:
        parser.error(str(error))
    release(labs)
    print(f"The students' version: {RELEASE}")
    if arguments.only_release:
        return 0
    ends = prove(labs)
    (RELEASE / "results.json").write_text(json.dumps([asdict(end) for end in ends], indent=1))
    failed = sum(bool(ended.problems) for ended in ends)
    print(f"{len(ends) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
