"""The house: versions that agree, one address, files that must be there, commands that explain."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import rules
import test_exercises
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import pins, repository, strip_outputs

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ["3.11", "3.12", "3.13"]
EXTRAS = {"book", "teach", "test", "lab", "benchmark"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def constraints():
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line) for line in lines), "a pin is exact"
    return dict(line.split("==") for line in lines)


# ---------------------------------------------------------------- versions


def test_every_direct_dependency_is_pinned_within_its_bounds():
    pinned = constraints()
    for name, requirement in pins.direct().items():
        assert name in pinned, f"{name} is in pyproject.toml and not in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement}, pinned {pinned[name]}"


def test_lower_bounds_are_lower_bounds():
    """A reader's or Colab's own version stays, if it is not too old."""
    for line in project()["dependencies"]:
        operators = {part.operator for part in Requirement(line).specifier}
        assert operators == {">="}, f"{line}: only >= for what the library needs to run"


def test_extras_are_the_ones_that_make_installs():
    assert set(project()["optional-dependencies"]) == EXTRAS == set(pins.EXTRAS)
    assert "-e '.[book,test,lab,teach]'" in read("tools/setup.sh")


def test_pins_are_what_this_environment_has():
    """`make` installs the pins; an environment of other versions tests something else."""
    made_by_make = ROOT / ".venv" / ".installed"
    if Path(sys.prefix) != ROOT / ".venv" or not made_by_make.exists():
        pytest.skip("not the environment that make sets up")
    installed = pins.installed({n: r for n, r in pins.direct().items() if n != "lightning"})
    pinned = constraints()
    different = {n: (v, pinned[n]) for n, v in installed.items() if pinned.get(n, v) != v}
    assert not different, f"installed, pinned: {different}"


def test_no_pin_excludes_a_supported_python():
    """Debian 12 has Python 3.11.2: a pin may not ask for a later 3.11."""
    from importlib import metadata

    for name, version in constraints().items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        wanted = distribution.metadata.get("Requires-Python")
        if wanted and distribution.version.split("+")[0] == version:
            for python in ("3.11.2", "3.12.0", "3.13.0"):
                assert SpecifierSet(wanted).contains(python), f"{name}=={version} needs {wanted}"


def test_constraints_leave_torchs_own_packages_to_torch():
    """The small build of PyTorch has no CUDA packages, and pins of them would stop nothing else."""
    assert not [name for name in constraints() if pins.FROM_TORCH.match(name)]


def test_environment_says_the_same():
    environment = yaml.safe_load(read("environment.yml"))
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert f"python={pins.PYTHON}" in environment["dependencies"]
    assert "-c constraints.txt" in pip
    assert f"-e .[{','.join(pins.EXTRAS_OF_THE_ENVIRONMENT)}]" in pip
    pinned = constraints()
    named = dict(line.split("==") for line in pip if "==" in line)
    assert named == {name: pinned[name] for name in named}
    assert set(named) == set(pins.direct(extras=pins.EXTRAS_OF_THE_ENVIRONMENT))


def test_both_files_are_what_tools_pins_writes():
    pinned = constraints()
    assert read("constraints.txt") == pins.constraints(pinned)
    names = list(pins.direct(extras=pins.EXTRAS_OF_THE_ENVIRONMENT))
    assert read("environment.yml") == pins.environment(pinned, names)


def test_torch_and_torchvision_belong_together():
    pinned = constraints()
    torch, vision = Version(pinned["torch"]), Version(pinned["torchvision"])
    assert torch.minor + 15 == vision.minor, "torchvision 0.(n+15) goes with torch 2.n"


def test_supported_pythons_are_the_same_everywhere():
    table = project()
    supported = SpecifierSet(table["requires-python"])
    minors = [f"3.{n}" for n in range(8, 20) if supported.contains(f"3.{n}.5")]
    assert minors == PYTHONS
    prefix = "Programming Language :: Python :: 3."
    assert [c[-4:] for c in table["classifiers"] if c.startswith(prefix)] == PYTHONS
    assert "Python 3.11, 3.12 or 3.13" in read("README.md")
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in read("tools/setup.sh")
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in read(".ci/run")
    jobs = workflow("course")["jobs"]
    assert jobs["library"]["strategy"]["matrix"]["python"] == PYTHONS
    target = tomllib.loads(read("pyproject.toml"))["tool"]["ruff"]["target-version"]
    assert target == "py" + PYTHONS[0].replace(".", "")
    assert pins.PYTHON in PYTHONS


def test_version_stands_once():
    import aelib

    assert yaml.safe_load(read("CITATION.cff"))["version"] == aelib.__version__
    assert "version" in project()["dynamic"]


def test_installed_follows_extras_and_markers(monkeypatch):
    """`tools/pins.py` takes what a requirement brings, and nothing that another system needs."""

    class Distribution:
        def __init__(self, version, requires=()):
            self.version, self.requires = version, list(requires)

    world = {
        "a": Distribution("1.0", ["b[more]>=1", "win; sys_platform == 'nowhere'", "triton"]),
        "b": Distribution("2.0+cpu", ["c; extra == 'more'", "d; extra == 'other'"]),
        "c": Distribution("3.0", ["a"]),
    }
    monkeypatch.setattr(pins.metadata, "distribution", world.__getitem__)
    found = pins.installed({"a": Requirement("a")})
    assert found == {"a": "1.0", "b": "2.0", "c": "3.0"}
    assert Marker("extra == 'more'").evaluate({"extra": "more"})
    assert canonicalize_name("A_b") == "a-b"


# ---------------------------------------------------------------- the address


def test_no_copy_of_the_address_differs():
    found = repository.differences()
    assert not found, "\n" + "\n".join([*found, "run: python tools/repository.py"])


def test_the_address_is_where_it_must_be():
    here = repository.address()
    for name in ("README.md", "CITATION.cff", "pyproject.toml"):
        assert here.url in read(name)
        assert here.pages in read(name)
    library = read("aelib/data.py")  # which fetches the faces where the course's data are not there
    raw = f"https://raw.githubusercontent.com/{here.owner}/{here.name}/{here.branch}"
    assert library.count("https://") == library.count(f'"{raw}"') == 1
    for path in [*ROOT.glob("notebooks/*.ipynb"), ROOT / "tools" / "chapter_template.ipynb"]:
        cells = ["".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"]]
        assert cells.count(repository.SETUP_CELL) == 1, path.name
        name = path.name if path.parent.name == "notebooks" else "NN_topic.ipynb"
        assert repository.colab_link(name) in cells[0], path.name


@pytest.fixture
def house(tmp_path):
    """A small copy of the project in which addresses may be wrong."""
    for name in ("_config.yml", "pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    template = (ROOT / "tools" / "chapter_template.ipynb").read_text(encoding="utf-8")
    chapter = template.replace("NN_topic.ipynb", "06_denoising.ipynb")
    (tmp_path / "notebooks" / "06_denoising.ipynb").write_text(chapter, encoding="utf-8")
    assert repository.differences(tmp_path) == []
    return tmp_path


HUB, OLD, NAME = "https://github.com", "someone-else", repository.address().name
STRAYS = {
    "a fork of the same name": f"{HUB}/{OLD}/{NAME}",
    "its issues": f"[issues]({HUB}/{OLD}/{NAME}/issues).",
    "a clone over ssh": f"git@github.com:{OLD}/{NAME}.git",
    "a clone": f"git clone {HUB}/{OLD}/{NAME}.git",
    "a chapter on Colab": "https://colab.research.google.com/github/"
    f"{OLD}/other/blob/main/notebooks/03_autoencoders.ipynb",
    "a chapter that is gone": f"{HUB}/{OLD}/other/blob/dev/notebooks/77_gone.ipynb",
    "a chapter on Binder": f"https://mybinder.org/v2/gh/{OLD}/{NAME}/main?labpath=notebooks",
    "a raw file": f"https://raw.githubusercontent.com/{OLD}/{NAME}/main/data/x.gz",
    "the published book": f"https://{OLD}.github.io/{NAME}/book/index.html",
    "a quoted address": f"repo=https%3A%2F%2Fgithub.com%2F{OLD}%2F{NAME}&branch=main",
    "the library": f'pip install "aelib @ git+{HUB}/{OLD}/library"',
    "another branch": f"{HUB}/{repository.address().owner}/{NAME}/blob/develop/README.md",
    "a badge": f"https://img.shields.io/github/license/{OLD}/{NAME}",
}


@pytest.mark.parametrize("text", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("name", ["book/page.md", "tools/x.py", ".github/workflows/x.yml"])
def test_a_stray_is_found_and_mended(house, text, name):
    path = house / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"before\n{text}\nafter\n", encoding="utf-8")
    (line,) = repository.differences(house)
    assert line.startswith(f"{name}:2: ")
    for changed, _, new in list(repository.changes(house)):
        changed.write_text(new, encoding="utf-8")
    assert repository.differences(house) == []
    assert OLD not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        f"{HUB}/pytorch/examples/tree/main/vae",
        f"{HUB}/{OLD}/lectures/blob/develop/notebooks/intro.ipynb",
        f"https://{OLD}.github.io/a-blog/2020/post.html",
        "https://colab.research.google.com",
        f"{HUB}/YOUR-NAME/other",
        f"{HUB}/<you>/{NAME}",
        f"{HUB}/{repository.address().owner}/{NAME}/commit/" + "0" * 40,
        f"{HUB}/{repository.address().owner}/{NAME}/blob/" + "0" * 40 + "/README.md",
    ],
)
def test_other_links_are_left_alone(house, text):
    (house / "page.md").write_text(f"see {text}.\n", encoding="utf-8")
    assert repository.differences(house) == []


def test_a_changed_setup_cell_or_colab_line_is_found(house):
    path = house / "notebooks" / "06_denoising.ipynb"
    good = path.read_text(encoding="utf-8")
    for old, new in [("aelib.seed(0)", "aelib.seed(1)"), ("06_denoising.ipynb", "07_other.ipynb")]:
        assert old in good
        path.write_text(good.replace(old, new), encoding="utf-8")
        assert len(repository.differences(house)) == 1
        ((_, _, mended),) = repository.changes(house)
        assert mended == good


def test_moving_the_course_moves_every_copy(house):
    """Owner, name and branch change in one place, one run, nothing is left behind."""
    before = repository.address(house)
    config = (house / "_config.yml").read_text(encoding="utf-8")
    config = config.replace(f"url: {before.url}", f"url: {HUB}/New-Owner/new.name")
    (house / "_config.yml").write_text(
        config.replace("branch: main", "branch: trunk"), encoding="utf-8"
    )
    assert len(repository.differences(house)) >= 10
    for path, _, new in list(repository.changes(house)):
        path.write_text(new, encoding="utf-8")
    assert repository.differences(house) == []
    for path in repository.readable_files(house):
        assert f"{before.owner}/{before.name}" not in path.read_text(encoding="utf-8"), path
    text = (house / "notebooks" / "06_denoising.ipynb").read_text(encoding="utf-8")
    assert "New-Owner/new.name/blob/trunk/notebooks/06_denoising.ipynb" in text
    assert f"git+{HUB}/New-Owner/new.name" in text
    assert "https://new-owner.github.io/new.name/" in (house / "README.md").read_text("utf-8")


@pytest.mark.parametrize("url", ["github.com/a/b", f"{HUB}/a", "https://gitlab.com/a/b", "x"])
def test_an_address_elsewhere_is_refused(url):
    with pytest.raises(ValueError, match="OWNER/NAME"):
        repository.Address.of(url)


def test_a_site_at_the_root_of_its_owner():
    address = repository.Address.of(f"{HUB}/Owner/owner.github.io")
    assert address.pages == "https://owner.github.io/"


# ---------------------------------------------------------------- files and commands


def workflow(name):
    return yaml.safe_load(read(f".github/workflows/{name}.yml"))


def test_licences():
    assert read("LICENSE").startswith("MIT License")
    assert read("LICENSE-CONTENT").startswith("Attribution 4.0 International")
    assert "creativecommons.org" in read("LICENSE-CONTENT")
    assert "Section 8 -- Interpretation." in read("LICENSE-CONTENT")
    assert project()["license"] == "MIT"
    assert "CC BY-SA 3.0" in read("data/README.md")
    assert "CC0 1.0" in read("data/README.md")
    for name in ("LICENSE", "LICENSE-CONTENT", "data/README.md"):
        assert f"({name})" in read("README.md")


def test_citation():
    citation = yaml.safe_load(read("CITATION.cff"))
    required = {"cff-version", "message", "title", "authors"}
    assert required <= set(citation)
    assert citation["license"] == ["MIT", "CC-BY-4.0"]
    assert all({"name"} <= set(author) for author in citation["authors"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))


def test_the_readme_names_every_chapter():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{path.name})" in read("README.md"), path.name


def targets():
    phony = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)
    return phony[1].split()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_explains_every_target():
    run = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    explained = re.findall(r"^  ([a-z-]+) +\S", run.stdout, re.MULTILINE)
    assert sorted(explained) == sorted(targets())
    everyday = {"help", "setup", "book", "pdf", "test", "lab", "labs", "grade", "bundle", "format"}
    assert everyday <= set(explained)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_has_the_targets_that_the_text_names(name):
    named = re.findall(r"(?:^|`)\s*make ([a-z-]+)(?![\w/=])", read(name), re.MULTILINE)
    assert named
    assert set(named) <= set(targets())


def setup_with(tmp_path, *arguments):
    command = ["sh", str(ROOT / "tools" / "setup.sh"), str(tmp_path / "venv"), *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_setup_refuses_an_unsuitable_python(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), "no-such-python"):
        run = setup_with(tmp_path, python)
        assert run.returncode != 0
        assert "is not Python 3.11, 3.12 or 3.13" in run.stderr
    assert not (tmp_path / "venv").exists()


def test_setup_refuses_an_unknown_torch(tmp_path):
    run = setup_with(tmp_path, "", "gpu")
    assert run.returncode != 0
    assert "TORCH=cpu" in run.stderr


def test_ci_calls_make_test():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111, ".ci/run must be executable"
    assert read(".ci/run").rstrip().endswith("make test")
    course = workflow("course")["jobs"]
    assert ".ci/run" in [step.get("run") for step in course["course"]["steps"]]
    assert course["publish"]["needs"] == ["library", "course"]
    assert {"newest", "lowest", "colab"} == set(workflow("weekly")["jobs"])


def test_the_book_leaves_out_the_environments_pages():
    """Sphinx follows .venv/lib64 into packages that ship pages, and each warns."""
    assert {".venv", ".pytest_cache"} <= set(
        yaml.safe_load(read("_config.yml"))["exclude_patterns"]
    )


def test_workflow_scripts_exist():
    for name in ("course", "weekly"):
        for job in workflow(name)["jobs"].values():
            for step in job["steps"]:
                for script in re.findall(r"(?:tools|tests)/[\w/.]+", step.get("run", "")):
                    assert (ROOT / script).exists(), f"{name}.yml runs {script}"


# ---------------------------------------------------------------- the tools


def test_stripping_keeps_what_nbval_compares():
    def cell(*tags):
        return {
            "cell_type": "code",
            "id": f"cell-{len(tags)}",
            "metadata": {"tags": list(tags), "collapsed": True} if tags else {"collapsed": True},
            "source": "print(7)\n",
            "execution_count": 3,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "7\n"}],
        }

    shown = cell("hide-input", "slide")
    shown["metadata"]["slide"] = {"title": "A", "notes": "B"}
    raw = {
        "cells": [cell(), cell("nbval-check-output"), shown],
        "metadata": {"language_info": {"name": "python", "version": "3.11.2"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    once = strip_outputs.stripped(json.dumps(raw))
    plain, kept, shown = json.loads(once)["cells"]
    assert plain["outputs"] == [] and plain["execution_count"] is None
    assert kept["outputs"] and kept["execution_count"] == 3
    assert plain["metadata"] == {} and kept["metadata"] == {"tags": ["nbval-check-output"]}
    assert shown["metadata"] == {
        "slide": {"title": "A", "notes": "B"},
        "tags": ["hide-input", "slide"],
    }
    assert json.loads(once)["metadata"] == strip_outputs.METADATA
    assert strip_outputs.stripped(once) == once


def test_the_template_is_stripped():
    text = read("tools/chapter_template.ipynb")
    assert strip_outputs.stripped(text) == text


TEMPLATE = rules.Notebook.read(ROOT / "tools" / "chapter_template.ipynb")


def test_the_template_keeps_the_rules_of_a_chapter():
    """Whoever copies it begins with a chapter that passes."""
    link = repository.colab_link("NN_topic.ipynb")
    found = rules.template(TEMPLATE, repository.SETUP_CELL, link)
    for rule in (rules.long_cells, rules.figures, rules.stripped, rules.metadata, rules.claims):
        found += rule(TEMPLATE)
    found += [stray for cell in TEMPLATE.prose for stray in rules.stray_markdown(cell.source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("task", rules.exercises(TEMPLATE), ids=lambda task: task.title)
def test_the_templates_exercises_know_right_from_wrong(task):
    assert not test_exercises.answered(TEMPLATE, task, task.stub).ok
    result = test_exercises.answered(TEMPLATE, task, task.solution)
    assert result.ok, result.message
