"""Checks for exercises: they say which expectation failed, on what input, and where to look.

A check never raises on a learner's answer, and never shows the right one. The result displays
itself; ``result.ok`` says whether the answer is right. A lab's test cells pass the results on to
:func:`require`, which does raise: that is how a grader sees that an answer is wrong.
"""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Case", "Mistake", "Result", "Unmet", "function", "require", "that", "value"]


class Unmet(AssertionError):
    """A check that a lab requires does not hold; its text is the check's message."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message alone; the mistake is not in the lines of the test."""
        return [f"✗ {self}"]


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        ok: whether the answer is right.
        message: what is wrong and where to look, or what was checked.
    """

    ok: bool
    message: str

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{'✓' if self.ok else '✗'} {self.message}"

    def _repr_html_(self) -> str:
        colour, mark = ("#1a7f37", "✓") if self.ok else ("#bc4c00", "✗")
        lines = html.escape(self.message).replace("\n", "<br>")
        return (
            f'<div class="aelib-check" style="border-left:4px solid {colour};padding:0.3em 0.8em">'
            f"<strong>{mark}</strong> {lines}</div>"
        )


@dataclass(frozen=True)
class Case:
    """One input on which a learner's function is tried.

    Attributes:
        arguments: given to the function in order.
        expected: what it must return: a number, array, tensor, or anything that compares by ``==``.
        why: shown if this case fails: what the case is about, without the answer.
    """

    arguments: tuple[Any, ...]
    expected: Any
    why: str


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and what to say to it.

    Attributes:
        value: the wrong answer.
        hint: names the mistake, without the answer.
    """

    value: Any
    hint: str


def function(
    learner: Callable[..., Any],
    cases: Sequence[Case],
    *,
    where: str = "",
    tolerance: float = 1e-5,
) -> Result:
    """Try a learner's function on small inputs with known answers.

    Args:
        learner: the function to try; one that returns ``None`` or ``...`` counts as unanswered.
        cases: tried in order; the first that fails is reported.
        where: where to read again, e.g. ``"section 2"``.
        tolerance: how far a number may be off, absolutely or relative to the expected one.

    Returns:
        The result. An exception inside ``learner`` is reported in it, not raised; the arguments
        are copies, so that a function that changes them spoils no later run.

    Raises:
        ValueError: if there are no cases: that is a mistake of the exercise, not of the learner.
    """
    if not cases:
        raise ValueError("a check needs at least one case")
    if learner is None or learner is ...:
        return _unanswered(f"there is {learner!r} instead of a function", where)
    if not callable(learner):
        return _wrong(f"A function is needed here; this is {_short(learner)}.", where)
    name = getattr(learner, "__name__", "the function")
    for case in cases:
        call = f"{name}({', '.join(map(_short, case.arguments))})"
        try:
            answer = learner(*map(_copy, case.arguments))
        except NotImplementedError:
            return _unanswered(f"{name} is not written", where)
        except (Exception, SystemExit) as error:
            return _wrong(f"{call} stopped with {type(error).__name__}: {error}\n{case.why}", where)
        if answer is None or answer is ...:
            return _unanswered(f"{name} returns {answer!r}", where)
        problem = _difference(answer, case.expected, tolerance)
        if problem:
            return _wrong(f"{call}: {problem}\n{case.why}", where)
    return Result(True, f"Right: {name} gave the expected answer on {_count(len(cases), 'input')}.")


def value(
    learner: Any,
    expected: Any,
    *,
    what: str = "the answer",
    where: str = "",
    tolerance: float = 1e-5,
    mistakes: Sequence[Mistake] = (),
) -> Result:
    """Compare a learner's value with the expected one.

    Args:
        learner: the answer; ``None`` or ``...`` counts as unanswered.
        expected: a number, array, tensor, or anything that compares by ``==``.
        what: names the value in the message.
        where: where to read again.
        tolerance: how far a number may be off, absolutely or relative to the expected one.
        mistakes: wrong answers that have a hint of their own.

    Returns:
        The result.
    """
    if learner is None or learner is ...:
        return _unanswered(f"{what} is {learner!r}", where)
    problem = _difference(learner, expected, tolerance)
    if not problem:
        return Result(True, f"Right: {what}.")
    for mistake in mistakes:
        if not _difference(learner, mistake.value, tolerance):
            return _wrong(f"{what} is not {_short(learner)}. {mistake.hint}", where)
    return _wrong(f"{what}: {problem}", where)


def that(condition: bool | None, message: str, where: str = "") -> Result:
    """One expectation in words.

    Args:
        condition: whether it holds; ``None`` or ``...`` counts as unanswered.
        message: what is expected, said so that it helps when it does not hold.
        where: where to read again.

    Returns:
        The result.
    """
    if condition is None or condition is ...:
        return _unanswered("there is nothing to check", where)
    try:
        holds = bool(condition)
    except Exception:  # an array of several truth values, for one
        return _wrong(f"Yes or no is expected; this is {_short(condition)}.", where)
    return Result(True, f"Right: {message}") if holds else _wrong(f"Not so: {message}", where)


def require(*results: Result) -> None:
    """Let a test cell of a lab fail unless every check holds.

    Prints the checks that hold, up to the first that does not.

    Args:
        results: of :func:`function`, :func:`value` or :func:`that`, in the order to report them.

    Raises:
        Unmet: with the message of the first check that does not hold.
        ValueError: if there is no check: that is a mistake of the lab, not of the learner.
    """
    if not results:
        raise ValueError("a test needs at least one check")
    for result in results:
        if not result.ok:
            raise Unmet(result.message)
        print(result)


def _unanswered(why: str, where: str) -> Result:
    return _wrong(
        f"Not answered yet: {why}. Write your answer above and run the cell again.", where
    )


def _wrong(message: str, where: str) -> Result:
    return Result(False, f"{message}\nLook again at {where}." if where else message)


def _difference(answer: Any, expected: Any, tolerance: float) -> str:
    """What is wrong with an answer, without the right one; empty if nothing is."""
    if isinstance(expected, bool | str) or (e := _array(expected)) is None:
        return _difference_of_parts(answer, expected, tolerance)
    a = _array(answer)
    if a is None or (a.dtype.kind == "b" and e.dtype.kind != "b"):
        return f"numbers are expected; this is {_short(answer)}."
    a, e = a.astype(float), e.astype(float)
    if a.shape != e.shape:
        return f"the shape must be {e.shape}; it is {a.shape}."
    if not np.isfinite(a).all() and np.isfinite(e).all():
        return "the answer holds NaN or infinity."
    off = ~np.isclose(a, e, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not off.any():
        return ""
    if a.size == 1:
        side = "too large" if a.item() > e.item() else "too small"
        return f"{a.item():.6g} is {side}{_factor(a.item(), e.item())}."
    first = tuple(int(i) for i in np.argwhere(off)[0])
    side = "too large" if a[first] > e[first] else "too small"
    at = first[0] if len(first) == 1 else first
    return f"{int(off.sum())} of {a.size} numbers are off; the first, at {at}, is {side}."


def _difference_of_parts(answer: Any, expected: Any, tolerance: float) -> str:
    """The same for what is no array of numbers: a text, a truth value, or several results."""
    if isinstance(expected, list | tuple) and expected:
        if not isinstance(answer, list | tuple) or len(answer) != len(expected):
            return f"{_count(len(expected), 'result')} are expected; this is {_short(answer)}."
        parts = [(f"result {i + 1}", answer[i], expected[i]) for i in range(len(expected))]
    elif isinstance(expected, dict) and expected:
        if not isinstance(answer, dict) or answer.keys() != expected.keys():
            return f"a dictionary with other keys is expected; this is {_short(answer)}."
        parts = [(repr(key), answer[key], expected[key]) for key in expected]
    else:
        return "" if _equal(answer, expected) else f"{_short(answer)} is not what is expected."
    for name, one, other in parts:
        if problem := _difference(one, other, tolerance):
            return f"{name}: {problem}"
    return ""


def _factor(answer: float, expected: float) -> str:
    """A hint for the mistakes that are a factor: sign, two, number of pixels."""
    if expected == 0 or not math.isfinite(answer / expected):
        return ""
    ratio = answer / expected
    if math.isclose(ratio, -1, rel_tol=1e-4):
        return "; its sign is wrong"
    for factor in (2, 10, 28, 784):
        for r, word in ((ratio, "too large by"), (1 / ratio if ratio else 0, "too small by")):
            if math.isclose(r, factor, rel_tol=1e-4):
                return f", {word} a factor of {factor}"
    return ""


def _array(value: Any) -> np.ndarray | None:
    """Real numbers or truth values as an array; ``None`` if that is not what they are."""
    try:
        if isinstance(value, list | tuple):
            value = [v.tolist() if hasattr(v, "tolist") else v for v in value]
        elif hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() and value.itemsize < 4 else value
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "iufb" else None


def _equal(answer: Any, expected: Any) -> bool:
    try:
        return bool(answer == expected)
    except Exception:
        return False


def _copy(value: Any) -> Any:
    """A copy of numbers in an array; anything else as it is."""
    if hasattr(value, "detach"):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return value.copy() if isinstance(value, np.ndarray | list | dict | set) else value


def _short(value: Any) -> str:
    try:
        if hasattr(value, "shape") and len(value.shape) and math.prod(value.shape) > 6:
            return f"{type(value).__name__} of shape {tuple(value.shape)}"
        text = repr(value.tolist()) if hasattr(value, "tolist") else repr(value)
    except Exception:
        return f"something of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
