"""One draw of a variational autoencoder in a real browser: its pictures and nats are PyTorch's.

The networks are small ones, trained here for seconds.
"""

import base64
import gzip
import json
import math
import re

import live
import numpy as np
import pytest
import torch
from torch import nn

import aelib
from aelib import data, losses, training, widgets
from aelib.models import VAE, Autoencoder, reparameterise

ALT = "A digit, its Gaussian, one draw of it, and what two decoders make of their moved codes."
NATS = 2.0  # by which rounding and splitting may move a cross-entropy of up to 100 nats


@pytest.fixture(scope="module")
def digits():
    """Black and white."""
    torch.manual_seed(0)
    everything = data.mnist()
    few, test = everything.train[:6_000].pixels, everything.test
    picks = [int((test.labels == digit).nonzero()[0, 0]) for digit in range(10)]
    return (torch.rand_like(few) < few).float(), (test.pixels[picks] > 0.5).float()


@pytest.fixture(scope="module")
def nets(digits):
    def bound(model, batch):
        mean, log_variance = model.posterior(batch.x)
        logits = model.decode(reparameterise(mean, log_variance))
        return {
            "reconstruction": losses.cross_entropy_from_logits(logits, batch.x).mean(),
            "kl": losses.kl_to_standard_normal(mean, log_variance).mean(),
        }

    def copying(model, batch):
        return losses.cross_entropy_from_logits(model(batch.x), batch.x).mean()

    aelib.seed(0)
    models = VAE((64,), 12, output=nn.Identity), Autoencoder((64,), 12, output=nn.Identity)
    for model, objective in zip(models, (bound, copying), strict=True):
        training.fit(model, objective, digits[0], epochs=2, lr=3e-3, progress=False)
        model.eval().requires_grad_(False)
    return models


@pytest.fixture(scope="module")
def shown(nets, digits):
    return widgets.OneDraw(*nets, digits[1], torch.arange(10), digits[0][:2000], alt=ALT)


@pytest.fixture(scope="module")
def state(shown):
    text = re.search(r'<script type="application/json">(.*?)</script>', shown._repr_html_())[1]
    return json.loads(text)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "one_draw") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        yield opened


def noise_of(page):
    live.settle(page)
    text = page.locator(".aelib-draw").get_attribute("data-noise")
    return torch.tensor([[float(v) for v in text.split()]])


def picture(page, name):
    live.settle(page)
    found = page.get_by_role("img", name=name).evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    return torch.tensor(found).view(28, 28, 4)[..., 0] / 255


def table(page):
    live.settle(page)
    rows = page.locator(".aelib-draw tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


def numbers(state, name):
    return torch.from_numpy(np.frombuffer(base64.b64decode(state[name]), "<f4").copy())


def by_torch(nets, digits, state, digit, times, noise):
    """Logits of both, and KL in nats."""
    vae, auto = nets
    x = digits[1][[digit]]
    mean, log_variance = vae.posterior(x)
    spread = times * (log_variance / 2).exp()
    own, other = numbers(state, "own"), numbers(state, "other")
    step = noise * other * (noise * spread / own).norm() / noise.norm()
    kl = math.inf
    if times:
        kl = losses.kl_to_standard_normal(mean, 2 * spread.log()).item()
    return vae.decode(mean + spread * noise), auto.decode(auto.encode(x) + step), kl


# ------------------------------------------------------------------------------------ the numbers
@pytest.mark.parametrize(("digit", "times"), [(4, 1), (7, 0), (3, 2), (0, 0.4)])
def test_one_draw_is_pytorchs(page, nets, digits, state, digit, times):
    page.get_by_role("button", name=f"Take the digit {digit}").press("Enter")
    page.get_by_role("slider", name="times σ").fill(str(times))
    *logits, kl = by_torch(nets, digits, state, digit, times, noise_of(page))
    x = digits[1][[digit]]
    assert torch.equal(picture(page, "The digit that goes in"), x[0, 0])
    shown = table(page)
    for row, made, name in zip(shown, logits, ("variational", "plain"), strict=True):
        cost = losses.cross_entropy_from_logits(made, x).item()
        assert float(row[0]) == pytest.approx(cost, abs=NATS, rel=0.02)
        off = picture(page, f"What the {name} autoencoder") - made[0, 0].sigmoid()
        assert off.square().mean().sqrt() < 0.02 * max(1, times)  # farther out, farther off
    assert shown[0][1] == (f"{kl:.1f}" if times else "∞")
    assert shown[1][1] == "none"
    expected = losses.cross_entropy_from_logits(logits[0], x).item() + kl
    total = shown[0][2].replace("∞", "inf")
    assert float(total) == pytest.approx(expected, abs=NATS, rel=0.02)


def test_steps_are_measured_in_the_spread_of_codes(nets, digits, state):
    mean, log_variance = nets[0].posterior(digits[0][:2000])
    own = (mean.var(0) + log_variance.exp().mean(0)).sqrt()
    assert torch.allclose(numbers(state, "own"), own, rtol=0.06)
    other = nets[1].encode(digits[0][:2000]).std(0)
    assert torch.allclose(numbers(state, "other"), other, rtol=1e-4)


def test_dice_are_thrown_anew_and_are_the_same_at_every_visit(page, chromium, address):
    first = noise_of(page)
    page.get_by_role("button", name="New ε").press("Enter")
    second = noise_of(page)
    assert not torch.equal(first, second)
    assert second.std() > 0.5
    with live.window(chromium, address) as again:
        assert torch.equal(noise_of(again), first)


def test_means_of_many_draws_are_pytorchs(nets, digits, state):
    """The chart's curves, at times σ of 0, 1 and 2, within the error of a mean of 100 draws."""
    curves = [numbers(state, name) for name in ("costs", "others")]
    torch.manual_seed(5)
    for digit in (1, 5):
        for times in (0, 1, 2):
            costs = []
            for _ in range(300):
                *logits, _ = by_torch(nets, digits, state, digit, times, torch.randn(1, 12))
                x = digits[1][[digit]]
                costs.append([losses.cross_entropy_from_logits(a, x).item() for a in logits])
            costs = np.array(costs)
            error = costs.std(0) * math.sqrt(1 / 100 + 1 / 300)
            for curve, mean, off in zip(curves, costs.mean(0), error, strict=True):
                found = curve.view(10, 21)[digit, 10 * times].item()
                assert found == pytest.approx(mean, abs=4 * off + 0.2)


# ------------------------------------------------------------------------------------ the pictures
def points(page, chart, layer):
    """The points of a path, in the chart's thousandths."""
    path = page.locator(f"{chart} .aelib-{layer}").get_attribute("d")
    pairs = [pair.split(" ") for pair in re.split("[ML]", path) if pair]
    return np.array(pairs, float) / 1000


def test_ellipse_and_bars_are_the_gaussian(page, nets, digits, state):
    page.get_by_role("button", name="Take the digit 6").press("Enter")
    page.get_by_role("slider", name="times σ").fill("1.5")
    noise = noise_of(page)[0]
    mean, log_variance = (v[0] for v in nets[0].posterior(digits[1][[6]]))
    spread = 1.5 * (log_variance / 2).exp()
    many = nets[0].posterior(digits[0][:2000])
    kl = 0.5 * (many[0] ** 2 + many[1].exp() - 1 - many[1])
    assert state["used"] == kl.mean(0).argsort(descending=True)[:2].tolist()
    used = torch.tensor(state["used"])

    def on_map(values):
        return np.array([(values[0] + 4) / 8, (4 - values[1]) / 8])

    for layer, far in (("one", 1), ("two", 2)):
        oval = points(page, ".aelib-draw-panels", layer)
        size = 2 * far * spread[used].numpy() / 8
        assert np.ptp(oval, axis=0) == pytest.approx(size, abs=0.003)
        assert oval.min(0) + size / 2 == pytest.approx(on_map(mean[used].numpy()), abs=0.003)
        bars = points(page, ".aelib-draw-charts > .aelib-chart", layer).reshape(12, 2, 2)
        expected = torch.stack([mean - far * spread, mean + far * spread], 1).numpy()
        assert 4 - 8 * bars[..., 1] == pytest.approx(expected, abs=0.01)
        assert bars[:, 0, 0] * 13 == pytest.approx(np.arange(1, 13), abs=0.01)
    z = (mean + spread * noise).numpy()
    assert points(page, ".aelib-draw-panels", "here")[0] == pytest.approx(
        on_map(z[used.numpy()]), abs=0.003
    )
    dots = points(page, ".aelib-draw-charts > .aelib-chart", "here")[::2, 1]
    assert 4 - 8 * dots == pytest.approx(z, abs=0.01)


def test_it_is_light(shown):
    assert len(gzip.compress(shown._repr_html_().encode(), 6)) < 200_000


# ------------------------------------------------------------------------------------ for everyone
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_used_by_all(page, theme):
    live.assert_for_all(page, theme)


@pytest.mark.parametrize("width", [320, 360, 576, 600, 800])
def test_it_fits_and_nothing_jumps(chromium, address, width):
    with live.fitting(chromium, address, width) as root:
        sizes = root.locator("canvas, .aelib-chart-field").evaluate_all(
            "(es) => es.map((e) => Math.min(e.clientWidth, e.clientHeight))"
        )
        assert min(sizes) > 70
        box = root.locator(".aelib-draw-panels .aelib-chart-field").bounding_box()
        assert box["width"] == pytest.approx(box["height"], rel=0.2), "circles look round"


def test_without_scripts_there_are_a_picture_and_a_sentence(chromium, address):
    live.assert_still(chromium, address, ALT)


def test_the_keyboard_does_it_all(page):
    """Every control is reached by Tab and seen, and what changed is said once the hand rests."""
    said = page.get_by_role("status")
    page.wait_for_timeout(500)
    assert said.inner_text().startswith("A 4, σ times 1.00. VAE: reconstruction ")
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        )
        look = "(({ outlineStyle: s }) => s)(getComputedStyle(document.activeElement))"
        assert page.evaluate(look) == "solid"
    assert names == [*(f"Take the digit {k}" for k in range(10)), "New ε", "times σ"]
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="times σ").input_value() == "0.95"
    page.get_by_role("button", name="Take the digit 2").press(" ")
    page.wait_for_timeout(600)
    assert said.inner_text().startswith("A 2, σ times 0.95.")
    assert page.get_by_role("button", pressed=True).inner_text() == "2"


@live.on_a_phone
def test_by_finger(page):
    before = noise_of(page)
    page.get_by_role("button", name="New ε").tap()
    assert not torch.equal(noise_of(page), before)
    page.get_by_role("button", name="Take the digit 8").tap()
    page.get_by_role("button", name="Take the digit 8", pressed=True).wait_for()


def test_the_next_frame_shows_what_the_hand_did(page):
    page.evaluate(live.WATCH, "input")
    box = page.get_by_role("slider").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for k in range(60):
        page.mouse.move(box["x"] + (0.3 + 0.01 * k) * box["width"], y)
    page.mouse.up()
    live.assert_in_the_next_frame(page, 10)


def test_code_runs_as_an_anywidget(page):
    live.assert_anywidget(page)
