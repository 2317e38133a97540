"""Live widgets in a real browser: what all of them must do; and of two charts, that hands move
them and that their numbers are PyTorch's. The other widgets have more in files of their own.
"""

import math
import re
from itertools import product

import browser as machinery
import live
import pytest
import torch

from aelib import losses, widgets
from aelib.models import PCA, Autoencoder, DropoutAutoencoder

ALT = "Two losses of one pixel and their slopes, which follow as the prediction and target move."
X = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
DIGITS = {"images": X, "labels": torch.arange(60) % 10, "alt": ALT}
NORMAL = torch.randn(5, 60, 3, generator=torch.Generator().manual_seed(0))
SIZES = {2: Autoencoder((8,), 2), 8: Autoencoder((8,), 8)}
ERRORS = {"PCA": range(40, 24, -1), "784-8-k": {2: 50, 8: 45.5}}
KINDS = {
    "code_size": lambda: widgets.CodeSize(
        PCA(16).fit(X), {"784-8-k": SIZES}, X[:20], torch.arange(20) % 10, ERRORS, 16, alt=ALT
    ),
    "codes_over_training": lambda: widgets.CodesOverTraining(
        {"one": NORMAL[:3], "other": 9 * NORMAL[:2]}, torch.arange(60) % 10, NORMAL[3:], alt=ALT
    ),
    "denoise": lambda: widgets.Denoise(
        Autoencoder(), examples=X, trained="σ from 0 to 1", **DIGITS
    ),
    "dropout_mask": lambda: widgets.DropoutMask(
        {f"rate {p:g}": DropoutAutoencoder(code=128, on_code=p) for p in (0.0, 0.4)}, **DIGITS
    ),
    "draw_digit": lambda: widgets.DrawDigit(Autoencoder(), examples=X, **DIGITS),
    "one_pixel": lambda: widgets.OnePixel(alt=ALT),
    "two_gaussians": lambda: widgets.TwoGaussians(alt=ALT),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    for kind, made in KINDS.items():
        torch.manual_seed(0)  # else it hangs on the tests before whether a code lies at the border
        html = made()._repr_html_()
        (folder / f"{kind}.html").write_text(live.PAGE.format(html), "utf-8")
        (folder / f"{kind}.js").write_text(widgets._module(kind), "utf-8")
    with machinery.serving(folder) as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    """A page with the widget that the test names."""
    kind, options = request.param if isinstance(request.param, tuple) else (request.param, {})
    with live.window(chromium, f"{address}{kind}.html", **options) as opened:
        yield opened


def on(kind, **options):
    return pytest.mark.parametrize("page", [(kind, options)], indirect=True, ids=[kind])


each = pytest.mark.parametrize("page", list(KINDS), indirect=True)


def put(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=name.replace("_", " "), exact=True).fill(str(value))
    live.settle(page)


def value(page, name):
    return float(page.get_by_role("slider", name=name, exact=True).input_value())


# ---------------------------------------------------------------------------------- what all must do
LOOKS = """(e) => [...e.querySelectorAll("*")].map((one) => Object.fromEntries(
  ["display", "fontSize", "minWidth", "padding", "border", "textAlign"].map((k) => [k, getComputedStyle(one)[k]])))"""


@pytest.mark.parametrize("width", [360, 800])
@each
def test_a_later_widget_leaves_it_as_it_is(page, width):
    page.set_viewport_size({"width": width, "height": 740})
    alone = page.locator(".aelib-live").evaluate(LOOKS)
    later = widgets.TwoGaussians(alt=f"{ALT} Again.")._repr_html_()
    page.evaluate(
        "(html) => document.querySelector('article').append("
        "document.createRange().createContextualFragment(html))",
        later,
    )
    page.wait_for_function("document.querySelectorAll('.aelib-live').length === 2")
    assert page.locator(".aelib-live").first.evaluate(LOOKS) == alone


@each
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_used_by_all(page, theme):
    live.assert_for_all(page, theme)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("width", [320, 360, 576, 600, 800])
def test_it_fits_and_nothing_jumps(chromium, address, kind, width):
    with live.fitting(chromium, f"{address}{kind}.html", width) as root:
        least = root.locator(".aelib-chart-field, .aelib-pad").evaluate_all(
            "(es) => Math.min(...es.map((e) => e.clientHeight))"
        )
        assert least > 70, "no room is left for the chart"


@pytest.mark.parametrize("kind", list(KINDS))
def test_without_scripts_there_are_a_picture_and_a_sentence(chromium, address, kind):
    live.assert_still(chromium, f"{address}{kind}.html", ALT)


@each
def test_with_scripts_they_are_gone(page):
    assert page.locator("svg[role=img], .aelib-still-note").count() == 0
    assert page.locator(".aelib-live").get_attribute("aria-label") == ALT


@each
def test_the_keyboard_reaches_every_control_and_it_is_seen(page):
    names = []
    for _ in range(page.locator(".aelib-live input[type=range]").count()):
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.type") != "range":
            page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        before = value(page, names[-1])
        least, step = page.evaluate("[document.activeElement.min, document.activeElement.step]")
        way, key = (1, "ArrowRight") if before == float(least) else (-1, "ArrowLeft")
        page.keyboard.press(key)
        assert value(page, names[-1]) == pytest.approx(before + way * float(step))
    assert len(set(names)) == len(names) > 0


@each
def test_what_changed_is_said_once_the_hand_rests(page):
    said = page.get_by_role("status")
    page.wait_for_timeout(500)
    before = said.inner_text()
    first = page.get_by_role("slider").first
    first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert said.inner_text() == before
    page.wait_for_timeout(600)
    assert said.inner_text() != before


@each
def test_the_next_frame_shows_where_the_pointer_went(page):
    """How long a frame takes is measured in benchmarks/widgets.py."""
    pad = page.locator(".aelib-pad")
    slides = not pad.count()
    handle = page.get_by_role("slider").first if slides else pad
    page.evaluate(live.WATCH, "input" if slides else "pointermove")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    for k in range(60):
        page.mouse.move(box["x"] + (0.3 + 0.01 * k) * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.up()
    live.assert_in_the_next_frame(page, 2 if slides else 20)


@each
def test_code_runs_as_an_anywidget(page):
    live.assert_anywidget(page)


# ----------------------------------------------------------------------------------------- one pixel
def pixel_by_torch(target, prediction):
    """Loss, derivative by the prediction and by the logit, as autograd has them."""
    x = torch.tensor([[target]], dtype=torch.float64)
    found = {}
    for name, loss in (
        ("squared error", losses.squared_error),
        ("cross-entropy", losses.cross_entropy),
    ):
        p = torch.tensor([[prediction]], dtype=torch.float64, requires_grad=True)
        a = p.detach().logit().requires_grad_()
        price = loss(p, x)
        by_p = torch.autograd.grad(price.sum(), p)[0]
        by_a = torch.autograd.grad(loss(a.sigmoid(), x).sum(), a)[0]
        found[name] = [price.item(), by_p.item(), by_a.item()]
    return found


@on("one_pixel")
def test_pixel_is_pytorchs(page):
    grid = list(product([0, 0.01, 0.25, 0.5, 0.9, 1], [0.001, 0.01, 0.1, 0.25, 0.5, 0.77, 0.999]))
    found = page.evaluate(
        """async (grid) => {
          const { pixel } = await import(location.pathname.replace(".html", ".js"));
          return grid.map(([x, p]) => pixel(x, p));
        }""",
        grid,
    )
    for (x, p), values in zip(grid, found, strict=True):
        for ours, theirs in zip(values, pixel_by_torch(x, p).values(), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12), (x, p)


@on("one_pixel")
@pytest.mark.parametrize(("x", "p"), [(1, 0.001), (0, 0.4), (0.3, 0.3), (0.55, 0.9)])
def test_pixel_shows_its_numbers(page, x, p):
    put(page, target=x, prediction=p)
    for name, values in pixel_by_torch(x, p).items():
        assert live.table(page)[name] == pytest.approx(values, abs=5.01e-4)


@on("one_pixel")
def test_pixel_is_dragged(page):
    field = page.locator(".aelib-chart-field").nth(2).bounding_box()
    middle = field["y"] + field["height"] / 2

    def at(part):
        return field["x"] + part * field["width"]

    live.drag(page, (at(0.2), middle), (at(0.7), middle))
    assert value(page, "prediction") == pytest.approx(0.7, abs=0.01)
    assert value(page, "target") == 1
    below = field["y"] + field["height"] + 8
    live.drag(page, (at(0.99), below), (at(0.4), middle), (at(0.4), below))
    assert value(page, "target") == pytest.approx(0.4, abs=0.011)
    assert value(page, "prediction") == pytest.approx(0.7, abs=0.01), "one of the two at a time"
    live.drag(page, (at(0.5), middle), (at(-3), middle))
    assert value(page, "prediction") == 0.001


@on("one_pixel")
def test_points_are_on_their_curves(page):
    put(page, target=0.8, prediction=0.35)
    for k, (low, high) in enumerate([(0, 5), (-10, 10), (-1, 1)]):
        field = page.locator(".aelib-chart-field").nth(k)
        for name, key in (("squared error", "squared"), ("cross-entropy", "entropy")):
            dot = live.percent(field.locator(f".aelib-dot-{key} rect"), ".aelib-chart-field")
            height = (high - pixel_by_torch(0.8, 0.35)[name][k]) / (high - low)
            assert dot == pytest.approx([35, 100 * height], abs=1)
            near = field.locator(f".aelib-line-{key}").evaluate(
                """(path, x) => { const d = path.getAttribute("d").slice(1).split("L").map((t) => t.split(" ").map(Number));
                return d.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a)); }""",
                350,
            )
            assert near[1] == pytest.approx(1000 * height, abs=12)


@on("one_pixel", **live.PHONE)
def test_pixel_by_finger(page):
    field = page.locator(".aelib-chart-field").first.bounding_box()
    page.touchscreen.tap(field["x"] + 0.6 * field["width"], field["y"] + 30)
    assert value(page, "prediction") == pytest.approx(0.6, abs=0.01)


def test_still_pixel_is_the_live_one():
    assert re.search(r'"start":\{"target":0\.5,"prediction":0\.2\}',
                     widgets.OnePixel(0.5, 0.2, alt=ALT)._repr_html_())  # fmt: skip
    values = widgets._pixel(0.3, torch.tensor([0.2, 0.9]).double().numpy())
    for k, p in enumerate([0.2, 0.9]):
        for name, row in pixel_by_torch(0.3, p).items():
            assert [v[k] for v in values[name]] == pytest.approx(row, rel=1e-6)


# ------------------------------------------------------------------------------------- two Gaussians
PAIRS = [  # mean and spread of q, then of p
    ((0, 1), (0, 1)),
    ((1, 0.7), (0, 1)),
    ((-4, 0.3), (4, 3)),
    ((4, 3), (-4, 0.3)),
    ((0.5, 2), (0.5, 0.4)),
    ((-2.25, 1.31), (0.4, 0.95)),
]


def kl_by_torch(q, p):
    """By the course's own loss, which takes log-variances."""
    numbers = (q[0], 2 * math.log(q[1]), p[0], 2 * math.log(p[1]))
    return losses.kl_between_normals(
        *(torch.tensor([[v]], dtype=torch.float64) for v in numbers)
    ).item()


def integrals_by_torch(q, p):
    """What adds to KL(q || p), what takes away, and the overlap, on a grid of 400,001 points."""
    z = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    log_q, log_p = (torch.distributions.Normal(*map(float, n)).log_prob(z) for n in (q, p))
    part = log_q.exp() * (log_q - log_p)
    areas = part.clamp(min=0), part.clamp(max=0), torch.minimum(log_q.exp(), log_p.exp())
    return [torch.trapezoid(area, z).item() for area in areas]


@on("two_gaussians")
def test_divergences_are_pytorchs(page):
    found = page.evaluate(
        """async (pairs) => {
          const { divergence, parts, overlap } = await import(location.pathname.replace(".html", ".js"));
          const normal = ([mean, spread]) => ({ mean, spread });
          return pairs.map(([q, p]) => [divergence, parts, overlap].map((f) => f(normal(q), normal(p))));
        }""",
        PAIRS,
    )
    for (q, p), (nats, (adds, takes), common) in zip(PAIRS, found, strict=True):
        assert nats == pytest.approx(kl_by_torch(q, p), rel=1e-12, abs=1e-12), (q, p)
        expected = integrals_by_torch(q, p)
        assert [adds, takes, common] == pytest.approx(expected, rel=1e-4, abs=1e-4), (q, p)
        assert adds + takes == pytest.approx(nats, rel=1e-6, abs=1e-6), (
            "the integral is the formula"
        )


@on("two_gaussians")
def test_gaussians_show_their_numbers(page):
    for q, p in PAIRS:
        put(page, mean_of_q=q[0], standard_deviation_of_q=q[1],
            mean_of_p=p[0], standard_deviation_of_p=p[1])  # fmt: skip
        shown = live.table(page)
        for name, (one, other) in (("KL(q ‖ p)", (q, p)), ("KL(p ‖ q)", (p, q))):
            adds, takes, common = integrals_by_torch(one, other)
            expected = [adds, takes, kl_by_torch(one, other)]
            assert shown[name] == pytest.approx(expected, abs=6e-4, rel=1e-4)
        assert shown["overlap"] == pytest.approx([common], abs=6e-4)


@on("two_gaussians")
@pytest.mark.parametrize("name", ["q", "p"])
def test_a_curve_is_taken_by_its_top(page, name):
    box = page.locator(".aelib-chart-field").bounding_box()

    def at(z, height):
        return (
            box["x"] + (z + 6) / 12 * box["width"],
            box["y"] + (1.4 - height) / 1.9 * box["height"],
        )

    def top(mean, spread):
        return at(mean, 1 / (spread * math.sqrt(2 * math.pi)))

    start = {"q": (1, 0.7), "p": (0, 1)}
    live.drag(page, top(*start[name]), top(-2, 0.45))
    found = [value(page, f"{w} of {name}") for w in ("mean", "standard deviation")]
    assert found == pytest.approx([-2, 0.45], abs=0.02)
    other = "p" if name == "q" else "q"
    found = [value(page, f"{w} of {other}") for w in ("mean", "standard deviation")]
    assert found == list(start[other]), "the other one stays"
    live.drag(page, top(-2, 0.45), at(-6, 0))
    assert [value(page, f"{w} of {name}") for w in ("mean", "standard deviation")] == [-4, 3]


@on("two_gaussians")
def test_the_shaded_integral_is_the_one_chosen(page):
    put(page, mean_of_q=0.5, standard_deviation_of_q=2)

    def area(layer):
        """Of a shaded path, in nats."""
        points = page.locator(f".aelib-{layer}").evaluate(
            "(e) => e.getAttribute('d').slice(1).split('L').map((t) => t.split(' ').map(Number))"
        )
        x, y = torch.tensor(points).double().T
        return (x * y.roll(-1) - y * x.roll(-1)).sum().abs().item() / 2 * 12 * 1.9 / 1e6

    for i, name in enumerate(["KL(q ‖ p)", "KL(p ‖ q)"]):
        page.get_by_role("radio", name=name).check()
        assert page.locator(".aelib-live").get_attribute("data-way") == str(i)
        adds, takes, _ = live.table(page)[name]
        assert area("takes") == pytest.approx(-takes, abs=0.01)
        seen = torch.linspace(-6, 6, 2001).double()  # the chart ends at 6
        q, p = ((0.5, 2), (0, 1)) if i == 0 else ((0, 1), (0.5, 2))
        log_q, log_p = (torch.distributions.Normal(*map(float, n)).log_prob(seen) for n in (q, p))
        part = (log_q.exp() * (log_q - log_p)).clamp(min=0)
        assert area("adds") == pytest.approx(torch.trapezoid(part, seen).item(), abs=0.02)
        assert adds > 0 > takes
    page.get_by_role("radio", name="KL(p ‖ q)").press("ArrowLeft")
    assert page.locator(".aelib-live").get_attribute("data-way") == "0"


@on("two_gaussians", **live.PHONE)
def test_gaussians_by_finger(page):
    box = page.locator(".aelib-chart-field").bounding_box()
    fingers = page.context.new_cdp_session(page)
    x, y = box["x"] + 7 / 12 * box["width"], box["y"] + (1.4 - 0.57) / 1.9 * box["height"]
    for kind, right, up in (
        ("Start", 0, 0),
        ("Move", 30, 10),
        ("Move", 60, 30),
        ("End", None, None),
    ):
        points = [] if right is None else [{"x": x + right, "y": y - up}]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    assert value(page, "mean of q") == pytest.approx(1 + 60 / box["width"] * 12, abs=0.06)
    assert value(page, "standard deviation of q") < 0.65
    assert page.evaluate("scrollY") == 0


def test_still_gaussians_are_the_live_ones():
    text = widgets.TwoGaussians((0.5, 2), (-1, 0.3), alt=ALT)._repr_html_()
    assert '"q":{"mean":0.5,"spread":2.0},"p":{"mean":-1.0,"spread":0.3}' in text
    z = torch.linspace(-3, 3, 7).double()
    expected = torch.distributions.Normal(0.5, 2.0).log_prob(z)
    assert torch.allclose(torch.from_numpy(widgets._log_normal(z.numpy(), 0.5, 2)), expected)
