"""Importing the library is quick and changes nothing; what is public is documented and typed."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import aelib

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(m.name for m in pkgutil.iter_modules(aelib.__path__) if m.name[0] != "_")
DOCUMENTED = {
    "checks", "corruption", "data", "losses", "metrics", "models", "plots", "projector",
    "questions", "training", "widgets",
}  # fmt: skip


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_nothing_heavy():
    """``import aelib`` is instant: not even torch is loaded before something asks for it."""
    heavy = run("import sys, aelib; print(*sys.modules)").split()
    assert not {"torch", "numpy", "matplotlib", "torchvision", "sklearn", "PIL"} & set(heavy)


def test_training_needs_no_drawing_and_no_data_set_library():
    loaded = run(
        "import sys, aelib.corruption, aelib.data, aelib.losses, aelib.metrics, aelib.models\n"
        "import aelib.projector, aelib.training\n"
        "print(*sys.modules)"
    ).split()
    heavy = {"matplotlib", "torchvision", "skimage", "sklearn", "scipy", "PIL", "IPython"}
    assert not heavy & set(loaded)


def test_import_has_no_side_effects():
    """Random numbers, threads, warnings, plot settings, files, environment: all as before."""
    code = f"""
import json, os, random, sys, warnings
import matplotlib, numpy, torch
folder = lambda: sorted(os.listdir({str(ROOT)!r}))
def state():
    return dict(
        random=hash(random.getstate()),
        numpy=hash(numpy.random.get_state()[1].tobytes()),
        torch=hash(torch.get_rng_state().numpy().tobytes()),
        threads=torch.get_num_threads(),
        grad=torch.is_grad_enabled(),
        dtype=str(torch.get_default_dtype()),
        filters=len(warnings.filters),
        settings=hash(str(dict(matplotlib.rcParams))),
        backend=matplotlib.rcParams._get_backend_or_none() is None,
        environment=sorted(os.environ),
        here=sorted(os.listdir()),
    )
before = state()
import aelib.data, aelib.models, aelib.losses, aelib.training, aelib.metrics, aelib.plots
import aelib.checks, aelib.corruption, aelib.projector, aelib.questions, aelib.widgets
after = state()
print(json.dumps([k for k in before if before[k] != after[k]]))
"""
    assert json.loads(run(code)) in ([], ["filters"])  # tqdm registers a filter of its own


def test_modules_are_those_that_the_package_names():
    assert set(MODULES) >= DOCUMENTED
    for name in MODULES:
        assert f":mod:`aelib.{name}`" in aelib.__doc__


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", aelib.__version__)


def test_arrows_run_one_way():
    """Data know nothing of the other modules; training of no model, no plot; checks of nothing."""
    allowed = {
        "data": set(),
        "models": set(),
        "losses": set(),
        "corruption": set(),
        "metrics": set(),
        "checks": set(),
        "training": {"data", "plots"},  # plots only when a history plots itself
        "plots": {"training"},
        "_arrays": set(),
        "projector": {"_arrays"},
        "widgets": {"_arrays", "corruption", "losses", "metrics", "plots", "projector"},
        "questions": {"widgets"},
    }
    for name, may in allowed.items():
        tree = ast.parse((ROOT / "aelib" / f"{name}.py").read_text(encoding="utf-8"))
        used = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aelib"):
                inner = node.module.removeprefix("aelib").removeprefix(".")
                used |= {inner} if inner else {alias.name for alias in node.names}
        assert used <= may, f"{name} uses {used - may}"


def test_no_module_borrows_what_another_keeps_to_itself():
    for path in (ROOT / "aelib").glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        imports = [n for n in nodes if isinstance(n, ast.ImportFrom)]
        names = {a.asname or a.name for n in imports if n.module == "aelib" for a in n.names}
        private = {
            a.name for n in imports if (n.module or "").startswith("aelib.") for a in n.names
        } | {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in names
        }
        assert not [name for name in private if name.startswith("_")], path.name


def test_seed_makes_random_numbers_repeat():
    import random

    import numpy as np
    import torch

    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        aelib.seed(3)
        first = draw()
        assert draw() != first
        aelib.seed(3)
        assert draw() == first
        aelib.seed(4)
        assert draw() != first
        aelib.seed()
        zero = draw()
        aelib.seed(0)
        assert draw() == zero
    finally:
        random.setstate(states[0]), np.random.set_state(states[1]), torch.set_rng_state(states[2])


def public():
    """Every public function and class of the library, and the public methods of the classes."""
    found = {"seed": aelib.seed}
    for name in MODULES:
        module = importlib.import_module(f"aelib.{name}")
        for item in module.__all__:
            thing = getattr(module, item)
            if not callable(thing):
                continue
            found[f"{name}.{item}"] = thing
            if inspect.isclass(thing):
                for method, value in vars(thing).items():
                    if not method.startswith("_") and callable(value):
                        found[f"{name}.{item}.{method}"] = value
    return found


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_complete(name):
    module = importlib.import_module(f"aelib.{name}")
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    own = {
        item
        for item, thing in vars(module).items()
        if getattr(thing, "__module__", None) == module.__name__
        and not item.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
    }
    assert own == {i for i in module.__all__ if callable(getattr(module, i))}


@pytest.mark.parametrize("name", sorted(public()))
def test_docstrings_say_what_a_caller_needs(name):
    """A sentence; every argument by name; what comes back; what is raised."""
    thing = public()[name]
    text = inspect.getdoc(thing)
    assert text, f"{name} has no docstring"
    assert text.split("\n")[0].rstrip().endswith((".", "?")), (
        f"{name}: the first line is a sentence"
    )
    if inspect.isclass(thing) or name.count(".") > 1:
        return
    parameters = inspect.signature(thing).parameters
    for parameter in parameters:
        assert re.search(rf"^\s+{parameter}: ", text, re.MULTILINE), (
            f"{name} says nothing of {parameter}"
        )
    if inspect.signature(thing).return_annotation not in (None, "None"):
        assert "Returns:" in text, f"{name} does not say what it returns"


@pytest.mark.parametrize("name", sorted(public()))
def test_everything_public_is_typed(name):
    thing = public()[name]
    if inspect.isclass(thing):
        thing = vars(thing).get("__init__")
        if not inspect.isfunction(thing):
            return
    signature = inspect.signature(thing)
    for parameter in signature.parameters.values():
        if parameter.name != "self":
            assert parameter.annotation is not parameter.empty, f"{name}: {parameter.name}"
    assert signature.return_annotation is not signature.empty, f"{name} has no return type"
    if name != "training.History.plot":  # its type is matplotlib's, imported only when it draws
        typing.get_type_hints(thing)
