"""The pad for digits in a real browser: drawings are made as MNIST's digits are, and the network that
runs in the page gives PyTorch's numbers.

The network is a small one, trained here for seconds.
"""

import base64
import json
import re

import live
import numpy as np
import pytest
import torch
from torch import nn

import aelib
from aelib import data, losses, training, widgets
from aelib.models import Autoencoder

ALT = "A digit, its code among the codes of test digits, and what the decoder draws from it."


@pytest.fixture(scope="module")
def digits():
    return data.mnist()


@pytest.fixture(scope="module")
def model(digits):
    aelib.seed(0)
    net = Autoencoder(hidden=(128, 64), activation=nn.SiLU)

    def reconstruct(net, batch):
        return losses.squared_error(net(batch.x), batch.x).mean()

    training.fit(net, reconstruct, digits.train[:10_000], epochs=3, lr=2e-3, progress=False)
    return net.eval()


@pytest.fixture(scope="module")
def shown(digits, model):
    test, few = digits.test[:1000], digits.train[:3000].pixels
    return widgets.DrawDigit(model, test.pixels, test.labels, few, alt=ALT)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "draw_digit") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        opened.wait_for_selector("[data-taken]")
        live.settle(opened)
        yield opened


def code_of(page):
    return [float(v) for v in page.locator(".aelib-digit").get_attribute("data-code").split()]


# ------------------------------------------------------------------------------- as MNIST's digits are
def test_the_recipe_leaves_mnists_own_digits_alone(digits):
    """They fill a box of 20 by 20, and their centre of mass, rounded, is pixel 14."""
    changed = [
        np.abs(live.centred(x.numpy()) - x.numpy()).max() > 1e-6
        for x in digits.test[:1000].pixels[:, 0]
    ]
    assert np.mean(changed) < 0.01


def test_ink_is_centred_and_scaled_as_the_recipe_says(page):
    random = np.random.default_rng(0)
    for height, width in ((40, 40), (300, 37), (19, 260), (240, 240), (5, 3)):
        ink = np.zeros((height, width))
        top, left = height // 5, width // 4
        ink[top : top + height // 2 + 1, left : left + width // 2 + 1] = random.random(
            (height // 2 + 1, width // 2 + 1)
        )
        found = live.call(
            page,
            "(m, [ink, w, h]) => [...m.centred(Float32Array.from(ink), w, h)]",
            ink.ravel().tolist(), width, height,
        )  # fmt: skip
        np.testing.assert_allclose(np.reshape(found, (28, 28)), live.centred(ink), atol=1e-4)
    assert live.call(page, "(m) => m.centred(new Float32Array(9), 3, 3)") is None


def through_the_canvas(page, x, smooth):
    """A digit drawn large on a canvas, and what the pad's recipe makes of it."""
    return np.reshape(
        live.call(
            page,
            """(m, [grey, smooth]) => {
              const small = new OffscreenCanvas(28, 28), large = new OffscreenCanvas(280, 280);
              const data = new Uint8ClampedArray(4 * 784).fill(255);
              grey.forEach((v, i) => (data[4 * i + 3] = v));
              small.getContext("2d").putImageData(new ImageData(data, 28, 28), 0, 0);
              const pen = large.getContext("2d");
              pen.imageSmoothingEnabled = smooth;
              pen.drawImage(small, 0, 0, 280, 280);
              return [...m.centred(m.inkOf(large), 280, 280)];
            }""",
            x.flatten().tolist(),
            smooth,
        ),
        (28, 28),
    )


# smoothing widens a digit by half a pixel on each side, so that it comes back a little smaller
@pytest.mark.parametrize(
    ("smooth", "off", "median"), [(False, 0.001, 0.05), (True, 0.05, 0.25)], ids=["sharp", "smooth"]
)
def test_test_digits_through_the_canvas_land_where_pytorch_puts_them(
    page, digits, model, smooth, off, median
):
    held_out = digits.test[1000:1100]
    drawn = np.stack([through_the_canvas(page, x, smooth) for x in held_out.images])
    assert np.abs(drawn - held_out.pixels[:, 0].numpy()).mean() < off
    run = "(m, [xs]) => { const f = m.network(state.encoder); return xs.map((x) => [...f(Float32Array.from(x))]); }"
    codes = np.array(live.call(page, run, drawn.reshape(100, -1).tolist()))
    with torch.no_grad():
        theirs = model.encode(held_out.pixels).numpy()
        spread = model.encode(digits.test.pixels).std(0).numpy()
    apart = np.linalg.norm((codes - theirs) / spread, axis=1)
    print(f"through the canvas: {np.median(apart):.3f} spreads apart (median)")
    assert np.median(apart) < median
    assert np.quantile(apart, 0.9) < 4 * median


def test_strokes_are_as_wide_as_mnists_however_large_they_are(page, digits):
    hook = [(0.4, 0.2), (0.6, 0.3), (0.45, 0.5), (0.6, 0.7)]
    made = []
    for size in (1, 0.35):
        page.get_by_role("button", name="Clear").click()
        live.stroke(page, *((0.1 + size * (x - 0.3), 0.1 + size * (y - 0.15)) for x, y in hook))
        made.append(live.pixels(page, "What the encoder gets"))
        rows, columns = np.flatnonzero(made[-1].max(1)), np.flatnonzero(made[-1].max(0))
        assert np.ptp(rows) + 1 == 20 > np.ptp(columns) + 1
    assert np.abs(made[0] - made[1]).mean() < 0.02
    ones = digits.test.of(1).pixels[:, 0].numpy()
    width = np.median(ones.sum((1, 2)) / 20)  # a stroke as tall as the box: ink by height
    page.get_by_role("button", name="Clear").click()
    live.stroke(page, (0.5, 0.1), (0.5, 0.9))
    assert live.pixels(page, "What the encoder gets").sum() / 20 == pytest.approx(width, rel=0.25)


# ----------------------------------------------------------------------------------------- the network
def test_the_page_computes_what_was_packed(page, digits):
    x = digits.test[1000:1040].pixels.flatten(1).numpy()
    state = live.packed(page)
    run = "(m, [part, xs]) => { const f = m.network(state[part]); return xs.map((x) => [...f(Float32Array.from(x))]); }"
    codes = live.call(page, run, "encoder", x.tolist())
    expected = live.run_packed(state["encoder"], x)
    np.testing.assert_allclose(codes, expected, atol=2e-4)
    np.testing.assert_allclose(
        live.call(page, run, "decoder", codes),
        live.run_packed(state["decoder"], expected),
        atol=2e-4,
    )


def test_what_was_packed_is_close_to_pytorch(shown, digits, model):
    text = re.search(r'<script type="application/json">(.*?)</script>', shown._repr_html_())[1]
    state, x = json.loads(text), digits.test[1000:3000].pixels
    with torch.no_grad():
        z = model.encode(x)
        x_hat, spread = model.decode(z).flatten(1).numpy(), z.std(0).numpy()
    codes = live.run_packed(state["encoder"], x.flatten(1).numpy())
    apart = np.abs(codes - z.numpy()) / spread
    assert np.median(apart) < 0.02
    assert np.quantile(apart, 0.99) < 0.3
    drawn = live.run_packed(state["decoder"], z.numpy())
    assert np.sqrt(np.square(drawn - x_hat).mean()) < 0.02


def test_it_is_light(shown):
    assert len(shown._repr_html_()) < 600_000


# --------------------------------------------------------------------------------------- what is shown
def assert_consistent(page):
    state = live.packed(page)
    fed = live.pixels(page, "What the encoder gets").reshape(1, 784)
    np.testing.assert_allclose(
        code_of(page), live.run_packed(state["encoder"], fed)[0], rtol=0.02, atol=0.05
    )
    drawn = live.run_packed(state["decoder"], np.array([code_of(page)])).reshape(28, 28)
    np.testing.assert_allclose(live.pixels(page, "What the decoder draws"), drawn, atol=0.003)
    error = np.square(fed - drawn.ravel()).sum()
    told = page.locator(".aelib-digit-told").inner_text()
    assert float(told.split("Squared error ")[1].rstrip(".")) == pytest.approx(error, abs=0.3)


def test_a_drawing_becomes_a_code_and_comes_back(page):
    page.get_by_role("button", name="Clear").click()
    assert live.pixels(page, "What the encoder gets").max() == 0
    assert "Draw a digit" in page.locator(".aelib-digit-told").inner_text()
    live.stroke(page, (0.52, 0.15), (0.5, 0.5), (0.48, 0.85))
    assert_consistent(page)
    assert "are 1s" in page.locator(".aelib-digit-told").inner_text(), "a 1 lies among 1s"
    before = code_of(page)
    live.stroke(page, (0.2, 0.85), (0.8, 0.85))
    assert code_of(page) != before, "a second stroke adds to the first"
    assert_consistent(page)


def test_a_test_digit_is_taken_by_keyboard(page, digits):
    labels = digits.test.labels[:1000]
    for press in range(4):
        page.get_by_role("button", name="Take a test digit: 7").press("Enter")
        live.settle(page)
        i = (labels == 7).nonzero()[press % 3, 0]
        grey = np.rint(digits.test.images[i, 0].numpy() / 17) * 17 / 255  # sixteen are stored
        np.testing.assert_allclose(live.pixels(page, "What the encoder gets"), grey, atol=0.01)
        assert_consistent(page)


def test_sliders_walk_the_code(page):
    before = code_of(page)
    page.get_by_role("slider", name="first number").press("ArrowRight")
    live.settle(page)
    after = code_of(page)
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert "by hand" in page.locator(".aelib-digit-told").inner_text()
    said = page.get_by_role("slider", name="first number").get_attribute("aria-valuetext")
    assert said == f"{after[0]:.2f}".replace("-", "\u2212")


def test_the_point_is_dragged(page):
    box = page.locator(".aelib-digit-map").bounding_box()
    state = live.packed(page)

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"]

    for x, y in ((0.25, 0.5), (0.8, 0.1), (0.5, 0.95)):
        live.drag(page, at(0.5, 0.5), at(x, y))
        live.settle(page)
        part = np.linspace(0, 1, 65)
        expected = [np.interp(v, part, knots) for v, knots in zip((x, y), state["knots"])]
        steps = [4 * np.diff(knots).max() / 10 for knots in state["knots"]]
        assert (np.abs(np.array(code_of(page)) - expected) < steps).all()
        ring = live.percent(page.locator(".aelib-digit-ring"), ".aelib-digit-map")
        assert ring == pytest.approx([100 * x, 100 - 100 * y], abs=1)
        drawn = live.run_packed(state["decoder"], np.array([code_of(page)])).reshape(28, 28)
        np.testing.assert_allclose(live.pixels(page, "What the decoder draws"), drawn, atol=0.003)
    assert live.pixels(page, "What the encoder gets").max() == 0, "no drawing belongs to it"
    live.drag(page, at(0.5, 0.5), at(2, 2))
    live.settle(page)
    assert code_of(page) == pytest.approx([knots[-1] for knots in state["knots"]], rel=1e-3)


def test_points_lie_where_their_codes_are(page):
    """The map's pixels, at the places of codes that PyTorch gave."""
    state = live.packed(page)
    codes = np.frombuffer(base64.b64decode(state["codes"]), "<i2").reshape(-1, 2) * state["step"]
    part = np.linspace(0, 1, 65)
    ranks = [np.interp(codes[:, k], state["knots"][k], part) for k in (0, 1)]
    for i in (3, 50, 400):
        alpha = page.locator(".aelib-digit-map canvas").evaluate(
            "(c, [x, y]) => c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data[3]",
            [min(ranks[0][i], 0.999), min(1 - ranks[1][i], 0.999)],
        )
        assert alpha > 100


@live.on_a_phone
def test_a_finger_draws_and_the_page_stays(page):
    page.get_by_role("button", name="Clear").tap()
    box = page.locator(".aelib-pad").bounding_box()
    fingers = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2
    for kind, y in (("Start", 0.9), ("Move", 0.6), ("Move", 0.3), ("Move", 0.1), ("End", None)):
        points = [] if y is None else [{"x": middle, "y": box["y"] + y * box["height"]}]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    live.settle(page)
    assert page.evaluate("scrollY") == 0
    assert_consistent(page)
