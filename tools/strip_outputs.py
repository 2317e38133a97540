"""Strip notebooks to what is committed: `make format` runs this.

    .venv/bin/python tools/strip_outputs.py [--check] [notebook.ipynb …]

Outputs, execution counts and what an editor leaves behind go. A cell tagged `nbval-check-output`
keeps its output and count: nbval compares it with what the cell prints. What a cell says for the
slides or for nbgrader stays.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
KEEP = "nbval-check-output"
FORM = "# @title "  # how a cell begins whose code is nothing to read: Colab shows this title alone
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # for Colab, and for JupyterLab
KEPT_METADATA = (
    "nbgrader",  # which cell of a lab is an answer, which a test
    "slide",  # what book/_ext/slides.py makes the slides from
    "tags",
)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stripped(text: str) -> str:
    """Return the notebook's text as it is committed."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        source = "".join(cell["source"]).rstrip()
        folded = FOLDED if cell["cell_type"] == "code" and source.startswith(FORM) else {}
        kept = {key: cell["metadata"][key] for key in KEPT_METADATA if cell["metadata"].get(key)}
        cell["metadata"] = folded | kept
        cell["source"] = source.splitlines(keepends=True)
        if cell["cell_type"] == "code":
            if KEEP not in tags:
                cell["outputs"], cell["execution_count"] = [], None
            for output in cell["outputs"]:
                if "metadata" in output:
                    output["metadata"] = {}
        cell.pop("attachments", None) if not cell.get("attachments") else None
    notebook["metadata"] = METADATA
    notebook["nbformat"], notebook["nbformat_minor"] = 4, max(5, notebook["nbformat_minor"])
    _, notebook = nbformat.validator.normalize(notebook)  # gives an id to a cell without one
    nbformat.validate(notebook)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Strip, or check that nothing is left to strip."""
    parser = argparse.ArgumentParser(description="Strip notebooks to what is committed.")
    parser.add_argument("--check", action="store_true", help="write nothing, list what differs")
    parser.add_argument("notebooks", nargs="*", type=Path)
    arguments = parser.parse_args()
    paths = arguments.notebooks or [
        *sorted((ROOT / "notebooks").glob("*.ipynb")),
        ROOT / "tools" / "chapter_template.ipynb",
        *sorted((ROOT / "labs" / "source").glob("*/*.ipynb")),
    ]
    different = 0
    for path in paths:
        old = path.read_text(encoding="utf-8")
        new = stripped(old)
        if new != old:
            different += 1
            print(f"{path}: {'not stripped' if arguments.check else 'stripped'}")
            if not arguments.check:
                path.write_text(new, encoding="utf-8")
    return 1 if arguments.check and different else 0


if __name__ == "__main__":
    sys.exit(main())
