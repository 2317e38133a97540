"""Every chapter keeps the template and the rules of `rules.py`; and every rule can be broken."""

import ast
import re

import pytest
import rules
import sample

from aelib import questions
from tools import repository, strip_outputs

CHAPTERS = rules.chapters()
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def complaints(found):
    return "\n" + "\n".join(found)


def test_there_are_chapters():
    assert CHAPTERS, "notebooks/ holds no chapter"


@each_chapter
def test_template(path):
    notebook = rules.Notebook.read(path)
    found = rules.template(notebook, repository.SETUP_CELL, repository.colab_link(path.name))
    assert not found, complaints(found)


RULES = [
    rules.long_cells,
    rules.figures,
    rules.stripped,
    rules.metadata,
    rules.file_name,
    rules.outside_reads,
    rules.claims,
]


@each_chapter
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(path, rule):
    found = rule(rules.Notebook.read(path))
    assert not found, complaints(found)


@each_chapter
def test_portable_markdown(path):
    found = [
        f"{cell}: {stray}"
        for cell in rules.Notebook.read(path).prose
        for stray in rules.stray_markdown(cell.source)
    ]
    assert not found, complaints(found)


@each_chapter
def test_relative_links(path):
    found = [
        f"{cell}: {broken}"
        for cell in rules.Notebook.read(path).prose
        for broken in rules.broken_links(cell.source, path.parent)
    ]
    assert not found, complaints(found)


@each_chapter
def test_chapter_is_in_the_book(path):
    contents = (rules.ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert re.search(rf"file: *notebooks/{path.stem}(\.ipynb)?\s*$", contents, re.M), (
        f"_toc.yml does not name notebooks/{path.name}"
    )


def test_the_template_that_chapters_are_copied_from():
    """`tools/chapter_template.ipynb` keeps the rules that its copies must keep."""
    notebook = rules.Notebook.read(rules.ROOT / "tools" / "chapter_template.ipynb")
    found = rules.template(notebook, repository.SETUP_CELL, repository.colab_link("NN_topic.ipynb"))
    for rule in set(RULES) - {rules.file_name}:
        found += rule(notebook)
    for cell in notebook.prose:
        found += rules.stray_markdown(cell.source)
    assert not found, complaints(found)


def asked(path):
    """A chapter's questions: each has one right option, and explains all, or would not be read."""
    return questions.read(rules.questions_text(rules.Notebook.read(path)))


@each_chapter
def test_no_question_gets_lost(path):
    assert len(asked(path)) >= {"06": 5, "09": 5, "11": 5}.get(path.stem[:2], 4)


def test_the_right_option_cannot_be_guessed_by_its_letter():
    right = [question.right for path in CHAPTERS for question in asked(path)]
    for letter in "ABCD":
        assert 0.15 < right.count(letter) / len(right) < 0.35, f"{letter} of {''.join(right)}"


def test_introduced_once():
    found = rules.introduced_once([rules.Notebook.read(path) for path in CHAPTERS], rules.library())
    assert not found, complaints(found)


def test_no_two_figures_say_the_same():
    seen, found = {}, []
    for path in CHAPTERS:
        for alt in rules.alternative_texts(rules.Notebook.read(path)):
            if alt in seen:
                found.append(f"{path.name} and {seen[alt]}: {alt!r}")
            seen[alt] = path.name
    assert not found, complaints(found)


# ---------------------------------------------------------------- the rules can be broken


def sample_template(notebook):
    return rules.template(notebook, sample.SETUP, sample.COLAB)


def test_the_sample_keeps_every_rule():
    notebook = sample.chapter()
    found = sample_template(notebook)
    for rule in RULES:
        found += rule(notebook)
    for cell in notebook.prose:
        found += rules.stray_markdown(cell.source)
    assert not found, complaints(found)


QUESTIONS = next(
    cell.number for cell in sample.chapter().cells if cell.source.startswith("## Questions")
)
BROKEN_TEMPLATES = [
    (sample.replaced("# A sample", "A sample"), "begin with '# Title'"),
    (sample.replaced("# A sample", "# 3. A sample"), "carries a number"),
    (sample.replaced(sample.COLAB, "[Open](https://elsewhere.org)"), "line after the title"),
    (sample.replaced("- name the parts\n", ""), "2 outcomes"),
    (sample.replaced("**Time** about 10", "**Time** 10"), "cell 1 must say"),
    (sample.replaced("aelib.seed(0)", "aelib.seed(1)"), "setup cell differs"),
    (sample.replaced("from aelib import plots", "plots = 1"), "must be the imports"),
    (sample.with_cell(4, tags=[]), "opening picture"),
    (sample.with_cell(4, "1 + 1"), "opening picture"),
    (sample.replaced("## Try it", "## Exercises"), "last sections"),
    (sample.replaced("## What it did", "### What it did"), "at least two sections"),
    (sample.replaced("## What it did", "#### What it did"), "skips a level"),
    (sample.replaced("## What it did", "## The idea"), "same title"),
    (sample.replaced("Exercise 2:", "Exercise 4:"), "'Exercise 2: …'"),
    (sample.replaced("Hint</summary>", "Help</summary>"), "no <details><summary>Hint"),
    (sample.replaced("Solution</summary>", "Result</summary>"), "no ```python block"),
    (sample.replaced("Two times a number is what the word says.", ""), "explains nothing"),
    (sample.with_cell(13, tags=[]), "tag 'exercise'"),
    (sample.replaced("# --- check ---", "# check"), "one line '# --- check ---'"),
    (sample.replaced("verify(double)", "v = verify(double)"), "end with an expression"),
    (sample.with_cell(8, tags=["exercise"]), "outside 'Try it'"),
    (sample.replaced("3. Which", "4. Which"), "(C) or 3. must come"),
    (sample.with_cell(QUESTIONS + 1, sample.TWO_QUESTIONS), "2 questions"),
    (sample.replaced("(B) two", "(C) two"), "(B) or 2. must come"),
    (sample.replaced("       right: Two is two ones: its half is one.\n", ""), "must come"),
    (sample.replaced("wrong: One has", "right: One has"), "one option must be right"),
    (sample.replaced("Two is two ones: its half is one.", "$x$ is the half of this one."), "TeX"),
    (sample.replaced(sample.QUESTIONS, sample.QUESTIONS.replace("(C)", "(A)")), "or 4. must come"),
    (sample.replaced("Run the next", "**Question 1.** Run the next"), "in Markdown"),
    (sample.replaced("Questions(", "x = 1\nQuestions("), "must read"),
    (sample.replaced('"""\n1.', 'f"""\n1.'), "must read"),
    (sample.with_cell(QUESTIONS, "## Answers"), "0 code cells"),
    (sample.with_cell(QUESTIONS + 1, tags=[]), "tag hide-input"),
    (sample.with_cell(QUESTIONS + 1, sample.TWO_LETTERS), "a habit"),
    (sample.replaced("- one\n- two", "one, two"), "must be a list"),
    (sample.replaced("(https://example.org)", "(x.md)"), None),
    (sample.replaced("- [A paper](https://example.org)", "- A paper"), "links no source"),
]


@pytest.mark.parametrize(("notebook", "expected"), BROKEN_TEMPLATES)
def test_a_broken_template_is_noticed(notebook, expected):
    found = complaints(sample_template(notebook))
    if expected is None:  # a control: a change that breaks nothing
        assert not found.strip(), found
    else:
        assert expected in found


OUTPUT = {"output_type": "stream", "name": "stdout", "text": "7\n"}
HTML = {"output_type": "display_data", "data": {"text/html": "<b>7</b>"}, "metadata": {}}
KEPT = ["nbval-check-output"]
BROKEN_RULES = [
    (rules.long_cells, sample.with_cell(8, "assert True\n" * 26), "26 lines"),
    (rules.figures, sample.replaced("each step right is a step up.", ""), "40 wanted"),
    (rules.figures, sample.with_cell(4, "plots.show(fig, alt=f'{x}')"), "literal"),
    (rules.figures, sample.with_cell(4, "plots.show(fig)"), "without alt"),
    (rules.figures, sample.with_cell(4, "plots.figure()"), "does not end"),
    (rules.figures, sample.with_cell(4, sample.PICTURE + "\nx = 1"), "does not end"),
    (rules.figures, sample.with_cell(4, "plt.show()"), "plt.show()"),
    (rules.stripped, sample.with_cell(8, outputs=[OUTPUT]), "strip them"),
    (rules.stripped, sample.with_cell(8, execution_count=3), "strip it"),
    (rules.stripped, sample.with_cell(8, tags=KEPT), "no output to compare"),
    (rules.stripped, sample.with_cell(8, tags=KEPT, outputs=[OUTPUT]), "needs its execution"),
    (
        rules.stripped,
        sample.with_cell(8, tags=KEPT, outputs=[HTML], execution_count=1),
        "not plain text",
    ),
    (
        rules.stripped,
        sample.with_cell(8, tags=KEPT, outputs=[dict(OUTPUT, text="7" * 2100)], execution_count=1),
        "at most 2000",
    ),
    (rules.metadata, sample.with_cell(8, tags=["NBVAL_SKIP"]), "lower case"),
    (rules.metadata, sample.with_cell(8, tags=["nbval-skip"]), "is not one of"),
    (rules.metadata, sample.with_cell(8, id="cell-7"), "used twice"),
    (rules.metadata, sample.with_cell(8, id=""), "has no id"),
    (rules.metadata, sample.with_cell(8, metadata={"collapsed": True}), "only tags"),
    (rules.metadata, sample.with_cell(8, metadata=strip_outputs.FOLDED), "only tags"),
    (rules.metadata, sample.with_cell(QUESTIONS + 1, metadata={}), "must be folded"),
    (rules.long_cells, sample.with_cell(8, sample.QUESTIONS), "at most 25"),
    (rules.metadata, sample.with_cell(8, " "), "is empty"),
    (rules.file_name, sample.chapter("Chapter 3.ipynb"), "is named NN_topic"),
    (rules.outside_reads, sample.with_cell(8, "open('../shared/x')"), "names the path"),
    (rules.outside_reads, sample.with_cell(8, "open('/data/x')"), "names the path"),
    (rules.claims, sample.replaced("assert thrice(2) == 6", "thrice(2)"), "no cell asserts"),
]


@pytest.mark.parametrize(("rule", "notebook", "expected"), BROKEN_RULES)
def test_a_broken_rule_is_noticed(rule, notebook, expected):
    assert expected in complaints(rule(notebook))


def test_metadata_of_the_machine_is_noticed():
    notebook = sample.chapter()
    notebook.raw["metadata"]["language_info"]["version"] = "3.11.2"
    notebook.raw["metadata"]["colab"] = {}
    notebook.raw["metadata"]["kernelspec"]["name"] = "venv"
    notebook.raw["nbformat_minor"] = 4
    assert len(rules.metadata(notebook)) == 4


PORTABLE = [
    "A number $x$, `{x}`, ``{y}`z``, $\\{a\\}$ and $x_{i}$ and 50% of $5.",
    "About 5 % of it\nis more than 4 % of it.",
    "$$\n% a TeX comment is TeX\nx = {{y}} \\tag{3}\n$$",
    "```python\n# a comment\n% not markdown\n:::{note}\n{ref}`x`\n```",
    "| a | b |\n| --- | --- |\n| 1 | 2 |",
    "a\n\n---\n\nb",
    "<details><summary>Hint</summary>\n\nUse `x` and $y$.\n\n```python\n1\n```\n</details>",
    "<details><summary>Hint</summary>Nothing special.</details>",
    '<div class="admonition note">\n<p class="admonition-title">T</p>\n<code>x</code>.\n</div>',
    "H<sub>2</sub>O <br> <kbd>Ctrl</kbd> <https://example.org> and a < b, c > d",
    "![a picture of a digit seven, drawn](seven.png)",
    "- [the paper](https://example.org) (2006)",
]


@pytest.mark.parametrize("text", PORTABLE)
def test_portable_markdown_passes(text):
    assert rules.stray_markdown(text) == []


STRAY = [
    ("see {ref}`x`", "role"),
    ("see {py:func}`x.y`", "role"),
    ("```{note}\nx\n```", "directive"),
    ("````{admonition} T\nx\n````", "directive"),
    (":::{tip}\nx\n:::", "colon fence"),
    ("(label)=\n# T", "label"),
    ("text\n\n% hidden", "comment"),
    ("as [@kingma2013] shows", "citation"),
    ("a\n\n+++\n\nb", "block break"),
    ("{{ name }}", "substitution"),
    ("a[^1]", "footnote"),
    ("term\n: meaning", "definition list"),
    ("$$x = y$$ (eq-1)", "equation label"),
    ("Title\n=====", "underlined"),
    ("Title\n---", "underlined"),
    ("![](x.png)", "alternative text"),
    ("<img src='x.png'>", "raw HTML: <img"),
    ("<span style='color:red'>x</span>", "raw HTML: <span"),
    ("<details open>\n\nx\n\n</details>", "raw HTML"),
    ("<details>\n\nx", "do not pair"),
    ("<details><summary>Hint</summary>\nUse `x`.\n</details>", "blank line"),
    ("<details><summary>Hint</summary>\n\nUse `x`.</details>", "line of its own"),
    ("<details><summary>H</summary>\n\n### T\n\n</details>", "heading inside"),
    ('<div class="admonition note">\n\n<p class="admonition-title">T</p>\n\ny</div>', "blank line"),
    ('<div class="admonition note"><p class="admonition-title">T</p>`x`</div>', "Markdown inside"),
    ('<div class="admonition note">x</div>', "without <p"),
    ("<!-- x -->", "comment"),
]


@pytest.mark.parametrize(("text", "expected"), STRAY)
def test_stray_markdown_is_noticed(text, expected):
    assert expected in complaints(rules.stray_markdown(text))


def nodes(text):
    return {node.name: node for node in ast.parse(text).body}


def test_introduced_once_notices_a_difference_and_a_repetition():
    library = nodes("def thrice(x: int) -> int:\n    '''Three of x.'''\n    return 3 * x")
    first, second = sample.chapter("01_a.ipynb"), sample.chapter("02_b.ipynb")
    assert rules.introduced_once([first], library) == []
    assert "import it" in complaints(rules.introduced_once([first, second], library))
    other = nodes("def thrice(x):\n    return x * 3")
    assert "not the same code" in complaints(rules.introduced_once([first], other))
    assert "class Verdict" in complaints(rules.introduced_once([first, second], {}))


def test_bare_code_keeps_all_but_words_about_it():
    one = nodes("class A:\n    'doc'\n    x: int\n    y: int = 1\n    def f(self, a: int = 2): 3")
    two = nodes("class A:\n    y = 1\n    def f(self, a=2) -> None:\n        'doc'\n        3")
    three = nodes("class A:\n    y = 2\n    def f(self, a=2): 3")
    assert "y = 1" in rules.bare(one["A"])
    assert rules.bare(one["A"]).split() == rules.bare(two["A"]).split()
    assert rules.bare(one["A"]) != rules.bare(three["A"])


def test_bare_code_drops_guards_alone():
    lean = nodes("def f(x):\n    return 2 * x")
    guarded = nodes(
        "def f(x):\n    _finite(x)\n    if x < 0:\n        raise ValueError\n    return 2 * x"
    )
    acting = nodes("def f(x):\n    if x < 0:\n        x = 0\n    return 2 * x")
    assert rules.bare(guarded["f"]) == rules.bare(lean["f"]) != rules.bare(acting["f"])


def test_a_broken_link_is_noticed(tmp_path):
    (tmp_path / "there.md").touch()
    text = "[a](there.md#part) [b](https://x.org) [c](#here) [d](gone.md) [e](/etc/hosts) `[f](no)`"
    assert len(rules.broken_links(text, tmp_path)) == 2
