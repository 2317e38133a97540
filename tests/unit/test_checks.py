"""Exercise checks: they never raise, say what is wrong and where, and never tell the answer."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aelib import checks
from aelib.checks import Case, Mistake, Result

CASES = [
    Case((2.0,), 4.0, "A small number."),
    Case((-3.0,), 9.0, "A negative number: mind the sign."),
]


def function(learner, cases=CASES, **options):
    return checks.function(learner, cases, where="section 2", **options)


# ------------------------------------------------------------------------------- right answers
def test_a_right_function():
    result = function(lambda x: x**2)
    assert result.ok is True
    assert bool(result)
    assert "2 inputs" in result.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (3, 3.0),
        (3.0000001, 3),
        (torch.tensor(3.0), 3),
        (torch.tensor(3.0, requires_grad=True), 3),
        (np.float32(3), 3.0),
        ([1.0, 2.0], torch.tensor([1, 2])),
        (torch.eye(2), np.eye(2)),
        ("B", "B"),
        (True, True),
        ({"a": 1}, {"a": 1}),
        ((1, 2), (1, 2)),
        (torch.tensor([True, False]), np.array([True, False])),
        ((torch.zeros(2, 3), 1.0), (np.zeros((2, 3)), torch.tensor(1.0))),
        ([torch.ones(2, requires_grad=True), torch.ones(2)], torch.ones(2, 2)),
        ({"a": torch.eye(2), "b": "c"}, {"b": "c", "a": torch.eye(2)}),
        (torch.full((2,), 3, dtype=torch.bfloat16), [3, 3]),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
    ],
)
def test_right_values(answer, expected):
    assert checks.value(answer, expected).ok


def test_a_right_statement():
    assert checks.that(True, "the loss falls").ok
    assert checks.that(np.bool_(True), "the loss falls").ok
    assert checks.that(torch.tensor(True), "the loss falls").ok
    assert not checks.that(torch.tensor(False), "the loss falls", "section 3").ok


# ------------------------------------------------------------------------------- not answered
@pytest.mark.parametrize("answer", [None, ...])
def test_not_answered_yet(answer):
    for result in (
        function(lambda x: answer),
        checks.value(answer, 3, what="the error of PCA", where="section 2"),
        checks.that(answer, "the loss falls", where="section 2"),
    ):
        assert result.ok is False
        assert result.message.startswith("Not answered yet")
        assert "section 2" in result.message


def test_a_function_that_is_not_there_is_not_answered():
    for missing in (None, ...):
        result = function(missing)
        assert not result.ok
        assert result.message.startswith("Not answered yet")


def test_a_stub_that_raises_not_implemented_is_not_answered():
    def stub(x):
        raise NotImplementedError

    assert function(stub).message.startswith("Not answered yet")


# ------------------------------------------------------------------------------- wrong answers
def test_a_wrong_function_hears_which_input_and_where_to_look():
    result = function(lambda x: x * abs(x))
    assert not result.ok
    assert "(-3.0)" in result.message
    assert "mind the sign" in result.message
    assert "section 2" in result.message
    assert "9" not in result.message.replace("-9", "")


def test_an_exception_is_reported_and_not_raised():
    def breaks(x):
        return x / 0

    result = function(breaks)
    assert not result.ok
    assert "ZeroDivisionError" in result.message
    assert "breaks(2.0)" in result.message


def test_a_wrong_number_of_arguments_is_reported():
    result = function(lambda: 3)
    assert not result.ok
    assert "TypeError" in result.message


def test_leaving_the_program_is_not_a_way_out():
    def leaves(x):
        raise SystemExit

    assert not function(leaves).ok


def test_no_function_at_all():
    result = function(4.0)
    assert not result.ok
    assert "function" in result.message


def test_a_wrong_shape_names_both_shapes():
    result = checks.value(torch.zeros(2, 3), torch.zeros(3, 2), where="section 1")
    assert not result.ok
    assert "(3, 2)" in result.message
    assert "(2, 3)" in result.message


def test_a_function_that_changes_its_input_spoils_no_later_run():
    x = torch.tensor([1.0, 2.0])
    cases = [Case((x,), torch.tensor([2.0, 4.0]), "Twice as large.")]
    assert function(lambda t: t.mul_(2), cases).ok
    assert function(lambda t: t * 2, cases).ok
    assert x.tolist() == [1, 2]


def test_a_known_mistake_gets_its_hint():
    mistakes = [Mistake(0.5, "Did you divide by the number of pixels?"), Mistake(9.0, "Not this.")]
    result = checks.value(0.5, 392.0, what="the loss", mistakes=mistakes)
    assert not result.ok
    assert "number of pixels" in result.message
    assert "Not this" not in result.message
    assert "392" not in result.message
    assert checks.value(392.0, 392.0, mistakes=mistakes).ok


@pytest.mark.parametrize(
    ("answer", "word"),
    [(-3.0, "sign"), (6.0, "large"), (1.5, "small"), (784 * 3.0, "784"), (float("nan"), "NaN")],
)
def test_common_slips_are_named(answer, word):
    result = checks.value(answer, 3.0)
    assert not result.ok
    assert word in result.message


def test_which_of_several_results_is_wrong():
    expected = (torch.zeros(2, 3), torch.tensor(1.0))
    assert "result 2: 5 is too large" in checks.value((torch.zeros(2, 3), 5.0), expected).message
    assert "2 results" in checks.value(torch.zeros(2, 3), expected).message
    assert "'kl': 5 is too large" in checks.value({"kl": 5.0}, {"kl": 1.0}).message
    assert "keys" in checks.value({"KL": 1.0}, {"kl": 1.0}).message


def test_where_numbers_are_off():
    answer = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    result = checks.value(answer, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert "1 of 4" in result.message
    assert "(1, 1)" in result.message
    assert "too large" in result.message


@pytest.mark.parametrize("tolerance", [1e-3, 0.1])
def test_the_tolerance_is_kept(tolerance):
    assert checks.value(1 + 0.9 * tolerance, 1.0, tolerance=tolerance).ok
    assert not checks.value(1 + 3 * tolerance, 1.0, tolerance=tolerance).ok
    assert function(lambda x: x**2 * (1 + 0.5 * tolerance), tolerance=tolerance).ok


class Awkward:
    """An answer that breaks whatever touches it."""

    def __eq__(self, other):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")

    def __bool__(self):
        raise RuntimeError("no")

    def __array__(self, *_arguments, **_keywords):
        raise RuntimeError("no")

    __hash__ = None


ANSWERS = [
    "a word",
    b"bytes",
    [1, [2, 3]],
    [[1, 2], [3]],
    {},
    set(),
    object(),
    lambda x: x,
    1j,
    np.array(["a", "b"]),
    np.array([], dtype=float),
    np.datetime64("2020-01-01"),
    torch.tensor([]),
    torch.zeros(2, 2, dtype=torch.bool),
    torch.zeros(3, dtype=torch.bfloat16),
    torch.nn.Linear(2, 2),
    float("nan"),
    10**400,
    True,
    Awkward(),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("expected", [3.5, [1.0, 2.0], "B", True, torch.eye(3), {"a": 1}])
def test_no_answer_makes_a_check_raise(answer, expected):
    if answer is expected is True:
        return
    for result in (
        checks.value(answer, expected, mistakes=[Mistake(7.0, "hint"), Mistake("C", "hint")]),
        checks.function(lambda: answer, [Case((), expected, "why")]),
    ):
        assert isinstance(result, Result)
        assert result.ok is False
        assert result.message
        assert isinstance(result._repr_html_(), str)
    assert isinstance(checks.that(answer, "something holds").ok, bool)


numbers = st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-2)


@given(numbers, numbers)
def test_a_number_is_right_or_on_one_side(answer, expected):
    result = checks.value(answer, expected)
    close = abs(answer - expected) <= 1e-5 + 1e-5 * abs(expected)
    assert result.ok == close
    if not close:
        side = "too large" if answer > expected else "too small"
        assert side in result.message


@given(st.floats(2000, 1e6), st.floats(1.01, 1.9))
def test_the_answer_is_never_told(expected, factor):
    """No digits of the expected value turn up in what a learner reads."""
    expected = round(expected, 3)
    for result in (
        checks.value(expected * factor, expected, what="the loss", where="section 2"),
        checks.value([1.0, 2.0], [1.0, expected]),
        checks.function(lambda x: 0.0, [Case((1,), expected, "why")]),
    ):
        assert not result.ok
        others = result.message.replace(f"{expected * factor:.6g}", "")  # the learner's own number
        assert f"{expected:.6g}"[:5] not in others


# ------------------------------------------------------------------------------------- display
def test_a_result_displays_itself():
    right, wrong = Result(True, "Right: x < y."), Result(False, "Not <b>so</b>.\nLook again.")
    assert repr(right).startswith("✓")
    assert repr(wrong).startswith("✗")
    assert "x &lt; y" in right._repr_html_()
    assert "<b>" not in wrong._repr_html_()
    assert "<br>" in wrong._repr_html_()
    assert bool(right)
    assert not bool(wrong)


# --------------------------------------------------------------------------------------- labs
def test_what_is_required_and_holds_is_said(capsys):
    checks.require(Result(True, "Right: a."), Result(True, "Right: b."))
    assert capsys.readouterr().out == "✓ Right: a.\n✓ Right: b.\n"


def test_what_is_required_and_does_not_hold_raises_its_message(capsys):
    with pytest.raises(checks.Unmet, match=r"^The mean, not the sum\.$"):
        checks.require(
            Result(True, "Right."), Result(False, "The mean, not the sum."), Result(False, "Later.")
        )
    assert capsys.readouterr().out == "✓ Right.\n"


def test_an_unmet_requirement_shows_its_message_and_no_lines_of_the_test():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.user_ns["require"] = lambda: checks.require(Result(False, "Not so."))
    shown = []
    shell._showtraceback = lambda kind, error, lines: shown.extend(lines)
    result = shell.run_cell("require()")
    assert isinstance(result.error_in_exec, AssertionError)  # what nbgrader and pytest look for
    assert shown == ["✗ Not so."]


def test_a_test_without_a_check_is_a_mistake_of_the_lab():
    with pytest.raises(ValueError, match="at least one"):
        checks.require()
