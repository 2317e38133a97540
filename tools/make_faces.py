"""Draw the cartoon faces in data/cartoon_faces/faces.npz, and note how each was drawn.

The faces are the DiceBear style *Lorelei*, a remix of "Lorelei" by Lisa Wischofsky, CC0 1.0
(https://www.figma.com/community/file/1198749693280469639). The course does not need the three
packages that draw them, so they live in a folder of their own:

    python -m venv _build/faces
    _build/faces/bin/pip install dicebear-core==10.7.0 dicebear-styles==10.6.0 resvg-py==0.5.0 \\
        numpy==2.4.6 pillow==13.0.0
    _build/faces/bin/python tools/make_faces.py --check    # compare a sample, drawn anew
    _build/faces/bin/python tools/make_faces.py            # draw all, 90 s

The numbers of a face are hashes of its own number, so one face can be redrawn without the others,
and a run gives the same file, byte for byte, with the same versions of the packages and of liblzma.
`--check` compares pixels and attributes, which do not depend on how the file was compressed.

The file is read by `np.load` with pickling off. It has

    images               uint8 (10000, 64, 64, 3): the faces; the first 9000 are for training
    large                uint8 (12, 224, 224, 3): the first twelve again, larger
    attributes           uint8 (10000, 10): of each face, for each attribute the index of its value
    names                str (10,): the attributes, in the order of the columns
    values_<name>        str: the values of this attribute, in the order of the index
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import zipfile
from importlib import metadata, resources
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "data" / "cartoon_faces" / "faces.npz"
PACKAGES = {"dicebear-core": "10.7.0", "dicebear-styles": "10.6.0", "resvg-py": "0.5.0"}
COUNT, SIZE = 10_000, 64
LARGE_COUNT, LARGE_SIZE = 12, 224

# The style is black on white; these are its colours here, chosen to be told apart at 32×32.
BACKGROUND = {
    "yellow": "#f7e08a",
    "blue": "#a9d3f2",
    "green": "#b4dfb0",
    "pink": "#f4b9c1",
    "lilac": "#c9b8ec",
    "orange": "#f9c28f",
}
SKIN = {
    "lightest": "#ffe6d8",
    "light": "#f3c9a9",
    "medium": "#d9a378",
    "dark": "#ab7650",
    "darkest": "#80553a",
}
HAIR_COLOUR = {
    "black": "#1c1a1f",
    "brown": "#54301f",
    "auburn": "#a8432c",
    "ginger": "#dd762f",
    "blond": "#e6b552",
    "grey": "#84848e",
    "white": "#ece8e1",
    "blue": "#3f5fa8",
    "green": "#3f8f63",
    "pink": "#d45d8f",
}
COLOURS = {"background": BACKGROUND, "skin": SKIN, "hair_colour": HAIR_COLOUR}
PARTS = {  # how many drawings of each the style has
    "hair": 48,
    "head": 4,
    "eyebrows": 13,
    "eyes": 24,
    "nose": 6,
    "mouth": 27,
    "glasses": 5,
}
NAMES = (
    "glasses", "hair_colour", "skin", "background",
    "hair", "mouth", "eyes", "eyebrows", "nose", "head",
)  # fmt: skip
LEFT_OUT = ("beard", "earrings", "freckles", "hairAccessories")


def pick(face: int, what: str, count: int) -> int:
    """Return a number below `count` that depends on the face and on what is drawn alone."""
    digest = hashlib.sha256(f"{what} of face {face}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


class Artist:
    """Draws faces with the three packages."""

    def __init__(self) -> None:
        """Load the style, and refuse other versions of the packages: they draw other faces."""
        for package, wanted in PACKAGES.items():
            try:
                found = metadata.version(package)
            except metadata.PackageNotFoundError:
                found = "none"
            if found != wanted:
                sys.exit(
                    f"{package} {wanted} is needed; found {found}. See the head of this script."
                )
        from dicebear import Style

        text = resources.files("dicebear_styles").joinpath("lorelei.json").read_text("utf-8")
        self.style = Style(json.loads(text))
        self.values = {name: list(colours) for name, colours in COLOURS.items()}
        for part, count in PARTS.items():
            variants = list(self.style.components()[part].variants())
            if len(variants) != count:
                sys.exit(f"the style has {len(variants)} drawings of {part}, not {count}")
            self.values[part] = [variant.replace("variant", "") for variant in variants]
        self.values["glasses"].insert(0, "none")

    def attributes(self, face: int) -> list[int]:
        """Return the numbers of a face: half of them wear glasses, all else is drawn evenly."""
        row = [pick(face, name, len(self.values[name])) for name in NAMES]
        glasses = pick(face, "glasses or none", 2) * (1 + pick(face, "glasses", PARTS["glasses"]))
        row[NAMES.index("glasses")] = glasses
        return row

    def draw(self, face: int, size: int) -> np.ndarray:
        """Return the picture of a face: uint8, shape (size, size, 3)."""
        import resvg_py
        from dicebear import Avatar
        from PIL import Image

        index = dict(zip(NAMES, self.attributes(face), strict=True))
        options = {"scale": 1.35, "translateX": 3, "translateY": 8}  # closer to the face
        options |= {f"{part}Probability": 0 for part in LEFT_OUT}
        for part in PARTS:
            name = self.values[part][index[part]]
            options[f"{part}Probability"] = 0 if name == "none" else 100
            if name != "none":
                options[f"{part}Variant"] = f"variant{name}" if name.isdigit() else name
        for name, option in (
            ("background", "background"),
            ("skin", "skin"),
            ("hair_colour", "hair"),
        ):
            colours = list(COLOURS[name].values())
            options[f"{option}Color"] = [colours[index[name]]]
        svg = Avatar(self.style, options).to_string()
        png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
        image = np.asarray(Image.open(io.BytesIO(png)))
        if image.shape != (size, size, 4) or image[..., 3].min() < 255:
            sys.exit(f"face {face}: the picture is not a whole opaque square")
        return image[..., :3]


def arrays(count: int = COUNT, large: int = LARGE_COUNT) -> dict[str, np.ndarray]:
    """Draw the faces; return the members of the file."""
    artist = Artist()
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)  # this order packs best
    for face in range(count):
        images[face] = artist.draw(face, SIZE)
        if face % 1000 == 999:
            print(f"{face + 1} of {count} drawn", flush=True)
    return {
        "images": images,
        "large": np.stack([artist.draw(face, LARGE_SIZE) for face in range(large)]),
        "attributes": np.array([artist.attributes(face) for face in range(count)], np.uint8),
        "names": np.array(NAMES),
        **{f"values_{name}": np.array(artist.values[name]) for name in NAMES},
    }


def write(path: Path, members: dict[str, np.ndarray]) -> str:
    """Write the members with LZMA and without dates; return the SHA-256 of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in members.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_LZMA
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
            archive.writestr(entry, file.getvalue())
    partial.replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(path: Path, step: int) -> list[str]:
    """Redraw every `step`-th face and the large ones; return what differs from the file."""
    artist = Artist()
    with np.load(path, allow_pickle=False) as file:
        members = {name: file[name] for name in file.files}
    found = []
    for name in NAMES:
        if members[f"values_{name}"].tolist() != artist.values[name]:
            found.append(f"values_{name}")
    for face in range(0, len(members["images"]), step):
        if members["attributes"][face].tolist() != artist.attributes(face):
            found.append(f"attributes of face {face}")
        if not np.array_equal(members["images"][face], artist.draw(face, SIZE)):
            found.append(f"face {face}")
    for face, image in enumerate(members["large"]):
        if not np.array_equal(image, artist.draw(face, LARGE_SIZE)):
            found.append(f"large face {face}")
    return found


def main() -> int:
    """Draw all faces, or redraw a sample and compare."""
    parser = argparse.ArgumentParser(description="Draw the cartoon faces of the course.")
    parser.add_argument(
        "--check", action="store_true", help="compare a redrawn sample, write nothing"
    )
    parser.add_argument("--step", type=int, default=50, help="check every n-th face (default 50)")
    parser.add_argument(
        "--count", type=int, default=COUNT, help="draw fewer faces, to try things out"
    )
    parser.add_argument("--output", type=Path, default=FILE, help="where to write")
    options = parser.parse_args()
    if options.check:
        found = differences(options.output, options.step)
        print("\n".join(f"differs: {line}" for line in found) or "the redrawn faces are the same")
        return 1 if found else 0
    digest = write(options.output, arrays(options.count, min(options.count, LARGE_COUNT)))
    print(f"{options.output.stat().st_size} bytes, SHA-256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
