"""Dropout's masks in a real browser: with the page's coins, PyTorch's own module in training mode gives
the page's reconstructions, their mean and their spread.

The networks are those of chapter 07, trained here for seconds.
"""

import gzip

import live
import numpy as np
import pytest
import torch

import aelib
from aelib import data, losses, training, widgets
from aelib.models import DropoutAutoencoder

ALT = "A net with all its units and with some of them dropped, and what both make of a digit."
RATES = (0.0, 0.4)  # that the networks are trained with


@pytest.fixture(scope="module")
def digits():
    return data.mnist()


@pytest.fixture(scope="module")
def models(digits):
    def reconstruct(net, batch):
        return losses.cross_entropy(net(batch.x), batch.x).mean()

    found = []
    for rate in RATES:
        aelib.seed(0)
        net = DropoutAutoencoder(code=128, on_code=rate)
        options = {"epochs": 30, "batch_size": 50, "lr": 4e-3, "progress": False}
        training.fit(net, reconstruct, digits.train[:300], **options)
        found.append(net.eval())
    return found


@pytest.fixture(scope="module")
def shown(digits, models):
    test, nets = digits.test[:200], {f"rate {r:g}": m for r, m in zip(RATES, models)}
    return widgets.DropoutMask(nets, test.pixels, test.labels, alt=ALT)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "dropout_mask") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        opened.wait_for_selector("[data-mask]")
        live.settle(opened)
        yield opened


def state(page):
    return page.locator(".aelib-mask").evaluate("(e) => ({ ...e.dataset })")


def put(page, rate):
    page.get_by_role("slider", name="dropout rate").fill(str(rate))
    live.settle(page)


def press(page, name):
    page.get_by_role("button", name=name).press("Enter")
    live.settle(page)


def trained_with(page, rate):
    page.get_by_role("radio", name=f"rate {rate:g}", exact=True).press("Space")
    live.settle(page)


def digit(page, digits):
    """What PyTorch has of the digit that was taken, in the sixteen greys of the page."""
    labels = digits.test.labels[:200]
    place = [i for k in range(10) for i in (labels == k).nonzero()[:3, 0].tolist()]
    return (digits.test.images[place[int(state(page)["taken"])]].float() / 17).round()[None] / 15


def passes(page, models, x, monkeypatch):
    """30 passes of the network in training mode, with the page's coins; then the full one."""
    at = state(page)
    rows = live.call(
        page, "(m, [seed]) => m.coins(seed, 128).map((row) => [...row])", int(at["seed"])
    )
    net = models[int(at["network"])]
    trained = net.on_code.rate
    net.on_code.rate = float(at["rate"])
    with torch.no_grad():
        full = net(x)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "rand_like", lambda z: torch.tensor(rows).expand(30, 128).to(z))
            net.train()
            found = net(x.expand(30, 1, 28, 28))
            net.eval()
    net.on_code.rate = trained
    return found, full


def assert_pytorchs(page, digits, models, monkeypatch):
    x = digit(page, digits)
    found, full = passes(page, models, x, monkeypatch)
    # weights and codes are rounded: by so much pixels may differ, and of a canvas half of 1/255
    for words, image in (
        ("The digit", x),
        ("The reconstruction in evaluation", full),
        ("The reconstruction under this mask", found[:1]),
        ("The mean", found.mean(0, keepdim=True)),
        ("The standard deviation", (found.std(0, keepdim=True) / 0.3).clamp(max=1)),
    ):
        screen = page.get_by_role("img", name=words).first
        grey = screen.evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]")
        off = np.reshape(grey, (28, 28, 4))[..., 0] / 255 - image[0, 0].numpy()
        assert np.abs(off).max() < 0.05, words
        assert np.sqrt(np.square(off).mean()) < 0.01, words
    errors = losses.squared_error(found, x.expand_as(found))
    expected = {
        "evaluation mode": losses.squared_error(full, x),
        "this mask": errors[:1],
        "one of 30 masks, on average": errors.mean(),
        "mean picture of 30 masks": losses.squared_error(found.mean(0, keepdim=True), x),
    }
    for name, (value,) in live.table(page).items():
        assert value == pytest.approx(expected[name].item(), rel=0.02, abs=0.2), name
    spread = found.var(0).mean().sqrt().item()
    assert float(state(page)["spread"]) == pytest.approx(spread, rel=0.01, abs=1e-6)


# ------------------------------------------------------------------------------------------ the numbers
@pytest.mark.parametrize("trained", RATES)
def test_with_the_pages_coins_pytorch_gives_the_same(page, digits, models, monkeypatch, trained):
    trained_with(page, trained)
    for rate in (0, 0.3, 0.5, 0.8):
        put(page, rate)
        press(page, "Take a test digit: 4")
        assert_pytorchs(page, digits, models, monkeypatch)
        press(page, "Other masks")
        assert_pytorchs(page, digits, models, monkeypatch)


def test_masks_come_at_the_rate_and_are_independent(page):
    run = "(m, [seed]) => m.coins(seed, 128, 400).map((row) => [...row])"
    rows = np.array(live.call(page, run, 7))
    for rate in (0.1, 0.5, 0.8):
        kept = rows >= rate
        assert kept.mean() == pytest.approx(1 - rate, abs=0.01)
        assert kept.mean(0).std() == pytest.approx((rate * (1 - rate) / 400) ** 0.5, rel=0.25)
        assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.02


def test_it_is_light(shown):
    assert len(gzip.compress(shown._repr_html_().encode(), 6)) < 330_000


# ----------------------------------------------------------------------------------------- what is shown
def test_the_drawn_net_shows_the_mask(page):
    packed = live.packed(page)
    for rate in (0, 0.35, 0.8):
        put(page, rate)
        mask, at = state(page)["mask"], int(state(page)["network"])
        nets = page.locator(".aelib-mask-net")
        crossed = (
            nets.nth(1)
            .locator("g")
            .evaluate_all(
                "(gs) => gs.map((g) => getComputedStyle(g.querySelector('.aelib-cross')).display !== 'none')"
            )
        )
        joined = (
            nets.nth(1)
            .locator("g")
            .evaluate_all(
                "(gs) => gs.map((g) => getComputedStyle(g.querySelector('path')).display !== 'none')"
            )
        )
        dropped = [mask[j] == "0" for j in packed["networks"][at]["shown"]]
        assert crossed == dropped
        assert joined == [not gone for gone in dropped]
        assert nets.nth(0).locator("g[data-dropped]").count() == 0, (
            "in evaluation mode all are there"
        )
        assert f"{mask.count('1')} of 128 units, × {1 / (1 - rate):.2f}" in nets.nth(1).inner_text()
        assert "all 128 units, × 1" in nets.nth(0).inner_text()


def test_a_higher_rate_drops_more_of_the_same_and_other_masks_others(page):
    masks = []
    for rate in (0.2, 0.5, 0.8):
        put(page, rate)
        masks.append(np.array(list(state(page)["mask"])) == "1")
    assert masks[0].sum() > masks[1].sum() > masks[2].sum()
    assert (masks[0] >= masks[1]).all()
    assert (masks[1] >= masks[2]).all()
    press(page, "Other masks")
    assert (np.array(list(state(page)["mask"])) == "1").tolist() != masks[2].tolist()


def test_at_rate_0_nothing_varies(page):
    put(page, 0)
    assert float(state(page)["spread"]) < 1e-6
    assert "nothing varies" in page.locator(".aelib-mask-told").inner_text()
    numbers = [row[0] for row in live.table(page).values()]
    assert max(numbers) - min(numbers) < 0.11


def test_a_net_trained_with_dropout_bears_it_better(page):
    put(page, 0.5)
    errors = {}
    for rate in RATES:
        trained_with(page, rate)
        errors[rate] = live.table(page)["one of 30 masks, on average"][0]
    assert errors[0.4] < 0.8 * errors[0.0]


@live.on_a_phone
def test_by_finger(page):
    before = state(page)["mask"]
    page.get_by_role("button", name="Other masks").tap()
    live.settle(page)
    assert state(page)["mask"] != before
    page.get_by_role("button", name="Take a test digit: 8").tap()
    page.locator("label", has_text="rate 0.4").tap()
    live.settle(page)
    assert state(page)["network"] == "1"
    slider = page.get_by_role("slider", name="dropout rate")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 6, box["y"] + box["height"] / 2)
    live.settle(page)
    assert float(state(page)["rate"]) > 0.7
