"""The denoiser in a real browser: its noise is Gaussian and comes again, and what the page makes of a
noisy image, and the errors that it shows, are PyTorch's.

The network is that of chapter 06, trained here for seconds.
"""

import gzip
import re

import live
import numpy as np
import pytest
import torch
from torch import nn

import aelib
from aelib import corruption, data, losses, metrics, training, widgets
from aelib.models import Autoencoder

ALT = "A digit, the digit in noise, and what a denoiser makes of it; or noise alone."


@pytest.fixture(scope="module")
def digits():
    return data.mnist()


@pytest.fixture(scope="module")
def model(digits):
    aelib.seed(0)
    net = Autoencoder(hidden=(), code=256)
    net.encoder.append(nn.SiLU())

    def repair(net, batch):
        noisy = corruption.gaussian(batch.x, torch.rand(len(batch.x), 1, 1, 1))
        return losses.squared_error(net(noisy), batch.x).mean()

    training.fit(net, repair, digits.train[:5000], epochs=2, batch_size=50, lr=5e-3, progress=False)
    return net.eval()


@pytest.fixture(scope="module")
def shown(digits, model):
    test, few = digits.test[:200], digits.train[:2000].pixels
    return widgets.Denoise(model, test.pixels, test.labels, few, "σ from 0 to 1", alt=ALT)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "denoise") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        opened.wait_for_selector("[data-taken]")
        live.settle(opened)
        yield opened


def state(page):
    return page.locator(".aelib-denoise").evaluate("(e) => ({ ...e.dataset })")


def told(page):
    return page.locator(".aelib-denoise-told").inner_text()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).press("Enter")
    live.settle(page)


def put(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=name).fill(str(value))
    live.settle(page)


def clean(page, digits):
    """What PyTorch has of the digit that was taken, in the sixteen greys of the page; or black."""
    if state(page)["empty"] == "true":
        return torch.zeros(1, 1, 28, 28)
    labels = digits.test.labels[:200]
    place = [i for k in range(10) for i in (labels == k).nonzero()[:3, 0].tolist()]
    image = digits.test.images[place[int(state(page)["taken"])]].float()
    return (image / 17).round()[None] / 15


def assert_pytorchs(page, digits, model):
    at, x = state(page), clean(page, digits)
    grain = torch.tensor(live.call(page, "(m, [seed]) => [...m.grain(seed)]", int(at["seed"])))
    noisy = x + float(at["sigma"]) * grain.view(1, 1, 28, 28)
    mended = noisy
    with torch.no_grad():
        for _ in range(int(at["rounds"])):
            mended = model(mended)
    for words, image in (("The clean", x), ("The noisy image", noisy.clamp(0, 1))):
        assert np.abs(live.pixels(page, words) - image[0, 0].numpy()).max() < 0.003
    # weights of eight bits, and layers split in two: by so much the page's pixels may differ, and by
    # more where the layers were split for few examples like it
    off = live.pixels(page, "The mended") - mended[0, 0].numpy()
    loose = 2 if at["empty"] == "true" else 1
    assert np.sqrt(np.square(off).mean()) < 0.04 * loose
    for name, image in (("noisy", noisy), ("mended", mended)):
        error, quality = live.table(page)[name]
        squared = losses.squared_error(image, x).item()
        assert error == pytest.approx(
            squared, rel=0.01 if name == "noisy" else 0.1 * loose, abs=0.5
        )
        expected = -10 * np.log10(error / 784) if error else np.inf
        assert quality == pytest.approx(expected, abs=0.05 + 0.25 / max(error, 0.1))
    if float(at["sigma"]):
        expected = metrics.psnr(noisy, x)[0]
        assert live.table(page)["noisy"][1] == pytest.approx(expected, abs=0.051)


# ------------------------------------------------------------------------------------------- the noise
def mulberry32(seed, count):
    """The generator in Python, with whole numbers of 32 bits."""
    found, mask = [], 2**32 - 1
    for _ in range(count):
        seed = (seed + 0x6D2B79F5) & mask
        mixed = ((seed ^ (seed >> 15)) * (seed | 1)) & mask
        mixed ^= (mixed + (mixed ^ (mixed >> 7)) * (mixed | 61)) & mask
        found.append(((mixed ^ (mixed >> 14)) & mask) / 2**32)
    return found


def test_a_seed_gives_its_numbers_again(page):
    run = "(m, [seed]) => Array.from({ length: 200 }, m.random(seed))"
    for seed in (1, 2, 123456789):
        assert live.call(page, run, seed) == mulberry32(seed, 200)


def test_the_noise_is_normal(page):
    noise = np.array(
        live.call(page, "(m) => Array.from({ length: 100 }, (_, k) => [...m.grain(k)])")
    )
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.01)
    for height, share in ((-2, 0.0228), (-1, 0.1587), (0, 0.5), (1, 0.8413), (2, 0.9772)):
        assert (noise < height).mean() == pytest.approx(share, abs=0.006)
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.02


# --------------------------------------------------------------------------------------- the network
def test_the_page_gives_pytorchs_numbers(page, digits, model):
    for digit in (2, 5, 5, 1):
        press(page, f"Take a test digit: {digit}")
        for sigma in (0, 0.1, 0.5, 1):
            put(page, noise=sigma)
            assert_pytorchs(page, digits, model)
    press(page, "New noise")
    put(page, rounds=3)
    assert_pytorchs(page, digits, model)


def test_what_was_packed_is_close_to_pytorch(page, digits, model):
    packed, x = live.packed(page), digits.test[1000:2000].pixels
    for sigma, off in ((0, 0.015), (0.5, 0.02), (1, 0.03)):
        noisy = corruption.gaussian(x, sigma, torch.Generator().manual_seed(1))
        with torch.no_grad():
            mended = model(noisy)
        found = live.run_packed(packed["layers"], noisy.flatten(1).double().numpy())
        apart = np.sqrt(np.square(found - mended.flatten(1).numpy()).mean())
        worse = (
            np.square(found - x.flatten(1).numpy()).sum(1).mean()
            - losses.squared_error(mended, x).mean().item()
        )
        print(f"σ {sigma}: {apart:.4f} apart (root mean square), error {worse:+.2f}")
        assert apart < off
        assert abs(worse) < 0.3


def test_it_is_light(shown):
    assert len(gzip.compress(shown._repr_html_().encode(), 6)) < 420_000


# --------------------------------------------------------------------------------------- what is shown
def test_noise_alone_becomes_what_the_network_knows(page, digits, model):
    put(page, noise=0.3)
    press(page, "Noise alone")
    assert state(page)["empty"] == "true"
    assert float(state(page)["sigma"]) == 1
    assert_pytorchs(page, digits, model)
    ink = float(re.search(r"ink of (\d+) white", told(page))[1])
    assert ink == pytest.approx(live.pixels(page, "The mended").sum(), abs=2)
    put(page, rounds=10)
    assert "hallucination" in told(page)
    put(page, noise=0, rounds=1)
    assert "no noise" in told(page)
    assert "∞" in page.locator(".aelib-denoise tbody").inner_text()


def test_a_drawing_is_spoilt_and_mended(page):
    press(page, "Clear")
    assert live.pixels(page, "The clean").max() == 0
    live.stroke(page, (0.52, 0.15), (0.5, 0.5), (0.48, 0.85))
    assert state(page)["empty"] == "false"
    x = live.pixels(page, "The clean")
    assert 20 < x.sum() < 100
    assert "% of the squared error is left" in told(page)
    seed = int(state(page)["seed"])
    noisy = x.ravel() + 0.5 * np.array(live.call(page, "(m, [seed]) => [...m.grain(seed)]", seed))
    found = live.run_packed(live.packed(page)["layers"], noisy[None]).reshape(28, 28)
    np.testing.assert_allclose(live.pixels(page, "The mended"), found, atol=0.01)
    live.stroke(page, (0.2, 0.85), (0.8, 0.85))
    assert live.pixels(page, "The clean").sum() > x.sum()


def test_what_it_says_is_so(page):
    put(page, noise=0)
    assert "no noise" in told(page)
    for sigma in (0.02, 0.05, 0.5, 1):
        put(page, noise=sigma)
        before, after = (live.table(page)[name][0] for name in ("noisy", "mended"))
        if after > before:
            assert "further from the digit" in told(page)
        else:
            share = float(told(page).split(" %")[0])
            assert share == pytest.approx(100 * after / before, abs=2)
    put(page, noise=0.02)
    assert "further from the digit" in told(page), "of such an image a denoiser makes a worse one"


def test_by_keyboard_alone(page):
    seed = int(state(page)["seed"])
    press(page, "New noise")
    assert int(state(page)["seed"]) == seed + 1
    page.get_by_role("slider", name="noise").press("End")
    page.get_by_role("slider", name="rounds").press("ArrowRight")
    live.settle(page)
    assert (float(state(page)["sigma"]), state(page)["rounds"]) == (1, "2")
    heard = page.get_by_role("slider", name="noise").get_attribute("aria-valuetext")
    assert heard == "1.00"


@live.on_a_phone
def test_by_finger(page, digits, model):
    page.get_by_role("button", name="Noise alone").tap()
    live.settle(page)
    assert_pytorchs(page, digits, model)
    page.locator(".aelib-pad").scroll_into_view_if_needed()
    down = page.evaluate("scrollY")
    box = page.locator(".aelib-pad").bounding_box()
    fingers = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2
    for kind, y in (("Start", 0.9), ("Move", 0.5), ("Move", 0.1), ("End", None)):
        points = [] if y is None else [{"x": middle, "y": box["y"] + y * box["height"]}]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    live.settle(page)
    assert page.evaluate("scrollY") == down
    assert state(page)["empty"] == "false"
