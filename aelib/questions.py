"""Questions that mark themselves, with a word on every option: in the book, JupyterLab and Colab.

They are written as a text, which :func:`read` reads::

    1. Why is the average of all digits blurred?

       (A) The images are noisy.
           wrong: MNIST has hardly any noise, and averaging would remove it.
       (B) No sharp picture is near all of them.
           right: A grey between is better than a sharp guess that is often wrong.

A piece may go on over several lines. Within it, ``*x*`` is italic, ``**x**`` bold, ```x``` code,
``x_{i}`` has an index and ``x^{2}`` an exponent. Formulas are written with these and with Unicode:
TeX in an output is not typeset everywhere.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_uppercase as _LETTERS
from typing import Any, TypeVar

from aelib.widgets import Widget

__all__ = ["Option", "Question", "Questions", "read"]

_T = TypeVar("_T")
_MOST, _SHORTEST = 6, 20  # options of a question; characters of an explanation

_BEGINNING = re.compile(r"(\d+\.|\([A-Z]\)|right:|wrong:)\s+(.+)")
_MARKS = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<b>(?=\S)(?:[^*]|\*[^*]+\*)+(?<=\S))\*\*"
    r"|\*(?P<i>[^*\s]|[^*\s][^*]*[^*\s])\*"
    r"|_\{(?P<sub>[^{}]+)\}"
    r"|\^\{(?P<sup>[^{}]+)\}"
)
_STRAYS = {
    r"[`*]": "a mark without its partner; a product is written ×",
    r"\$|\\": "TeX; a formula is written with Unicode, *x*, x_{i} and x^{2}",
    r"[_^]": "an index is written x_{i} and an exponent x^{2}; a name with _ in it is `code`",
    r"[{}]": "a brace without _ or ^ before it; a set is written as `code`",
    r"\]\(": "a link; name the chapter or the paper in its place",
    r"</?[A-Za-z!]|&#?\w+;": "HTML, which would be shown as it stands",
}


@dataclass(frozen=True)
class Option:
    """One of the answers that a question offers.

    Attributes:
        text: the answer, in the markup of this module.
        right: whether it is right.
        why: why it is right, or what is wrong about it, in at least 20 characters.

    Raises:
        ValueError: if a text is missing or too short, or its markup is not known.
    """

    text: str
    right: bool
    why: str

    def __post_init__(self) -> None:
        if not _markup(self.text):
            raise ValueError("an option has no text")
        if len(_markup(self.why)) < _SHORTEST:
            raise ValueError(
                f"the option '{self.text}' needs an explanation of at least {_SHORTEST} characters:"
                f" why it is right, or what is wrong about it; got '{self.why}'"
            )


@dataclass(frozen=True)
class Question:
    """A question, and two to six options of which one is right.

    Attributes:
        text: what is asked, in the markup of this module.
        options: the options; a reader knows them as A, B, …

    Raises:
        ValueError: if there are too few or too many options, two are the same, or not one is
            right; or if the text is missing or its markup is not known.
    """

    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        texts = [option.text for option in self.options]
        if not _markup(self.text):
            raise ValueError("a question has no text")
        if not 2 <= len(texts) <= _MOST or len(set(texts)) < len(texts):
            raise ValueError(f"2 to {_MOST} different options are needed; got {texts}")
        if (right := sum(option.right for option in self.options)) != 1:
            raise ValueError(f"one option must be right; here {right} are")

    @property
    def right(self) -> str:
        """The letter of the right option."""
        return next(a for a, one in zip(_LETTERS, self.options, strict=False) if one.right)


def read(text: str) -> tuple[Question, ...]:
    """Read questions from a text; the beginning of this module says how it is written.

    Args:
        text: questions, numbered from 1; below each its options, lettered from A; below each of
            them ``right:`` or ``wrong:``, and why.

    Returns:
        The questions in their order.

    Raises:
        TypeError: if ``text`` is no text.
        ValueError: if there is no question, or a part is missing, out of order or not well made.
    """
    asked: list[tuple[str, list[Option]]] = []
    expected = ["1."]  # how the next part may begin
    answer = ""
    for mark, body in _parts(text):
        where = f"question {max(len(asked), 1)}"
        if mark not in expected:
            raise ValueError(f"{where}: {' or '.join(expected)} must come; got '{mark} {body}'")
        if mark[0].isdigit():
            asked.append((body, []))
            expected = ["(A)"]
        elif mark[0] == "(":
            answer, expected = body, ["right:", "wrong:"]
        else:
            options = asked[-1][1]
            options.append(_within(where, Option, answer, mark == "right:", body))
            expected = [f"({_LETTERS[len(options)]})", f"{len(asked) + 1}."]
    if len(expected) < 2 or "right:" in expected:
        raise ValueError(f"question {len(asked)}: {' or '.join(expected)} must come; got the end")
    return tuple(
        _within(f"question {number}", Question, body, tuple(options))
        for number, (body, options) in enumerate(asked, start=1)
    )


class Questions(Widget):
    """Questions that a reader answers in the page, which says at once what is right, and why.

    An option is chosen and checked as often as the reader likes; each has an explanation of its
    own. Where no script runs, the questions stand there, each with its answer folded away.

    Args:
        text: the questions, as :func:`read` reads them.

    Raises:
        TypeError: if ``text`` is no text.
        ValueError: if the text is not well made; the message names the question.
    """

    def __init__(self, text: str) -> None:
        self.questions = read(text)
        state = [
            {
                "text": _markup(question.text),
                "options": [
                    {"text": _markup(one.text), "right": one.right, "why": _markup(one.why)}
                    for one in question.options
                ],
            }
            for question in self.questions
        ]
        still = "\n".join(_still(number, one) for number, one in enumerate(state, start=1))
        count = f"{len(state)} question" + ("" if len(state) == 1 else "s")
        super().__init__(
            "questions",
            {"questions": state},
            f'<div class="aelib-still aelib-live aelib-questions">\n{still}\n'
            '<p class="aelib-score"></p>\n</div>',
            f"{count} with options to choose from, each with an explanation",
        )


def _parts(text: str) -> list[tuple[str, str]]:
    """How each question, option and explanation begins, and its words, lines joined."""
    if not isinstance(text, str):
        raise TypeError(f"questions are written as one text; got {type(text).__name__}")
    parts: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if begins := _BEGINNING.fullmatch(line):
            parts.append((begins[1], begins[2]))
        elif parts:
            parts[-1] = (parts[-1][0], f"{parts[-1][1]} {line}")
        else:
            raise ValueError(f"the text must begin with a question, '1. …'; got '{line}'")
    if not parts:
        raise ValueError("the text must begin with a question, '1. …'; it is empty")
    return parts


def _within(where: str, make: Callable[..., _T], *arguments: Any) -> _T:
    """What ``make`` makes; its complaint says where it stands."""
    try:
        return make(*arguments)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _markup(text: str) -> str:
    """The text as HTML.

    Raises:
        ValueError: if it holds marks that this module does not know.
    """
    found, at = [], 0
    for mark in [*_MARKS.finditer(text), None]:
        plain = text[at : mark.start() if mark else len(text)]
        for pattern, what in _STRAYS.items():
            if stray := re.search(pattern, plain):
                raise ValueError(f"'{stray[0]}' in '{text}' is {what}")
        found.append(html.escape(plain, quote=False))
        if mark:
            tag, inner = mark.lastgroup, mark[mark.lastgroup]
            inner = html.escape(inner, quote=False) if tag == "code" else _markup(inner)
            found.append(f"<{tag}>{inner}</{tag}>")
            at = mark.end()
    return "".join(found)


def _still(number: int, question: dict[str, Any]) -> str:
    """A question as HTML that needs no script: its options, and all explanations folded away."""
    options = list(zip(_LETTERS, question["options"], strict=False))
    offered = "".join(
        f"<li><span><b>{letter}</b> {one['text']}</span></li>" for letter, one in options
    )
    explained = "".join(
        f"<p><b>{letter} is {'right' if one['right'] else 'wrong'}.</b> {one['why']}</p>"
        for letter, one in sorted(options, key=lambda pair: not pair[1]["right"])
    )
    return (
        f'<div class="aelib-question"><p><b>Question {number}.</b> {question["text"]}</p>'
        f'<ul class="aelib-options">{offered}</ul><p class="aelib-try"></p>'
        f"<details><summary>Answer to question {number}</summary>{explained}</details></div>"
    )
