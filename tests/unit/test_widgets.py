"""Widgets: what is packed comes back, the HTML stands alone, and the same input makes the same text.

How they behave in a browser is tested in tests/test_live_widgets.py.
"""

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import live
import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from aelib import data, models, plots, widgets

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "aelib" / "static"
ALT = "Two clouds of random points; in the second one, each label has a place of its own."
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 4, 50)
IMAGES = RANDOM.integers(0, 256, (50, 1, 6, 5), dtype=np.uint8)
CLOUDS = {"PCA": RANDOM.normal(size=(50, 3)), "a <b>": RANDOM.normal(size=(50, 3)) * 7 + 100}


@pytest.fixture(autouse=True)
def settings():
    with mpl.rc_context():
        yield


def cloud(**options):
    defaults = {"clouds": CLOUDS, "labels": LABELS, "images": IMAGES, "alt": ALT}
    return widgets.PointCloud(**defaults | options)


def html(widget):
    return widget._repr_html_()


def state(widget):
    packed = re.search(r'<script type="application/json">(.*?)</script>', html(widget), re.DOTALL)
    return json.loads(packed[1])


def points(packed):
    whole = np.frombuffer(base64.b64decode(packed["xyz"]), "<i2").reshape(-1, 3)
    return whole * packed["step"]


def sheet(packed):
    head, _, body = packed["sheet"].partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_points_come_back_about_their_mean_and_in_proportion():
    packed = state(cloud())
    assert [c["name"] for c in packed["clouds"]] == list(CLOUDS)
    for found, given in zip(packed["clouds"], CLOUDS.values()):
        rows = points(found)
        assert rows.shape == (50 + 4, 3)
        centred = given - given.mean(axis=0)
        scale = np.linalg.norm(rows[:50]) / np.linalg.norm(centred)
        np.testing.assert_allclose(rows[:50], centred * scale, atol=1.01 * found["step"])
        radii = np.linalg.norm(rows[:50], axis=1)
        assert (radii <= 1.001).mean() >= 0.97
        assert 0.9 < radii.max() < 3
        for label in range(4):
            middle = np.median(rows[:50][label == LABELS], axis=0)
            np.testing.assert_allclose(rows[50 + label], middle, atol=2 * found["step"])


def test_labels_names_and_colours_come_back():
    packed = state(cloud())
    assert list(base64.b64decode(packed["labels"])) == LABELS.tolist()
    assert packed["names"] == ["0", "1", "2", "3"]
    assert packed["colours"] == list(plots.DIGIT_COLOURS[:4])
    assert packed["size"] == [5, 6]
    assert packed["alt"] == ALT
    assert state(cloud(names=list("abcdef")))["names"] == list("abcd")


def test_pictures_come_back_in_sixteen_greys():
    picture = sheet(state(cloud()))
    grey = np.asarray(picture.convert("L"))
    assert len(np.unique(grey)) == 16
    for i in (0, 7, 8, 49):
        row, column = divmod(i, 8)
        found = grey[row * 6 : row * 6 + 6, column * 5 : column * 5 + 5].astype(int)
        assert abs(found - IMAGES[i, 0].astype(int)).max() <= 8


def test_pictures_in_colour():
    images = np.zeros((50, 3, 4, 4), np.uint8)
    images[:, 0], images[25:, 2] = 200, 100
    found = np.asarray(sheet(state(cloud(images=images))).convert("RGB"))
    assert abs(found[0, 0].astype(int) - [200, 0, 0]).max() < 12
    assert abs(found[16, 8].astype(int) - [200, 0, 100]).max() < 12


def test_tensors_floats_and_missing_labels_will_do():
    tensors = {name: torch.tensor(c, requires_grad=True) for name, c in CLOUDS.items()}
    one = cloud(
        clouds=tensors, labels=torch.tensor(LABELS), images=torch.tensor(IMAGES).float() / 255
    )
    assert html(one) == html(cloud())
    gap = state(cloud(labels=np.where(LABELS == 1, 0, LABELS)))
    assert points(gap["clouds"][0])[51].tolist() == [0, 0, 0], "a label without points"


def test_points_that_all_lie_in_one_place():
    packed = state(cloud(clouds={"one": np.ones((50, 3))}))
    assert not points(packed["clouds"][0]).any()


def test_a_single_cloud_and_a_single_point():
    assert len(state(cloud(clouds={"PCA": CLOUDS["PCA"]}))["clouds"]) == 1
    one = cloud(clouds={"PCA": np.ones((1, 3))}, labels=[3], images=IMAGES[:1])
    assert state(one)["size"] == [5, 6]


def test_the_same_input_makes_the_same_text_and_another_another():
    assert html(cloud()) == html(cloud())
    mark = r'data-aelib="([0-9a-f]{12})"'
    names = {re.search(mark, html(cloud(alt=alt)))[1] for alt in (ALT, ALT + "!")}
    assert len(names) == 2
    for name in names:
        assert html(cloud(alt=ALT)).count(name) in (0, 2), "the place, and the script that finds it"


def test_it_stands_alone():
    text = html(cloud())
    outside = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[\w/]+"', "", text)
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|\bimport\b|@import|url\((?!#)", outside)
    assert not re.search(r"\bwindow\.\w+ *=[^=]|globalThis|document\.body\.append", text)
    assert "id=" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert len(re.findall(r"</script>", text)) == 2, "no text ends a script early"
    assert text.count('role="img"') == 1, "the still picture"


def test_a_text_cannot_end_the_element_it_stands_in():
    text = html(cloud(names=["</script><b>", "b", "c", "d"], alt=ALT + "</script><!-- <script>"))
    assert len(re.findall(r"</script>", text)) == 2
    assert "<!--" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert state(cloud(names=["</script>", "b", "c", "d"]))["names"][0] == "</script>"


def test_what_a_terminal_shows():
    assert repr(cloud()) == f"[PointCloud: {ALT}]"


def test_two_thousand_digits_are_light():
    """A page may weigh 1.5 MB over the wire, with a dozen other figures."""
    digits = data.mnist().train
    images, labels = digits.images[:2000], digits.labels[:2000]
    flat = images.flatten(1).float()
    clouds = {name: flat @ torch.randn(784, 3) for name in ("PCA", "t-SNE", "code")}
    text = html(widgets.PointCloud(clouds, labels, images, alt=ALT))
    assert len(gzip.compress(text.encode(), 6)) < 400_000


def test_the_first_view_is_that_of_a_camera():
    """Against a camera made of rotation matrices."""
    yaw, pitch, distance = (widgets._VIEW[k] for k in ("yaw", "pitch", "distance"))
    c, s = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    turned = CLOUDS["PCA"] / 3 @ (about_x @ about_y).T
    seen, depth = widgets._seen(CLOUDS["PCA"] / 3)
    np.testing.assert_allclose(depth, turned[:, 2], atol=1e-12)
    scale = distance / (distance - turned[:, 2:])
    np.testing.assert_allclose(seen, turned[:, :2] * scale, atol=1e-12)


def test_a_widget_of_ones_own(tmp_path, monkeypatch):
    """The base packs any state, and knows nothing of clouds."""
    for name in ("page.js", "dial.js", "dial.css"):
        (tmp_path / name).write_text("export default { render() {} };" if name == "dial.js" else "")
    monkeypatch.setattr(widgets, "_STATIC", tmp_path)
    dial = widgets.Widget("dial", {"value": 3}, plots.figure()[0], ALT)
    assert state(dial) == {"value": 3, "alt": ALT}
    assert "const widget = { render() {} };" in html(dial)


def test_what_is_imported_stands_in_front_once(tmp_path, monkeypatch):
    """However often, and by whom; a page gets neither imports nor exports."""
    files = {
        "a": "export const a = 1;\n",
        "b": 'import { a } from "./a.js";\n\nexport function b() {\n  return a;\n}\n',
        "dial": 'import { a } from "./a.js";\nimport { b } from "./b.js";\n\nexport default { render() { b(a); } };\n',
        "page": "",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.js").write_text(text)
    for name in ("b", "dial"):
        (tmp_path / f"{name}.css").write_text(f".{name} {{}}")
    monkeypatch.setattr(widgets, "_STATIC", tmp_path)
    assert widgets._modules("dial") == ["a", "b", "dial"]
    assert widgets._module("dial").count("export const a = 1;") == 1
    text = html(widgets.Widget("dial", {}, plots.figure()[0], ALT, note="Move <it>."))
    code = text.partition('<script type="module">')[2]
    assert "import" not in code
    assert "export" not in code
    assert code.index("const a = 1;") < code.index("function b()") < code.index("const widget =")
    assert "<style>.b {}.dial {}</style>" in text
    assert '<p class="aelib-still-note">Move &lt;it&gt;.</p>' in text


def narrow(inputs=60, outputs=40):
    """A trained network's like: many units, whose outputs vary in few directions."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, 50), nn.ReLU(), nn.Linear(50, 50), nn.SiLU(), nn.Dropout(),
        nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, outputs), nn.Sigmoid(), nn.Unflatten(1, (1, -1)),
    )  # fmt: skip
    x = torch.randn(500, 5) @ torch.randn(5, inputs) / 3
    return net.eval().double().requires_grad_(False), x.double()


def test_a_network_comes_back_to_eight_bits():
    net, x = narrow()
    packed = widgets._network(net, x)
    assert [p for p in packed if isinstance(p, str)] == ["relu", "silu", "tanh", "sigmoid"]
    sizes = [len(base64.b64decode(p["weights"])) for p in packed if isinstance(p, dict)]
    assert sizes == [60 * 50, 50 * 50, 50 * 50, 50 * 40], "one byte a weight, nothing split"
    for layer, packed_layer in zip(net[1::2], packed[::2]):
        if isinstance(layer, nn.Linear):
            steps = np.frombuffer(base64.b64decode(packed_layer["steps"]), "<f4")
            largest = layer.weight.abs().amax(1).numpy()
            np.testing.assert_allclose(steps, largest / 127, rtol=1e-6)
    found = live.run_packed(packed, x.numpy())
    assert np.abs(found - net(x).flatten(1).numpy()).max() < 0.01
    one = widgets._network(net[:2], x)
    exact = net[:2](x).numpy()
    bound = (x.abs().sum(1).numpy()[:, None] * steps_of(one)) / 2
    assert (np.abs(live.run_packed(one, x.numpy()) - exact) <= bound + 1e-6).all()


def steps_of(packed):
    return np.frombuffer(base64.b64decode(packed[0]["steps"]), "<f4")


@pytest.mark.parametrize("left", [1e-2, 1e-4])
def test_a_layer_is_split_where_that_is_smaller(left):
    """What is lost is at most the share of the variance that was given up, and the rounding."""
    net, x = narrow()
    packed = widgets._network(net[:2], x, left)
    assert len(packed) == 2
    kept = packed[1]["inputs"]
    assert packed[0]["inputs"] == 60
    assert kept <= 5, "the examples lie in five directions"
    exact = net[:2](x).numpy()
    lost = (
        np.square(live.run_packed(packed, x.numpy()) - exact).sum()
        / np.square(exact - exact.mean(0)).sum()
    )
    assert lost < left + 1e-4
    rank = np.linalg.svd(exact - exact.mean(0), compute_uv=False) ** 2
    assert (
        1 - rank[:kept].sum() / rank.sum() <= left < 1 - rank[: kept - 1].sum() / rank.sum() + 1e-12
    )
    whole = widgets._network(net, x, left)
    size = sum(len(p["weights"]) for p in whole if isinstance(p, dict))
    assert size < 0.8 * sum(
        len(p["weights"]) for p in widgets._network(net, x) if isinstance(p, dict)
    )
    assert np.abs(live.run_packed(whole, x.numpy()) - net(x).flatten(1).numpy()).mean() < 0.02


def test_a_dead_layer_and_one_without_bias_can_be_packed():
    net, x = narrow()
    nn.init.zeros_(net[1].weight)
    net[3].bias = None
    found = live.run_packed(widgets._network(net, x, 1e-3), x.numpy())
    assert np.abs(found - net(x).flatten(1).numpy()).max() < 0.01


def digit_pad(**options):
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    options = {"images": x, "labels": torch.arange(40) % 10, "examples": x, "alt": ALT} | options
    return widgets.DrawDigit(
        options.pop("model", None) or models.Autoencoder(hidden=(8,)), **options
    )


def test_what_the_pad_packs():
    model, x = models.Autoencoder(hidden=(8,)), torch.rand(40, 1, 28, 28)
    before, state_of_torch = model.training, torch.get_rng_state()
    packed = state(digit_pad(model=model, images=x))
    assert model.training == before
    assert torch.equal(torch.get_rng_state(), state_of_torch)
    assert model.encoder[1].weight.dtype == torch.float32
    codes = np.frombuffer(base64.b64decode(packed["codes"]), "<i2").reshape(-1, 2) * packed["step"]
    np.testing.assert_allclose(codes, model.encode(x).detach().numpy(), atol=1.1 * packed["step"])
    assert list(base64.b64decode(packed["labels"])) == [k % 10 for k in range(40)]
    assert list(base64.b64decode(packed["picks"])) == [k for k in range(10) for _ in range(3)]
    knots = np.array(packed["knots"])
    assert (np.diff(knots) >= 0).all()
    np.testing.assert_allclose(knots[:, 32], np.median(codes, axis=0), atol=1e-3)
    for k in range(10):
        np.testing.assert_allclose(
            packed["middles"][str(k)], np.median(codes[k::10], axis=0), atol=1e-4
        )
    grey = np.asarray(sheet(packed).convert("L")).astype(int)
    assert np.abs(grey[:28, 28:56] - 255 * x[10, 0].numpy()).max() <= 9, "the second 0"
    assert html(digit_pad(model=model)) == html(digit_pad(model=model))


def test_some_digits_may_be_missing():
    packed = state(digit_pad(labels=torch.full((40,), 7)))
    assert list(packed["middles"]) == ["7"]
    assert list(base64.b64decode(packed["picks"])) == [7, 7, 7]


def denoiser(**options):
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    options = {"images": x, "labels": torch.arange(40) % 10, "examples": x, "alt": ALT} | options
    model = options.pop("model", None) or models.Autoencoder(hidden=(), code=8)
    return widgets.Denoise(model, trained="σ = 0.5", **options)


def masks(**options):
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    options = {"images": x, "labels": torch.arange(40) % 10, "alt": ALT} | options
    nets = options.pop("models", None)
    if nets is None:
        nets = {"rate 0.5": models.DropoutAutoencoder(code=16, on_code=0.5)}
    return widgets.DropoutMask(nets, **options)


@pytest.mark.parametrize("made", [denoiser, masks])
def test_packing_leaves_the_network_and_the_random_numbers_alone(made):
    model = models.DropoutAutoencoder(code=16, on_code=0.5)
    given = {"model": model} if made is denoiser else {"models": {"a": model}}
    before = torch.get_rng_state()
    assert html(made(**given)) == html(made(**given))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert model.encoder[1].weight.dtype == torch.float32
    assert model.encoder[1].weight.requires_grad


def test_what_the_masks_pack():
    model = models.DropoutAutoencoder(code=16, on_code=0.5)
    packed = state(masks(models={"a": model}, drawn=5))
    (net,) = packed["networks"]
    grey = np.asarray(sheet(packed).convert("L")).reshape(6, 28, 6, 28).swapaxes(1, 2) / 255
    with torch.no_grad():
        codes = model.eval().encode(torch.tensor(grey).float().reshape(36, 1, 28, 28)[:30])
    found = np.frombuffer(base64.b64decode(net["codes"]), "<i2").reshape(30, 16) * net["step"]
    np.testing.assert_allclose(found, codes, atol=net["step"])
    does = codes.square().mean(0) * model.decoder[0].weight.detach().square().sum(0)
    assert set(net["shown"]) == set(does.topk(5).indices.tolist())
    z = codes.double() * 2 * (torch.rand(30, 16) >= 0.5)
    with torch.no_grad():
        exact = model.double().decoder(z).flatten(1).numpy()
    # a logit is off by at most half a step of each weight, a pixel by a quarter of that
    bound = z.abs().sum(1).numpy()[:, None] * steps_of(net["decoder"]) / 8
    assert (np.abs(live.run_packed(net["decoder"], z.numpy()) - exact) <= bound + 1e-5).all()


@pytest.mark.parametrize(
    ("made", "options", "words"),
    [
        (denoiser, {"sigma": 0.0}, "noise begins above 0"),
        (denoiser, {"sigma": 0.6, "most": 0.5}, "noise begins above 0"),
        (denoiser, {"labels": torch.arange(40)}, "from 0 to 9"),
        (denoiser, {"examples": torch.zeros(3, 784)}, "examples are of shape"),
        (denoiser, {"model": models.Autoencoder(shape=(1, 14, 14))}, "from 784 numbers to 784"),
        (denoiser, {"alt": "short"}, "40"),
        (masks, {"rate": 0.9}, "a rate lies in"),
        (masks, {"most": 1.0}, "a rate lies in"),
        (masks, {"models": {}}, "at least one model"),
        (masks, {"drawn": 17}, "1 to 16 units"),
        (masks, {"images": torch.zeros(40, 784)}, "images are of shape"),
        (
            masks,
            {"models": {str(k): models.DropoutAutoencoder(code=k) for k in (16, 20)}},
            "codes of one size",
        ),
    ],
)
def test_what_a_denoiser_and_masks_refuse(made, options, words):
    with pytest.raises(ValueError, match=words):
        made(**options)


def test_dropout_elsewhere_than_on_the_code_is_refused():
    with pytest.raises(TypeError, match="got Dropout"):
        masks(models={"a": models.DropoutAutoencoder(hidden=(20,), code=16, on_hidden=0.1)})
    with pytest.raises(TypeError, match="by name"):
        masks(models=models.DropoutAutoencoder(code=16))


def test_the_code_travels_with_the_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["aelib"]
    kept = {path for pattern in patterns for path in (ROOT / "aelib").glob(pattern)}
    assert kept >= set(STATIC.iterdir())


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_code_can_stand_in_a_page(path):
    code = path.read_text("utf-8")
    assert "</script" not in code
    assert "<!--" not in code
    if "export default" in code:  # a widget: as one file, with all that it imports
        code = widgets._module(path.stem)
        assert code.count("export default") == 1
        assert not re.search(r"^\s*import\b", code, re.MULTILINE)
        assert (STATIC / f"{path.stem}.css").exists()
    node = shutil.which("node")
    if node:  # every browser test runs the code as well; this says where a slip is
        code = re.sub(r"\bwidget\.", "({}).", code)
        check = [node, "--check", "--input-type=module"]
        done = subprocess.run(check, input=code, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
