"""The walk among faces in a real browser: with the weights that ship with the course, its pictures
and numbers are PyTorch's.
"""

import gzip
import math
import re

import live
import pytest
import torch

from aelib import data, metrics, models, widgets

ALT = "Two faces and the one on the way between them, with glasses or blue hair as one likes it."
SHARP = 5  # levels a pixel by which 6 bits may change the sharpness
READ = """async () => {
  const { grown } = await import(location.pathname.replace(".html", ".js"));
  const state = JSON.parse(document.querySelector("script[type='application/json']").textContent);
  window.decode = grown(state.decoder);
}"""


@pytest.fixture(scope="module")
def vae():
    model = models.ConvolutionalVAE()
    model.load_state_dict(data.weights("faces_vae"))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def given(vae):
    """Codes of test faces, and two directions."""
    faces = data.cartoon_faces(size=32)
    codes = vae.encode(faces.test[:600].pixels)
    labels = {name: numbers[:600] for name, numbers in faces.test.attributes.items()}
    blue = list(faces.attribute_values["hair_colour"]).index("blue")
    has = {"glasses": labels["glasses"] > 0, "blue hair": labels["hair_colour"] == blue}
    steps = {name: codes[one].mean(0) - codes[~one].mean(0) for name, one in has.items()}
    return {"codes": codes, "faces": codes[:12], "directions": steps}


@pytest.fixture(scope="module")
def shown(vae, given):
    return widgets.FaceWalk(vae.decoder, **given, alt=ALT)


@pytest.fixture(scope="module")
def address(tmp_path_factory, shown):
    with live.served(tmp_path_factory, shown, "face_walk") as served:
        yield served


@pytest.fixture
def page(request, chromium, address):
    with live.window(chromium, address, **getattr(request, "param", {})) as opened:
        yield opened


def code_of(page):
    live.settle(page)
    return torch.tensor(
        [float(v) for v in page.locator(".aelib-faces").get_attribute("data-code").split()]
    )


def picture(page, name):
    """A screen's pixels, shape (3, 32, 32), from 0 to 1."""
    live.settle(page)
    found = page.get_by_role("img", name=name).evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    return torch.tensor(found).view(32, 32, 4)[..., :3].permute(2, 0, 1) / 255


def slide(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=name.replace("_", " ")).fill(str(value))


def press(page, name):
    page.get_by_role("button", name=name).press("Enter")


def on_sphere(a, b, t):
    """As chapter 11 writes it."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0)
    angle = cosine.clamp(-0.9999, 0.9999).acos()
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def assert_drawn(vae, page, name, code):
    expected = vae.decode(code[None])[0]
    off = picture(page, name) - expected
    assert off.square().mean().sqrt() < 0.015  # the screen rounds to 8 bits, too
    assert off.abs().max() < 0.15


# ------------------------------------------------------------------------------------- the decoder
def test_the_page_draws_what_pytorch_draws(page, vae, given):
    torch.manual_seed(0)
    z = torch.cat([given["codes"][:20], torch.randn(20, 64), 2 * torch.randn(5, 64)])
    page.evaluate(READ)
    found = page.evaluate("(zs) => zs.map((z) => [...decode(Float32Array.from(z))])", z.tolist())
    found = torch.tensor(found).view(-1, 32, 32, 3).permute(0, 3, 1, 2)
    off = found - vae.decode(z)
    print(f"pixels off by {off.square().mean().sqrt():.4f} (rms), {off.abs().max():.3f} at most")
    assert off.square().mean().sqrt() < 0.012
    assert off.abs().max() < 0.15
    sharp = (
        "async ([p]) => (await import(location.pathname.replace('.html', '.js'))).sharpness(p, 32)"
    )
    for image in found[::11]:
        theirs = metrics.sharpness(image[None].double())[0]
        ours = page.evaluate(sharp, [image.permute(1, 2, 0).flatten().tolist()])
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_it_is_light(shown):
    assert len(gzip.compress(shown._repr_html_().encode(), 6)) < 260_000


# ------------------------------------------------------------------------------------- the walk
def test_the_walk_is_chapter_elevens(page, vae, given):
    a, b = given["faces"][:2]
    for t in (0, 0.3, 1):
        slide(page, from_A_to_B=t)
        for name, z in (("sphere", on_sphere(a, b, t)), ("straight", (1 - t) * a + t * b)):
            page.get_by_role("radio", name=name).check()
            assert torch.allclose(code_of(page), z, atol=1e-5)
            assert_drawn(vae, page, "The face on the way", z)
            told = page.locator(".aelib-faces-told").inner_text()
            length, _, sharp = (float(v) for v in re.findall(r"\d+(?:\.\d+)?", told))
            assert length == pytest.approx(z.norm().item(), abs=0.006)
            expected = metrics.sharpness(vae.decode(z[None]))[0]
            assert sharp == pytest.approx(expected, abs=SHARP)
    for name, z in (("Face A", a), ("Face B", b)):
        assert_drawn(vae, page, name, z)


def test_directions_are_added(page, vae, given):
    glasses, blue = given["directions"].values()
    start = code_of(page)
    page.get_by_role("slider", name="glasses, in steps").fill("2")
    page.get_by_role("slider", name="blue hair, in steps").fill("-1.5")
    z = start + 2 * glasses - 1.5 * blue
    assert torch.allclose(code_of(page), z, atol=1e-5)
    assert_drawn(vae, page, "The face on the way", z)
    press(page, "All back to 0")
    assert torch.equal(code_of(page), start)
    assert page.get_by_role("slider", name="glasses, in steps").input_value() == "0"


def test_a_face_is_kept(page, vae):
    page.get_by_role("slider", name="glasses, in steps").fill("2")
    z, drawn = code_of(page), picture(page, "The face on the way")
    for name, end in (("A", "0"), ("B", "1")):
        press(page, f"Keep as {name}: the face in the middle")
        assert torch.allclose(code_of(page), z, atol=1e-5), "the middle stays what it is"
        assert torch.equal(picture(page, f"Face {name}"), drawn)
        assert page.get_by_role("slider", name="from A to B").input_value() == end
        assert page.get_by_role("slider", name="glasses, in steps").input_value() == "0"


# ------------------------------------------------------------------------------------- surprises
def mulberry32(seed):
    """Uniform numbers in [0, 1), in Python's whole numbers of any size."""
    mask = 2**32 - 1
    while True:
        seed = (seed + 0x6D2B79F5) & mask
        t = ((seed ^ seed >> 15) * (seed | 1)) & mask
        t ^= (t + ((t ^ t >> 7) * (t | 61) & mask)) & mask
        yield (t ^ t >> 14) / 2**32


def test_surprises_are_draws_of_what_was_chosen(page, given):
    uniform = mulberry32(11)

    def noise():
        z = [math.sqrt(-2 * math.log(1 - next(uniform))) * math.cos(2 * math.pi * next(uniform))
             for _ in range(64)]  # fmt: skip
        return torch.tensor(z)

    slide(page, from_A_to_B=0)
    codes = given["codes"]
    root = torch.linalg.cholesky(codes.T.cov() + 1e-4 * torch.eye(64))
    press(page, "Surprise me: another face A")
    assert torch.allclose(code_of(page), codes.mean(0) + root @ noise(), atol=1e-4)
    page.get_by_role("radio", name="prior").check()
    press(page, "Surprise me: another face A")
    assert torch.allclose(code_of(page), noise(), atol=1e-4)
    page.get_by_role("radio", name="true faces").check()
    for k in (2, 3):
        press(page, "Surprise me: another face A")
        assert torch.allclose(code_of(page), given["faces"][k], atol=1e-5)
    before = picture(page, "Face B")
    slide(page, from_A_to_B=1)
    press(page, "Surprise me: another face B")
    assert torch.allclose(code_of(page), given["faces"][4], atol=1e-5)
    assert not torch.equal(picture(page, "Face B"), before)


def test_noise_is_noise(page):
    found = torch.tensor(
        page.evaluate(
            """async () => {
              const { random, normal } = await import(location.pathname.replace(".html", ".js"));
              const uniform = random(1);
              return Array.from({ length: 20000 }, () => normal(uniform));
            }"""
        )
    )
    assert found.mean().abs() < 0.03
    assert found.std() == pytest.approx(1, abs=0.02)
    assert (found.abs() < 1).float().mean() == pytest.approx(0.683, abs=0.015)
    assert (found[1:] * found[:-1]).mean().abs() < 0.03


# ------------------------------------------------------------------------------------- for everyone
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_used_by_all(page, theme):
    live.assert_for_all(page, theme, ":is(input[type=range], button)")


@pytest.mark.parametrize("width", [320, 360, 576, 600, 800])
def test_it_fits_and_nothing_jumps(chromium, address, width):
    with live.fitting(chromium, address, width) as root:
        sizes = root.locator("canvas").evaluate_all("(es) => es.map((e) => e.clientWidth)")
        assert min(sizes) > 60 and max(sizes) > 120


def test_without_scripts_there_are_a_picture_and_a_sentence(chromium, address):
    live.assert_still(chromium, address, ALT)


def test_the_keyboard_does_it_all(page):
    """Every control is reached by Tab and seen, and what changed is said once the hand rests."""
    said = page.get_by_role("status")
    page.wait_for_timeout(500)
    assert "50 percent of the way from A to B" in said.inner_text()
    names = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        names.add(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        )
        look = "(({ outlineStyle: s }) => s)(getComputedStyle(document.activeElement))"
        if page.evaluate("document.activeElement.type") == "range":
            assert page.evaluate(look) == "solid"
            before = code_of(page)
            page.keyboard.press("ArrowLeft")
            assert not torch.equal(code_of(page), before)
    assert {"from A to B", "glasses, in steps", "blue hair, in steps", "All back to 0"} <= names
    assert sum(name.startswith(("Surprise me", "Keep as")) for name in names) == 4
    page.wait_for_timeout(500)
    assert "glasses \u22120.05 steps" in said.inner_text()


@live.on_a_phone
def test_a_finger_walks_and_the_page_stays(page, given):
    box = page.get_by_role("img", name="The face on the way").bounding_box()
    fingers = page.context.new_cdp_session(page)
    y = box["y"] + box["height"] / 2
    for kind, x in (("Start", 0.5), ("Move", 0.7), ("Move", 0.8), ("End", None)):
        points = [] if x is None else [{"x": box["x"] + x * box["width"], "y": y}]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    t = float(page.get_by_role("slider", name="from A to B").input_value())
    assert t == pytest.approx(0.8, abs=0.02)
    assert torch.allclose(code_of(page), on_sphere(*given["faces"][:2], t), atol=1e-5)
    page.get_by_role("button", name="Surprise me: another face B").tap()
    assert not torch.allclose(code_of(page), on_sphere(*given["faces"][:2], t), atol=1e-2)


def test_the_next_frame_shows_where_the_pointer_went(page):
    page.evaluate(live.WATCH, "pointermove")
    box = page.get_by_role("img", name="The face on the way").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 40)
    page.mouse.down()
    for k in range(60):
        page.mouse.move(box["x"] + (0.1 + 0.01 * k) * box["width"], box["y"] + 40)
    page.mouse.up()
    live.assert_in_the_next_frame(page, 20)


def test_code_runs_as_an_anywidget(page):
    live.assert_anywidget(page)
