"""Grade a class's notebooks of one lab: `make grade LAB=04_losses FROM=folder`.

    .venv/bin/python tools/grade.py LAB FOLDER [--into class] [--jobs 2] [--again]

FOLDER holds what the class handed in: `ada.ipynb`, or `ada/lab_04_losses.ipynb`, or what nbgrader
collects, `ada/04_losses/lab_04_losses.ipynb`. Each is run by nbgrader behind walls
(`tools/sandbox.py`): a submission that hangs, dies or spoils what it can reach loses its own
points, and the others are graded. Into the class's folder go

- `results/LAB.csv`: the points of every test, and what should be looked at;
- `feedback/STUDENT/LAB/*.html`: what each student may be given;
- `gradebook.db`, `submitted/`, `autograded/`: nbgrader's own, for its formgrader, where a person
  gives the points for the open question.

A cell may take 120 seconds, a notebook 600, and hold 4 GB: `LAB_CELL_SECONDS`, `LAB_SECONDS` and
`LAB_MEMORY` (bytes) in the environment say otherwise.

A second run grades only what has changed since, or everything with `--again`; points that were
given by hand stay.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
from tools import labs, sandbox  # noqa: E402

LARGEST = 20 * 10**6  # bytes of a submitted notebook
LONGEST_NAME = 80
# the limits of tools/sandbox.py, for a slower machine or an own lab: seconds, bytes
LIMITS = {"timeout": "LAB_CELL_SECONDS", "whole_timeout": "LAB_SECONDS", "memory": "LAB_MEMORY"}

# What an answer has no reason to touch; a person looks at the submission that does.
UNUSUAL = re.compile(
    r"get_ipython|sys\.modules|__builtins__|\bbuiltins\b|\bsubprocess\b|\bos\.(?:kill|fork|_exit)"
    r"|\bUnmet\b|\bgradebook\b|checks\.\w+\s*=[^=]|_render_traceback_|\bctypes\b"
)


@dataclass
class Submission:
    """What one student handed in.

    Attributes:
        student: a name that is safe in a path.
        path: the notebook; None if there is none to grade.
        problem: why it cannot be graded, for the table.
        notes: what a person should look at.
        points: by test; empty until it is graded.
    """

    student: str
    path: Path | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    points: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Points by tests."""
        return sum(self.points.values())


def safe(name: str) -> str:
    """Return a student's name with only letters, digits, `-`, `_`, and `.` inside."""
    return re.sub(r"[^\w-]+", "_", re.sub(r"\.(?=\w)", "·", name)).replace("·", ".").strip("_.")


def handed_in(folder: Path, lab: str) -> list[Submission]:
    """Find what each student handed in.

    Raises:
        ValueError: if the folder has no submission, or two of the same name.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name the one with the submissions")
    found: dict[str, Submission] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or not (entry.is_dir() or entry.suffix == ".ipynb"):
            continue
        student = safe(entry.stem if entry.is_file() else entry.name)[:LONGEST_NAME]
        if not student or student in found:
            raise ValueError(f"{entry.name!r} and another entry would both be called {student!r}")
        found[student] = Submission(student, *notebook_of(entry, lab))
    if not found:
        raise ValueError(f"{folder} holds no notebook and no student's folder")
    return list(found.values())


def notebook_of(entry: Path, lab: str) -> tuple[Path | None, str]:
    """Return the notebook of a student's file or folder, or why there is none."""
    if entry.is_symlink():
        return None, "a link, not a file"
    if entry.is_file():
        return entry, ""
    paths = [p for p in entry.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    named = [p for p in paths if p.name == f"lab_{lab}.ipynb"] or paths
    if len(named) != 1:
        return (
            None,
            "no notebook" if not named else f"{len(named)} notebooks, and which one counts?",
        )
    return (None, "a link, not a file") if named[0].is_symlink() else (named[0], "")


def read(path: Path) -> Any:
    """Read a submitted notebook.

    Raises:
        ValueError: with the reason, if it cannot be graded.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST // 10**6} MB: hand it in without outputs")
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ValueError(f"not a notebook that can be read: {reason}") from error
    return notebook


def take_in(submission: Submission, lab: str, place: Path) -> bool:
    """Put a submission where nbgrader looks for it; return whether it is new or has changed."""
    try:
        notebook = read(submission.path)
    except ValueError as error:
        submission.problem, submission.path = str(error), None
        return False
    given = nbformat.read(labs.released(lab), as_version=4)
    notebook.cells, submission.notes = mended(notebook.cells, given.cells)
    notebook.metadata, notebook.nbformat_minor = given.metadata, given.nbformat_minor
    text = nbformat.writes(notebook)
    mark = place.with_suffix(".sha256")
    digest = hashlib.sha256(text.encode() + labs.source(lab).read_bytes()).hexdigest()
    known = place.exists() and mark.exists() and mark.read_text() == digest
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    mark.write_text(digest)
    return not known


def mended(cells: list[Any], given: list[Any]) -> tuple[list[Any], list[str]]:
    """Restore what the grader goes by in a submission's cells: their names, points and order.

    Copies of a cell become plain cells, and what was deleted is put back where it stood. Answers
    stay as they are; so do tests here, for nbgrader itself puts the original in their place.

    Args:
        cells: those that were handed in.
        given: those that the student was given.

    Returns:
        The cells, and what a person should look at.
    """
    graded = {labs.name_of(cell): cell for cell in given if "nbgrader" in cell.metadata}
    kept: list[Any] = []
    places: dict[str, int] = {}
    notes = []
    for number, cell in enumerate(cells):
        about = cell.metadata.get("nbgrader")
        names = [about.get("grade_id")] if isinstance(about, dict) else []
        names += [cell.metadata.get("id"), cell.get("id")]  # Colab keeps a cell's name there
        name = next((n for n in names if isinstance(n, str) and n in graded), None)
        cell.metadata = nbformat.from_dict({})
        if name and name not in places and cell.cell_type == graded[name].cell_type:
            cell.metadata, cell.id = graded[name].metadata, graded[name].id
            places[name] = len(kept)
            same = cell.source.strip() == graded[name].source.strip()
            if graded[name].metadata.nbgrader.get("locked") and not same:
                notes.append(f"{name} was changed (the original was run)")
        else:
            name, same = None, any(cell.source.strip() == g.source.strip() for g in given)
            cell.id = f"submitted-{number}"
        if cell.cell_type == "code" and not same and (hit := UNUSUAL.search(cell.source)):
            notes.append(f"look at {name or 'a new cell'}: {hit[0].strip()}")
        kept.append(cell)
    behind = 0
    for name, cell in graded.items():
        if name not in places:
            kept.insert(behind, cell)
            places = {n: at + (at >= behind) for n, at in places.items()}
            places[name] = behind
            notes.append(f"{name} was deleted (the original was put back)")
        behind = places[name] + 1
    return kept, notes


def settings_for(lab: str, place: Path) -> Config:
    """Return nbgrader's settings for a class's folder."""
    settings = labs.grader_settings(root=str(place), source_directory=str(labs.LABS / "source"))
    settings.SandboxedExecute.hidden = [str(labs.LABS), str(place)]
    settings.CourseDirectory.assignment_id = lab
    for limit, variable in LIMITS.items():
        if variable in os.environ:
            setattr(settings.SandboxedExecute, limit, float(os.environ[variable]))
    return settings


def open_class(lab: str, place: Path) -> None:
    """Make a class's folder and gradebook, or tell those that exist of the lab.

    Raises:
        RuntimeError: when nbgrader refuses the lab, with what it said.
    """
    place.mkdir(parents=True, exist_ok=True)
    made = labs.grader(settings_for(lab, place)).generate_assignment(lab, force=True)
    if not made["success"]:
        raise RuntimeError(f"nbgrader refused lab {lab}:\n{made.get('log', '')}")


def begin_worker(turn: Any) -> None:
    """Prepare a process that grades: one at a time has the gradebook, many execute."""
    sandbox.turn = turn
    warnings.filterwarnings("ignore", module="nbgrader")  # what it says of its own database


def autograde(lab: str, place: Path, student: str) -> str:
    """Let nbgrader grade one student; return "" or what went wrong."""
    api = labs.grader(settings_for(lab, place))
    with sandbox.turn:
        result = api.autograde(lab, student, force=True)
        if not result["success"]:
            lines = [
                x for x in result.get("log", "").splitlines() if re.match(r"\s*\w+(Error|Exc)", x)
            ]
            return f"nbgrader gave up: {(lines or ['see its log'])[-1].strip()[:200]}"
        api.generate_feedback(lab, student, force=True)
    return ""


def look_up(submission: Submission, lab: str, place: Path, maxima: dict[str, float]) -> None:
    """Read a student's points from the gradebook."""
    submission.points = dict.fromkeys(maxima, 0.0)
    if submission.problem:
        return
    with Gradebook(f"sqlite:///{place / 'gradebook.db'}", "autograders") as book:
        try:
            notebook = book.find_submission_notebook(f"lab_{lab}", lab, submission.student)
        except MissingEntry:
            submission.problem = "nbgrader has no grade"
            return
        for grade in notebook.grades:
            if grade.name in maxima:
                submission.points[grade.name] = float(grade.auto_score or 0)
    graded = place / "autograded" / submission.student / lab / f"lab_{lab}.ipynb"
    for cell in nbformat.read(graded, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename in (
                "NotFinished",
                "CellTimeoutError",
            ):
                note = f"{labs.name_of(cell)}: {output.evalue or 'took too long'}"
                submission.notes.append(note)
                if output.ename == "NotFinished":  # the same is said in all cells after it
                    return


def maximum(lab: str) -> tuple[dict[str, float], float]:
    """Return the points of each test, and those that a person gives."""
    tests, by_hand = {}, 0.0
    for cell in nbformat.read(labs.source(lab), as_version=4).cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") and about.get("solution"):
            by_hand += about["points"]
        elif about.get("grade"):
            tests[about["grade_id"]] = float(about["points"])
    return tests, by_hand


def prepare() -> None:
    """Do once what every kernel would do: unpack the digits, list the fonts."""
    fonts = ROOT / "_build" / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    os.environ["MPLCONFIGDIR"] = str(fonts)
    program = "import matplotlib.font_manager; from aelib import data; data.mnist()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def rehearse(lab: str) -> None:
    """Grade the solution first: a class must not lose points because of the grader's machine.

    Raises:
        RuntimeError: if the solution does not get all points here, with the reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "class"
        solved = Submission("solution", labs.source(lab))
        take_in(solved, lab, place / "submitted" / "solution" / lab / f"lab_{lab}.ipynb")
        solved.notes.clear()  # its tests have hidden parts, which a student's do not
        open_class(lab, place)
        ((_, problem),) = run_all(lab, place, [solved], 1)
        maxima, _ = maximum(lab)
        solved.problem = problem
        look_up(solved, lab, place, maxima)
    lost = [name for name in maxima if solved.points[name] < maxima[name]]
    if lost:
        reason = "; ".join(filter(None, [", ".join(lost), solved.problem, *solved.notes]))
        raise RuntimeError(
            f"The solution itself does not pass here, so nothing was graded: {reason}"
        )


def write(path: Path, submissions: list[Submission], maxima: dict[str, float]) -> None:
    """Write the table for a spreadsheet; the old one stays until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["student", "points", "of", *maxima, "look at"])
        for one in submissions:
            said = "; ".join(filter(None, [one.problem, *one.notes]))
            row = [one.student, f"{one.total:g}", f"{sum(maxima.values()):g}"]
            table.writerow([*row, *(f"{one.points[name]:g}" for name in maxima), said])
    os.replace(new, path)


def grade(lab: str, folder: Path, place: Path, jobs: int, again: bool) -> list[Submission]:
    """Grade all submissions of a folder; return them with their points."""
    submissions = handed_in(folder, lab)
    if labs.LABS in place.parents or place == folder:
        raise ValueError(f"{place} cannot be the class's folder: choose an empty one with --into")
    labs.release([lab])
    prepare()
    rehearse(lab)
    open_class(lab, place)
    waiting = []
    for one in submissions:
        target = place / "submitted" / one.student / lab / f"lab_{lab}.ipynb"
        if one.problem:
            continue
        changed = take_in(one, lab, target)
        graded = (place / "autograded" / one.student / lab / target.name).exists()
        if not one.problem and (changed or again or not graded):
            waiting.append(one)
    for one, problem in run_all(lab, place, waiting, jobs):
        one.problem = problem
        print(f"  {one.student}{': ' + problem if problem else ''}", flush=True)
    maxima, _ = maximum(lab)
    for one in submissions:
        look_up(one, lab, place, maxima)
    write(place / "results" / f"{lab}.csv", submissions, maxima)
    return submissions


def run_all(
    lab: str, place: Path, waiting: list[Submission], jobs: int
) -> Iterator[tuple[Submission, str]]:
    """Grade in several processes; yield each submission with what went wrong, as it ends."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, labs.cores() // jobs))
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, begin_worker, (context.Lock(),), maxtasksperchild=1) as pool:
        results = [(one, pool.apply_async(autograde, (lab, place, one.student))) for one in waiting]
        for one, result in results:
            yield one, result.get()


def report(submissions: list[Submission], lab: str, place: Path) -> None:
    """Print the points, and where the rest is."""
    maxima, by_hand = maximum(lab)
    width = max(len(one.student) for one in submissions)
    print(f"\n{'':{width}}  of {sum(maxima.values()):g}")
    for one in submissions:
        said = "; ".join(filter(None, [one.problem, *one.notes]))
        print(f"{one.student:{width}}  {one.total:5g}  {said}".rstrip())
    print(f"\nPoints of every test: {place / 'results' / f'{lab}.csv'}")
    print(f"To give back: {place / 'feedback'}")
    print(f"By hand: {by_hand:g} points for the open question; its guide is in the lab's source.")
    if sandbox.bubblewrap() is None:
        print(
            "Without bubblewrap, submissions can read and write what you can, and use the network."
            "\nOn Debian and Ubuntu: sudo apt install bubblewrap"
        )


def main() -> int:
    """Grade; return 1 if the lab or the folder cannot be graded at all."""
    parser = argparse.ArgumentParser(description="Grade a class's notebooks of one lab.")
    parser.add_argument("lab", help="how its name begins: 04")
    parser.add_argument("folder", type=Path, help="what the class handed in")
    parser.add_argument("--into", type=Path, default=ROOT / "class", help="the class's folder")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--again", action="store_true", help="grade also what has not changed")
    asked = parser.parse_args()
    try:
        if not asked.lab:
            raise ValueError(f"say which lab: LAB= one of {', '.join(labs.names())}")
        (lab, *others) = labs.chosen([asked.lab])
        if others:
            raise ValueError(f"{asked.lab} is more than one lab: {', '.join([lab, *others])}")
        place = asked.into.resolve()
        submissions = grade(lab, asked.folder.resolve(), place, max(1, asked.jobs), asked.again)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    report(submissions, lab, place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
