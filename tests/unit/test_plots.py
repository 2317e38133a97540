"""Figures: one inline SVG that takes the page's text colour and can be read aloud."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure

from aelib import models, plots, training

ALT = "The training loss falls from ten to one over three epochs and stays there."
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def settings():
    """Settings of matplotlib as they were, and no figure left open."""
    before = pyplot.get_fignums()
    with mpl.rc_context():
        yield
    assert pyplot.get_fignums() == before


@pytest.fixture
def shown(monkeypatch):
    """What :func:`plots.show` hands to the page."""
    handed = []
    monkeypatch.setattr("IPython.display.display", handed.append)

    def show(figure, alt=ALT):
        handed.clear()
        plots.show(figure, alt)
        (picture,) = handed
        return picture

    return show


def line():
    figure, ax = plots.figure()
    ax.plot([1, 2, 3], [10, 2, 1], label="loss")
    ax.set(xlabel="epoch", title="a title")
    ax.legend()
    return figure


def parsed(picture):
    return ElementTree.fromstring(picture.svg)


# ----------------------------------------------------------------------------------------- show
def test_one_svg_with_a_role_and_a_name(shown):
    picture = shown(line())
    root = parsed(picture)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == ALT
    assert root.get("viewBox")
    assert picture._repr_html_().count("<svg") == 1
    assert ALT in repr(picture)


def test_what_is_shown_is_the_picture_of_the_figure(shown):
    assert shown(line()).svg == plots.picture(line(), ALT).svg


def test_alternative_text_is_escaped(shown):
    alt = 'A "code" of 2 numbers < 3 & more, which the reader hears in full.'
    assert parsed(shown(line(), alt)).get("aria-label") == alt


def test_ink_takes_the_colour_of_the_page_and_data_keep_theirs(shown):
    svg = shown(line()).svg
    assert "currentColor" in svg
    assert not re.search(r"#000000|#000\b|\bblack\b", svg)
    assert plots.COLOURS[0].lower() in svg.lower()
    assert "#ffffff" not in svg.lower()  # no white page behind it


def test_the_ink_of_text_is_the_colour_of_the_page(shown):
    """Glyphs have no colour of their own, so they inherit: the root must give it."""
    assert parsed(shown(line())).get("fill") == "currentColor"


def test_two_figures_in_a_page_share_no_id_and_find_their_own(shown):
    figures = [line(), plots.image_grid([torch.rand(3, 5, 5)]), plots.history(past())]
    found = []
    for figure, alt in zip(figures, ("first", "second", "third"), strict=True):
        svg = shown(figure, f"{alt}: {ALT}").svg
        ids = re.findall(r'\bid="([^"]+)"', svg)
        assert len(ids) == len(set(ids))
        for target in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg):
            assert "".join(target) in ids
        found += ids
    assert len(found) == len(set(found))


def test_the_same_figure_twice_in_a_page_shares_no_id_either(shown):
    """The same drawing with other words: two figures of one page, not one."""
    a = re.findall(r'\bid="([^"]+)"', shown(line(), ALT).svg)
    b = re.findall(r'\bid="([^"]+)"', shown(line(), f"Again: {ALT}").svg)
    assert a
    assert not set(a) & set(b)


def test_the_same_figure_gives_the_same_text(shown):
    assert shown(line()).svg == shown(line()).svg


def test_the_svg_stands_alone(shown):
    """No date, no script, nothing fetched from anywhere; it fits a narrow page."""
    svg = shown(plots.image_grid([torch.rand(4, 6, 6)])).svg
    assert "<?xml" not in svg
    assert "<!DOCTYPE" not in svg
    assert "<metadata" not in svg
    assert "<script" not in svg
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', svg)
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert "width:100%" in svg
    assert "height:auto" in svg


def test_many_points_stay_small(shown):
    codes, labels = torch.randn(5000, 2), torch.arange(5000) % 10
    assert len(shown(plots.codes(codes, labels)).svg) < 300_000


def test_images_survive_the_way_into_the_page(shown):
    """The grey values of a grid come out of the SVG as they went in, rounded to a byte."""
    import base64
    import io

    from PIL import Image

    ramp = torch.linspace(0, 1, 16).reshape(1, 4, 4)
    svg = shown(plots.image_grid([ramp])).svg
    (png,) = re.findall(r"data:image/png;base64,([^\"]+)", svg)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("L"))
    for value in ramp.flatten():
        assert np.abs(image.astype(float) - 255 * value.item()).min() <= 1


def embedded(svg):
    """The bitmap of a figure as (H, W, 4), and its size in bytes."""
    import base64
    import io

    from PIL import Image

    (png,) = re.findall(r"data:image/png;base64,([^\"]+)", svg)
    content = base64.b64decode(png)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(int), len(content)


def test_faces_keep_their_colours_on_the_way_into_the_page_and_stay_small(shown):
    """No pixel is far off, and flat parts hardly at all."""
    from aelib import data

    rows = list(data.large_faces().images.split(6))
    figure = plots.image_grid(rows)
    wanted = np.round(255 * figure.axes[0].images[0].get_array()).astype(int)
    got, size = embedded(shown(figure).svg)
    assert size < 60_000
    assert np.array_equal(got[..., 3], wanted[..., 3])  # nothing between the faces
    off = np.abs(got - wanted)[wanted[..., 3] == 255].max(1)
    assert off.mean() < 5
    assert (off <= 16).mean() > 0.97


def test_small_pictures_keep_their_pixels_and_large_ones_are_scaled_smoothly(shown):
    assert "image-rendering:pixelated" in shown(plots.image_grid([torch.rand(10, 28, 28)])).svg
    assert "image-rendering" not in shown(plots.image_grid([torch.rand(2, 3, 224, 224)])).svg


# --------------------------------------------------------------------------------------- figures
def test_figure_gives_axes_and_its_size():
    figure, axes = plots.figure(2, 3, width=5, height=4, sharex=True)
    assert isinstance(figure, Figure)
    assert axes.shape == (2, 3)
    assert figure.get_size_inches().tolist() == [5, 4]
    _, single = plots.figure()
    assert hasattr(single, "plot")


def test_colours_are_distinct_and_visible_on_light_and_dark():
    """At least 1.9 to 1 against white and against the book's dark page."""

    def luminance(colour):
        parts = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    def contrast(a, b):
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert len(plots.DIGIT_COLOURS) == 10
    for colours in (plots.COLOURS, plots.DIGIT_COLOURS):
        assert len({c.lower() for c in colours}) == len(colours)
        for colour in colours:
            assert contrast(colour, "#121212") > 1.9, colour
    for colour in plots.COLOURS:
        assert contrast(colour, "#ffffff") > 1.9, colour


def test_image_grid_places_every_image():
    rows = [torch.full((3, 1, 5, 4), 0.5), torch.full((2, 5, 4), 255, dtype=torch.uint8)]
    figure = plots.image_grid(rows, labels=["first", "second"], titles=["a", "b", "c"])
    (ax,) = figure.axes
    canvas = ax.images[0].get_array()
    shown = canvas[canvas[..., 3] > 0]
    assert len(shown) == 5 * 20
    assert (np.isclose(shown[:, 0], 0.5).sum(), (shown[:, 0] == 1).sum()) == (60, 40)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["first", "second"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]


def test_image_grid_shows_colours_and_grey_side_by_side():
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(2, 3, 5, 4)
    canvas = plots.image_grid([red, torch.full((1, 1, 5, 4), 0.5)]).axes[0].images[0].get_array()
    shown = canvas[canvas[..., 3] > 0][:, :3]
    assert len(shown) == 3 * 20
    assert (shown == [1, 0, 0]).all(1).sum() == 40
    assert (shown == 0.5).all(1).sum() == 20
    pixels = torch.randint(0, 256, (1, 3, 6, 5), dtype=torch.uint8)
    drawn = plots.image_grid([pixels]).axes[0].images[0].get_array()[..., :3]
    np.testing.assert_allclose(drawn, pixels[0].permute(1, 2, 0) / 255)


def test_image_grid_clips_and_scales():
    extremes = torch.tensor([[[-1.0, 0.25], [0.5, 2.0]]])
    clipped = plots.image_grid([extremes]).axes[0].images[0].get_array()[..., 0]
    np.testing.assert_allclose(clipped, [[0, 0.25], [0.5, 1]])
    scaled = plots.image_grid([extremes], limits=None).axes[0].images[0].get_array()[..., 0]
    np.testing.assert_allclose(scaled, [[0, 1.25 / 3], [0.5, 1]])


def test_a_coloured_image_is_scaled_as_a_whole():
    """Its own extremes are those of all three colours, so that hues stay."""
    image = torch.tensor([-1.0, 0.0, 3.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    scaled = plots.image_grid([image], limits=None).axes[0].images[0].get_array()[0, 0, :3]
    np.testing.assert_allclose(scaled, [0, 0.25, 1])


def test_images_with_gradients_are_drawn():
    plots.image_grid([torch.rand(2, 1, 4, 4, requires_grad=True)])


def test_reconstructions_are_two_rows():
    x = torch.rand(6, 1, 5, 5)
    (ax,) = plots.reconstructions(x, x * 0.5).axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["input", "reconstruction"]


def test_codes_write_each_label_at_its_median():
    codes = torch.tensor([[0.0, 0], [2, 2], [1, 9], [5, 5]])
    labels = torch.tensor([3, 3, 3, 7])
    (ax,) = plots.codes(codes, labels, title="the code").axes
    texts = {t.get_text(): t.get_position() for t in ax.texts}
    assert texts == {"3": (1.0, 2.0), "7": (5.0, 5.0)}
    assert ax.get_title() == "the code"
    assert len(ax.collections[0].get_offsets()) == 4
    assert ax.collections[0].get_rasterized()
    named = plots.codes(codes, labels, names=[f"class {k}" for k in range(10)])
    assert {t.get_text() for t in named.axes[0].texts} == {"class 3", "class 7"}


def test_codes_draw_where_they_are_told():
    figure, axes = plots.figure(1, 2)
    assert plots.codes(np.zeros((3, 2)), [0, 1, 2], ax=axes[1]) is figure
    assert not axes[0].collections
    assert axes[1].collections


class Compass:
    """Decodes a code to one grey value, from which the place in the grid can be read."""

    def decode(self, z):
        return (z[:, 0] * 0.1 + z[:, 1] * 0.01).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def test_decoder_grid_grows_to_the_right_and_upwards():
    figure = plots.decoder_grid(Compass(), (0, 2, 0, 1), n=2)
    sheet = np.asarray(figure.axes[0].images[0].get_array())[::2, ::2]
    np.testing.assert_allclose(sheet, [[0.01, 0.21], [0.0, 0.2]], atol=1e-6)
    assert figure.axes[0].get_xlim() == (0, 2)
    assert figure.axes[0].get_ylim() == (0, 1)


def test_decoder_grid_in_colour():
    class Painter:
        def decode(self, z):
            colours = torch.stack([z[:, 0], z[:, 1], 2 * z[:, 0]], 1)
            return colours.view(-1, 3, 1, 1).expand(-1, 3, 2, 2)

    sheet = np.asarray(
        plots.decoder_grid(Painter(), (0, 1, 0, 1), n=2).axes[0].images[0].get_array()
    )
    assert sheet.shape == (4, 4, 3)
    np.testing.assert_allclose(sheet[0, 0], [0, 1, 0])
    np.testing.assert_allclose(sheet[-1, -1], [1, 0, 1])  # above 1 is drawn as 1


def test_decoder_grid_leaves_the_model_as_it_was():
    model = models.Autoencoder(hidden=(4,), code=2, shape=(1, 3, 3)).train()
    plots.decoder_grid(model, (-1, 1, -1, 1), n=3)
    assert model.training


def past(epochs=3):
    steps = range(1, epochs + 1)
    return training.History([{"loss": 9.0 / k, "validation loss": 10.0 / k} for k in steps])


def test_history_draws_every_record_against_its_epoch():
    (ax,) = plots.history(past()).axes
    lines = {entry.get_label(): entry for entry in ax.lines}
    assert set(lines) == {"loss", "validation loss"}
    assert lines["loss"].get_xdata().tolist() == [1, 2, 3]
    np.testing.assert_allclose(lines["validation loss"].get_ydata(), [10, 5, 10 / 3])
    assert ax.get_legend() is not None
    assert ax.get_xlabel() == "epoch"


def test_a_history_of_one_epoch_is_visible():
    (ax,) = plots.history(past(1)).axes
    assert ax.lines[0].get_marker() not in ("", "None", None)


def test_soft_pictures_are_stored_without_bands(shown):
    """In 256 colours: those of an octree are off by 6.5 of 255 levels, and show steps."""
    corners = torch.rand(40, 3, 3, 3, generator=torch.Generator().manual_seed(0)) / 2 + 0.25
    soft = torch.nn.functional.interpolate(corners, size=32, mode="bilinear")
    figure = plots.image_grid(list(soft.split(8)))
    wanted = 255 * figure.axes[0].images[0].get_array()
    got, _ = embedded(shown(figure).svg)
    opaque = wanted[..., 3] > 0
    assert (opaque == (got[..., 3] > 0)).all()  # nothing between the pictures
    assert np.sqrt(np.square(got - wanted)[opaque].mean()) < 4.5
