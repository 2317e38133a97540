"""Codes over training in a real browser: epochs are walked and played, points lie where PyTorch put
them, and the distances are those of ``aelib.metrics``. What all widgets must do is in
test_live_charts.py.
"""

import base64
import io

import live
import numpy as np
import pytest
import torch
from PIL import Image

from aelib import metrics, plots, widgets

ALT = "Codes of digits over draws from the prior: they move onto it from epoch to epoch."
N, WIDTH = 800, 5
RANDOM = torch.Generator().manual_seed(0)
LABELS = torch.arange(N) % 10
DRAWS = torch.randn(2, 1000, WIDTH, generator=RANDOM)
Z = torch.randn(N, WIDTH, generator=RANDOM)
RUNS = {
    "adversarial": [0.02 * Z, 3 + 0.3 * Z, *((9 - k) / 3 + k / 9 * Z for k in range(3, 10))],
    "plain": [0.02 * Z, 9 + 2 * Z, 12 + 3 * Z.flip(1)],
}


@pytest.fixture(scope="module")
def shown():
    return widgets.CodesOverTraining(RUNS, LABELS, DRAWS, shown=500, alt=ALT)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "codes_over_training") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        yield opened


def at(page):
    data = page.locator(".aelib-codes").evaluate("(e) => ({...e.dataset})")
    return list(RUNS)[int(data["run"])], int(data["epoch"]), int(data["pair"])


def walk(page, epoch):
    page.get_by_role("slider", name="epoch").fill(str(epoch))
    live.settle(page)


# what is drawn two frames after the widget has come to an epoch
AT_EPOCH = """async (epoch) => {
  const [root, frame] = [document.querySelector(".aelib-codes"), () => new Promise(requestAnimationFrame)];
  while (epoch !== null && root.dataset.epoch !== String(epoch)) await frame();
  await frame();
  await frame();
  return root.querySelector(".aelib-codes-map canvas").toDataURL();
}"""


def canvas(page, epoch=None):
    """The picture of the points, (side, side, 4); if an epoch is given, as soon as it is there."""
    found = page.evaluate(AT_EPOCH, epoch).partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("RGBA")).astype(int)


def centres(page):
    """Where ticks say that 0 and the greatest number are, and so where each number is."""
    ticks = page.locator(".aelib-codes-map .aelib-tick-x").all_inner_texts()
    return max(float(text.replace("\u2212", "-")) for text in ticks)


def test_distances_are_those_of_the_metrics_of_all_codes(page):
    assert at(page) == ("adversarial", 8, 0), "the first run's last epoch"
    for name, epochs in RUNS.items():
        page.get_by_role("radio", name=name).check()
        for epoch in (0, 1, 2, len(epochs) - 1):
            z = epochs[epoch]
            walk(page, epoch)
            for k, pair in enumerate([(0, 1), (2, 3), (3, 4)]):
                page.get_by_role("radio", name=f"{pair[0] + 1} and {pair[1] + 1}").check()
                assert at(page) == (name, epoch, k)
                found = live.table(page)
                for column, cloud in enumerate((z, DRAWS[1])):
                    one = metrics.distance_to_normal(cloud)
                    together = metrics.sliced_wasserstein(cloud, DRAWS[0])
                    expected = [*one[list(pair)], one.mean(), together]
                    assert [row[column] for row in found.values()] == pytest.approx(
                        expected, abs=5.2e-4
                    )
                assert list(found)[:2] == [f"KS, number {j + 1}" for j in pair]


def test_points_are_where_pytorch_put_them(page):
    """With one digit singled out, each of its points is found in its colour, and nothing else."""
    page.get_by_role("button", name="4", exact=True).click()
    colour = np.array([int(plots.DIGIT_COLOURS[4][i : i + 2], 16) for i in (1, 3, 5)])
    for name, epoch, k, pair in (("adversarial", 4, 0, (0, 1)), ("plain", 2, 2, (3, 4))):
        page.get_by_role("radio", name=name).check()
        page.get_by_role("radio", name=f"{pair[0] + 1} and {pair[1] + 1}").check()
        walk(page, epoch)
        assert at(page) == (name, epoch, k)
        picture, span = canvas(page), centres(page)
        side = len(picture)
        z = RUNS[name][epoch][:500][LABELS[:500] == 4][:, list(pair)].numpy()
        assert np.abs(z).max() <= span
        spots = (1 + z * [1, -1] / span) / 2 * side
        near = np.zeros((side, side), bool)
        y, x = np.mgrid[:side, :side] + 0.5
        for right, down in spots:
            far = np.hypot(x - right, y - down)
            near |= far < 4.5
            core = picture[far < 1]
            assert len(core), "a point lies in the window"
            assert np.abs(core[:, :3] - colour).max() < 12
        coloured = (picture[..., 3] > 200) & (np.abs(picture[..., :3] - colour).max(-1) < 12)
        assert not (coloured & ~near).any(), "other digits are hidden"


def test_digits_are_singled_out_by_keyboard(page):
    everything = (canvas(page)[..., 3] > 200).sum()
    page.get_by_role("button", name="7", exact=True).press("Enter")
    live.settle(page)
    assert page.get_by_role("button", name="7", exact=True).get_attribute("aria-pressed") == "true"
    assert (canvas(page)[..., 3] > 200).sum() < 0.5 * everything
    page.get_by_role("button", name="7", exact=True).press("Space")
    live.settle(page)
    assert (canvas(page)[..., 3] > 200).sum() == everything, "none singled out: all are shown"


def test_a_run_ends_where_it_ends(page):
    page.get_by_role("radio", name="plain").check()
    assert at(page) == ("plain", 2, 0), "it has two epochs only"
    assert page.get_by_role("slider").get_attribute("max") == "2"


def test_epochs_are_played_without_motion_where_it_is_unwanted(page):
    """Points jump: two frames after an epoch has come, the picture is the one of that epoch."""
    walk(page, 3)
    expected = canvas(page)
    walk(page, 2)
    assert (canvas(page) != expected).any()
    page.get_by_role("button", name="Play").press("Enter")
    np.testing.assert_array_equal(canvas(page, 3), expected)
    page.get_by_role("button", name="Pause").press("Enter")
    stands = at(page)
    page.wait_for_timeout(1200)
    assert at(page) == stands


@pytest.mark.parametrize("page", [{"reduced_motion": "no-preference"}], indirect=True)
def test_epochs_are_played_from_the_beginning_to_the_end(page):
    page.get_by_role("radio", name="plain").check()
    page.get_by_role("button", name="Play").click()
    on_the_way = [canvas(page, epoch) for epoch in range(3)][-1]
    page.wait_for_timeout(900)
    after = canvas(page)
    assert (on_the_way != after).any(), "the points were on their way"
    assert page.get_by_role("button", name="Play").count() == 1, "it stops by itself"
    walk(page, 1)
    walk(page, 2)
    np.testing.assert_array_equal(canvas(page), after)


def test_the_hand_on_the_slider_ends_the_play(page):
    walk(page, 0)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("slider", name="epoch").press("ArrowRight")
    page.wait_for_timeout(1200)
    assert at(page)[1] == 1


def test_the_chart_leads_to_an_epoch(page):
    box = page.locator(".aelib-codes-side .aelib-chart-field").bounding_box()
    middle = box["y"] + box["height"] / 2

    def spot(part):
        return box["x"] + part * box["width"], middle

    live.drag(page, spot(0.9), spot(0.35))
    assert at(page)[1] == 3
    across, _ = live.percent(page.locator(".aelib-dot-now rect"), ".aelib-chart-field")
    assert across == pytest.approx(100 * 3 / 8, abs=0.5)
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "3"


@live.on_a_phone
def test_by_finger(page):
    page.get_by_role("radio", name="plain").tap()
    page.get_by_role("button", name="3", exact=True).tap()
    box = page.locator(".aelib-codes-side .aelib-chart-field").bounding_box()
    page.touchscreen.tap(box["x"] + 0.12 * box["width"], box["y"] + 0.5 * box["height"])
    live.settle(page)
    assert at(page) == ("plain", 1, 0)
    assert not live.troubles(page)
