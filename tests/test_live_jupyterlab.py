"""Widgets and questions in a real JupyterLab: a notebook's cells are run, and what they show is used
with the mouse and with keys.

In command mode a notebook takes single keys for itself: A and B add a cell, D twice deletes one, Enter
opens one. A key that is pressed in a widget is the widget's.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import live
import nbformat
import pytest
import rules
from nbformat.v4 import new_code_cell, new_notebook

CELLS = (
    "from aelib.widgets import OnePixel\n"
    "OnePixel(alt='What two losses charge for one pixel, by its prediction.')",
    "from aelib.widgets import TwoGaussians\n"
    "TwoGaussians(alt='Two Gaussians, their overlap and the divergence both ways.')",
    'from aelib.questions import Questions\nQuestions("""\n'
    "1. Which number is even?\n\n"
    "   (A) 1\n       wrong: One is odd: half of it is no whole number.\n"
    '   (B) 2\n       right: Two is even: half of it is one.\n""")',
    "1 + 1",
)
STARTS_WITHIN = 120  # seconds, on a machine that does other things too


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab of its own, with nobody's settings."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS], metadata=kernel)
    nbformat.write(notebook, work / "live.ipynb")
    news = home / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}', "utf-8"
    )
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    path = os.pathsep.join(filter(None, [str(rules.ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **{name: str(home / to) for name, to in own.items()}}
    environment["PYTHONPATH"] = path  # the kernel imports the library that is tested
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
    ]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={work}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    log = home / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=work)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(2 * STARTS_WITHIN):
            try:
                urllib.request.urlopen(f"{address}api", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if server.poll() is not None:
                    break
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}", pytrace=False)
        if server.poll() is not None:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}", pytrace=False)
        yield address
    finally:
        server.terminate()  # it ends its kernels
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def page(chromium, lab):
    """The notebook with all its cells run."""
    context = chromium.new_context(
        viewport={"width": 1200, "height": 1000}, reduced_motion="reduce"
    )
    opened, requests = context.new_page(), []
    context.on("request", lambda request: requests.append(request.url))
    opened.set_default_timeout(1000 * STARTS_WITHIN)
    opened.goto(f"{lab}lab/tree/live.ipynb")
    opened.locator(".jp-Notebook .jp-Cell").nth(len(CELLS) - 1).wait_for()
    run = "jupyterapp.commands.execute('notebook:run-all-cells')"
    opened.evaluate(f"() => {{ {run}; }}")  # waits for the kernel
    opened.locator(".aelib-live").nth(2).wait_for()
    opened.set_default_timeout(10_000)
    yield opened
    context.close()
    assert all(url.startswith((lab, "data:", "blob:")) for url in requests), requests


@pytest.fixture(autouse=True)
def nothing_happened_to_the_notebook(page):
    before = cells(page)
    yield
    assert cells(page) == before, "the notebook took a key that was the widget's"


def cells(page):
    """How many cells there are, and their code."""
    return page.evaluate(
        "jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map((cell) => cell.getSource())"
    )


def value(page, name):
    return float(page.get_by_role("slider", name=name).input_value())


def keys_that_notebooks_take(page):
    for key in ("a", "b", "d", "d", "x", "c", "v", "m", "Enter", "z", "j", "k"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)


def test_a_widget_by_mouse_and_keys(page):
    chart = page.locator(".aelib-pixel .aelib-chart-field").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    live.drag(page, (box["x"] + 20, middle), (box["x"] + 0.6 * box["width"], middle))
    assert value(page, "prediction") == pytest.approx(0.6, abs=0.02)
    slider = page.get_by_role("slider", name="prediction")
    slider.click()
    before = value(page, "prediction")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert value(page, "prediction") == pytest.approx(before + 0.002)
    keys_that_notebooks_take(page)
    assert page.evaluate("document.activeElement.type") == "range", "the focus was taken away"


def test_another_by_mouse_and_keys(page):
    tops = page.locator(".aelib-gaussians .aelib-dot-q rect").first
    tops.scroll_into_view_if_needed()
    at = tops.bounding_box()
    start = (at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    before = value(page, "mean of q")
    live.drag(page, start, (start[0] - 60, start[1]))
    assert value(page, "mean of q") < before
    page.get_by_role("radio", name="KL(q ‖ p)").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".aelib-gaussians").get_attribute("data-way") == "1"
    keys_that_notebooks_take(page)
    assert page.evaluate("document.activeElement.type") == "radio", "the focus was taken away"


def test_questions_by_mouse_and_keys(page):
    question = page.locator(".aelib-question")
    question.scroll_into_view_if_needed()
    question.locator(".aelib-options label").first.click()
    page.keyboard.press("Enter")
    told = page.locator(".aelib-verdict")
    assert told.inner_text().strip() == "✗ A is wrong. One is odd: half of it is no whole number."
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert told.inner_text().strip() == "✓ B is right. Two is even: half of it is one."
    question.get_by_role("radio").first.click()
    question.get_by_role("button").click()
    assert "A is wrong" in told.inner_text()
    keys_that_notebooks_take(page)
