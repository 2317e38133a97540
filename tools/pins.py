"""Write the exact versions of this environment into constraints.txt and environment.yml.

    .venv/bin/python tools/pins.py

To move to newer versions: make an environment without the constraints
(`pip install -e '.[book,test,lab,teach,benchmark]'`), run `make test` there, then this.

`constraints.txt` names all that the package and its extras bring, what they bring included.
`environment.yml` (conda, Binder) names what `pyproject.toml` asks for, for reading and building.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("book", "test", "lab", "teach", "benchmark")
EXTRAS_OF_THE_ENVIRONMENT = ("book", "lab")
PYTHON = "3.11"  # the version that the book is built with
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# torch pins its own CUDA packages, and the small build has none of them
FROM_TORCH = re.compile(r"(nvidia|cuda)-|triton$")


def project(root: Path = ROOT) -> dict:
    """Return the [project] table of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def direct(root: Path = ROOT, extras: tuple[str, ...] = EXTRAS) -> dict[str, Requirement]:
    """Return what pyproject.toml asks for, by canonical name."""
    table = project(root)
    lines = list(table["dependencies"])
    for extra in extras:
        lines += table["optional-dependencies"][extra]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def installed(wanted: dict[str, Requirement]) -> dict[str, str]:
    """Return the installed version of each wanted package and of all that they need."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for name, r in wanted.items() for extra in ("", *r.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or FROM_TORCH.match(name):
            continue
        seen.add((name, extra))
        distribution = metadata.distribution(name)
        versions[name] = Version(distribution.version).public  # without torch's "+cpu"
        for line in distribution.requires or []:
            r = Requirement(line)
            if r.marker is None or r.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(r.name), e) for e in ("", *r.extras)]
    return dict(sorted(versions.items()))


def constraints(versions: dict[str, str]) -> str:
    """Return the text of constraints.txt."""
    head = (
        "# The exact versions that the book is built and tested with; written by tools/pins.py.\n"
        "# torch brings its own CUDA packages (or none: make TORCH=cpu), so they are not here.\n"
    )
    return head + "".join(f"{name}=={version}\n" for name, version in versions.items())


def environment(versions: dict[str, str], names: list[str]) -> str:
    """Return the text of environment.yml."""
    pins = "".join(f"      - {name}=={versions[name]}\n" for name in sorted(names))
    extras = ",".join(EXTRAS_OF_THE_ENVIRONMENT)
    return f"""\
# For conda and Binder: the same versions as constraints.txt; written by tools/pins.py.
#     conda env create -f environment.yml && conda activate autoencoders
name: autoencoders
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={PYTHON}
  - pip
  - pip:
      - --extra-index-url {CPU_INDEX}
      - -c constraints.txt
      - -e .[{extras}]
{pins}"""


def main() -> None:
    """Write both files."""
    versions = installed(direct())
    (ROOT / "constraints.txt").write_text(constraints(versions))
    names = list(direct(extras=EXTRAS_OF_THE_ENVIRONMENT))
    (ROOT / "environment.yml").write_text(environment(versions, names))
    print(f"constraints.txt: {len(versions)} packages; environment.yml: {len(names)}")


if __name__ == "__main__":
    main()
