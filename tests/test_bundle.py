"""The offline bundle: what is in it, what is downloaded, and an installation from it with no index.

A small house with an index of tiny wheels in a folder stands in for the course and for PyPI.
"""

import base64
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import rules
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import bundle, pins

HERE = bundle.here()
PYTHON = "{}.{}".format(*sys.version_info)
NAME = f"autoencoders-9.1-{HERE}-cp{PYTHON.replace('.', '')}"

DATA_MODULE = """\
import os
class Split(list): ...
class Set:
    train, test = [1, 2], [3]
def mnist():
    assert os.path.exists(os.environ["AELIB_DATA"] + "/MNIST/raw/a.gz"), os.environ["AELIB_DATA"]
    return Set
cartoon_faces = mnist
"""
LAB = """\
import os, sys
print("LAB", os.path.basename(os.getcwd()), *sys.argv[1:])
"""


def wheel(folder, name, version, files=(), requires=(), tag="py3-none-any"):
    """Write a wheel by hand."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    content = dict(files) | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as file:
        for member, text in content.items():
            file.writestr(member, text)
        file.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def source(folder, name, version, pure):
    """Write a source archive; one that is not pure makes a wheel for this machine alone."""
    setup = f"from setuptools import Distribution, setup\nclass D(Distribution):\n    has_ext_modules = lambda self: {not pure}\nsetup(name={name!r}, version={version!r}, py_modules=[{name!r}], distclass=D)\n"
    stem = folder / f"{name}-{version}"
    stem.mkdir(parents=True)
    (stem / "setup.py").write_text(setup)
    (stem / f"{name}.py").write_text("")
    (stem / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    with tarfile.open(f"{stem}.tar.gz", "w:gz") as file:
        file.add(stem, stem.name)
    shutil.rmtree(stem)


def write_index(folder):
    """Make a folder of packages an index that pip can read, and return its address."""
    for package in list(folder.iterdir()):
        if package.is_file():
            home = folder / canonicalize_name(re.split(r"-\d", package.name)[0])
            home.mkdir(exist_ok=True)
            package.rename(home / package.name)
    for home in (path for path in folder.iterdir() if path.is_dir()):
        links = "".join(
            f'<a href="{p.name}">{p.name}</a>\n' for p in home.iterdir() if p.suffix != ".html"
        )
        (home / "index.html").write_text(f"<!doctype html><html><body>{links}</body></html>")
    return folder.as_uri()


def small_house(root):
    """A course of one module, one chapter and one file of data, and the index of what it needs."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "aelib"\nversion = "9.1"\ndependencies = ["torch>=2", "colourful"]\n'
        '[project.optional-dependencies]\nlab = ["jupyterlab"]\n[tool.setuptools]\npackages = ["aelib"]\n',
        "README.md": "", "LICENSE": "MIT", "LICENSE-CONTENT": "CC BY",
        "constraints.txt": "# pins\ntorch==2.5\ncolourful==1.0\njupyterlab==4.0\n",
        "aelib/__init__.py": '__version__ = "9.1"\n', "aelib/data.py": DATA_MODULE,
        "notebooks/01_one.ipynb": "{}", "notebooks/.ipynb_checkpoints/x.ipynb": "{}",
        "data/README.md": "licences", "data/MNIST/raw/a.gz": "digits", "data/MNIST/raw/a-ubyte": "unpacked",
        "_build/html/index.html": "<p>book</p>", "_build/html/_static/a.css": "",
        "_build/labs/01_topic/lab_01_topic.ipynb": "{}",
    }  # fmt: skip
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    index = root.parent / "index"
    threads = {"torch/__init__.py": '__version__ = "2.5"\ndef get_num_threads(): return 2\n'}
    wheel(index, "torch", "2.5", threads)
    wheel(index, "torch", "2.6", threads)  # newer than the pin
    wheel(index, "colourful", "1.0", {"colourful.py": ""}, ['winthing; sys_platform == "win32"'])
    wheel(index, "winthing", "3.0", {"winthing.py": ""}, tag="py3-none-win_amd64")
    wheel(index, "jupyterlab", "4.0", {"jupyterlab/__init__.py": "", "jupyterlab/__main__.py": LAB})
    return write_index(index)


def index_is(monkeypatch, address):
    """Let pip see this index alone."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", address)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.fixture(scope="module")
def made_house(tmp_path_factory):
    """The small house with one bundle made in it, for all tests."""
    root = tmp_path_factory.mktemp("made") / "house"
    with pytest.MonkeyPatch.context() as monkeypatch:
        index_is(monkeypatch, small_house(root))
        assert make(root) == 0
    return root


@pytest.fixture
def house(made_house, tmp_path, monkeypatch):
    """A copy of it, its index beside it, for a test that changes something."""
    shutil.copytree(made_house.parent, tmp_path, dirs_exist_ok=True)
    index_is(monkeypatch, (tmp_path / "index").as_uri())
    return tmp_path / "house"


@pytest.fixture(scope="module")
def made(made_house):
    return made_house / "_build" / "bundle" / NAME


def make(root, *arguments, platform=HERE):
    return bundle.main([platform, "--python", PYTHON, "--torch-index", "pypi", *arguments], root)


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


needs_platform = pytest.mark.skipif(HERE is None, reason="no bundle is made for this machine")

# ---------------------------------------------------------------- what each platform needs


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('colorama; sys_platform == "win32"', {"windows-x86_64"}),
        ('pywinpty; os_name == "nt"', {"windows-x86_64"}),
        ('appnope; platform_system == "Darwin"', {"macos-arm64"}),
        ('ptyprocess; os_name != "nt"', {"macos-arm64", "linux-x86_64", "linux-aarch64"}),
        ('x; platform_system == "Linux" and platform_machine == "x86_64"', {"linux-x86_64"}),
        ('x; platform_machine == "aarch64"', {"linux-aarch64"}),
        ('x; platform_machine == "AMD64"', {"windows-x86_64"}),
        ('x; python_version < "3.11"', set()),
        ('x; python_full_version < "3.11.3"', set(bundle.PLATFORMS)),
        ('x; extra == "lab"', set()),
    ],
)
def test_conditions_are_of_the_target_not_of_this_machine(line, where):
    requirement = Requirement(line)
    asked = {n for n in bundle.PLATFORMS if bundle.Target(n, "3.11").asks_for(requirement, "")}
    assert asked == where
    if "extra" in line:
        assert bundle.Target("linux-x86_64").asks_for(requirement, "lab")


@pytest.mark.parametrize(
    ("filename", "where"),
    [
        ("x-1-py3-none-any.whl", set(bundle.PLATFORMS)),
        ("x-1-cp311-cp311-win_amd64.whl", {"windows-x86_64"}),
        ("x-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {"linux-x86_64"}),
        ("x-1-cp311-cp311-manylinux_2_28_aarch64.whl", {"linux-aarch64"}),
        ("x-1-cp311-cp311-macosx_11_0_arm64.whl", {"macos-arm64"}),
        ("x-1-cp311-cp311-macosx_10_9_universal2.whl", {"macos-arm64"}),
        ("x-1-cp312-cp312-win_amd64.whl", set()),
        ("x-1-cp311-cp311-manylinux_2_39_x86_64.whl", set()),
        ("x-1-cp311-cp311-macosx_26_0_arm64.whl", set()),
        ("y-1-py3-none-any.whl", set()),
        ("x-2-py3-none-any.whl", set()),
    ],
)
def test_a_wheel_counts_where_it_runs(tmp_path, filename, where):
    (tmp_path / filename).write_bytes(b"")
    wanted = Requirement("x==1")
    assert where == {
        name
        for name in bundle.PLATFORMS
        if bundle.found(tmp_path, wanted, bundle.Target(name, "3.11"))
    }


def test_what_only_other_systems_need_is_pinned_once():
    pinned = (rules.ROOT / "constraints.txt").read_text("utf-8")
    for name, version in bundle.ELSEWHERE.items():
        assert f"\n{name}==" not in pinned
        assert bundle.pins(rules.ROOT)[name] == version
    assert set(pins.direct(extras=("lab",))) <= set(bundle.pins(rules.ROOT))


@pytest.mark.parametrize("wrong", [["linux-sparc"], ["--python", "3.9"]])
def test_an_unknown_platform_or_python_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        bundle.parse(wrong)
    assert re.search(
        r"choose of .*macos-arm64|runs on Python 3.11, 3.12, 3.13", capsys.readouterr().err
    )


# ---------------------------------------------------------------- making it


@needs_platform
def test_the_folder_and_the_zip(made):
    folder = made
    there = files(folder)
    assert {
        "book/index.html", "book/_static/a.css", "notebooks/01_one.ipynb", "labs/lab_01_topic.ipynb",
        "data/MNIST/raw/a.gz", "data/README.md", "licences/LICENSE.txt", "README.txt",
        "Open the book.html", "install.py", "install.sh", "start.sh", "wheels/requirements.txt",
        "wheels/aelib-9.1-py3-none-any.whl", "wheels/torch-2.5-py3-none-any.whl",
        "wheels/jupyterlab-4.0-py3-none-any.whl", "wheels/colourful-1.0-py3-none-any.whl",
        "bundle.json", "SHA256SUMS", "licences/LICENSE-CONTENT.txt",
    } == there  # fmt: skip
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        there.remove(name)
    assert there == {"SHA256SUMS"}

    with zipfile.ZipFile(folder.with_name(f"{NAME}.zip")) as file:
        assert {f"{NAME}/{name}" for name in files(folder)} == set(file.namelist())
        assert file.testzip() is None
        assert file.getinfo(f"{NAME}/install.sh").external_attr >> 16 & 0o111


@needs_platform
def test_the_readme_is_plain_and_whole(made):
    raw = (made / "README.txt").read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n") > 10, "Notepad of old shows no bare LF"
    text = raw.decode("ascii")
    assert not re.search(r"@[A-Z]+@", text)
    assert f"for {HERE} and Python {PYTHON}" in text and "labs/" in text and "wheels 0." in text
    assert len([line for line in text.splitlines() if re.match(r"\d\. ", line)]) == 5


def test_a_bundle_for_windows_made_elsewhere(house):
    assert make(house, platform="windows-x86_64") == 0
    (folder,) = (house / "_build" / "bundle").glob("*windows-x86_64-cp*[0-9]")
    assert (folder / "wheels" / "winthing-3.0-py3-none-win_amd64.whl").exists()
    assert "winthing==3.0\n" in (folder / "wheels" / "requirements.txt").read_text()
    for name in ("install.bat", "start.bat"):
        raw = (folder / name).read_bytes()
        assert raw.count(b"\n") == raw.count(b"\r\n") > 5, "cmd misreads labels after a bare LF"
        text = raw.decode("ascii")
        assert not re.search(r"@[A-Z]+@", text)
        labels = set(re.findall(r"^:(\w+)", text, re.M))
        assert set(re.findall(r"goto (\w+)", text)) <= labels
    assert not (folder / "install.sh").exists()
    assert "install.bat" in (folder / "README.txt").read_text()


@needs_platform
def test_a_second_run_downloads_nothing(house, tmp_path, monkeypatch, capsys):
    archive = house / "_build" / "bundle" / f"{NAME}.zip"
    before = archive.read_bytes(), archive.stat().st_mtime_ns
    index_is(monkeypatch, (tmp_path / "nowhere").as_uri())
    assert make(house) == 0
    assert (archive.read_bytes(), archive.stat().st_mtime_ns) == before
    said = capsys.readouterr().out
    assert ".whl" not in said and re.search(r"wheels +\d+\.\d MB", said)
    assert f"{NAME}.zip: 0.0 GB, unchanged" in said
    (house / "notebooks" / "01_one.ipynb").write_text("{ }")
    assert make(house) == 0
    assert archive.read_bytes() != before[0]


@needs_platform
def test_what_has_arrived_is_kept_when_the_rest_fails(house, tmp_path, monkeypatch, capsys):
    index = tmp_path / "index"
    (index / "torch").rename(tmp_path / "torch")
    shutil.rmtree(house / "_build" / "bundle")
    left = house / "_build" / "bundle" / "downloads" / "pypi" / ".partial-killed"
    left.mkdir(parents=True)
    assert make(house) == 1
    said = capsys.readouterr().err
    assert "torch==2.5" in said and HERE in said
    kept = {p.name for p in left.parent.iterdir()}
    assert kept == {"colourful-1.0-py3-none-any.whl", "jupyterlab-4.0-py3-none-any.whl"}
    assert not list((house / "_build" / "bundle").glob("autoencoders-*"))

    shutil.rmtree(index)
    (tmp_path / "torch").rename(index_folder(tmp_path) / "torch")
    assert make(house) == 0, "only torch was left to fetch"


def index_folder(tmp_path):
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


@needs_platform
def test_a_pin_that_breaks_a_bound_is_said(house, capsys):
    path = house / "pyproject.toml"
    path.write_text(path.read_text().replace("torch>=2", "torch>=2.6"))
    assert make(house) == 1
    assert "torch 2.5 is pinned, but torch>=2.6 is needed" in capsys.readouterr().err


@needs_platform
def test_source_alone_is_made_a_wheel_if_it_is_pure(house, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # which means: none
    other = "macos-arm64" if HERE != "macos-arm64" else "linux-x86_64"
    downloads = house / "_build" / "bundle" / "downloads" / "pypi"
    (downloads / "colourful-1.0-py3-none-any.whl").unlink()
    shutil.rmtree(tmp_path / "index" / "colourful")
    source(tmp_path / "index", "colourful", "1.0", pure=False)
    write_index(tmp_path / "index")
    assert make(house, platform=other) == 1
    said = capsys.readouterr().err
    assert "colourful==1.0" in said and f"no wheel for {other}" in said

    shutil.rmtree(tmp_path / "index" / "colourful")
    source(tmp_path / "index", "colourful", "1.0", pure=True)
    write_index(tmp_path / "index")
    assert make(house, platform=other) == 0
    assert (downloads / "colourful-1.0-py3-none-any.whl").exists()


@needs_platform
def test_a_large_torch_in_place_of_the_small_one_is_refused(house, tmp_path, capsys):
    large = tmp_path / "large"
    wheel(large, "torch", "2.5", {"torch.py": ""}, ["nvidia-thing"])
    wheel(tmp_path / "index", "nvidia_thing", "1.0", {"thing.py": ""})
    write_index(tmp_path / "index")
    assert bundle.main([HERE, "--python", PYTHON, "--torch-index", write_index(large)], house) == 1
    assert "it is not the small one" in capsys.readouterr().err
    small = tmp_path / "small"
    wheel(small, "torch", "2.5+cpu", {"torch.py": ""})
    assert bundle.main([HERE, "--python", PYTHON, "--torch-index", write_index(small)], house) == 0
    folder = house / "_build" / "bundle" / NAME / "wheels"
    assert "torch==2.5+cpu\n" in (folder / "requirements.txt").read_text()


@needs_platform
def test_an_index_without_torch_names_the_ways_out(house, tmp_path, capsys):
    nowhere = (tmp_path / "nowhere").as_uri()
    assert bundle.main([HERE, "--python", PYTHON, "--torch-index", nowhere], house) == 1
    said = capsys.readouterr().err
    assert nowhere in said and "TORCH_INDEX=pypi" in said


def test_without_a_book_nothing_begins(house, capsys):
    shutil.rmtree(house / "_build" / "html")
    assert make(house, platform="linux-x86_64") == 1
    assert "make book" in capsys.readouterr().err


def test_too_little_room_is_said_before(house, monkeypatch, capsys):
    monkeypatch.setattr(bundle, "LARGE_DOWNLOADS", 10**18)
    assert make(house, platform="linux-x86_64") == 1
    said = capsys.readouterr().err
    assert "needs 1000000000.0 GB" in said and "are free" in said


@needs_platform
def test_a_disk_that_fills_up_leaves_no_half_zip(house, monkeypatch, capsys):
    write = zipfile.ZipFile.write

    def full(self, path, *arguments):
        if Path(path).name == "install.py" and self.mode == "w":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, path, *arguments)

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    (house / "_build" / "bundle" / f"{NAME}.zip").unlink()
    assert make(house) == 1
    assert "The disk is full" in capsys.readouterr().err
    assert not list((house / "_build" / "bundle").glob("*.zip*"))


# ---------------------------------------------------------------- installing from it


@pytest.fixture
def stick(made, tmp_path):
    """A copy of it, as from a stick, in a path with spaces."""
    return Path(shutil.copytree(made, tmp_path / "a folder" / "on my disk"))


def install(folder, script="install.sh", *arguments, **variables):
    environment = os.environ | {"PYTHON": sys.executable} | variables
    command = ["sh", str(folder / script), *arguments]
    return subprocess.run(
        command, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False
    )


def write_sums(folder):
    (folder / "SHA256SUMS").write_text(bundle.sums(folder))


def change(folder, **known):
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | known))
    write_sums(folder)


unix = pytest.mark.skipif(HERE is None or os.name == "nt", reason="runs install.sh")


@unix
def test_install_and_start(stick, tmp_path):
    assert "not installed" in install(stick, "start.sh").stderr
    astray = {
        "PYTHONPATH": str(tmp_path),
        "PIP_INDEX_URL": "http://127.0.0.1:9",
        "AELIB_DATA": "/x",
    }
    (tmp_path / "aelib.py").write_text("1 / 0")
    run = install(stick, **astray)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(
        r"^Course 9\.1, PyTorch 2\.5, Python 3\.\d+\.\d+, 2 threads, 3 digits, 3 faces$",
        run.stdout,
        re.M,
    )
    assert run.stdout.endswith("Ready. To begin: sh start.sh\n")

    started = install(stick, "start.sh", "--no-browser", PYTHONPATH=str(tmp_path))
    assert started.returncode == 0, started.stderr
    assert re.fullmatch(
        r"LAB on my disk .*--LabApp.default_url=/lab/tree/notebooks --no-browser\n", started.stdout
    )

    again = install(stick)
    assert again.returncode == 0 and "Already installed" in again.stdout

    moved = stick.rename(stick.with_name("moved"))
    code = "from aelib import data; data.mnist()"
    environment = {k: v for k, v in os.environ.items() if k not in ("AELIB_DATA", "PYTHONPATH")}
    python = moved / "venv" / "bin" / "python"
    subprocess.run([python, "-c", code], cwd=tmp_path / "a folder", env=environment, check=True)


@unix
@pytest.mark.parametrize("name", ["wheels/torch-2.5-py3-none-any.whl", "data/MNIST/raw/a.gz"])
def test_a_damaged_or_missing_file_is_named(stick, name):
    path = stick / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    run = install(stick)
    assert run.returncode != 0
    assert (
        f"{name}: differs from what was copied" in run.stderr
        and "again from the stick" in run.stderr
    )
    path.unlink()
    assert f"{name}: missing" in install(stick).stderr
    assert not (stick / "venv").exists()


@unix
def test_a_notebook_that_was_worked_on_is_no_obstacle(stick):
    (stick / "notebooks" / "01_one.ipynb").write_text("{ }")
    change(stick, installed_bytes=10**18)  # ends here, after the check
    (stick / "notebooks" / "01_one.ipynb").write_text("{  }")
    run = install(stick)
    assert "note: notebooks/01_one.ipynb: differs" in run.stdout
    assert "takes 1000000000.0 GB" in run.stderr


@unix
def test_too_little_room_is_said_before_installing(stick):
    change(stick, installed_bytes=10**18)
    run = install(stick)
    assert run.returncode != 0
    assert "takes 1000000000.0 GB" in run.stderr and "are free" in run.stderr
    assert not (stick / "venv").exists()


@unix
@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"python": "3.9"}, "The bundle is for Python 3.9"),
        ({"sys_platform": "plan9", "platform": "plan9-mips"}, "the bundle is for plan9-mips"),
        ({"machine": "sparc"}, "Take the bundle for this kind of computer"),
    ],
)
def test_another_python_or_computer_is_said(stick, known, said):
    change(stick, **known)
    run = install(stick)
    assert run.returncode != 0 and said in run.stderr
    assert not (stick / "venv").exists()


@unix
def test_an_old_glibc_or_none_is_said(stick):
    if not HERE.startswith("linux"):
        pytest.skip("Linux only")
    change(stick, glibc="99.1")
    assert "99.1 is needed" in install(stick).stderr


@unix
def test_no_suitable_python_on_the_path(stick, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(shutil.which(name))
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    run = install(stick, PYTHON="", PATH=str(tools))
    assert run.returncode != 0
    assert f"for Python {PYTHON}; here is Python 3.9.2" in run.stderr
    (tools / f"python{PYTHON}").symlink_to(sys.executable)
    change(stick, machine="sparc")
    assert "this kind of computer" in install(stick, PYTHON="", PATH=str(tools)).stderr


@unix
def test_a_failed_installation_leaves_no_environment(stick):
    (stick / "wheels" / "torch-2.5-py3-none-any.whl").write_bytes(b"no zip")
    write_sums(stick)
    run = install(stick)
    assert run.returncode != 0
    assert "could not be installed" in run.stderr and "torch-2.5" in run.stderr
    assert not (stick / "venv").exists()
