"""The instructor's guide: plans add up, what they name exists, what they advise fits what was measured."""

import json
import re
import subprocess
import sys

import pytest
import rules
import yaml
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

GUIDE = rules.ROOT / "book" / "instructors"
EXTENSIONS = rules.ROOT / "book" / "_ext"
MEASURED = rules.ROOT / "benchmarks" / "results" / "memory.json"


def chapter(number):
    (path,) = rules.NOTEBOOKS.glob(f"{number:02d}_*.ipynb")
    return rules.Notebook.read(path)


def numbers(text, word):
    """All numbers in 'exercise 3', 'exercises 1 and 3', 'questions 1, 2 and 5'."""
    lists = re.findall(rf"(?<!\w){word}s? (\d(?:(?:, | and )\d)*)", text, re.IGNORECASE)
    return {int(n) for found in lists for n in re.findall(r"\d", found)}


def exercises(number):
    return set(range(1, len(rules.exercises(chapter(number))) + 1))


def questions(number):
    text = "\n".join(cell.source for cell in chapter(number).section("Questions"))
    return {int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}


def parts(page, heading):
    """{number: text} of the parts of a page whose headings end in a number: 'Chapter 3: …'."""
    text = (GUIDE / page).read_text("utf-8")
    found = re.split(rf"^#+ {heading} (\d+).*$", text, flags=re.M)
    return {int(n): body for n, body in zip(found[1::2], found[2::2])}


# ---------------------------------------------------------------- what the pages name


def test_numbers_are_found_in_a_sentence():
    text = "**Exercise 1**, then exercises 2, 3 and 5; no exercise. Question 4."
    assert numbers(text, "exercise") == {1, 2, 3, 5}
    assert numbers(text, "question") == {4}


def test_the_notes_are_on_every_chapter_and_name_what_it_has():
    notes = parts("chapters.md", "Chapter")
    assert list(notes) == list(range(1, len(rules.chapters()) + 1))
    for number, text in notes.items():
        assert numbers(text, "exercise") <= exercises(number), f"chapter {number}"
        assert numbers(text, "question") <= questions(number), f"chapter {number}"
        assert f"notebooks/{number:02d}_" in text and f"{{chapter-seconds}}`{number:02d}`" in text


@pytest.mark.parametrize("number", range(1, len(rules.chapters()) + 1))
def test_the_term_sets_every_exercise_and_says_how_long_the_reading_is(number):
    text = (GUIDE / "semester.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| {number} \| \[{number}\].*$", text, re.M)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    lab, home = numbers(cells[3], "exercise"), numbers(cells[4], "exercise")
    assert lab | home == exercises(number) and not lab & home
    reading = re.search(r"about (\d+) minutes to read", chapter(number).cells[1].source)
    assert cells[2] == reading[1]
    week = parts("semester.md", "Week")[number]
    assert numbers(week, "question") <= questions(number)
    assert f"| {number:02d} |" in week, "the class runs its chapter"


def titles(number):
    """The chapter's headings, in small letters and without formulas' marks."""
    found = {h.text for cell in chapter(number).prose for h in rules.headings(cell.source)}
    return {re.sub(r"\$(.*?)\$", r"\1", title).replace("-", "−").lower() for title in found}


def named(text):
    """What stands in italics and begins as a title does; titles may be cut short."""
    found = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text)
    return {title.rstrip(".").replace("-", "−").lower() for title in found} - {"run all"}


@pytest.mark.parametrize("week", range(1, len(rules.chapters()) + 1))
def test_the_sections_that_a_week_names_are_the_chapters(week):
    there = titles(week)
    for title in named(parts("semester.md", "Week")[week]):
        assert any(t.startswith(title) for t in there), title


@pytest.mark.parametrize("page", ["lecture.md", "half_day.md", "workshop.md"])
def test_the_sections_that_a_plan_names_are_some_chapters(page):
    there = set().union(*(titles(number) for number in range(1, len(rules.chapters()) + 1)))
    plans = re.findall(r"^```\{session\}.*?^```$", (GUIDE / page).read_text("utf-8"), re.M | re.S)
    wanted = named("\n".join(plans))
    assert len(wanted) > 4
    for title in wanted:
        assert any(t.startswith(title) for t in there), title


# ---------------------------------------------------------------- what running.md advises


def values():
    """The YAML block with the chart's values."""
    text = (GUIDE / "running.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    return yaml.safe_load(block)


def gigabytes(text):
    return float(re.fullmatch(r"([\d.]+)G", str(text))[1])


# From https://z2jh.jupyter.org/en/stable/resources/reference.html
KNOWN = {
    "hub": {"concurrentSpawnLimit", "config"},
    "singleuser": {"image", "defaultUrl", "startTimeout", "memory", "cpu", "extraEnv", "storage"},
    "prePuller": {"hook", "continuous"},
    "scheduling": {"podPriority", "userPlaceholder"},
    "cull": {"enabled", "timeout", "every"},
}


def test_the_values_are_names_of_the_chart():
    found = values()
    assert set(found) == set(KNOWN)
    for part, names in KNOWN.items():
        assert set(found[part]) <= names, part
    single = found["singleuser"]
    for what in ("memory", "cpu"):
        assert set(single[what]) == {"guarantee", "limit"}
    assert single["extraEnv"] == {"OMP_NUM_THREADS": str(single["cpu"]["limit"])}


def test_a_student_fits_into_the_memory():
    report = json.loads(MEASURED.read_text("utf-8"))
    largest = max(line["peak_mb"] for name, line in report.items() if name != "server")
    needed = (largest + report["server"]["peak_mb"]) / 1000
    assert gigabytes(values()["singleuser"]["memory"]["limit"]) > 1.2 * needed


# ---------------------------------------------------------------- the directives


@pytest.fixture(scope="module")
def teaching():
    sys.path.insert(0, str(EXTENSIONS))
    try:
        import teaching

        yield teaching
    finally:
        sys.path.remove(str(EXTENSIONS))


def test_run_times_are_said(teaching):
    said = {29.6: "30 s", 119.4: "119 s", 119.6: "2 min", 237: "3 min 57 s", 300: "5 min"}
    assert {s: teaching.spoken(s) for s in said} == said
    seconds = {"03": 98.0, "05": 237.0}
    assert teaching.run_time("03", None, seconds) == "98 s"
    assert teaching.run_time("03 05", None, seconds) == "5 min 35 s"
    assert teaching.run_time("03", 2, seconds) == "98 s"
    assert teaching.run_time("05", 3, seconds) == "3 min 57 s; start it 1 min earlier"
    with pytest.raises(KeyError):
        teaching.run_time("04", None, seconds)


@pytest.fixture
def build(teaching, tmp_path, monkeypatch):
    """Builds a page with the extension, and returns its HTML and the warnings."""
    monkeypatch.setattr(teaching, "by_number", lambda env: {"03": 98.0, "05": 237.0})

    def page(text, report=None):
        source = tmp_path / "source"
        (source / "benchmarks" / "results").mkdir(parents=True, exist_ok=True)
        (source / "index.md").write_text(f"# Title\n\n{text}\n", encoding="utf-8")
        if report is not None:
            (source / "benchmarks" / "results" / "memory.json").write_text(json.dumps(report))
        with (
            docutils_namespace(),  # or a second build finds everything registered already
            (tmp_path / "warnings").open("w+", encoding="utf-8") as warnings,
        ):
            app = Sphinx(
                source, None, tmp_path / "html", tmp_path / "doctrees", "html", status=None,
                warning=warnings, freshenv=True,
                confoverrides={"extensions": ["myst_parser", "teaching"]},
            )  # fmt: skip
            app.build()
            warnings.seek(0)
            return (tmp_path / "html" / "index.html").read_text("utf-8"), warnings.read()

    return page


def cells(html):
    text = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", html, re.S)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in text]


def test_a_session_is_a_table_with_measured_times(build):
    plan = "```{session} 15\n5 | | Ask *why*.\n3 | 05 | [Run](https://x.org) it.\n7|03|Look.\n```"
    html, warnings = build(plan)
    assert not warnings
    assert cells(html) == [
        "minute", "what happens", "run",
        "0–5", "Ask why.", "",
        "5–8", "Run it.", "3 min 57 s; start it 1 min earlier",
        "8–15", "Look.", "98 s",
    ]  # fmt: skip
    assert '<a class="reference external" href="https://x.org">Run</a>' in html


def test_a_run_time_stands_in_a_sentence(build):
    html, warnings = build("It takes {chapter-seconds}`03 05` in all.")
    assert "It takes 5 min 35 s in all." in html and not warnings


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```{session} 20\n5 | | Talk.\n```", "5 minutes are planned, not 20"),
        ("```{session} 5\n5 minutes of talk\n```", "not 'minutes | chapters | what happens'"),
        ("```{session} 5\n5 | 12 | Run.\n```", "chapter 12 has no measured run time"),
        ("{chapter-seconds}`99`", "chapter 99 has no measured run time"),
    ],
)
def test_a_wrong_plan_is_a_warning(build, text, complaint):
    _, warnings = build(text)
    assert complaint in warnings  # and warnings are errors when the book is built


def test_the_table_of_memory(build):
    line = {"peak_mb": 1234, "processors": 2, "threads": 2, "system": "Linux x86_64"}
    line |= {"python": "3.11.7", "torch": "2.14.1"}
    report = {"notebooks/04_losses": line | {"processor_seconds": 150.4, "seconds": 98.2}}
    html, warnings = build("```{chapter-memory} memory\n```", report | {"server": line})
    assert not warnings
    assert cells(html)[4:] == [
        "chapter 4",
        "1,234",
        "150",
        "98",
        "an idle JupyterLab",
        "1,234",
        "–",
        "–",
    ]
    assert 'href="notebooks/04_losses.html"' in html and "2 threads on Linux x86_64" in html
    report["server"] = line | {"processors": 8}
    html, _ = build("```{chapter-memory} memory\n```", report)
    assert html.count("; or with 8 processor cores") == 1, "two machines are both named"
    html, _ = build("```{chapter-memory} none\n```")
    assert "No measurement has been committed yet." in html


def test_colabs_versions_and_the_lowest_stand_in_a_table(build, tmp_path):
    source = tmp_path / "source"
    (source / "tools").mkdir(parents=True)
    (source / "tools" / "colab_versions.txt").write_text(
        "# torch==0.0\npython==3.13.15  # [1]\npip==24.1\nscikit-learn==1.6.1  # [1]\ntorch==2.11.0\n"
    )
    (source / "pyproject.toml").write_text(
        '[project]\nrequires-python = ">=3.11,<3.14"\ndependencies = ["torch>=2.5", "scikit-learn>=1.5"]\n'
    )
    html, warnings = build("```{colab-versions}\n```")
    assert not warnings
    assert cells(html) == [
        "package", "Colab", "the lowest",
        "python", "3.13.15", "3.11",
        "torch", "2.11.0", "2.5",
        "scikit-learn", "1.6.1", "1.5",
    ]  # fmt: skip


def test_the_guide_is_read_again_when_a_chapter_is(teaching):
    class Environment:
        found_docs = {"book/instructors/lecture", "book/index", "notebooks/03_x"}

    names = ["notebooks/03_x"]
    teaching.refresh(None, Environment, names)
    assert names == ["notebooks/03_x", "book/instructors/lecture"]
    names = []
    teaching.refresh(None, Environment, names)
    assert names == [], "nothing has changed"


# ---------------------------------------------------------------- benchmarks/memory.py


@pytest.fixture(scope="module")
def memory():
    sys.path.insert(0, str(rules.ROOT / "benchmarks"))
    try:
        import memory

        yield memory
    finally:
        sys.path.remove(str(rules.ROOT / "benchmarks"))


def test_memory_and_time_of_a_process_and_its_children_are_measured(memory):
    child = "x = bytearray(200_000_000); sum(range(3_000_000))"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    # a small process measures: on Linux, what a command takes counts from its parent's memory
    measure = "import json, sys, memory; print(json.dumps(memory.measure(sys.argv[1:])))"
    done = subprocess.run(
        [sys.executable, "-c", measure, sys.executable, "-c", parent],
        cwd=rules.ROOT / "benchmarks",
        capture_output=True,
        check=True,
    )
    use = json.loads(done.stdout)
    assert 200 <= use["peak_mb"] < 300
    assert use["processor_seconds"] > 0 and use["seconds"] > 0


def test_a_command_that_fails_is_no_measurement(memory):
    with pytest.raises(SystemExit, match="no such thing"):
        memory.measure([sys.executable, "-c", "raise RuntimeError('no such thing')"])


def test_a_server_is_ended(memory):
    use = memory.measure([sys.executable, "-c", "import time; time.sleep(60)"], stop_after=0.5)
    assert 0.5 <= use["seconds"] < 20
    with pytest.raises(SystemExit, match="port taken"):
        memory.measure([sys.executable, "-c", "print('port taken')"], stop_after=1)


def test_chapters_are_found_by_number(memory):
    assert [path.name[:2] for path in memory.find(["04", "11"])] == ["04", "11"]
    assert memory.find([]) == rules.chapters()
    with pytest.raises(SystemExit, match="Give numbers such as 04"):
        memory.find(["4"])


def test_a_new_line_replaces_the_old_one(memory, tmp_path):
    path = tmp_path / "memory.json"
    path.write_text(json.dumps({"server": {"a": 1}, "notebooks/04_x": {"a": 1}}))
    found = memory.merged(path, {"notebooks/04_x": {"a": 2}, "notebooks/03_x": {"a": 3}})
    assert list(found) == ["notebooks/03_x", "notebooks/04_x", "server"]
    assert found["notebooks/04_x"] == {"a": 2} and found["server"] == {"a": 1}
