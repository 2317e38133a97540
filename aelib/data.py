"""Image sets, whole in memory: ``uint8`` tensors, turned into pixels in [0, 1] batch by batch.

Whole sets fit in memory (MNIST: 55 MB), so a batch is an index and a cast. That is several times
faster than decoding, converting and collating image by image; chapter 03 measures it.
"""

import gzip
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "ImageSet",
    "Split",
    "cartoon_faces",
    "image_folder",
    "large_faces",
    "mnist",
    "shift",
    "weights",
]


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    Attributes:
        images: ``uint8``, shape (N, C, H, W), values 0 to 255.
        labels: ``int64``, shape (N,).
        attributes: what else is known of each image: by name, ``int64`` of shape (N,).

    Raises:
        ValueError: if the set is empty, or a shape or type is not as above.
    """

    images: Tensor
    labels: Tensor
    attributes: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.dim() != 4:
            raise ValueError(
                "images must be uint8 of shape (N, C, H, W); got "
                f"{self.images.dtype} of shape {tuple(self.images.shape)}"
            )
        for name, numbers in {"labels": self.labels, **self.attributes}.items():
            if numbers.dtype != torch.int64 or numbers.shape != self.images.shape[:1]:
                raise ValueError(
                    f"{name} must be int64 of shape ({len(self.images)},), one an image; got "
                    f"{numbers.dtype} of shape {tuple(numbers.shape)}"
                )
        if len(self.images) == 0:
            raise ValueError("the set is empty; at least one image is needed")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Tensor | list[int]) -> "Split":
        """The images at ``index`` as a set of its own; of one number, a set of one image."""
        if self.labels[index].dim() == 0:
            index = torch.as_tensor(index)[None]
        attributes = {name: numbers[index] for name, numbers in self.attributes.items()}
        return Split(self.images[index], self.labels[index], attributes)

    @property
    def pixels(self) -> Tensor:
        """A copy of all images as ``float32`` in [0, 1], shape (N, C, H, W)."""
        return self.images.float().div_(255)

    def sample(self, n: int, seed: int = 0) -> "Split":
        """A random subset of ``n`` images, none twice.

        Raises:
            ValueError: if ``n`` is not from 1 to the size of the set.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"can draw 1 to {len(self)} images from this set; got n={n}")
        generator = torch.Generator().manual_seed(seed)
        return self[torch.randperm(len(self), generator=generator)[:n].to(self.images.device)]

    def of(self, label: int) -> "Split":
        """The images with this label.

        Raises:
            ValueError: if no image has it.
        """
        chosen = (self.labels == label).nonzero().squeeze(1)
        if len(chosen) == 0:
            raise ValueError(
                f"no image has the label {label}; there are {self.labels.unique().tolist()}"
            )
        return self[chosen]

    def to(self, device: str | torch.device) -> "Split":
        """The same set on another device."""
        attributes = {name: numbers.to(device) for name, numbers in self.attributes.items()}
        return Split(self.images.to(device), self.labels.to(device), attributes)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set and where it is from.

    Attributes:
        name: e.g. ``"MNIST"``.
        train: what a model may learn from.
        test: opened once, at the end.
        classes: what each label means.
        source: who made it.
        licence: on which terms it may be used.
        attribute_values: what the numbers of each attribute mean, if the images have attributes.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str
    licence: str
    attribute_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def hold_out(self, n: int | None = None, seed: int = 0) -> tuple[Split, Split]:
        """Cut a validation set of random images off the training set.

        Choices are made on it, so that the test set is opened once.

        Args:
            n: how many; by default a sixth of the training set, which is 10,000 digits of MNIST.
            seed: of the random choice.

        Returns:
            The remaining training set, and the validation set.

        Raises:
            ValueError: if ``n`` does not leave at least one image on both sides.
        """
        if n is None:
            n = len(self.train) // 6
        if not 1 <= n < len(self.train):
            raise ValueError(f"hold out 1 to {len(self.train) - 1} images; got n={n}")
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.train), generator=generator).to(self.train.images.device)
        return self.train[order[n:]], self.train[order[:n]]


def mnist(root: str | Path | None = None) -> ImageSet:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 1×28×28.

    LeCun, Bottou, Bengio & Haffner, *Gradient-Based Learning Applied to Document Recognition*,
    Proceedings of the IEEE 86 (1998).

    In a copy of the course the four archives lie in ``data/MNIST/raw`` and no network is asked.
    Elsewhere they are downloaded once: from the address in the environment variable
    ``AELIB_MIRROR``, if there is one, from the mirrors that torchvision knows, or from the course's
    repository, whichever is the first to give them whole. Every time the MD5 sums that torchvision
    knows are checked, and the CRC-32 of what was unpacked; a damaged file is named, and made anew.

    Args:
        root: folder that holds, or will hold, ``MNIST/raw``. By default the course's ``data``;
            outside the course the folder in the environment variable ``AELIB_DATA``, or
            ``~/.cache/aelib``.

    Returns:
        The set, on the CPU.

    Raises:
        RuntimeError: if an archive is missing or damaged and cannot be downloaded.
        ValueError: if one must be downloaded and ``AELIB_MIRROR`` is no address.
    """
    from torchvision.datasets import MNIST

    root = Path(root).expanduser() if root is not None else _data_folder()
    raw = root / "MNIST" / "raw"
    for filename, md5 in MNIST.resources:
        archive = raw / filename
        _mend(archive, md5)
        if archive.with_suffix("").exists():
            continue
        known = [f"{mirror}{filename}" for mirror in MNIST.mirrors]
        try:
            _fetch(_addresses(f"MNIST/raw/{filename}", known), archive, ("md5", md5))
            _mend(archive, md5)
        except (OSError, http.client.HTTPException) as error:
            missing = [name for name, _ in MNIST.resources if not (raw / name).exists()]
            raise RuntimeError(
                f"MNIST could not be read: {', '.join(missing) or filename} is missing in {raw} "
                f"and could not be downloaded ({error}). Check the network and run this again, or "
                "copy the four *-ubyte.gz files of the course's data/MNIST/raw folder there; in a "
                "copy of the course, `git checkout -- data/MNIST/raw` brings them back."
            ) from error
    parts = [MNIST(str(root), train=train) for train in (True, False)]
    train, test = (Split(part.data.unsqueeze(1), part.targets.long()) for part in parts)
    return ImageSet(
        name="MNIST",
        train=train,
        test=test,
        classes=tuple("0123456789"),
        source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits",
        licence="CC BY-SA 3.0",
    )


def cartoon_faces(size: int = 64, root: str | Path | None = None) -> ImageSet:
    """Cartoon faces in colour: 9,000 for training and 1,000 for testing, 3×64×64 or smaller.

    Drawn by ``tools/make_faces.py`` in the DiceBear style *Lorelei*, a remix of "Lorelei" by Lisa
    Wischofsky. How each face was drawn is known: its ``attributes`` are ``glasses`` (0 for none),
    ``hair_colour``, ``skin``, ``background``, ``hair``, ``mouth``, ``eyes``, ``eyebrows``, ``nose``
    and ``head``; ``attribute_values`` says what their numbers mean. They were drawn independently
    of each other, glasses for half of the faces, the rest evenly. The labels are the ten colours of
    hair.

    In a copy of the course the file lies in ``data/cartoon_faces`` and no network is asked.
    Elsewhere it is downloaded once, from the address in the environment variable ``AELIB_MIRROR``
    or from the course's repository. Every time its SHA-256 is checked; a damaged file is named and
    fetched again.

    Args:
        size: pixels along a side: 64 as drawn, or 32 or 16, where each pixel is the mean of a
            square of 2×2 or 4×4 drawn ones, rounded.
        root: folder that holds, or will hold, ``cartoon_faces``; by default as for :func:`mnist`.

    Returns:
        The set, on the CPU.

    Raises:
        ValueError: if the size is none of the three.
        RuntimeError: if the file is missing or damaged and cannot be downloaded.
    """
    if not isinstance(size, int) or size not in (64, 32, 16):
        raise ValueError(f"the faces come in size 64, 32 or 16; got {size!r}")
    with np.load(_faces_file(root), allow_pickle=False) as file:
        images, attributes, values = _faces(file, "images")
    images = _box_means(images, 64 // size)
    everything = Split(images, attributes["hair_colour"], attributes)
    return ImageSet(
        name="cartoon faces",
        train=everything[:9000],
        test=everything[9000:],
        classes=values["hair_colour"],
        source='DiceBear style "Lorelei", remix of "Lorelei" by Lisa Wischofsky',
        licence="CC0 1.0",
        attribute_values=values,
    )


def large_faces(root: str | Path | None = None) -> Split:
    """The first twelve faces of the training set, drawn larger: 3×224×224.

    Args:
        root: as for :func:`cartoon_faces`.

    Returns:
        The faces with their labels and attributes, in the order of ``cartoon_faces().train``.

    Raises:
        RuntimeError: if the file is missing or damaged and cannot be downloaded.
    """
    with np.load(_faces_file(root), allow_pickle=False) as file:
        images, attributes, _ = _faces(file, "large")
    return Split(images.contiguous(), attributes["hair_colour"], attributes)


def image_folder(path: str | Path, size: int = 32, test: float = 0.1, seed: int = 0) -> ImageSet:
    """A reader's own pictures: every image file below a folder, as colour images of one size.

    Each picture is turned as its EXIF data say, laid on white where it is transparent, cut to the
    square in its middle, and resized with antialiasing. Hidden files and files of other kinds are
    ignored. Those that cannot be read are left out, and one warning names them.

    If pictures lie in sub-folders, the label of a picture is the sub-folder it lies in, as in
    ``torchvision.datasets.ImageFolder``; otherwise all labels are 0. The order of files on the
    disk does not matter: the same files give the same set.

    Args:
        path: the folder. It is read, never written.
        size: pixels along a side of the square.
        test: share of the pictures that is put aside as the test set, above 0 and below 1; at
            least one picture, and at least one is left for training.
        seed: of the random choice of the test set.

    Returns:
        The set, on the CPU, images of shape (N, 3, size, size).

    Raises:
        FileNotFoundError: if there is no such folder.
        NotADirectoryError: if it is no folder.
        ValueError: if ``size`` or ``test`` is out of range, or fewer than two pictures can be read.
    """
    from tqdm.auto import tqdm

    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no folder {path}; this runs in {Path.cwd()}")
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is a file; give the folder of pictures, unpacked")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size is a whole number of pixels, at least 1; got {size!r}")
    if not 0 < test < 1:
        raise ValueError(f"test is a share above 0 and below 1; got {test!r}")

    files = _picture_files(path)
    images = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
    read, failed = [], []
    for file in tqdm(files, desc=f"reading {path.name}", unit="file", leave=False, delay=2):
        name = file.relative_to(path)
        try:
            picture = _picture(file, size)
        except Exception as error:  # whatever a decoder raises on a broken file
            failed.append(f"{name.as_posix()} ({str(error) or type(error).__name__})")
            continue
        images[len(read)] = torch.from_numpy(picture).permute(2, 0, 1)
        read.append(name)
    if failed:
        named = ", ".join(failed[:10]) + (f" and {len(failed) - 10} more" if failed[10:] else "")
        warnings.warn(
            f"{len(failed)} of {len(files)} pictures in {path} could not be read and are left "
            f"out: {named}",
            stacklevel=2,
        )
    if len(read) < 2:
        raise ValueError(
            f"at least two pictures are needed, for training and test; of {len(files)} image "
            f"files ({', '.join(sorted(_PICTURES))}) in {path}, {len(read)} could be read"
        )

    folders = [name.parts[0] if len(name.parts) > 1 else "." for name in read]
    classes = sorted(set(folders))
    labels = torch.tensor([classes.index(folder) for folder in folders])
    order = torch.randperm(len(read), generator=torch.Generator().manual_seed(seed))
    n = min(max(round(test * len(read)), 1), len(read) - 1)
    return ImageSet(
        name=path.resolve().name,
        train=Split(images[order[n:]], labels[order[n:]]),
        test=Split(images[order[:n]], labels[order[:n]]),
        classes=tuple(classes) if classes != ["."] else (path.resolve().name,),
        source=str(path),
        licence="that of its pictures",
    )


def weights(name: str, root: str | Path | None = None) -> dict[str, Tensor]:
    """Weights of a network that was trained beforehand, by ``tools/train_faces.py``.

    ``"faces_attributes"`` is of an :class:`aelib.models.AttributeNetwork`, ``"faces_vae"`` of an
    :class:`aelib.models.ConvolutionalVAE`, ``"faces_gan"`` of an :class:`aelib.models.GAN`; the
    latter two have their default sizes::

        model = models.ConvolutionalVAE()
        model.load_state_dict(data.weights("faces_vae"))

    In a copy of the course the files lie in ``data/models`` and no network is asked. Elsewhere each
    is downloaded once, from the address in the environment variable ``AELIB_MIRROR`` or from the
    course's repository. Every time its SHA-256 is checked; a damaged file is named and fetched
    again. Nothing is unpickled.

    Args:
        name: which network.
        root: folder that holds, or will hold, ``models``; by default as for :func:`mnist`.

    Returns:
        A state dict, ``float32`` on the CPU; in evaluation mode the model is ready to use.

    Raises:
        ValueError: if there is no network of this name.
        RuntimeError: if the file is missing or damaged and cannot be downloaded.
    """
    from safetensors.torch import load_file

    if name not in _WEIGHTS_SHA256:
        raise ValueError(f"there are weights of {', '.join(_WEIGHTS_SHA256)}; got {name!r}")
    file = f"models/{name}.safetensors"
    path = _course_file(file, _WEIGHTS_SHA256[name], root, f"The weights of {name}")
    stored = load_file(path)
    return {key: v.float() if v.is_floating_point() else v for key, v in stored.items()}


def shift(x: Tensor, pixels: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """Move every image by a random whole number of pixels; what comes in is 0.

    Args:
        x: images, shape (N, C, H, W), any type.
        pixels: the farthest move, in each of the two directions; 0 changes nothing.
        generator: source of the random numbers; torch's global one by default.

    Returns:
        A new tensor of the same shape. Rows and columns that leave the image are lost.

    Raises:
        ValueError: if ``x`` is not four-dimensional, or ``pixels`` is negative or not whole.
    """
    if x.dim() != 4 or not isinstance(pixels, int) or pixels < 0:
        raise ValueError(
            "shift needs images (N, C, H, W) and a whole number of pixels, at least 0; got shape "
            f"{tuple(x.shape)} and {pixels!r}"
        )
    n, c, h, w = x.shape
    padded = torch.nn.functional.pad(x, (pixels,) * 4)
    # One gather for the whole batch: each image reads the padded one from its own corner.
    corner = torch.randint(0, 2 * pixels + 1, (2, n, 1), generator=generator).to(x.device)
    rows = corner[0] + torch.arange(h, device=x.device)
    columns = corner[1] + torch.arange(w, device=x.device)
    index = (rows[:, :, None] * (w + 2 * pixels) + columns[:, None, :]).view(n, 1, h * w)
    return padded.flatten(2).gather(2, index.expand(n, c, h * w)).view(n, c, h, w)


def _data_folder() -> Path:
    """Where data lies: beside the library in a copy of the course, else in the user's cache."""
    course = Path(__file__).resolve().parents[1] / "data"
    if (course / "MNIST" / "raw").is_dir():
        return course
    return Path(os.environ.get("AELIB_DATA") or Path.home() / ".cache" / "aelib").expanduser()


# CRC-32 of the unpacked files. Torchvision checks the archives alone, and only to download them.
_UNPACKED = {
    "train-images-idx3-ubyte": 0xE9F4D8B3,
    "train-labels-idx1-ubyte": 0xE0CB4AD2,
    "t10k-images-idx3-ubyte": 0x91373BDF,
    "t10k-labels-idx1-ubyte": 0x4AB9EFF9,
}


def _mend(archive: Path, md5: str) -> None:
    """Name and remove what is damaged, and unpack what is whole."""
    from torchvision.datasets.utils import check_integrity

    unpacked = archive.with_suffix("")
    if archive.exists() and not check_integrity(archive, md5):
        warnings.warn(f"{archive} is damaged or incomplete; fetching it again", stacklevel=3)
        archive.unlink()
    if unpacked.exists() and zlib.crc32(unpacked.read_bytes()) != _UNPACKED[unpacked.name]:
        warnings.warn(f"{unpacked} is damaged or incomplete; making it again", stacklevel=3)
        unpacked.unlink()
    if archive.exists() and not unpacked.exists():
        _write(unpacked, gzip.decompress(archive.read_bytes()))


def _write(path: Path, content: bytes) -> None:
    """Write a file that gets its name when it is whole: nobody ever sees half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# Where the course's own data are fetched from if they are not there; see _config.yml.
_REPOSITORY = "https://raw.githubusercontent.com/autoencoder-course/autoencoders/main"
_FACES_SHA256 = "c7df64fdcc6d36a4d9fbe6080477db691eefa91daf08767b148a85468369b262"
_WEIGHTS_SHA256 = {
    "faces_attributes": "5610ad6e2db42329ccbe82f86fcc0eaeee3c853fbc44efc76c00e16333bb9984",
    "faces_vae": "88301458d152c2f446f9cc1ce54e00bd26aa5c8c30422a6528d7632bfeb289a6",
    "faces_gan": "1e3259b22091c09564fec7a58ca4aca0a6bf9268a9ea6f14071ff566ad0679fb",
}
_ROUNDS, _PAUSE, _TIMEOUT = 3, 2.0, 30.0  # of a download; seconds


def _faces_file(root: str | Path | None) -> Path:
    """The file of the cartoon faces, whole, downloaded if need be."""
    return _course_file("cartoon_faces/faces.npz", _FACES_SHA256, root, "The cartoon faces")


def _course_file(name: str, sha256: str, root: str | Path | None, what: str) -> Path:
    """A file of the course's own data, whole, downloaded if need be."""
    path = (Path(root).expanduser() if root is not None else _data_folder()) / name
    state = "missing"
    if path.exists():
        if hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path
        state = "damaged"
        warnings.warn(f"{path} is damaged or incomplete; fetching it again", stacklevel=4)
    try:
        _fetch(_addresses(name), path, ("sha256", sha256))
    except (OSError, http.client.HTTPException) as error:
        raise RuntimeError(
            f"{what} could not be read: {path} is {state}, and could not be downloaded ({error}). "
            "Check the network and run this again, "
            f"or copy the course's data/{name} there; in a copy of the course, "
            f"`git checkout -- data/{Path(name).parent}` brings it back."
        ) from error
    return path


def _addresses(name: str, others: Sequence[str] = ()) -> list[str]:
    """Where a file of the course's ``data`` can be had, in the order in which to ask."""
    nearest = os.environ.get("AELIB_MIRROR", "")
    if nearest and not re.match(r"(https?|file)://", nearest):
        raise ValueError(
            "AELIB_MIRROR is the address of a copy of the course's data folder, e.g. "
            f"http://192.168.0.2:8000 or file:///media/stick/data; got {nearest!r}"
        )
    first = [f"{nearest.rstrip('/')}/{name}"] if nearest else []
    return [*first, *others, f"{_REPOSITORY}/data/{name}"]


def _fetch(addresses: Sequence[str], path: Path, checksum: tuple[str, str]) -> None:
    """Download a file from the first address that gives it whole.

    All are asked in turn, and after a pause again, but for those that refuse. Nothing is written
    before a file is whole, so what is interrupted leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting, errors = list(addresses), {}
    for attempt in range(_ROUNDS):
        time.sleep(_PAUSE * attempt)
        for address in list(waiting):
            try:
                content = _downloaded(address, checksum)
            except (OSError, http.client.HTTPException) as error:
                errors[address] = f"{address}: {error or type(error).__name__}"
                refused = isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500
                if refused and error.code not in (408, 429):
                    waiting.remove(address)
            else:
                _write(path, content)
                return
        if not waiting:
            break
    raise OSError("; ".join(errors.values()))


def _downloaded(address: str, checksum: tuple[str, str]) -> bytes:
    """What lies at an address, if it is the file of this checksum."""
    from tqdm.auto import tqdm

    algorithm, digest = checksum
    content = bytearray()
    request = urllib.request.Request(address, headers={"User-Agent": "aelib"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        length = answer.headers.get("Content-Length") or ""
        total = int(length) if length.isdecimal() else None
        name = address.rpartition("/")[2]
        with tqdm(
            total=total, desc=f"fetching {name}", unit="B", unit_scale=True, delay=2, leave=False
        ) as bar:
            while chunk := answer.read(1 << 16):
                content += chunk
                bar.update(len(chunk))
    if total is not None and len(content) < total:
        raise OSError(f"the connection was cut after {len(content)} of {total} bytes")
    if hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() != digest:
        raise OSError(f"{len(content)} bytes came that are not the file, by their {algorithm} sum")
    return bytes(content)


def _faces(
    file: Mapping[str, NDArray], member: str
) -> tuple[Tensor, dict[str, Tensor], dict[str, tuple[str, ...]]]:
    """Images (N, 3, H, W) of one member of the file, their attributes, and what these mean."""
    images = torch.from_numpy(file[member]).permute(0, 3, 1, 2)
    names = file["names"].tolist()
    columns = torch.from_numpy(file["attributes"]).long()[: len(images)].T.contiguous()
    values = {name: tuple(file[f"values_{name}"].tolist()) for name in names}
    return images, dict(zip(names, columns, strict=True)), values


def _box_means(images: Tensor, factor: int) -> Tensor:
    """``uint8`` images whose pixels are means over squares of the given ones, halves rounded up."""
    images = images.contiguous()
    if factor == 1:
        return images
    n, c, h, w = images.shape
    total = torch.full((n, c, h // factor, w // factor), factor**2 // 2, dtype=torch.int16)
    for i in range(factor):
        for j in range(factor):
            total += images[:, :, i::factor, j::factor]
    return total.div_(factor**2, rounding_mode="floor").to(torch.uint8)


_PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def _picture_files(folder: Path) -> list[Path]:
    """Image files below a folder, in an order that does not depend on the disk."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in _PICTURES
        ]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _picture(file: Path, size: int) -> NDArray[np.uint8]:
    """One picture as (size, size, 3), whatever it was before."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large pictures are welcome, odd EXIF data too
        with Image.open(file) as opened:
            opened.draft(None, (3 * size, 3 * size))  # a JPEG is decoded no larger than needed
            image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16 bits a pixel
            levels = np.asarray(image).astype(np.int64).clip(0, 65535)
            image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC)
        return np.array(image)
