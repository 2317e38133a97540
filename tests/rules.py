"""The rules that a chapter keeps, as functions from a notebook to a list of complaints.

`test_notebooks.py` runs them over every chapter and, on small broken notebooks, proves that each of
them can complain. A complaint names the cell and says what to do.
"""

import ast
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools import strip_outputs

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

MAX_CODE_LINES = 25
MIN_ALT = 40
MAX_OUTPUT_BYTES = 2000
CHECK_LINE = "# --- check ---"
TAGS = {
    "exercise",  # the learner's stub and its check
    "exercise-setup",  # quick variables that the exercises may use
    "hide-input",  # only draws, or asks
    "hide-output",
    "nbval-check-output",  # keeps a small, deterministic text output
    "nbval-raises-exception",  # shows an error on purpose (nbval)
    "raises-exception",  # shows an error on purpose (the book)
    "slide",  # goes on a slide, as its metadata "slide" says (book/_ext/slides.py)
}
QUESTIONS_BEGIN = """# @title Questions
from aelib.questions import Questions

Questions(\"""
"""
QUESTIONS_END = '""")'
CLOSING_SECTIONS = ["Try it", "Questions", "What to take away", "Where this came from"]


def chapters():
    return sorted(NOTEBOOKS.glob("*.ipynb"))


# ---------------------------------------------------------------- reading a notebook


@dataclass(frozen=True)
class Cell:
    number: int
    raw: dict

    @property
    def markdown(self):
        return self.raw["cell_type"] == "markdown"

    @property
    def code(self):
        return self.raw["cell_type"] == "code"

    @property
    def tags(self):
        return self.raw["metadata"].get("tags", [])

    @cached_property
    def source(self):
        source = self.raw["source"]
        return source if isinstance(source, str) else "".join(source)

    @cached_property
    def tree(self):
        """The cell's syntax tree, with `%magic` lines as `pass`."""
        return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", self.source, flags=re.M))

    def __str__(self):
        first = next((line for line in self.source.splitlines() if line.strip()), "")
        return f"cell {self.number} ({first[:50]!r})"


@dataclass(frozen=True)
class Notebook:
    path: Path
    raw: dict

    @classmethod
    def read(cls, path):
        return cls(path, json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def cells(self):
        return [Cell(number, raw) for number, raw in enumerate(self.raw["cells"])]

    @cached_property
    def prose(self):
        return [cell for cell in self.cells if cell.markdown]

    @cached_property
    def code(self):
        return [cell for cell in self.cells if cell.code]

    def sections(self, level=2, cells=None):
        """[(title, [cells])], cut at the headings of `level`; a cell holds one heading at most."""
        found = []
        for cell in self.cells if cells is None else cells:
            title = next((h.text for h in headings(cell.source) if h.level == level), None)
            if cell.markdown and title is not None:
                found.append((title, []))
            if found:
                found[-1][1].append(cell)
        return found

    def section(self, title):
        return next((cells for name, cells in self.sections() if name == title), [])


# ---------------------------------------------------------------- reading Markdown


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


FENCE = re.compile(
    r"^( {0,3})(`{3,}|~{3,})([^\n]*)\n(.*?)(?:^ {0,3}\2[`~]*[ \t]*$|\Z)", re.M | re.S
)
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
DISPLAY_MATH = re.compile(r"\$\$.+?\$\$", re.S)
INLINE_MATH = re.compile(r"(?<![\\$])\$(?![\s$])(?:\\.|[^$\\])+?(?<!\s)\$(?!\d)", re.S)
CODE_MARK, MATH_MARK = "\x00", "\x01"


def without_code(text):
    """The text with fenced blocks gone and each code span as one mark; lines keep their numbers."""
    text = FENCE.sub(lambda m: "\n" * m.group(0).count("\n"), text)
    return INLINE_CODE.sub(lambda m: CODE_MARK + "\n" * m.group(0).count("\n"), text)


def without_math(text):
    for pattern in (DISPLAY_MATH, INLINE_MATH):
        text = pattern.sub(lambda m: MATH_MARK + "\n" * m.group(0).count("\n"), text)
    return text


def headings(text):
    plain = FENCE.sub("", text)
    found = re.findall(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", plain, re.M)
    return [Heading(len(marks), title) for marks, title in found]


def links(text):
    """(text, target) of every Markdown link and picture."""
    return re.findall(
        r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^)\s>]+)>?[^)]*\)", without_code(text)
    )


STRAYS = {
    r"\{[\w:+.-]+\}" + CODE_MARK: "a MyST role",
    r"^\s*:::": "a MyST colon fence",
    r"^\([\w:.-]+\)=\s*$": "a MyST label",
    r"^%": "a MyST comment",
    r"\[@[^\]]+\]": "a Pandoc citation",
    r"^\+\+\+": "a MyST block break",
    r"\{\{.*?\}\}": "a MyST substitution",
    r"\[\^[\w-]+\]": "a footnote, which not every reader shows",
    r"^:\s": "a definition list, which not every reader shows",
    r"^:[\w-]+:(\s|$)": "a field list",
    MATH_MARK + r"[ \t]*\([\w:-]+\)[ \t]*$": "a MyST equation label (use \\tag)",
    r"^\s*[-*] \[[ x]\] ": "a task list, which not every reader shows",
    r"^(?!\s*[|>-])(?=.*\S).*\n {0,3}(=+|-+)[ \t]*$": "an underlined heading (use #)",
    r"!\[[^\]]{0,19}\]\(": "a picture whose alternative text is missing or short",
}
PLAIN_TAGS = {"details", "summary", "sub", "sup", "br", "kbd"}
ADMONITION = re.compile(r'<div class="admonition[ \w-]*">(.*?)</div>', re.S)
ADMONITION_TAGS = {"p", "code", "em", "strong", "a", "sub", "sup", "br"}


def stray_markdown(text):
    """What would not look the same in the book, in Colab, in JupyterLab and on GitHub."""
    found = []
    for info in (m.group(3).strip() for m in FENCE.finditer(text)):
        if info.startswith("{"):
            found.append(f"a MyST directive: ```{info}")
        elif info and not re.fullmatch(r"[\w+-]+", info):
            found.append(f"an unusual code fence: ```{info}")
    plain = without_math(without_code(text))
    for pattern, what in STRAYS.items():
        for match in re.finditer(pattern, plain, re.M):
            shown = match.group(0).strip().replace(CODE_MARK, "`…`").replace(MATH_MARK, "$…$")
            found.append(f"{what}: {shown}")
    found += stray_html(plain)
    return found


def stray_html(plain):
    found = []
    for match in ADMONITION.finditer(plain):
        body = match.group(1)
        if re.search(r"\n[ \t]*\n", body.strip("\n")):
            found.append("a blank line inside an admonition, which ends it in the book")
        if CODE_MARK in body or re.search(r"\*\*|\]\(", body):
            found.append("Markdown inside an admonition, which Jupyter shows raw (use HTML there)")
        if 'class="admonition-title"' not in body:
            found.append('an admonition without <p class="admonition-title">')
        for tag in re.findall(r"</?([a-zA-Z][\w-]*)", body):
            if tag.lower() not in ADMONITION_TAGS:
                found.append(f"raw HTML inside an admonition: <{tag}>")
    rest = ADMONITION.sub("", plain)
    for tag, attributes in re.findall(r"<([a-zA-Z][\w-]*)(?![\w:/.@-])([^>]*)>", rest):
        if tag.lower() not in PLAIN_TAGS or attributes.strip(" /"):
            found.append(f"raw HTML: <{tag}{attributes}>")
    if "<!--" in rest:
        found.append("an HTML comment")
    for tag in ("details", "summary"):
        if len(re.findall(f"<{tag}>", rest)) != len(re.findall(f"</{tag}>", rest)):
            found.append(f"<{tag}> and </{tag}> do not pair")
    for body in re.findall(r"</summary>(.*?)</details>", rest, re.S):
        if not re.match(r"[ \t]*\n[ \t]*\n", body):
            if re.search(rf"[{CODE_MARK}{MATH_MARK}]|\*\*|\]\(|^\s*[-*] ", body, re.M):
                found.append("Markdown after </summary> without a blank line between")
        elif not re.search(r"\n[ \t]*\Z", body):
            found.append("</details> must begin a line of its own")
        if headings(body):
            found.append("a heading inside <details>")
    return found


# ---------------------------------------------------------------- the template


def template(notebook, setup_text, colab_link):
    """The parts of a chapter, in their order."""
    cells = notebook.cells
    if len(cells) < 5:
        return ["the notebook is too short to be a chapter"]
    return [
        *_opening(cells, colab_link),
        *_start_of_code(notebook, setup_text),
        *_section_order(notebook),
        *_exercises(notebook),
        *_questions(notebook),
        *_closing(notebook),
    ]


def _opening(cells, colab_link):
    found = []
    lines = [line.strip() for line in cells[0].source.splitlines() if line.strip()]
    if not cells[0].markdown or not lines or not re.match(r"# \S", lines[0]):
        return ["cell 0 must be Markdown and begin with '# Title'"]
    if re.match(r"# \d", lines[0]):
        found.append("the title carries a number: the book numbers its chapters")
    if len(lines) < 2 or lines[1] != colab_link:
        found.append(f"the line after the title must be {colab_link}")
    if len(" ".join(lines[2:])) < 100:
        found.append("cell 0 must pose the chapter's question in a paragraph after the Colab line")
    text = cells[1].source
    if not cells[1].markdown or not text.startswith("**What you will be able to do**"):
        return [*found, "cell 1 must be Markdown, beginning '**What you will be able to do**'"]
    outcomes = re.findall(r"^(?:[-*]|\d+\.) ", text.partition("**Time**")[0], re.M)
    if not 3 <= len(outcomes) <= 5:
        found.append(f"cell 1 lists {len(outcomes)} outcomes: 3 to 5 are wanted")
    time = r"\*\*Time\*\*:? about \d+ minutes to read, about \d+ (seconds|minutes?) to run"
    if not re.search(time + " on two cores", text):
        found.append(
            "cell 1 must say '**Time** about N minutes to read, "
            "about M seconds to run on two cores'"
        )
    return found


def _start_of_code(notebook, setup_text):
    code = notebook.code
    if len(code) < 3:
        return ["a chapter begins with the setup cell, the imports and the opening picture"]
    found = []
    if notebook.cells[2] is not code[0]:
        found.append("cell 2 must be the setup cell")
    if code[0].source.strip() != setup_text.strip():
        found.append("the setup cell differs from tools/repository.py's text")
    imports = [node for node in code[1].tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if not code[1].tree.body or code[1].tree.body[0] not in imports:
        found.append(f"{code[1]}: the second code cell must be the imports")
    if not figure_calls(code[2]) or "hide-input" not in code[2].tags:
        found.append(f"{code[2]}: the third code cell must be the opening picture, tag hide-input")
    between = notebook.cells[code[0].number : code[2].number]
    if any(headings(cell.source) for cell in between if cell.markdown):
        found.append("a heading stands before the opening picture")
    return found


def _section_order(notebook):
    titles = [title for title, _ in notebook.sections()]
    found = []
    if titles[-4:] != CLOSING_SECTIONS:
        found.append(f"the last sections must be {CLOSING_SECTIONS}, they are {titles[-4:]}")
    bodies = [cells for title, cells in notebook.sections() if title not in CLOSING_SECTIONS]
    if len(bodies) < 2:
        found.append("a chapter has at least two sections of its own before 'Try it'")
    for cells in bodies:
        if not any(cell.code for cell in cells) and len(bodies) < 3:
            found.append(f"{cells[0]}: a section without code")
    if len(titles) != len(set(titles)):
        found.append("two sections have the same title")
    previous = 0
    for cell in notebook.prose:
        marks = headings(cell.source)
        if sum(h.level <= 2 for h in marks) > 1:
            found.append(f"{cell}: two sections begin in one cell")
        if any(h.level <= 3 for h in marks) and not cell.source.lstrip().startswith("#"):
            found.append(f"{cell}: a section begins in the middle of a cell")
        for heading in marks:
            if heading.level > previous + 1:
                found.append(f"{cell}: heading '{heading.text}' skips a level")
            if heading.level == 1 and previous:
                found.append(f"{cell}: a second title")
            previous = heading.level
    return found


@dataclass(frozen=True)
class Exercise:
    title: str
    cells: list

    @property
    def code(self):
        return [cell for cell in self.cells if cell.code and "exercise" in cell.tags]

    def folded(self, summary):
        """The text folded away under `summary` anywhere in the exercise's Markdown."""
        text = "\n\n".join(cell.source for cell in self.cells if cell.markdown)
        pattern = rf"<details>\s*<summary>{summary}</summary>(.*?)</details>"
        match = re.search(pattern, text, re.S)
        return match.group(1).strip() if match else ""

    @property
    def solution(self):
        """The code that takes the stub's place."""
        blocks = [
            m for m in FENCE.finditer(self.folded("Solution")) if m.group(3).strip() == "python"
        ]
        return blocks[0].group(4) if blocks else ""

    @property
    def stub(self):
        return self.code[0].source.partition(CHECK_LINE)[0]

    @property
    def check(self):
        return self.code[0].source.partition(CHECK_LINE)[2]


def exercises(notebook):
    return [
        Exercise(title, cells)
        for title, cells in notebook.sections(level=3, cells=notebook.section("Try it"))
    ]


def _exercises(notebook):
    found = []
    tasks = exercises(notebook)
    if not 3 <= len(tasks) <= 5:
        found.append(f"'Try it' has {len(tasks)} exercises: 3 to 5 are wanted")
    for k, task in enumerate(tasks, start=1):
        name = f"'{task.title}'"
        if not re.match(rf"Exercise {k}: \S", task.title):
            found.append(f"{name}: the heading must read 'Exercise {k}: …'")
        if len(task.folded("Hint")) < 20:
            found.append(f"{name} has no <details><summary>Hint</summary>…</details>")
        if len(task.code) != 1:
            found.append(f"{name} must have one code cell with the tag 'exercise'")
            continue
        cell = task.code[0]
        if cell.source.splitlines().count(CHECK_LINE) != 1:
            found.append(f"{name}: its cell must have one line '{CHECK_LINE}'")
            continue
        if not task.stub.strip():
            found.append(f"{name}: nothing stands above '{CHECK_LINE}' for the learner to fill")
        if not cell.tree.body or not isinstance(cell.tree.body[-1], ast.Expr):
            found.append(f"{name}: the check must end with an expression, its result")
        if not task.solution.strip():
            found.append(f"{name} has no ```python block under <summary>Solution</summary>")
        else:
            explained = FENCE.sub("", task.folded("Solution")).strip()
            if len(explained) < 40:
                found.append(f"{name}: the solution has code but explains nothing")
            first = next(c.number for c in task.cells if "Solution</summary>" in c.source)
            if first < cell.number:
                found.append(f"{name}: the solution stands before the learner's cell")
    loose = [cell for cell in notebook.code if "exercise" in cell.tags]
    inside = [cell for task in tasks for cell in task.code]
    found += [f"{cell}: an exercise outside 'Try it'" for cell in loose if cell not in inside]
    return found


def question_cells(notebook):
    return [cell for cell in notebook.section("Questions") if cell.code]


def questions_text(notebook):
    """What a chapter asks, as the library reads it; empty if the cell is not of the one form."""
    for cell in question_cells(notebook):
        text = cell.source.strip()
        inside = text.removeprefix(QUESTIONS_BEGIN).removesuffix(QUESTIONS_END)
        if text == QUESTIONS_BEGIN + inside + QUESTIONS_END and '"""' not in inside:
            return inside
    return ""


def _questions(notebook):
    from aelib import questions  # loads torch, which the rules that only read do not need

    cells, found = question_cells(notebook), []
    if len(cells) != 1:
        return [f"'Questions' has {len(cells)} code cells: one is wanted, with all questions"]
    if "hide-input" not in cells[0].tags:
        found.append(f"{cells[0]}: the questions' cell has the tag hide-input")
    for cell in notebook.section("Questions"):
        if cell.markdown and re.search(r"^\W*(Question \d|\([A-F]\))|<summary>", cell.source, re.M):
            found.append(f"{cell}: a question in Markdown, which does not mark itself")
    if not (text := questions_text(notebook)):
        return [*found, f"{cells[0]}: must read {QUESTIONS_BEGIN}…\n{QUESTIONS_END}"]
    try:
        asked = questions.read(text)
    except ValueError as error:
        return [*found, f"{cells[0]}: {error}"]
    if not 3 <= len(asked) <= 5:
        found.append(f"'Questions' has {len(asked)} questions: 3 to 5 are wanted")
    right = [question.right for question in asked]
    if len(set(right)) < 3:
        found.append(
            f"right are {', '.join(right)}: at least three letters are wanted, not a habit"
        )
    return found


def _closing(notebook):
    found = []
    away = "\n".join(cell.source for cell in notebook.section("What to take away"))
    if len(re.findall(r"^[-*] ", away, re.M)) < 2:
        found.append("'What to take away' must be a list")
    sources = "\n".join(cell.source for cell in notebook.section("Where this came from"))
    if not any(target.startswith("https://") for _, target in links(sources)):
        found.append("'Where this came from' links no source")
    return found


# ---------------------------------------------------------------- code


def long_cells(notebook):
    return [
        f"{cell}: {len(cell.source.splitlines())} lines, at most {MAX_CODE_LINES}"
        for cell in notebook.code
        if len(cell.source.splitlines()) > MAX_CODE_LINES
        and cell not in question_cells(notebook)  # which hold prose, and no other code
    ]


def _dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


PLOTTERS = re.compile(
    r"plots\.(figure|image_grid|reconstructions|codes|decoder_grid|history)|plt\.(figure|subplots)"
)


def _calls(cell):
    return [node for node in ast.walk(cell.tree) if isinstance(node, ast.Call)]


def _run_calls(cell):
    """The calls that the cell itself makes, not those inside a function or class it defines."""
    pending, found = list(cell.tree.body), []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            found.append(node)
        pending.extend(ast.iter_child_nodes(node))
    return found


def figure_calls(cell):
    """The calls that show a figure: those with an `alt`."""
    return [c for c in _calls(cell) if any(word.arg == "alt" for word in c.keywords)]


def figures(notebook):
    found = []
    for cell in notebook.code:
        for call in _calls(cell):
            if _dotted(call.func) in {"plt.show", "pyplot.show", "fig.show"}:
                found.append(
                    f"{cell}: {_dotted(call.func)}() shows a figure without alternative text"
                )
            if _dotted(call.func) == "plots.show" and call not in figure_calls(cell):
                found.append(f"{cell}: plots.show without alt=")
        for call in figure_calls(cell):
            alt = next(word.value for word in call.keywords if word.arg == "alt")
            if not (isinstance(alt, ast.Constant) and isinstance(alt.value, str)):
                found.append(f"{cell}: alt must be a literal text")
            elif len(alt.value.strip()) < MIN_ALT:
                found.append(
                    f"{cell}: alt has {len(alt.value.strip())} characters, {MIN_ALT} wanted"
                )
        draws = any(PLOTTERS.fullmatch(_dotted(call.func)) for call in _run_calls(cell))
        last = cell.tree.body[-1] if cell.tree.body else None
        shown = isinstance(last, ast.Expr) and last.value in figure_calls(cell)
        if (draws or figure_calls(cell)) and not shown:
            found.append(f"{cell}: draws a figure and does not end with plots.show(fig, alt=…)")
    return found


def alternative_texts(notebook):
    return [
        word.value.value.strip()
        for cell in notebook.code
        for call in figure_calls(cell)
        for word in call.keywords
        if word.arg == "alt" and isinstance(word.value, ast.Constant)
    ]


class _Bare(ast.NodeTransformer):
    """Drops docstrings, annotations and guards: the chapter shows the idea, the library checks.

    A guard is an ``if`` that only raises, or a bare call of a private helper.
    """

    def _without_docstring(self, node):
        self.generic_visit(node)
        if node.body and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        node.body = node.body or [ast.Pass()]
        return node

    visit_ClassDef = _without_docstring

    def visit_FunctionDef(self, node):
        node.returns = None
        return self._without_docstring(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_If(self, node):
        if not node.orelse and all(isinstance(line, ast.Raise) for line in node.body):
            return None
        return self.generic_visit(node)

    def visit_Expr(self, node):
        helper = getattr(getattr(node.value, "func", None), "id", "")
        return None if helper.startswith("_") else node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign(targets=[node.target], value=node.value)


def bare(node):
    """The code of a function or class, as text, without docstrings, annotations and guards."""
    copy = ast.parse(ast.unparse(node))
    return ast.unparse(ast.fix_missing_locations(_Bare().visit(copy)))


def definitions(notebook):
    """(name, node, cell) of every function and class that the chapter itself introduces."""
    return [
        (node.name, node, cell)
        for cell in notebook.code
        if "exercise" not in cell.tags
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node in cell.tree.body
    ]


def library(
    root=ROOT / "aelib", modules=("models", "losses", "data", "corruption", "metrics", "training")
):
    """{name: node} of what the library defines, from its source."""
    found = {}
    for module in modules:
        for path in [root / f"{module}.py", *sorted((root / module).glob("*.py"))]:
            if path.exists():
                for node in ast.parse(path.read_text(encoding="utf-8")).body:
                    if isinstance(node, ast.FunctionDef | ast.ClassDef):
                        found[node.name] = node
    return found


def introduced_once(notebooks, in_library):
    """A name of the library is written out in one chapter, as the library has it, guards aside."""
    found, home, seen = [], {}, {}
    for notebook in notebooks:
        chapter = notebook.path.name
        for name, node, cell in definitions(notebook):
            if name.startswith("_"):
                continue  # a guard, which a chapter may word in its own way
            if name in in_library:
                if home.setdefault(name, chapter) != chapter:
                    found.append(
                        f"{chapter}, {cell}: {name} was introduced in {home[name]}: import it"
                    )
                if bare(node) != bare(in_library[name]):
                    found.append(f"{chapter}, {cell}: {name} is not the same code as aelib's")
            elif isinstance(node, ast.ClassDef) and seen.setdefault(name, chapter) != chapter:
                found.append(f"{chapter}, {cell}: class {name} was introduced in {seen[name]}")
            elif len(list(ast.walk(node))) > 60:
                first = seen.setdefault(bare(node), chapter)
                if first != chapter:
                    found.append(f"{chapter}, {cell}: {name} is pasted from {first}")
    return found


# ---------------------------------------------------------------- the file


def stripped(notebook):
    """No outputs, except small texts that nbval compares."""
    found = []
    for cell in notebook.code:
        outputs, count = cell.raw.get("outputs", []), cell.raw.get("execution_count")
        if "nbval-check-output" not in cell.tags:
            if outputs:
                found.append(f"{cell}: has outputs: strip them")
            if count is not None:
                found.append(f"{cell}: has an execution count: strip it")
            continue
        if not outputs:
            found.append(f"{cell}: tagged nbval-check-output, and has no output to compare")
        if not isinstance(count, int):
            found.append(f"{cell}: a kept output needs its execution count")
        size = 0
        for output in outputs:
            kinds = set(output.get("data", {"text/plain": ""}))
            if output["output_type"] not in {"stream", "execute_result", "display_data"}:
                found.append(f"{cell}: keeps an output of type {output['output_type']}")
            elif kinds != {"text/plain"} or output.get("name") == "stderr":
                found.append(f"{cell}: keeps an output that is not plain text")
            size += len(json.dumps(output, ensure_ascii=False).encode())
        if size > MAX_OUTPUT_BYTES:
            found.append(f"{cell}: keeps {size} bytes of output, at most {MAX_OUTPUT_BYTES}")
    return found


def metadata(notebook):
    """Nothing of the machine that wrote the file; ids, and known tags in lower case."""
    found = []
    extra = set(notebook.raw["metadata"]) - {"kernelspec", "language_info"}
    if extra:
        found.append(f"metadata holds {sorted(extra)}")
    kernel = notebook.raw["metadata"].get("kernelspec", {})
    if kernel.get("name") != "python3" or set(kernel) - {"name", "display_name", "language"}:
        found.append(f"kernelspec is {kernel}: name python3, display_name, language")
    language = notebook.raw["metadata"].get("language_info", {"name": "python"})
    if language != {"name": "python"}:
        found.append(f"language_info is {language}: only the name, python")
    if (notebook.raw.get("nbformat"), notebook.raw.get("nbformat_minor")) < (4, 5):
        found.append("the notebook's format is older than 4.5, which has cell ids")
    ids = [cell.raw.get("id") for cell in notebook.cells]
    for cell in notebook.cells:
        if not cell.raw.get("id"):
            found.append(f"{cell}: has no id")
        elif ids.count(cell.raw["id"]) > 1:
            found.append(f"{cell}: its id is used twice")
        if not (cell.markdown or cell.code):
            found.append(f"{cell}: is neither Markdown nor code")
        if not cell.source.strip():
            found.append(f"{cell}: is empty")
        kept = {k: v for k, v in cell.raw["metadata"].items() if k not in ("slide", "tags")}
        if cell.code and cell.source.startswith(strip_outputs.FORM):
            if kept != strip_outputs.FOLDED:
                found.append(f"{cell}: must be folded in Colab and JupyterLab: `make format`")
        elif kept:
            found.append(f"{cell}: metadata holds {sorted(kept)}, only tags and slide may stand")
        for tag in cell.tags:
            if tag != tag.lower():
                found.append(f"{cell}: tag {tag!r} is not in lower case (nbval ignores it)")
            elif tag not in TAGS:
                found.append(f"{cell}: tag {tag!r} is not one of {sorted(TAGS)}")
        if cell.markdown and cell.raw.get("attachments"):
            found.append(f"{cell}: has an attachment")
    return found


def file_name(notebook):
    if re.fullmatch(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.ipynb", notebook.path.name):
        return []
    return [f"{notebook.path.name}: a chapter is named NN_topic_in_lower_case.ipynb"]


def broken_links(text, folder):
    """Relative targets that are not files."""
    found = []
    for label, target in links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target) or target.startswith("#"):
            continue
        path = target.partition("#")[0]
        if path.startswith("/") or not (folder / path).exists():
            found.append(f"[{label}]({target}) leads nowhere")
    return found


def outside_reads(notebook):
    """A chapter runs from a clone or on Colab: it names no path of a machine."""
    pattern = r"""['"](?:~?/|\.\./)[\w./-]*|\bshared/"""
    return [
        f"{cell}: names the path {match.group(0)}"
        for cell in notebook.code
        for match in re.finditer(pattern, cell.source)
    ]


def claims(notebook):
    """A chapter asserts what it claims."""
    asserted = any(isinstance(node, ast.Assert) for c in notebook.code for node in ast.walk(c.tree))
    return [] if asserted else ["no cell asserts what the chapter claims"]
