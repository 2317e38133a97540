"""The labs: their form, the tool that proves them, and grading a class that means no good.

`tools/labs.py` runs the labs themselves, as a step of `make test`; here it runs a small one.
"""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests import rules
from tools import grade, labs, repository, strip_outputs
from tools.labs import name_of

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
LABS = labs.names()
LONGEST_ANSWER, LONGEST_CELL = 36, 100  # lines; what is given may be longer than what is written


def about(cell):
    return cell.metadata.get("nbgrader", {})


def notebook(lab):
    return nbformat.read(labs.source(lab), as_version=4)


def graded_tests(cells):
    return [c for c in cells if about(c).get("grade") and not about(c).get("solution")]


def hidden(cell):
    return "### BEGIN HIDDEN TESTS" in cell.source


# ------------------------------------------------------------------------------- their form
def test_every_chapter_has_its_lab():
    assert LABS == CHAPTERS
    assert sorted(p.stem for p in (ROOT / "labs/wrong_answers").glob("*.toml")) == CHAPTERS


@pytest.fixture(scope="module")
def released():
    labs.release(LABS)
    return {lab: nbformat.read(labs.released(lab), as_version=4) for lab in LABS}


@pytest.mark.parametrize("lab", LABS)
def test_it_says_what_it_is_and_how_long_it_takes(lab):
    first = notebook(lab).cells[0].source
    assert re.match(rf"# Lab {int(lab[:2])}: \S", first)
    minutes = int(re.search(r"\*\*Time\*\* (\d+) minutes", first)[1])
    assert 45 <= minutes <= 90
    assert "**Read before** chapter" in first
    assert "15 points by tests, 5 for the open question" in first


@pytest.mark.parametrize("lab", LABS)
def test_it_begins_with_the_setup_cell(lab):
    code = [c for c in notebook(lab).cells if c.cell_type == "code"]
    assert code[0].source == repository.SETUP_CELL


@pytest.mark.parametrize("lab", LABS)
def test_its_points(lab):
    cells = notebook(lab).cells
    assert sum(about(c)["points"] for c in graded_tests(cells)) == 15
    by_hand = [c for c in cells if about(c).get("grade") and about(c).get("solution")]
    assert [about(c)["points"] for c in by_hand] == [5]
    assert cells[-1] is by_hand[0]
    assert by_hand[0].cell_type == "markdown"
    assert "**Marking guide**" in by_hand[0].source


@pytest.mark.parametrize("lab", LABS)
def test_its_cells_have_names_of_their_own(lab):
    cells = notebook(lab).cells
    graded = [c for c in cells if "nbgrader" in c.metadata]
    names = [about(c)["grade_id"] for c in graded]
    assert len(set(names)) == len(names)
    assert names == [c.id for c in graded]
    assert not [n for n in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", n)]
    for cell in graded:
        locked = not about(cell)["solution"]
        assert about(cell)["locked"] is locked, f"{cell.id}: locked is for what must not change"
        assert about(cell)["schema_version"] == 3


@pytest.mark.parametrize("lab", LABS)
def test_its_parts_are_answer_and_test(lab):
    cells = notebook(lab).cells
    tests = graded_tests(cells)
    assert 4 <= len(tests) <= 8
    for test in tests:
        visible = test.source.split("### BEGIN HIDDEN TESTS")[0]
        assert "checks.require(" in visible, f"{test.id}: nothing that a student can see"
        assert "### END SOLUTION" not in test.source
    assert 2 * sum(map(hidden, tests)) >= len(tests), "half of the tests have a hidden part"
    first = cells.index(tests[0])
    answers = [c for c in cells[:first] if about(c).get("solution")]
    assert answers, "the first test comes after an answer"


@pytest.mark.parametrize("lab", LABS)
def test_it_is_committed_stripped(lab):
    text = labs.source(lab).read_text(encoding="utf-8")
    assert strip_outputs.stripped(text) == text, "run `make format`"


@pytest.mark.parametrize("lab", LABS)
def test_its_cells_fit_a_screen(lab):
    for cell in notebook(lab).cells:
        if cell.cell_type == "code":
            most = LONGEST_ANSWER if about(cell).get("solution") else LONGEST_CELL
            assert len(cell.source.splitlines()) <= most, cell.id
        else:
            assert not list(rules.stray_markdown(cell.source)), cell.id


@pytest.mark.parametrize("lab", LABS)
def test_students_get_no_answer(lab, released):
    source = {c.id: c for c in notebook(lab).cells}
    text = "\n".join(c.source for c in released[lab].cells)
    for word in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "Marking guide"):
        assert word not in text
    for cell in released[lab].cells:
        if about(cell).get("solution") and cell.cell_type == "code":
            assert labs.TO_DO in cell.source, cell.id
        if cell.cell_type == "markdown" and about(cell).get("solution"):
            assert labs.TO_DO in cell.source
            assert len(cell.source) < 80
        assert cell.id in source


@pytest.mark.parametrize("lab", LABS)
def test_its_wrong_answers(lab):
    wrong = labs.wrong_answers(lab)
    assert len(wrong) >= 3
    assert len({w.name for w in wrong}) == len(wrong)
    assert len({w.cell for w in wrong}) >= 2, "they belong to several parts"
    cells = {name_of(c): c for c in notebook(lab).cells}
    for one in wrong:
        assert about(cells[one.cell])["solution"]
        assert cells[one.fails] in graded_tests(cells.values())
        assert len(one.says) >= 8, f"{one.name}: the hint must name the mistake"


# ------------------------------------------------------------- the tool that proves them
def cell(name, source, grade=False, points=None):
    metadata = {
        "schema_version": 3, "grade_id": name, "grade": grade, "solution": not grade,
        "locked": grade, "task": False,
    }  # fmt: skip
    if points:
        metadata["points"] = points
    return new_code_cell(source, id=name, metadata={"nbgrader": metadata})


def small_lab():
    answer = new_markdown_cell("It depends.\n\n**Marking guide**", id="open-question")
    answer.metadata = cell("open-question", "", points=5).metadata
    answer.metadata.nbgrader["grade"] = True
    return new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        cells=[
            new_code_cell("from aelib import checks", id="imports"),
            cell("double", "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"),
            cell(
                "test-double",
                "checks.require(checks.function(double, [checks.Case((2,), 4, 'Two.')]))\n"
                "### BEGIN HIDDEN TESTS\n"
                "checks.require(checks.that(double(-3) == -6, 'a negative number doubles, too'))\n"
                "### END HIDDEN TESTS",
                grade=True, points=3,
            ),
            cell("answer", "answer = None\n### BEGIN SOLUTION\nanswer = 7\n### END SOLUTION"),
            cell(
                "test-answer",
                "checks.require(checks.value(answer, 7, mistakes=[checks.Mistake(8, 'One too many.')]))",
                grade=True, points=2,
            ),
            answer,
        ],
    )  # fmt: skip


WRONG = """
[[wrong]]
name = "squares"
cell = "double"
fails = "test-double"
says = "a negative number"
answer = "def double(x): return x * x"

[[wrong]]
name = "eight"
cell = "answer"
fails = "test-answer"
says = "One too many"
answer = "answer = 8"
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with one small lab, as LABS_FOLDER names it."""
    (tmp_path / "source/99_small").mkdir(parents=True)
    (tmp_path / "wrong_answers").mkdir()
    nbformat.write(small_lab(), tmp_path / "source/99_small/lab_99_small.ipynb")
    (tmp_path / "wrong_answers/99_small.toml").write_text(WRONG)
    return tmp_path


def tool(name, folder, *arguments, **variables):
    environment = os.environ | {"LABS_FOLDER": str(folder), "PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(
        [sys.executable, ROOT / "tools" / f"{name}.py", *map(str, arguments)],
        capture_output=True, text=True, env=environment, check=False, timeout=600,
    )  # fmt: skip


def change(folder, edit):
    path = folder / "source/99_small/lab_99_small.ipynb"
    lab = nbformat.read(path, as_version=4)
    edit({c.id: c for c in lab.cells})
    nbformat.write(lab, path)


def test_a_good_lab_is_proven(folder):
    run = tool("labs", folder)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "4 passed, 0 failed"
    results = json.loads((folder / "_build/labs/results.json").read_text())
    assert [r["cell"] for r in results] == [None, "test-double", "test-double", "test-answer"]


def test_what_is_wrong_with_a_lab_is_said(folder):
    def spoil(cells):
        cells["test-answer"].source += "\nimport warnings; warnings.warn('old')"
        cells["test-double"].source = cells["test-double"].source.replace("-6", "-7")

    change(folder, spoil)
    wrong = WRONG.replace('says = "One too many"', 'says = "One too few"')
    (folder / "wrong_answers/99_small.toml").write_text(wrong)
    run = tool("labs", folder)
    assert run.returncode == 1
    said = run.stdout
    assert "test-double failed: Unmet" in said  # the solution
    assert "test-answer must fail; it stopped in test-double" in said
    assert said.splitlines()[-1] == "2 passed, 2 failed"


def test_a_lab_that_stops_before_its_first_blank(folder):
    change(folder, lambda cells: cells["imports"].update(source="raise OSError('no data here')"))
    said = tool("labs", folder).stdout
    assert "it must stop in double or test-double; it stopped in imports" in said
    assert "“Write your answer” is missing in: OSError: no data here" in said
    assert said.splitlines()[-1] == "0 passed, 4 failed"


def test_a_warning_in_a_test_is_found(folder):
    """nbgrader gives no points for a test that writes to stderr."""

    def warn(cells):
        cells["test-answer"].source += "\nimport sys; print('old', file=sys.stderr)"

    change(folder, warn)
    run = tool("labs", folder)
    assert "test-answer prints to stderr: old" in run.stdout
    assert run.returncode == 1


def test_a_lab_that_does_not_exist():
    run = tool("labs", ROOT / "labs", "77")
    assert run.returncode == 2
    assert "there is no lab 77: choose of 01_" in run.stderr


# ------------------------------------------------------------------------ grading a class
def submission(folder, **answers):
    """A solved lab with other answers in the named cells."""
    made = nbformat.read(folder / "_build/labs/99_small/lab_99_small.ipynb", as_version=4)
    right = {
        "double": "def double(x): return 2 * x",
        "answer": "answer = 7",
        "open-question": "So.",
    }
    cells = {c.id: c for c in made.cells}
    for name, text in (right | {k.replace("_", "-"): v for k, v in answers.items()}).items():
        cells[name].source = text
    return made, cells


STUBBORN = """
while True:
    try:
        while True: pass
    except BaseException: pass
"""
SPOILS = """
import pathlib, socket
reached = []
for path in {paths}:
    try:
        reached += [path] if pathlib.Path(path).exists() else []
        pathlib.Path(path).parent.joinpath("spoiled").write_text("x")
    except OSError: pass
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2)
    reached.append("network")
except OSError: pass
print("reached", reached)
answer = 7 if not reached else reached
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class whose submissions mean no good, graded once: {student: row of the table}."""
    import socket

    folder = tmp_path_factory.mktemp("labs")
    (folder / "source/99_small").mkdir(parents=True)
    nbformat.write(small_lab(), folder / "source/99_small/lab_99_small.ipynb")
    assert tool("labs", folder, "--only-release").returncode == 0
    place, came = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("came")
    (came / "Ada Lovelace").mkdir()
    listening = socket.create_server(("127.0.0.1", 0))
    spoils = SPOILS.format(
        paths=[str(place / "gradebook.db"), str(folder / "source/99_small/lab_99_small.ipynb")],
        port=listening.getsockname()[1],
    )
    bad = {
        "good": {},
        "squares": {"double": "def double(x): return x * x"},
        "loop": {"double": "while True: pass"},
        "stubborn": {"answer": STUBBORN},
        "dies": {"answer": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"},
        "memory": {"answer": "keep = []\nwhile True: keep.append(bytearray(10**7))"},
        "forks": {
            "answer": "import os, time\nfor _ in range(90):\n    if not os.fork(): time.sleep(900)"
        },
        "flood": {"answer": "answer = 7\nfor _ in range(30_000): print('x' * 100)"},
        "spoils": {"answer": spoils},
        "patches": {"double": "checks.require = lambda *results: None\ndef double(x): return 1"},
        "changed": {"double": "def double(x): return 5", "test_double": "pass"},
    }
    for name, answers in bad.items():
        nbformat.write(submission(folder, **answers)[0], came / f"{name}.ipynb")
    nbformat.write(submission(folder)[0], came / "Ada Lovelace" / "lab_99_small.ipynb")
    deleted, cells = submission(folder, double="def double(x): return 5")
    deleted.cells.remove(cells["test-double"])
    nbformat.write(deleted, came / "deleted.ipynb")
    copied, cells = submission(folder)
    copied.cells.append(copy.deepcopy(cells["test-double"]))
    copied.cells[-1].id = "another"
    nbformat.write(copied, came / "copied.ipynb")
    bare, cells = submission(folder)
    for one in bare.cells:
        one.metadata = {}
    nbformat.write(bare, came / "bare.ipynb")
    (came / "json.ipynb").write_text('{"cells": [')
    (came / "nothing").mkdir()
    limits = {"LAB_CELL_SECONDS": "8", "LAB_SECONDS": "25", "LAB_MEMORY": str(700 * 10**6)}
    run = tool("grade", folder, "99", came, "--into", place, **limits)
    listening.close()
    assert run.returncode == 0, run.stdout + run.stderr
    with (place / "results/99_small.csv").open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, place, came, folder


@pytest.mark.parametrize(
    ("student", "double", "answer", "said"),
    [
        ("good", 3, 2, ""),
        ("Ada_Lovelace", 3, 2, ""),
        ("squares", 0, 2, ""),
        ("loop", 0, 2, "double: took too long"),
        ("stubborn", 3, 0, "answer: "),
        ("dies", 3, 0, "answer: This cell was not finished: DeadKernelError"),
        ("memory", 3, 0, "it held more than 0.7 GB of memory"),
        ("forks", 3, 0, "it started more than 40 processes"),
        ("flood", 3, 2, ""),
        ("patches", 3, 2, "look at double: checks.require ="),
        ("changed", 0, 2, "test-double was changed (the original was run)"),
        ("deleted", 0, 2, "test-double was deleted (the original was put back)"),
        ("copied", 3, 2, ""),
        ("bare", 3, 2, ""),
        ("json", 0, 0, "not a notebook that can be read"),
        ("nothing", 0, 0, "no notebook"),
    ],
)
def test_a_bad_submission_costs_its_own_points(graded, student, double, answer, said):
    row = graded[0][student]
    assert (float(row["test-double"]), float(row["test-answer"])) == (double, answer), row
    assert float(row["points"]) == double + answer
    assert said in row["look at"] if said else not row["look at"], row


def test_a_submission_reaches_nothing_behind_the_walls(graded):
    from tools import sandbox

    rows, place, _, folder = graded
    if sandbox.bubblewrap() is None:
        pytest.skip("bubblewrap is not here, and grade.py says so")
    assert float(rows["spoils"]["test-answer"]) == 2, "it reached something"
    assert not list(place.glob("spoiled"))
    assert not list(folder.rglob("spoiled"))


def test_everybody_gets_feedback(graded):
    rows, place, _, _ = graded
    unread = {"json", "nothing"}
    given = {path.parent.parent.name for path in place.glob("feedback/*/99_small/*.html")}
    assert given == set(rows) - unread
    page = (place / "feedback/squares/99_small/lab_99_small.html").read_text()
    assert "a negative number doubles, too" in page


def test_a_second_run_grades_what_has_changed(graded):
    _, place, came, folder = graded
    nbformat.write(submission(folder, answer="answer = 8")[0], came / "good.ipynb")
    alone = folder / "two"
    alone.mkdir(exist_ok=True)
    for name in ("good", "squares"):
        (alone / f"{name}.ipynb").write_bytes((came / f"{name}.ipynb").read_bytes())
    run = tool("grade", folder, "99", alone, "--into", place)
    assert run.returncode == 0, run.stderr
    done = [line.strip() for line in run.stdout.splitlines() if line.startswith("  ")]
    assert done[:1] == ["good"], run.stdout
    assert "squares" not in done
    table = list(csv.DictReader((place / "results/99_small.csv").open(newline="")))
    assert {row["student"]: row["points"] for row in table} == {"good": "3", "squares": "2"}


def test_nothing_is_graded_where_the_solution_fails(folder, tmp_path_factory):
    change(
        folder, lambda cells: cells["test-answer"].update(source="raise OSError('no data here')")
    )
    came, place = tmp_path_factory.mktemp("came"), tmp_path_factory.mktemp("class")
    nbformat.write(small_lab(), came / "ada.ipynb")
    run = tool("grade", folder, "99", came, "--into", place)
    assert run.returncode == 1
    assert (
        "The solution itself does not pass here, so nothing was graded: test-answer" in run.stderr
    )
    assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "is no folder"),
        (lambda path: path.mkdir(), "holds no notebook"),
        (
            lambda path: [(path / n).mkdir(parents=True) for n in ("a b", "a_b")],
            "would both be called",
        ),
    ],
)
def test_a_folder_that_cannot_be_graded(tmp_path, make, message):
    make(tmp_path / "came")
    with pytest.raises(ValueError, match=message):
        grade.handed_in(tmp_path / "came", "99_small")


def test_a_link_is_not_followed(tmp_path):
    came = tmp_path / "came"
    came.mkdir()
    (came / "eve.ipynb").symlink_to(labs.source(LABS[0]))
    (one,) = grade.handed_in(came, LABS[0])
    assert one.path is None
    assert one.problem == "a link, not a file"
