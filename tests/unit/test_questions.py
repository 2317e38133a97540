"""Questions: what is written is what is read, shown and packed; what is not well made is refused.

How they behave in a browser is tested in tests/test_live_questions.py, and that each chapter's are
well made in tests/test_notebooks.py.
"""

import html
import json
import re

import pytest

from aelib.questions import Option, Question, Questions, read

TEXT = """
1. Is *x*_{i} < 2,
   or `a_b` & more?

   (A) *Yes*, in [0, 1]
       right: For **all *i* of** them, x^{2} is small
       enough.
   (B) no
       wrong: This takes
       the sum for the mean.
2. Which?
   (A) one
       wrong: One has no half that is whole.
   (B) two
       wrong: Two is too small by one here.
   (C) three
       right: Three is the number that is left.
"""


def page():
    return Questions(TEXT)._repr_html_()


def state():
    packed = re.search(r'<script type="application/json">(.*?)</script>', page(), re.DOTALL)
    return json.loads(packed[1])


def still():
    """What stands in the page where no script runs."""
    return page().partition("</style>")[2].partition("<script")[0]


def test_what_is_written_is_read():
    first, second = read(TEXT)
    assert first == Question(
        "Is *x*_{i} < 2, or `a_b` & more?",
        (
            Option("*Yes*, in [0, 1]", True, "For **all *i* of** them, x^{2} is small enough."),
            Option("no", False, "This takes the sum for the mean."),
        ),
    )
    assert (first.right, second.right) == ("A", "C")
    assert [option.text for option in second.options] == ["one", "two", "three"]


def test_a_line_that_begins_with_a_number_in_brackets_goes_on():
    text = TEXT.replace("the sum for", "(2) for")
    assert read(text)[0].options[1].why == "This takes (2) for the mean."


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("1. Is", "2. Is", r"question 1: 1\. must come; got '2\. Is"),
        ("2. Which?", "3. Which?", r"question 1: \(C\) or 2\. must come; got '3\."),
        ("(B) no", "(C) no", r"question 1: \(B\) or 2\. must come; got '\(C\) no'"),
        ("(A) one", "(a) one", r"question 2: \(A\) must come; got 'wrong:"),
        ("right: Three is the number that is left.", "", "question 2: right: or wrong: .*the end"),
        ("       wrong: Two is too small by one here.\n", "", r"right: or wrong: .*got '\(C\)"),
        ("right: Three", "wrong: Three", "question 2: one option must be right; here 0"),
        ("wrong: Two", "right: Two", "question 2: one option must be right; here 2"),
        ("(C) three", "(C) two", "question 2: .*different.*'two', 'two'"),
        ("wrong: Two is too small by one here.", "wrong: No.", "question 2: .*'two'.*20.*'No.'"),
        ("wrong: Two", "wrong: T_w", "question 2: '_' in 'T_w .*index"),
        ("1. Is", "Is", r"begin with a question, '1\. …'; got 'Is"),
    ],
)
def test_what_is_not_well_made_is_refused_by_place(old, new, complaint):
    assert old in TEXT
    with pytest.raises(ValueError, match=complaint):
        read(TEXT.replace(old, new))


def as_html(text):
    """The markup of one option as it is packed."""
    one = TEXT.replace("(B) no", f"(B) {text}")
    packed = re.search(
        r'<script type="application/json">(.*?)</script>', Questions(one)._repr_html_()
    )
    return json.loads(packed[1])["questions"][0]["options"][1]["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("*x*_{i}^{2}", "<i>x</i><sub>i</sub><sup>2</sup>"),
        ("*p*_{*data*}(*z* | *x̂*)", "<i>p</i><sub><i>data</i></sub>(<i>z</i> | <i>x̂</i>)"),
        ("**one** and **two *x* three**", "<b>one</b> and <b>two <i>x</i> three</b>"),
        ("`**a_b** <i> $`", "<code>**a_b** &lt;i&gt; $</code>"),
        ("a < b > c & d", "a &lt; b &gt; c &amp; d"),
        ("*a* b *c*", "<i>a</i> b <i>c</i>"),
        ("KL(*q* ‖ *p*) in [0, 1], 2 × 3 − “4”", "KL(<i>q</i> ‖ <i>p</i>) in [0, 1], 2 × 3 − “4”"),
    ],
)
def test_markup(text, expected):
    assert as_html(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2 * 3", "×"),
        ("*x", "partner"),
        ("**x*", "partner"),
        ("`x", "partner"),
        ("x_i", "index"),
        ("x^2", "exponent"),
        ("x_{a_b}", "index"),
        ("x_{i", "index"),
        ("{1, 2}", "brace"),
        ("$x$", "TeX"),
        (r"\alpha", "TeX"),
        (r"x_{\alpha}", "TeX"),
        ("[a](b.md)", "link"),
        ("<b>x</b>", "HTML"),
        ("x</p>", "HTML"),
        ("<!-- x -->", "HTML"),
        ("&lt;", "HTML"),
        ("&#60;", "HTML"),
    ],
)
def test_markup_that_is_not_known_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        as_html(text)


def test_what_is_packed_is_what_was_written():
    first, second = state()["questions"]
    assert first["text"] == "Is <i>x</i><sub>i</sub> &lt; 2, or <code>a_b</code> &amp; more?"
    assert first["options"][0] == {
        "text": "<i>Yes</i>, in [0, 1]",
        "right": True,
        "why": "For <b>all <i>i</i> of</b> them, x<sup>2</sup> is small enough.",
    }
    assert [one["right"] for one in second["options"]] == [False, False, True]


def test_without_scripts_all_is_there():
    """Question, options in their order, and folded away the right one first, then the others."""
    words = html.unescape(re.sub(r"<[^>]*>", "", still().replace("><", "> <")))
    expected = [
        "Question 1. Is x i < 2, or a_b & more?", "A Yes, in [0, 1]", "B no", "Answer to question 1",
        "A is right. For all i of them, x2 is small enough.",
        "B is wrong. This takes the sum for the mean.",
        "Question 2. Which?", "A one", "B two", "C three", "Answer to question 2",
        "C is right. Three is the number that is left.",
        "A is wrong. One has no half that is whole.", "B is wrong. Two is too small by one here.",
    ]  # fmt: skip
    assert " ".join(words.split()) == " ".join(expected)
    folded = re.findall(r"<details>(.*?)</details>", still())
    assert len(folded) == 2
    assert "right" not in re.sub(r"<details>.*?</details>", "", still())


def test_it_stands_alone_and_is_the_same_each_time():
    text = page()
    assert text == page()
    assert not re.search(r"https?:|\bimport\b|@import|url\(|\bid=", text)
    assert len(re.findall(r"</script>", text)) == 2
    assert text.count("<summary>") == 2


def test_a_text_cannot_end_the_element_it_stands_in():
    text = TEXT.replace("(B) no", "(B) `</script><!--`")
    shown = Questions(text)._repr_html_()
    assert len(re.findall(r"</script>", shown)) == 2
    assert "<!--" not in shown


def test_what_a_terminal_shows():
    said = "with options to choose from, each with an explanation"
    assert repr(Questions(TEXT)) == f"[Questions: 2 questions {said}]"
    assert repr(Questions(TEXT.partition("2. ")[0])) == f"[Questions: 1 question {said}]"
    assert len(Questions(TEXT).questions) == 2
