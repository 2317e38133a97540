"""A small chapter that keeps every rule, for tests that break one rule at a time."""

import copy
from pathlib import Path

import rules

from tools import strip_outputs

SETUP = "import aelib\naelib.seed(0)"
COLAB = "[Open in Colab](https://example.org/99_sample.ipynb)"
ALT = "Seven points on a rising line: each step right is a step up."

TITLE = f"""# A sample

{COLAB}

What must a chapter have, and in which order? This one has all of it and says nothing, in a
paragraph that is long enough to pose a question."""
OUTCOMES = """**What you will be able to do**

- name the parts
- order the parts
- check the parts

**Time** about 10 minutes to read, about 20 seconds to run on two cores"""
PICTURE = f"""fig, axes = plots.figure()
axes.plot(range(7))
plots.show(fig, alt="{ALT}")"""


TASK = """### Exercise {k}: double it

Write `double`.

<details><summary>Hint</summary>

Twice a number is the number plus itself.

</details>"""
STUB = """def double(x):
    return None

# --- check ---
verify(double)"""
SOLUTION = """<details><summary>Solution</summary>

```python
def double(x):
    return 2 * x
```

Two times a number is what the word says.

</details>"""


def task(k):
    return [markdown(TASK.format(k=k)), code(STUB, "exercise"), markdown(SOLUTION)]


QUESTIONS = """# @title Questions
from aelib.questions import Questions

Questions(\"""
1. Which is even?

   (A) one
       wrong: One has no half that is a whole number.
   (B) two
       right: Two is two ones: its half is one.

2. Which is odd?

   (A) one
       right: One has no half that is a whole number.
   (B) two
       wrong: Two is two ones: its half is one.

3. Which is neither?

   (A) one
       wrong: One is odd, as it has no whole half.
   (B) two
       wrong: Two is even, as its half is one.
   (C) a half
       right: Only whole numbers are even or odd.
\""")"""

TWO_QUESTIONS = QUESTIONS.partition("\n3. ")[0] + rules.QUESTIONS_END
TWO_LETTERS = QUESTIONS.replace("wrong: One is odd", "right: One is odd").replace(
    "right: Only", "wrong: Only"
)


def ask():
    return code(QUESTIONS, "hide-input", **strip_outputs.FOLDED)


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *tags, **metadata):
    return {
        "cell_type": "code",
        "metadata": metadata | ({"tags": list(tags)} if tags else {}),
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _cells():
    return [
        markdown(TITLE),
        markdown(OUTCOMES),
        code(SETUP),
        code("from aelib import plots"),
        code(PICTURE, "hide-input"),
        markdown("## The idea\n\nA number $x$ is doubled: $$y = 2x \\tag{1}$$"),
        code("def thrice(x):\n    return 3 * x"),
        markdown("## What it did\n\nIt worked: see [the glossary](https://example.org)."),
        code("assert thrice(2) == 6"),
        code("class Verdict:\n    ok, message = False, 'Not answered yet: double'\n"),
        code("def verify(function):\n    verdict = Verdict()\n    verdict.ok = function(4) == 8\n"
             "    return verdict"),
        markdown("## Try it\n\nThree times."),
        *task(1), *task(2), *task(3),
        markdown("## Questions\n\nRun the next cell to see them."),
        ask(),
        markdown("## What to take away\n\n- one\n- two"),
        markdown("## Where this came from\n\n- [A paper](https://example.org)"),
    ]  # fmt: skip


def chapter(name="99_sample.ipynb"):
    cells = copy.deepcopy(_cells())
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return rules.Notebook(
        Path("notebooks") / name,
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        },
    )


def with_cell(number, source=None, **changes):
    """The sample with one cell's source, tags or other fields changed."""
    notebook = chapter()
    cell = notebook.raw["cells"][number]
    if source is not None:
        cell["source"] = source
    if "tags" in changes:
        cell["metadata"]["tags"] = changes.pop("tags")
    cell.update(changes)
    return notebook


def replaced(old, new):
    """The sample with one text replaced in the first cell that has it."""
    notebook = chapter()
    cell = next(cell for cell in notebook.raw["cells"] if old in cell["source"])
    cell["source"] = cell["source"].replace(old, new, 1)
    return notebook
