"""Every exercise: the stub is not right and says so, and the solution is right.

An exercise runs in what the template promises it: the chapter's imports, the functions and classes
that stand above it, and the variables of the cells with the tag `exercise-setup`. Nothing trains.
"""

import ast
import io
import sys
from contextlib import redirect_stdout

import matplotlib
import pytest
import rules
import sample

CASES = [
    pytest.param(path, k, id=f"{path.stem}-{k + 1}")
    for path in rules.chapters()
    for k, _ in enumerate(rules.exercises(rules.Notebook.read(path)))
]
STATEMENTS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


@pytest.fixture(autouse=True)
def quiet_figures(monkeypatch):
    """Figures are drawn and shown to nobody; the chapter runs in its own folder."""
    matplotlib.use("Agg")
    if CASES:
        monkeypatch.chdir(rules.NOTEBOOKS)
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def run(tree, name, namespace):
    """Runs the statements; the value of the last one, if it is an expression."""
    last = tree.body[-1] if tree.body else None
    head = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
    with redirect_stdout(io.StringIO()):
        exec(compile(ast.Module(head, []), name, "exec"), namespace)
        if isinstance(last, ast.Expr):
            return eval(compile(ast.Expression(last.value), name, "eval"), namespace)
    return None


def namespace_for(notebook, task):
    """What the learner has when the exercise begins."""
    namespace = {"__name__": "__main__"}
    for cell in notebook.code:
        if cell.number >= task.code[0].number:
            break
        if "exercise" in cell.tags:
            continue
        body = cell.tree.body
        if "exercise-setup" not in cell.tags:
            # the setup cell keeps its imports inside a `try`
            tries = [node for node in body if isinstance(node, ast.Try)]
            body = [node for node in body if isinstance(node, STATEMENTS) or node in tries]
        run(ast.Module(body, []), str(cell), namespace)
    return namespace


def answered(notebook, task, answer):
    """The check's result after the learner's part is `answer`."""
    namespace = namespace_for(notebook, task)
    if "aelib" in namespace:
        namespace["aelib"].seed(0)
    tree = rules.Cell(task.code[0].number, {"source": f"{answer}\n{task.check}"}).tree
    return run(tree, f"{task.title}", namespace)


def chapter_and_task(path, k):
    notebook = rules.Notebook.read(path)
    return notebook, rules.exercises(notebook)[k]


def test_there_are_exercises():
    assert CASES, "no chapter has an exercise"


@pytest.mark.parametrize(("path", "k"), CASES)
def test_stub_is_not_the_answer(path, k):
    notebook, task = chapter_and_task(path, k)
    result = answered(notebook, task, task.stub)
    assert hasattr(result, "ok"), f"the check's last line gives {result!r}, not a result"
    assert not result.ok, "the stub passes its own check"
    assert len(result.message) > 10, "the check fails and says nothing"


@pytest.mark.parametrize(("path", "k"), CASES)
def test_solution_passes(path, k):
    notebook, task = chapter_and_task(path, k)
    result = answered(notebook, task, task.solution)
    assert result.ok, result.message


class Zero:
    """Stands for a wrong answer: a function of anything, and a number, that is always zero."""

    @staticmethod
    def answer(statement):
        """The same statement, giving zero: `def f(x): return 0.0`, `x = 0.0`."""
        if isinstance(statement, ast.FunctionDef):
            statement.body = [ast.parse("return 0.0").body[0]]
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            statement.value = ast.Constant(0.0)
        return statement


@pytest.mark.parametrize(("path", "k"), CASES)
def test_a_wrong_answer_is_told_not_raised(path, k):
    """A learner who answers zero to everything hears what is wrong."""
    notebook, task = chapter_and_task(path, k)
    tree = ast.parse(task.stub)
    kinds = ast.FunctionDef | ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom
    if not all(isinstance(node, kinds) for node in tree.body):
        return  # a class, or a cell that also draws: zero is no answer of the right kind
    tree.body = [Zero.answer(node) for node in tree.body]
    result = answered(notebook, task, ast.unparse(ast.fix_missing_locations(tree)))
    assert not result.ok, "zero passes for the answer"
    assert len(result.message) > 10, "the check fails and says nothing"


# ---------------------------------------------------------------- the test itself


def sample_result(notebook, answer=None):
    task = rules.exercises(notebook)[0]
    return answered(notebook, task, task.solution if answer is None else answer)


def without_setup(notebook):
    """The sample leans on no library, so that these tests need none."""
    del notebook.raw["cells"][2:5]
    return notebook


def test_the_protocol_tells_right_from_wrong():
    assert sample_result(without_setup(sample.chapter())).ok
    assert not sample_result(without_setup(sample.chapter()), "def double(x):\n    return 0").ok


def test_the_protocol_gives_no_variable_that_only_training_would_make():
    notebook = sample.with_cell(8, "trained = 8")
    notebook.raw["cells"][10]["source"] = (
        "def verify(function):\n    v = Verdict()\n    v.ok = function(4) == trained\n    return v"
    )
    with pytest.raises(NameError):
        sample_result(without_setup(notebook))
    notebook = sample.chapter()
    notebook.raw["cells"][8] = sample.code("trained = 8", "exercise-setup")
    assert sample_result(without_setup(notebook)).ok
