"""The cloud of points in a real browser: what a reader does to it, and what comes of that.

The page is written here, with a few hundred random points. That a chapter with a widget is as sound
as any other page is tested in test_pages.py.
"""

import json
import re

import browser as machinery
import numpy as np
import pytest
from live import AXE, PAGE, PROBE

from aelib import widgets

ALT = "Two clouds of random points; in the second one, each label has a place of its own."
N = 300
RANDOM = np.random.default_rng(0)
LABELS = np.arange(N) % 4
IMAGES = RANDOM.integers(0, 16, (N, 1, 8, 8), dtype=np.uint8) * 17  # the levels that are stored
CLOUDS = {
    "ball": RANDOM.normal(size=(N, 3)),
    "apart": RANDOM.normal(size=(N, 3)) + 4 * np.eye(4, 3)[LABELS],
}
# a number that is another one when a pixel of the canvas is
INK = """(canvas) => { const d = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0; for (let i = 0; i < d.length; i += 4) sum = (sum * 31 + d[i] + 3 * d[i + 1] + 7 * d[i + 3]) % 1e9;
  return sum; }"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("widgets")
    one = widgets.PointCloud(CLOUDS, LABELS, IMAGES, names=["ant", "bee", "cat", "dog"], alt=ALT)
    other = widgets.PointCloud({"ball": CLOUDS["ball"]}, LABELS, IMAGES, alt=ALT)
    for name, body in {"one": [one], "two": [one, other, one]}.items():
        text = PAGE.format("".join(widget._repr_html_() for widget in body))
        (folder / f"{name}.html").write_text(text, "utf-8")
    with machinery.serving(folder) as served:
        yield served


class Reader:
    """A window with the page in it, and hands to move the cloud with."""

    def __init__(self, page):
        self.page, self.errors, self.requests = page, [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: m.type != "error" or self.errors.append(m.text))
        page.on("request", lambda request: self.requests.append(request.url))
        self.root = page.locator(".aelib-cloud").first
        self.canvas = page.locator(".aelib-cloud-stage > canvas").first
        self.fingers = page.context.new_cdp_session(page)

    def open(self, url):
        self.page.goto(url, wait_until="load")
        self.page.wait_for_timeout(120)
        return self

    @property
    def box(self):
        """Where the canvas can be drawn on: within its border."""
        return self.canvas.evaluate(
            "(c) => { const r = c.getBoundingClientRect();"
            " return {x: r.x + c.clientLeft, y: r.y + c.clientTop, width: c.clientWidth, height: c.clientHeight}; }"
        )

    def ink(self):
        self.page.evaluate(
            "() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"
        )
        return self.canvas.evaluate(INK)

    def picked(self):
        return int(self.root.get_attribute("data-picked"))

    def move(self, x, y, **options):
        self.page.mouse.move(self.box["x"] + x, self.box["y"] + y, **options)

    def drag(self, right, down):
        self.move(self.box["width"] / 2, self.box["height"] / 2)
        self.page.mouse.down()
        self.move(self.box["width"] / 2 + right, self.box["height"] / 2 + down, steps=4)
        self.page.mouse.up()
        self.move(2, 2)

    def cloud(self, name):
        self.page.get_by_role("radio", name=name).first.check()

    def expected(self, name="ball"):
        """Where each point is first seen on the canvas, as Python projects it."""
        seen, _ = widgets._seen(widgets._normal(CLOUDS[name], name))
        unit = widgets._VIEW["fill"] * min(self.box["width"], self.box["height"])
        middle = np.array([self.box["width"], self.box["height"]]) / 2
        return middle + seen * [unit, -unit]


@pytest.fixture
def window(chromium):
    readers = []

    def opened(url, **options):
        defaults = {"viewport": {"width": 800, "height": 760}, "reduced_motion": "reduce"}
        readers.append(Reader(chromium.new_context(**defaults | options).new_page()))
        return readers[-1].open(url)

    yield opened
    for reader in readers:
        reader.page.context.close()
        assert not reader.errors, reader.errors
        assert not [
            u for u in reader.requests if not u.startswith(("http://127.0.0.1", "data:", "blob:"))
        ]


@pytest.fixture
def reader(window, address):
    return window(address + "one.html")


# ------------------------------------------------------------------------------------- turn and zoom
@pytest.mark.parametrize("way", [(60, 0), (0, 60)])
def test_drag_turns(reader, way):
    before = reader.ink()
    reader.drag(*way)
    assert reader.ink() != before
    reader.page.get_by_role("button", name="Reset the view").click()
    reader.move(2, 2)
    assert reader.ink() == before


def test_wheel_zooms_when_the_cloud_has_the_focus_and_scrolls_the_page_before(reader):
    before = reader.ink()
    reader.move(5, 5)
    reader.page.mouse.wheel(0, 120)
    reader.page.wait_for_timeout(200)
    assert reader.page.evaluate("scrollY") > 50
    assert reader.ink() == before
    reader.page.evaluate("scrollTo(0, 0)")
    reader.canvas.focus()
    reader.page.mouse.wheel(0, -120)
    assert reader.ink() != before
    assert reader.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("key", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-"])
def test_keys_move_and_home_resets(reader, key):
    before = reader.ink()
    reader.canvas.focus()
    reader.page.keyboard.press(key)
    assert reader.ink() != before
    assert reader.page.evaluate("scrollY") == 0, "the page stays"
    reader.page.keyboard.press("Home")
    assert reader.ink() == before


def test_keys_stay_in_the_cloud_and_others_pass(reader):
    """A notebook has commands of its own on the same keys."""
    reader.page.evaluate("document.addEventListener('keydown', (e) => (document.title += e.key))")
    reader.canvas.focus()
    for key in ("ArrowDown", "n", "x"):
        reader.page.keyboard.press(key)
    assert reader.page.title() == "tx"
    reader.page.keyboard.press("Tab")
    assert reader.page.evaluate("document.activeElement.tagName") == "BUTTON", "no trap"


@pytest.mark.parametrize("name", ["Zoom in", "Zoom out"])
def test_buttons_do_what_the_wheel_does(reader, name):
    before = reader.ink()
    reader.page.get_by_role("button", name=name).click()
    assert reader.ink() != before


# ----------------------------------------------------------------------------------- points and labels
def test_pointing_at_a_dot_shows_its_picture(reader):
    places = reader.expected()
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(N)
    alone = np.argsort(-gaps.min(axis=1))[:6]  # no other point is as close to where we point
    inside = [
        i for i in alone if (places[i] > 8).all() and places[i][1] < reader.box["height"] - 60
    ]
    assert len(inside) > 2
    for i in inside:
        reader.move(*places[i])
        assert reader.picked() == i
        shown = reader.page.locator(".aelib-cloud-panel canvas").evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        np.testing.assert_array_equal(np.reshape(shown, (8, 8, 4))[..., 0], IMAGES[i, 0])
        name = ["ant", "bee", "cat", "dog"][LABELS[i]]
        assert reader.page.locator(".aelib-cloud-panel").inner_text().strip() == name
    reader.page.mouse.move(1, 1)
    assert reader.picked() == -1
    assert not reader.page.locator(".aelib-cloud-panel").is_visible()


def test_dots_are_where_python_says_and_in_their_colours(reader):
    places = reader.expected()
    room = np.array([reader.box["width"], reader.box["height"]])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(N)
    middles = [
        np.median(places[label == LABELS], axis=0) for label in range(4)
    ]  # names stand there
    named = np.linalg.norm(places[:, None] - np.array(middles)[None], axis=2).min(axis=1)
    within = (abs(places - room / 2) < room / 2 - 8).all(axis=1)
    alone = np.flatnonzero((gaps.min(axis=1) > 9) & (named > 40) & within)
    assert len(alone) > 20
    for i in alone:
        found = reader.canvas.evaluate(
            "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data]",
            np.floor(places[i]).tolist(),
        )
        colour = list(bytes.fromhex(widgets.plots.DIGIT_COLOURS[LABELS[i]][1:]))
        assert found[3] > 50
        assert np.abs(np.array(found[:3]) - colour).max() < 12


def test_keyboard_steps_through_the_points_and_says_which(reader):
    reader.canvas.focus()
    said = reader.page.get_by_role("status")
    for key, i in (("n", 0), ("n", 1), ("p", 0), ("p", N - 1), ("N", 0)):
        reader.page.keyboard.press(key)
        assert reader.picked() == i
        assert said.inner_text() == f"Point {i + 1} of {N}: {['ant', 'bee', 'cat', 'dog'][i % 4]}"
    reader.page.keyboard.press("Escape")
    assert reader.picked() == -1


def test_legend_singles_labels_out(reader):
    before = reader.ink()
    cat = reader.page.get_by_role("button", name="cat")
    cat.click()
    assert cat.get_attribute("aria-pressed") == "true"
    assert reader.ink() != before
    reader.canvas.focus()
    for i in (2, 6, 10):
        reader.page.keyboard.press("n")
        assert reader.picked() == i, "the others are passed over"
    place = reader.expected()[1]
    reader.move(*place)
    assert reader.picked() in {-1, *range(2, N, 4)}, "and cannot be pointed at"
    reader.page.get_by_role("button", name="ant").press("Enter")
    assert reader.page.get_by_role("status").inner_text() == "Shown: ant, cat"
    for name in ("cat", "ant"):
        reader.page.get_by_role("button", name=name).click()
    reader.page.mouse.move(1, 1)
    assert reader.ink() == before


def test_radio_buttons_change_the_cloud(reader):
    before = reader.ink()
    reader.cloud("apart")
    assert reader.root.get_attribute("data-cloud") == "1"
    assert reader.ink() != before
    places = reader.expected("apart")
    far = np.argsort(-np.linalg.norm(places - places.mean(axis=0), axis=1))
    i = next(
        i
        for i in far
        if (places[i] > 8).all()
        and (places[i] < [reader.box["width"] - 8, reader.box["height"] - 60]).all()
    )
    reader.move(*places[i])
    assert reader.picked() == i
    reader.page.get_by_role("radio", name="apart").press("ArrowLeft")
    reader.page.mouse.move(1, 1)
    assert reader.ink() == before


# ------------------------------------------------------------------------------------------- motion
def test_it_turns_by_itself_until_it_is_touched(window, address):
    reader = window(address + "one.html", reduced_motion="no-preference")
    first = reader.ink()
    reader.page.wait_for_timeout(300)
    assert reader.ink() != first
    reader.canvas.focus()
    reader.page.keyboard.press("ArrowLeft")
    still = reader.ink()
    reader.page.wait_for_timeout(300)
    assert reader.ink() == still
    reader.page.get_by_role("button", name="Turn slowly").click()
    reader.page.mouse.move(1, 1)
    reader.page.wait_for_timeout(200)
    assert reader.ink() != still
    reader.page.get_by_role("button", name="Stop turning").click()
    still = reader.ink()
    reader.page.wait_for_timeout(200)
    assert reader.ink() == still


def test_out_of_sight_it_rests(window, address):
    reader = window(address + "one.html", reduced_motion="no-preference")
    reader.page.evaluate("scrollTo(0, 1200)")
    reader.page.wait_for_timeout(200)
    first = reader.ink()
    reader.page.wait_for_timeout(300)
    assert reader.ink() == first


def test_clouds_morph(window, address):
    reader = window(address + "one.html", reduced_motion="no-preference")
    reader.page.get_by_role("button", name="Stop turning").click()
    before = reader.ink()
    reader.cloud("apart")
    reader.page.wait_for_timeout(250)
    between = reader.ink()
    reader.page.wait_for_timeout(1300)
    after = reader.ink()
    assert len({before, between, after}) == 3
    reader.page.wait_for_timeout(200)
    assert reader.ink() == after


def test_less_motion_is_none(reader):
    first = reader.ink()
    reader.page.wait_for_timeout(300)
    assert reader.ink() == first
    reader.cloud("apart")
    at_once = reader.ink()
    reader.page.wait_for_timeout(400)
    assert reader.ink() == at_once


# ------------------------------------------------------------------------------------ phones and pages
def touch(reader, kind, *spots):
    points = [
        {"x": reader.box["x"] + x, "y": reader.box["y"] + y, "id": i}
        for i, (x, y) in enumerate(spots)
    ]
    reader.fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def phone(window, address):
    return window(address + "one.html", viewport={"width": 360, "height": 740}, has_touch=True,
                  is_mobile=True, device_scale_factor=2)  # fmt: skip


def test_a_finger_turns_two_zoom_a_tap_picks(phone):
    before = phone.ink()
    touch(phone, "touchStart", (100, 150))
    for x in (130, 160, 190):
        touch(phone, "touchMove", (x, 150))
    touch(phone, "touchEnd")
    turned = phone.ink()
    assert turned != before
    touch(phone, "touchStart", (100, 150), (180, 150))
    for x in (20, 40):
        touch(phone, "touchMove", (100 - x, 150), (180 + x, 150))
    touch(phone, "touchEnd")
    assert phone.ink() != turned
    assert phone.picked() == -1
    phone.page.get_by_role("button", name="Reset the view").tap()
    places = phone.expected()
    i = int(
        np.argmin(
            np.linalg.norm(places - [phone.box["width"] / 2, phone.box["height"] / 2], axis=1)
        )
    )
    phone.page.touchscreen.tap(phone.box["x"] + places[i][0], phone.box["y"] + places[i][1])
    assert phone.picked() == i
    assert phone.page.locator(".aelib-cloud-panel").is_visible()


def test_a_finger_that_goes_up_scrolls_the_page(phone):
    assert phone.canvas.evaluate("(c) => getComputedStyle(c).touchAction") == "pan-y"
    box = phone.box
    touch(phone, "touchStart", (150, 250))
    for y in range(225, 25, -25):
        touch(phone, "touchMove", (150, y + box["y"] - phone.box["y"]))
    touch(phone, "touchEnd")
    phone.page.wait_for_timeout(200)
    assert phone.page.evaluate("scrollY") > 100


def test_a_canvas_is_as_sharp_as_the_screen(phone):
    size = phone.canvas.evaluate("(c) => [c.width / c.clientWidth, c.height / c.clientHeight]")
    assert size == pytest.approx([2, 2], abs=0.02)


@pytest.mark.parametrize("width", [320, 360, 800])
def test_it_fits_and_nothing_jumps(window, address, width):
    reader = window(address + "one.html", viewport={"width": width, "height": 740})
    assert not reader.page.evaluate(f"{PROBE.read_text('utf-8')}.overflow()")
    inside = reader.root.evaluate(
        "(r) => [...r.querySelectorAll('button, label')].filter((e) => { const a = r.getBoundingClientRect(),"
        " b = e.getBoundingClientRect(); return b.right > a.right + 1 || b.bottom > a.bottom + 1 || b.height < 24"
        " }).length"
    )
    assert inside == 0, "a button is cut off, or too small for a finger"
    with_script = reader.page.locator("#after").bounding_box()["y"]
    reader.page.locator(".aelib-cloud").evaluate("(e) => e.parentElement.remove()")
    assert reader.page.locator("#after").bounding_box()["y"] == pytest.approx(with_script, abs=1)


# --------------------------------------------------------------------------- themes, readers, no scripts
def test_the_dark_theme_is_followed_at_once(reader):
    dark = "(c) => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let white = 0;" \
           " for (let i = 0; i < d.length; i += 4) white += d[i] > 200 && d[i + 1] > 200 && d[i + 2] > 200 && d[i + 3] > 250;" \
           " return white; }"  # fmt: skip
    halo = reader.canvas.evaluate(dark)
    assert halo > 60, "names stand on white"
    reader.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    reader.ink()
    assert 0 < reader.canvas.evaluate(dark) < halo, "names are light and stand on black"
    assert (
        reader.page.get_by_role("button", name="cat").evaluate("(e) => getComputedStyle(e).color")
        == "rgb(221, 221, 221)"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["one", "two"])
def test_axe_finds_nothing(window, address, theme, name):
    reader = window(f"{address}{name}.html")
    reader.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    reader.page.get_by_role("button", name=re.compile("bee|1")).first.click()
    reader.page.evaluate(AXE.read_text("utf-8"))
    found = reader.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [
        f"{v['id']}: {v['nodes'][0]['html'][:200]}"
        for v in found
        if v["impact"] in {"serious", "critical"}
    ]
    assert not reader.page.evaluate(f"{PROBE.read_text('utf-8')}.silent()")


def test_focus_can_be_seen_in_order(reader):
    order = []
    for _ in range(7):
        reader.page.keyboard.press("Tab")
        order.append(reader.page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e.type === 'radio' ? e.nextSibling : e);"
            " return [e.type === 'radio' ? 'radio' : e.getAttribute('aria-label') ?? e.textContent, s.outlineStyle]; }"
        ))  # fmt: skip
    assert [name.split(".")[0].split(";")[0] for name, _ in order] == [
        "radio", "Two clouds of random points", "Turn slowly", "Zoom out", "Zoom in", "Reset the view", "ant",
    ]  # fmt: skip
    assert {style for _, style in order} == {"solid"}


def test_without_scripts_the_still_picture_stands(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "one.html", wait_until="load")
    picture = page.locator("svg[role=img]")
    assert picture.get_attribute("aria-label") == ALT
    assert picture.is_visible()
    assert picture.bounding_box()["height"] > 150
    assert page.locator(".aelib-cloud").count() == 0
    gap = page.locator("#after").bounding_box()["y"] - picture.bounding_box()["y"]
    context.close()
    assert gap < 400, "no room is kept for what does not come"


def test_with_scripts_the_still_picture_is_gone(reader):
    assert reader.page.locator("svg[role=img]").count() == 0
    assert reader.root.is_visible()


def test_several_on_one_page_know_nothing_of_each_other(window, address):
    reader = window(address + "two.html")
    assert reader.page.locator(".aelib-cloud").count() == 3
    assert reader.page.get_by_role("radiogroup").count() == 2, (
        "of one cloud there is nothing to choose"
    )
    reader.page.get_by_role("radio", name="apart").nth(1).check()
    state = [
        reader.page.locator(".aelib-cloud").nth(i).get_attribute("data-cloud") for i in range(3)
    ]
    assert state == ["0", "0", "1"]
    assert reader.page.get_by_role("radio", name="ball").first.is_checked()
    ids = reader.page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_nothing_is_left_in_the_window(chromium, address):
    context = chromium.new_context()
    page = context.new_page()
    names = "Object.getOwnPropertyNames(window)"
    page.goto(address + "nothing.html")
    before = set(page.evaluate(names))
    page.goto(address + "one.html", wait_until="load")
    page.wait_for_selector(".aelib-cloud")
    after = set(page.evaluate(names))
    context.close()
    assert after <= before, after - before


def test_code_runs_as_an_anywidget(window, address):
    """The same file, given a model by someone else, and an element that is not yet in the page."""
    reader = window(address + "one.html")
    code = widgets._module("point_cloud")
    reader.page.evaluate(
        """async (code) => {
          const file = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
          const state = JSON.parse(document.querySelector("script[type='application/json']").textContent);
          const { default: widget } = await import(file);
          const el = document.createElement("div");
          const close = widget.render({ model: { get: (name) => state[name], on() {} }, el });
          document.querySelector("article").prepend(el);
          await new Promise((done) => setTimeout(done, 200));
          window.close_it = close;
        }""",
        code,
    )
    assert reader.ink() != 0
    assert json.loads(reader.page.evaluate("JSON.stringify(typeof window.close_it)")) == "function"
    reader.page.evaluate("window.close_it()")
