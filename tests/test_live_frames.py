"""Widgets in a frame of another origin that may run scripts and nothing else.

Colab shows what a cell has made in such a frame: its page gets the HTML by a message, puts it in
place and lets its scripts run. It has no kernel, no storage and no way to the page around it.
"""

import json

import browser as machinery
import live
import pytest

from aelib import widgets
from aelib.questions import Questions

ALT = "What there is to see here, said in words, for those who do not see it."
QUESTIONS = """
1. Which number is even?

   (A) 1
       wrong: One is odd: half of it is no whole number.
   (B) 2
       right: Two is even: half of it is one.
"""
# a range puts nothing into effect that was parsed before: scripts in a fragment of it run
FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>output</title>
<body><script>addEventListener("message", ({ data }) =>
  document.body.append(document.createRange().createContextualFragment(data)));
parent.postMessage("ready", "*");</script></body></html>"""
AROUND = """<!doctype html><html lang="en"><meta charset="utf-8"><title>notebook</title>
<link rel="icon" href="data:,"><body><script>
addEventListener("message", ({{ source, data }}) => data === "ready" && source.postMessage({html}, "*"));
</script><iframe title="output" sandbox="allow-scripts" width="760" height="800" src="{address}frame.html">
</iframe></body></html>"""
SHOWN = {
    "pixel": lambda: widgets.OnePixel(alt=ALT),
    "gaussians": lambda: widgets.TwoGaussians(alt=ALT),
    "questions": lambda: Questions(QUESTIONS),
}


@pytest.fixture
def frame(request, chromium, tmp_path):
    """The inside of the frame that shows what is asked for."""
    html = json.dumps(SHOWN[request.param]()._repr_html_()).replace("</", "<\\/")
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
    (tmp_path / "inner" / "frame.html").write_text(FRAME, "utf-8")
    with (
        machinery.serving(tmp_path / "inner") as inner,
        machinery.serving(tmp_path / "outer") as outer,  # another port is another origin
    ):
        text = AROUND.format(html=html, address=inner)
        (tmp_path / "outer" / "notebook.html").write_text(text, "utf-8")
        with live.window(
            chromium, f"{outer}notebook.html", viewport={"width": 800, "height": 860}
        ) as page:
            found = page.frame_locator("iframe")
            found.locator(".aelib-live").wait_for()
            assert page.frames[1].evaluate("self.origin") == "null", "it has an origin of its own"
            yield page, found


on = pytest.mark.parametrize


@on("frame", ["pixel"], indirect=True)
def test_a_chart_is_dragged(frame):
    page, inside = frame
    box = inside.locator(".aelib-chart-field").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    live.drag(page, (box["x"] + 20, middle), (box["x"] + 0.6 * box["width"], middle))
    slider = inside.get_by_role("slider", name="prediction")
    dragged = float(slider.input_value())
    assert dragged == pytest.approx(0.6, abs=0.02)
    slider.press("ArrowLeft")
    assert float(slider.input_value()) == pytest.approx(dragged - 0.001)
    assert inside.locator("tbody td").first.inner_text() != ""


@on("frame", ["gaussians"], indirect=True)
def test_a_curve_is_dragged_by_its_top(frame):
    page, inside = frame
    at = inside.locator(".aelib-dot-q rect").first.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    slider = inside.get_by_role("slider", name="mean of q")
    before = float(slider.input_value())
    live.drag(page, (x, y), (x - 80, y))
    assert float(slider.input_value()) < before - 0.5
    before = float(slider.input_value())
    slider.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(before + 0.01)


@on("frame", ["questions"], indirect=True)
def test_questions_are_marked(frame):
    _, inside = frame
    inside.locator(".aelib-options label").first.click()
    inside.get_by_role("radio").first.press("ArrowDown")
    inside.get_by_role("radio").nth(1).press("Enter")
    assert (
        inside.locator(".aelib-verdict").inner_text().strip()
        == "✓ B is right. Two is even: half of it is one."
    )
