"""The size of a code in a real browser: pictures and errors are PyTorch's, at every size and for every
digit, and sizes that were not trained are named. What all widgets must do is in test_live_charts.py.
"""

import base64
import io

import live
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import aelib
from aelib import data, losses, training, widgets
from aelib.models import PCA, Autoencoder

ALT = "A test digit beside what PCA and an autoencoder make of it, with the squared errors of both."
SMALL, LARGE = "784-64-k", "784-80-30"


def squared(model, batch):
    return losses.squared_error(model(batch.x), batch.x).mean()


@pytest.fixture(scope="module")
def models():
    """PCA, and autoencoders of two kinds that were trained for a moment, with their test errors."""
    digits = data.mnist()
    few, test = digits.train[:4000], digits.test[:500]
    pca = PCA(100).fit(few.pixels)
    kinds = {SMALL: {}, LARGE: {}}
    for kind, hidden, size in ((SMALL, 64, 2), (SMALL, 64, 4), (SMALL, 64, 9), (LARGE, 80, 30)):
        aelib.seed(0)
        kinds[kind][size] = Autoencoder((hidden,), size, activation=nn.SiLU)
        training.fit(kinds[kind][size], squared, few, epochs=3, lr=5e-3, progress=False)
    rest = test.pixels.flatten(1) - pca.mean
    z = rest @ pca.components.T
    errors = {"PCA": (rest.square().sum(1).mean() - z.square().mean(0).cumsum(0)).numpy()}
    for kind, ones in kinds.items():
        errors[kind] = {k: training.evaluate(one, squared, test)["loss"] for k, one in ones.items()}
    return pca, kinds, errors


@pytest.fixture(scope="module")
def digits():
    test = data.mnist().test
    return [(x, k) for k in range(10) for x in test.of(k).pixels[:2]]


@pytest.fixture(scope="module")
def address(tmp_path_factory, models, digits):
    pca, kinds, errors = models
    images, labels = torch.stack([x for x, _ in digits]), torch.tensor([k for _, k in digits])
    shown = widgets.CodeSize(pca, kinds, images, labels, errors, alt=ALT)
    with live.served(tmp_path_factory, shown, "code_size") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        yield opened


def put(page, size):
    page.get_by_role("slider", name="numbers in the code").fill(str(size))
    live.settle(page)


def at(page):
    data = page.locator(".aelib-size").evaluate("(e) => ({...e.dataset})")
    return int(data["size"]), data["taken"] and int(data["taken"]), int(data["digit"])


def pixels(page, words):
    found = page.get_by_role("img", name=words).evaluate("(c) => c.toDataURL()").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("L")) / 255


def table(page):
    return [
        row.locator("td").all_inner_texts() for row in page.locator(".aelib-size tbody tr").all()
    ]


def by_pca(pca, x, size):
    """PCA as PyTorch computes it: the picture, not clipped."""
    components = pca.components[:size]
    flat = x.flatten() - pca.mean
    return (flat @ components.T @ components + pca.mean).view(28, 28)


def needed(by_size, error):
    return next((k + 1 for k, one in enumerate(by_size) if one <= error), None)


@pytest.mark.parametrize(("kind", "name"), [(0, SMALL), (1, LARGE)])
def test_pictures_and_errors_are_pytorchs(page, models, digits, kind, name):
    pca, kinds, errors = models
    page.get_by_role("radio", name=name).check()
    live.settle(page)
    worst = 0.0
    for size in (1, 2, 3, 9, 30, 64):
        put(page, size)
        trained = max((k for k in kinds[name] if k <= size), default=None)
        for press in range(4):
            digit = (3 * press + size) % 10
            page.get_by_role("button", name=f"Take a test digit: {digit}").click()
            live.settle(page)
            now, taken, place = at(page)
            x, label = digits[place]
            assert (now, taken or None, label) == (size, trained, digit)
            np.testing.assert_allclose(pixels(page, "the test digit"), x[0], atol=0.003)
            x_hat = by_pca(pca, x, size)
            off = np.abs(pixels(page, "PCA's picture") - x_hat.clamp(0, 1).numpy()).max()
            worst = max(worst, off)
            rows = table(page)
            assert float(rows[0][1]) == pytest.approx((x_hat - x).square().sum().item(), abs=0.011)
            assert float(rows[0][2]) == pytest.approx(errors["PCA"][size - 1], abs=0.006)
            drawn = pixels(page, "the autoencoder's picture")
            if trained is None:
                assert rows[1] == ["\u2013"] * 3
                assert not drawn.any()
                continue
            with torch.no_grad():
                made = kinds[name][trained](x[None])[0]
            np.testing.assert_allclose(drawn, made[0], atol=0.003)
            assert rows[1][0] == str(trained)
            assert float(rows[1][1]) == pytest.approx((made - x).square().sum().item(), abs=0.006)
            assert float(rows[1][2]) == pytest.approx(errors[name][trained], abs=0.006)
    print(f"PCA's pixels are off by at most {worst:.4f}")
    assert worst < 0.02


def test_a_size_that_was_not_trained_is_named(page):
    told = page.locator(".aelib-size-told")
    put(page, 4)
    assert not told.inner_text().startswith("No ")
    put(page, 7)
    assert told.inner_text().startswith(f"No {SMALL} was trained with 7, only with 2, 4 and 9.")
    assert page.locator(".aelib-size-part").nth(2).inner_text().strip() == "autoencoder, 4"
    assert page.locator(".aelib-size-part").nth(1).inner_text().strip() == "PCA, 7"
    put(page, 1)
    assert page.locator(".aelib-size-part").nth(2).inner_text().strip() == "autoencoder: none"
    assert page.locator(".aelib-dot-auto").is_hidden()


def test_what_pca_needs_to_do_as_well(page, models, digits):
    pca, kinds, errors = models
    told = page.locator(".aelib-size-told")
    for size in (2, 4, 9):
        put(page, size)
        x, _ = digits[at(page)[2]]
        with torch.no_grad():
            error = (kinds[SMALL][size](x[None])[0] - x).square().sum().item()
        one = [(by_pca(pca, x, k) - x).square().sum().item() for k in range(1, 101)]
        found = [needed(one, error), needed(errors["PCA"], errors[SMALL][size])]
        words = [n or "more than 100" for n in found]
        expected = f"PCA needs {words[0]} numbers for this digit and {words[1]} for the test set."
        assert told.inner_text().endswith(expected)
        assert found[1] is None or errors["PCA"][found[1] - 1] <= errors[SMALL][size]


def test_another_kind_begins_where_it_was_trained(page):
    put(page, 4)
    page.get_by_role("radio", name=LARGE).check()
    live.settle(page)
    assert at(page)[:2] == (30, 30)
    page.get_by_role("radio", name=SMALL).check()
    live.settle(page)
    assert at(page)[:2] == (30, 9)


def test_a_digit_is_taken_by_keyboard_and_then_the_next_of_its_kind(page, digits):
    button = page.get_by_role("button", name="Take a test digit: 5")
    seen = []
    for _ in range(3):
        button.press("Enter")
        live.settle(page)
        seen.append(at(page)[2])
    assert [digits[i][1] for i in seen] == [5, 5, 5]
    assert seen == [10, 11, 10]


def test_the_chart_is_dragged_and_its_points_are_on_their_curves(page, models):
    box = page.locator(".aelib-chart-field").bounding_box()

    def spot(size):
        part = np.log(size) / np.log(64)
        return box["x"] + part * box["width"], box["y"] + box["height"] / 2

    live.drag(page, spot(3), spot(20), spot(40))
    assert at(page)[0] == 40
    live.drag(page, spot(40), (box["x"] - 50, box["y"]))
    assert at(page)[0] == 1
    live.drag(page, spot(5), spot(9))
    for name in ("pca", "auto"):
        dot = live.percent(page.locator(f".aelib-dot-{name} rect"), ".aelib-chart-field")
        line = page.locator(f".aelib-one-{name}").evaluate(
            "(e) => e.getAttribute('d').slice(1).split('L').map((t) => t.split(' ').map(Number))"
        )
        on_line = min(line, key=lambda point: abs(point[0] - 10 * dot[0]))
        assert [v / 10 for v in on_line] == pytest.approx(dot, abs=0.5)
        assert dot[0] == pytest.approx(100 * np.log(9) / np.log(64), abs=0.2)


@live.on_a_phone
def test_by_finger(page):
    page.get_by_role("button", name="Take a test digit: 8").tap()
    box = page.locator(".aelib-chart-field").bounding_box()
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    live.settle(page)
    assert at(page)[:2] == (8, 4)
    assert page.evaluate("scrollX") == 0
    assert not live.troubles(page)
