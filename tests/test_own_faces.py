"""Chapter 11 on a reader's own folder: small, PNG and JPEG, one broken, one grey, one not square.

The chapter's cells run as they stand, from its section on faces to the one on the reader's folder,
with the one line changed that the chapter says to change. Only training is cut short, to an epoch.
"""

import ast
import io
import re
from contextlib import redirect_stdout

import matplotlib
import numpy as np
import pytest
import rules
from PIL import Image

from aelib import training

CHAPTER = rules.NOTEBOOKS / "11_generation.ipynb"
STATEMENTS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
OWN = re.compile(r'^faces = .*\n# (faces = data\.image_folder\("my_faces"[^\n]*?)( *#.*)?$', re.M)


@pytest.fixture
def folder(tmp_path):
    """Twenty-one files in a folder; twenty can be read."""
    random = np.random.default_rng(0)
    for k in range(20):
        size = (40, 40) if k else (50, 36)
        levels = random.integers(0, 255, (*size, 3)).astype(np.uint8)
        image = Image.fromarray(levels).resize((48, 30 if k == 1 else 48))
        image = image.convert("L") if k == 2 else image
        image.save(tmp_path / f"face{k}.{'png' if k % 2 else 'jpg'}")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing of the kind")
    return tmp_path


def sections(notebook):
    """The code cells before the faces, and those from there to the reader's own folder."""
    titles = [title for title, _ in notebook.sections()]
    first, last = (titles.index(title) for title in ("Faces", "Your own folder"))
    cells = [cell for _, cells in notebook.sections()[first : last + 1] for cell in cells]
    begin = cells[0].number
    return [c for c in notebook.code if c.number < begin], [c for c in cells if c.code]


def run_chapter(folder, monkeypatch):
    """The chapter's names after its cells about faces have run on a folder; and what it printed."""
    notebook = rules.Notebook.read(CHAPTER)
    before, faces = sections(notebook)
    changed, count = OWN.subn(r"\1", before[1].source)
    assert count == 1, "the imports no longer hold the line for a reader's own folder"
    changed = changed.replace('"my_faces"', repr(str(folder)))
    original = training.fit

    def one_epoch(*arguments, **options):
        return original(*arguments, **{**options, "epochs": 1})

    monkeypatch.setattr(training, "fit", one_epoch)
    monkeypatch.chdir(rules.NOTEBOOKS)
    matplotlib.use("Agg")
    names, said = {"__name__": "__main__"}, io.StringIO()
    with redirect_stdout(said):
        exec(compile("import aelib\n" + changed, "imports", "exec"), names)
        for cell in before[2:]:
            body = [node for node in cell.tree.body if isinstance(node, STATEMENTS)]
            exec(compile(ast.Module(body, []), str(cell), "exec"), names)
        for cell in faces:
            exec(compile(cell.tree, str(cell), "exec"), names)
    return names, said.getvalue()


def test_the_chapter_runs_on_a_folder(folder, monkeypatch):
    with pytest.warns(UserWarning, match=r"1 of 21 pictures.*broken\.png"):
        names, said = run_chapter(folder, monkeypatch)
    assert not names["OURS"]
    assert len(names["faces"].train) + len(names["faces"].test) == 20
    assert names["learn"].images.shape[1:] == (3, 32, 32)
    for name in ("VAE, prior", "VAE, fitted", "GAN"):
        assert all(np.isfinite(number) for number in names["table"][name].values()), said
    assert "hair_colour" not in said, "what needs our labels was not skipped"


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        run_chapter(tmp_path / "no_such_folder", monkeypatch)
