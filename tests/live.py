"""What the tests of live widgets share: a page to put one in, and a window that watches for errors."""

import base64
from contextlib import contextmanager
from pathlib import Path

import browser as machinery
import numpy as np
import pytest

from aelib import widgets

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
PROBE = Path(__file__).with_name("probe.js")
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>t</title><link rel="icon" href="data:,">
<style>body {{ margin: 8px; background: #fff; color: #222 }}
[data-theme=dark] body {{ background: #121212; color: #ddd }}</style></head>
<body><main><article><h1>T</h1><p>Before.</p>{}<p id="after">After.</p>
<div style="height: 1500px"></div></article></main></body></html>"""
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
on_a_phone = pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
# counts the moves of a hand, and those after which the very next frame shows something else
WATCH = """(kind) => {
  const root = document.querySelector(".aelib-live");
  const look = () => root.innerHTML
    + [...root.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()).join();
  Object.assign(window, { moves: 0, shown: 0 });
  addEventListener(kind, () => {
    const before = look();
    requestAnimationFrame(() => setTimeout(() => { // after all that the frame had to do
      window.moves += 1;
      window.shown += look() !== before;
    }));
  }, true);
}"""

# a function of the widget's module, and of what Python packed, called in the page
CALL = """async ([name, ...given]) => {
  const module = await import(location.pathname.replace(".html", ".js"));
  window.state ??= JSON.parse(document.querySelector("script[type='application/json']").textContent);
  return (%s)(module, given);
}"""


@contextmanager
def served(tmp_path_factory, shown, kind):
    """The address of a page with one widget in it, whose code lies beside it to be imported."""
    folder = tmp_path_factory.mktemp(kind)
    (folder / f"{kind}.html").write_text(PAGE.format(shown._repr_html_()), "utf-8")
    (folder / f"{kind}.js").write_text(widgets._module(kind), "utf-8")
    with machinery.serving(folder) as address:
        yield f"{address}{kind}.html"


@contextmanager
def window(chromium, address, **options):
    """A page that is open; on leaving, it must have failed nowhere and asked no other host."""
    defaults = {"viewport": {"width": 800, "height": 860}, "reduced_motion": "reduce"}
    context = chromium.new_context(**defaults | options)
    page, errors, requests = context.new_page(), [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: m.type != "error" or errors.append(m.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address, wait_until="load")
    page.wait_for_timeout(100)
    try:
        yield page
    finally:
        context.close()
    assert not errors, errors
    assert all(url.startswith(("http://127.0.0.1", "data:", "blob:")) for url in requests), requests


def settle(page):
    page.evaluate("() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))")


def troubles(page):
    """What axe and the page tests' own probe find."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    grave = [v for v in found if v["impact"] in {"serious", "critical"}]
    texts = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in grave]
    probe = PROBE.read_text("utf-8")
    return texts + page.evaluate(f"{probe}.silent()") + page.evaluate(f"{probe}.overflow()")


def assert_for_all(page, theme, controls=":is(input, button)"):
    """It can be read, and used with a finger, in a theme."""
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    assert not troubles(page)
    small = page.locator(f".aelib-live {controls}").evaluate_all(
        "(es) => es.filter((e) => e.getBoundingClientRect().height < 24).length"
    )
    assert not small, "too small for a finger"


@contextmanager
def fitting(chromium, address, width):
    """A widget in a window of some width: nothing is cut off, and the page jumped nowhere."""
    with window(chromium, address, viewport={"width": width, "height": 740}) as page:
        assert not page.evaluate(f"{PROBE.read_text('utf-8')}.overflow()")
        root = page.locator(".aelib-live")
        assert root.evaluate("(e) => e.scrollHeight <= e.clientHeight + 1"), "it is cut off"
        yield root
        below = page.locator("#after").bounding_box()["y"]
        root.evaluate("(e) => e.parentElement.remove()")
        assert page.locator("#after").bounding_box()["y"] == pytest.approx(below, abs=1)


def assert_still(chromium, address, alt):
    """Without scripts there are a picture and a sentence."""
    with window(chromium, address, java_script_enabled=False) as page:
        assert page.locator("svg[role=img]").get_attribute("aria-label") == alt
        assert page.locator("svg[role=img]").bounding_box()["height"] > 150
        assert page.locator(".aelib-still-note").is_visible()
        assert page.locator(".aelib-live").count() == 0


def assert_in_the_next_frame(page, least):
    """What the hand did since WATCH was to be seen one frame later; it did so much at least.

    A move or two may change nothing: those before the button is down.
    """
    page.wait_for_timeout(100)
    moves, shown = page.evaluate("[window.moves, window.shown]")
    print(f"{shown} of {moves} moves were seen in the next frame")
    assert moves >= least
    assert shown > 0.7 * moves


def assert_anywidget(page):
    """The same code, given a model by someone else, and an element that is not yet in the page."""
    count = page.locator(".aelib-live").count()
    page.evaluate(
        """async () => {
          const state = JSON.parse(document.querySelector("script[type='application/json']").textContent);
          const { default: widget } = await import(location.pathname.replace(".html", ".js"));
          const el = document.createElement("div");
          widget.render({ model: { get: (name) => state[name], on() {} }, el });
          document.querySelector("article").append(el);
        }"""
    )
    assert page.locator(".aelib-live").count() == count + 1


def drag(page, start, *stops):
    page.mouse.move(*start)
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*stop, steps=3)
    page.mouse.up()
    settle(page)


def packed(page):
    return page.evaluate(
        "JSON.parse(document.querySelector('script[type=\"application/json\"]').textContent)"
    )


def call(page, code, *given):
    """A function of the widget's module, called in the page."""
    return page.evaluate(CALL % code, ["", *given])


def pixels(page, words):
    """A screen's 28 by 28 pixels, from 0 to 1."""
    found = page.get_by_role("img", name=words).evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    return np.reshape(found, (28, 28, 4))[..., 0] / 255


def stroke(page, *points):
    """Draw with the mouse; points are in parts of the pad."""
    box = page.locator(".aelib-pad").bounding_box()
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    drag(page, *spots)
    settle(page)


def percent(drawn, field):
    """Where the middle of something drawn is on its field, in percent from the left and the top."""
    return drawn.evaluate(
        """(e, field) => {
          const [at, area] = [e.getBoundingClientRect(), e.closest(field)];
          const box = area.getBoundingClientRect();
          return [
            (100 * (at.x + at.width / 2 - box.x - area.clientLeft)) / area.clientWidth,
            (100 * (at.y + at.height / 2 - box.y - area.clientTop)) / area.clientHeight,
          ];
        }""",
        field,
    )


def table(page):
    """The numbers of the widget's table, by the words at the head of the row."""
    rows = page.locator(".aelib-live tbody tr").all()
    texts = {r.locator("th").inner_text().strip(): r.locator("td").all_inner_texts() for r in rows}
    ascii = str.maketrans({"\u2212": "-", "∞": "inf"})
    return {name: [float(t.translate(ascii)) for t in row] for name, row in texts.items()}


def run_packed(layers, x):
    """A packed network on (N, inputs), by NumPy: what ``static/mlp.js`` is to give."""
    acts = {
        "relu": lambda v: np.maximum(v, 0),
        "silu": lambda v: v / (1 + np.exp(-v)),
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "tanh": np.tanh,
    }
    for layer in layers:
        if isinstance(layer, str):
            x = acts[layer](x)
            continue
        read = {name: base64.b64decode(layer[name]) for name in ("weights", "steps", "bias")}
        whole = np.frombuffer(read["weights"], np.int8).reshape(-1, layer["inputs"])
        steps, bias = (np.frombuffer(read[name], "<f4").astype(float) for name in ("steps", "bias"))
        x = x @ (whole * steps[:, None]).T + bias
    return x


def centred(ink):
    """Ink of any size as MNIST has its digits, by NumPy: what ``static/draw.js`` is to give.

    A box of 20 by 20 holds the ink, averaged over each pixel's area; the box is put where the
    centre of mass, rounded, is pixel 14 (counted from 0), as it is for all of MNIST's digits.
    """

    def resize(length):  # (20, length): how much of each point falls on each pixel
        edges = np.arange(length + 1) * scale + np.floor((20 - length * scale) / 2)
        cells = np.arange(20)[:, None]
        return np.clip(np.minimum(edges[1:], cells + 1) - np.maximum(edges[:-1], cells), 0, None)

    rows, columns = np.flatnonzero(ink.max(1)), np.flatnonzero(ink.max(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(ink.shape)
    box = resize(ink.shape[0]) @ ink @ resize(ink.shape[1]).T
    middle = [np.round((box.sum(1 - k) * np.arange(20)).sum() / box.sum()) for k in (0, 1)]
    top, left = (int(np.clip(14 - m, 0, 8)) for m in middle)
    out = np.zeros((28, 28))
    out[top : top + 20, left : left + 20] = box
    return out
