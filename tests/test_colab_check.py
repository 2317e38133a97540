"""Colab: its versions stay as they are, and the check of them notices what it is there to notice."""

import datetime
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tools import colab_check, pins, repository

ROOT = Path(__file__).resolve().parents[1]
HAS_GIT = shutil.which("git") is not None and (ROOT / ".git").exists()


# ---------------------------------------------------------------- versions


def test_what_colab_ships_is_new_enough_for_the_library():
    """Otherwise the setup cell would replace it: a download of minutes, and a restart."""
    shipped = colab_check.colab()
    for line in pins.project()["dependencies"]:
        requirement = Requirement(line)
        version = shipped.versions[requirement.name]
        assert requirement.specifier.contains(version), f"{line}, and Colab ships {version}"
    wanted = Requirement(f"python{pins.project()['requires-python']}").specifier
    assert wanted.contains(shipped.python)


def test_colabs_versions_are_exact_and_say_where_they_are_from():
    text = colab_check.VERSIONS.read_text("utf-8")
    assert text.startswith(colab_check.HEAD)
    pinned = [line for line in text.splitlines() if not line.startswith("#")]
    written = re.search(r"^# Written on \d{4}-\d\d-\d\d\.$", text, re.MULTILINE)
    for line in pinned:
        match = re.fullmatch(r"[a-z-]+==\d[\w.]*(?:  # \[(\d)\])?", line)
        assert match, line
        assert written or f"#   [{match[1]}] " in text, f"{line}: no source"


def test_the_lowest_are_the_lower_bounds():
    """Taken from pyproject.toml, so they cannot drift from it."""
    environment = colab_check.lowest()
    for line in pins.project()["dependencies"]:
        requirement = Requirement(line)
        version = environment.versions.pop(requirement.name)
        assert str(requirement.specifier) == f">={version}"
    assert list(environment.versions) == ["ipykernel"], "only what a notebook needs is added"
    assert environment.python == "3.11"


@pytest.mark.parametrize("line", ["numpy", "numpy==2.0", "numpy<3"])
def test_a_dependency_without_a_lower_bound_is_refused(line):
    with pytest.raises(ValueError, match="write numpy>=VERSION"):
        colab_check.lower_bound(Requirement(line))


FREEZE = """\
# Do not modify this file directly
{}
torch @ https://download.pytorch.org/whl/cpu/torch-9.1.0%2Bcpu-cp313-cp313-linux_x86_64.whl
torchvision==9.2.0+cpu
jupyter_client==9.3.9
google-colab @ file:///colabtools/dist/google_colab-1.0.0.tar.gz
"""
OS = "# $ (lsb_release -ds;python --version;) > os-info.txt\nUbuntu 24.04.4 LTS\nPython 3.13.15\n"


def test_refreshing_takes_the_versions_of_googles_list():
    old = colab_check.VERSIONS.read_text("utf-8")
    others = set(colab_check.colab(old).versions) - {"torch", "torchvision", "jupyter-client"}
    freeze = FREEZE.format("\n".join(f"{name}==7.7.{len(name)}" for name in sorted(others)))
    new = colab_check.refreshed(old, freeze, OS, datetime.date(2027, 1, 2))
    assert new.startswith(colab_check.HEAD)
    assert "# Written on 2027-01-02.\n" in new
    environment = colab_check.colab(new)
    assert environment.python == "3.13.15"
    assert list(environment.versions) == list(colab_check.colab(old).versions)
    versions = environment.versions
    assert (versions["torch"], versions["torchvision"]) == ("9.1.0", "9.2.0")
    assert versions["jupyter-client"] == "9.3.9"
    assert versions["numpy"] == "7.7.5"
    again = colab_check.refreshed(new, freeze, OS, datetime.date(2027, 1, 2))
    assert again == new


def test_refreshing_says_what_is_gone_from_the_list():
    old = colab_check.VERSIONS.read_text("utf-8")
    with pytest.raises(ValueError, match="not on Colab's list any more: python, .*numpy"):
        colab_check.refreshed(old, FREEZE.format(""), "", datetime.date(2027, 1, 2))


def test_the_python_asked_for_is_taken_or_the_nearest():
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for wanted in (here, "3.99.1"):
        path, version = colab_check.interpreter(wanted)
        assert version.startswith(f"{here}.")
        assert subprocess.check_output([path, "--version"], text=True).split()[1] == version


# ---------------------------------------------------------------- what the installation may do


def test_adding_aelib_is_the_only_change_allowed():
    files = {f"torch/{n}.so": [1, 1] for n in range(7)}
    before = ({"torch": "2.11.0", "numpy": "2.1.3"}, files)
    assert colab_check.differences(before, ({**before[0], "aelib": "0.1.0"}, files)) == []
    moved = {"torch": "2.14.1", "numpy": "2.1.3", "triton": "3.6"}
    assert colab_check.differences(before, (moved, files)) == [
        "torch was 2.11.0 and is 2.14.1",
        "triton was not there and is 3.6",
    ]
    assert colab_check.differences(before, ({"torch": "2.11.0"}, files)) == [
        "numpy was 2.1.3 and is gone"
    ]
    touched = files | {"torch/3.so": [1, 2]}
    assert colab_check.differences(before, (before[0], touched)) == ["torch/3.so was touched"]
    assert colab_check.differences(before, (before[0], {}))[-1] == "and 2 files more were touched"


def test_the_state_of_torch_is_seen_in_every_file():
    versions, files = colab_check.installed(Path(sys.executable))
    torch = [Path(name) for name in files if "/torch/" in name]
    assert len(torch) > 1000
    library = max(torch, key=lambda path: files[str(path)][0])
    assert files[str(library)] == [library.stat().st_size, library.stat().st_mtime_ns]
    assert Version(versions["torch"]).release >= (2, 5)


def test_what_is_not_as_in_the_wheel_is_named(tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "aelib").mkdir(parents=True)
    wheel = tmp_path / "aelib-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("aelib/__init__.py", "aelib/a.py", "aelib/b.py", "tests/c.py"):
            archive.writestr(name, name)
            if name != "tests/c.py":
                (site / name).write_text(name)
        archive.writestr("aelib-1.dist-info/METADATA", "left out")
    (site / "aelib" / "a.py").write_text("other")
    (site / "aelib" / "b.py").unlink()
    monkeypatch.setattr(colab_check, "site_packages", lambda _: site)
    lines = colab_check.not_the_wheel(Path(sys.executable), wheel)
    assert lines[0] == "the wheel brings tests, which is not aelib"
    assert "aelib/a.py is not installed as it is in aelib-1-py3-none-any.whl" in lines
    assert "aelib/b.py is not installed as it is in aelib-1-py3-none-any.whl" in lines
    assert "tests/c.py is not installed as it is in aelib-1-py3-none-any.whl" in lines


def test_a_process_gets_no_path_to_this_copy_of_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("AELIB_DATA", str(ROOT / "data"))
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    env = colab_check.variables(tmp_path / "venv" / "bin" / "python", tmp_path / "home")
    assert not {"PYTHONPATH", "AELIB_DATA", "AELIB_MIRROR"} & set(env)
    assert env["PIP_CERT"] == "/ca.pem"
    assert env["HOME"] == str(tmp_path / "home")
    assert env["PATH"].startswith(str(tmp_path / "venv" / "bin"))


# ---------------------------------------------------------------- where things are fetched from


@pytest.mark.skipif(not HAS_GIT, reason="not a clone of the repository")
def test_the_courses_address_is_answered_by_the_working_tree(tmp_path):
    """What is written and not yet committed is in it, and nothing that git ignores."""
    own = tmp_path / "own"
    subprocess.run(["git", "init", "-q", str(own)], check=True)
    (own / ".gitignore").write_text("ignored\n")
    identity = ["-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run(["git", "add", "-A"], cwd=own, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "first"], cwd=own, check=True)
    (own / "new.txt").write_text("not committed")
    (own / "ignored").write_text("x")
    work = tmp_path / "work"
    work.mkdir()
    made = colab_check.commit(work, own)
    env = os.environ | colab_check.git_variables(work)
    url = repository.address().url
    listed = subprocess.check_output(["git", "ls-remote", url, "main"], env=env, text=True)
    assert listed.split() == [made, "refs/heads/main"]
    clone = [
        "git",
        "clone",
        "-q",
        "--filter=blob:none",
        url,
        str(tmp_path / "clone"),
    ]  # as pip does
    subprocess.run(clone, env=env, check=True)
    names = {p.name for p in (tmp_path / "clone").iterdir()} - {".git"}
    assert names == {".gitignore", "new.txt"}
    status = subprocess.check_output(["git", "status", "--short"], cwd=own, text=True)
    assert status.split() == ["??", "new.txt"], "the tree itself is left as it was"


def test_the_data_are_served_and_what_is_asked_for_is_known():
    with colab_check.data_server() as (address, asked):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{address}/MNIST/raw/t10k-labels-idx1-ubyte.gz") as answer:
            content = answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            opener.open(f"{address}/nothing")
    assert content == (ROOT / "data/MNIST/raw/t10k-labels-idx1-ubyte.gz").read_bytes()
    assert asked[0] == "t10k-labels-idx1-ubyte.gz"


# ---------------------------------------------------------------- notebooks


def test_chapters_are_chosen_by_how_their_names_begin():
    assert len(colab_check.chapters([])) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    chosen = colab_check.chapters(["11", "03_auto"])
    assert [path.name[:2] for path in chosen] == ["03", "11"]
    with pytest.raises(colab_check.Failure, match=r"no chapter '77'.*'01', '02'"):
        colab_check.chapters(["03", "77"])


CELLS = [
    "import os, pathlib; print(os.environ['HOME'], list(pathlib.Path('.').iterdir()))",
    "import os\nassert os.environ['WORD'] == 'given'",
    "assert 1 + 1 == 3, 'the claim'",
    "raise SystemError('not reached')",
]


def run(cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    with colab_check.nowhere() as (folder, home):
        env = colab_check.variables(Path(sys.executable), home, WORD="given")
        # in a thread of its own: a test with a browser leaves an event loop in this one
        with ThreadPoolExecutor(1) as pool:
            arguments = notebook, Path(sys.executable), folder, env
            return notebook, pool.submit(colab_check.execute, *arguments).result(), home


def test_a_cell_that_fails_is_named_with_its_traceback():
    notebook, outcome, home = run(CELLS)
    assert outcome.error.startswith("code cell 3: ")
    assert "AssertionError: the claim" in outcome.error
    assert "assert 1 + 1 == 3" in outcome.error
    assert "\x1b" not in outcome.error
    assert notebook.cells[0].outputs[0].text == f"{home} []\n", "an empty folder, another home"


def test_cells_that_do_not_fail_are_no_failure():
    _, outcome, _ = run(CELLS[:2])
    assert outcome.error == ""
    assert outcome.seconds > 0


def test_a_kernel_that_dies_is_a_failure():
    _, outcome, _ = run(["import os\nos._exit(1)"])
    assert "died" in outcome.error.lower()


def test_a_chapter_with_another_setup_cell_is_a_failure(tmp_path):
    path = tmp_path / "03_x.ipynb"
    cells = [nbformat.v4.new_code_cell("import aelib")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    outcome = colab_check.check_chapter(path, Path(sys.executable), "http://127.0.0.1:1")
    assert "not the setup cell" in outcome.error


# ---------------------------------------------------------------- Binder


def test_pip_gets_the_words_of_environment_yml():
    words = colab_check.pip_lines()
    assert words[words.index("-c") + 1] == "constraints.txt"
    assert words[words.index("-e") + 1] == ".[book,lab]"
    assert words[words.index("--extra-index-url") + 1] == pins.CPU_INDEX
    assert any(word.startswith("torch==") for word in words)


def test_the_weekly_run_makes_the_check_with_both_pythons():
    import yaml

    text = (ROOT / ".github" / "workflows" / "weekly.yml").read_text("utf-8")
    job = yaml.safe_load(text)["jobs"]["colab"]
    assert any("make colab-check" in step.get("run", "") for step in job["steps"])
    setup = next(step for step in job["steps"] if "setup-python" in step.get("uses", ""))
    pythons = set(setup["with"]["python-version"].split())
    needed = {e.python for e in (colab_check.colab(), colab_check.lowest())} | {pins.PYTHON}
    assert pythons == {".".join(python.split(".")[:2]) for python in needed}
