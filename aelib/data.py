"""Image sets, whole in memory: ``uint8`` tensors, turned into pixels in [0, 1] batch by batch.

Whole sets fit in memory (MNIST: 55 MB), so a batch is an index and a cast. That is several times
faster than decoding, converting and collating image by image; chapter 03 measures it.
"""

import gzip
import os
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["ImageSet", "Split", "mnist", "shift"]


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    Attributes:
        images: ``uint8``, shape (N, C, H, W), values 0 to 255.
        labels: ``int64``, shape (N,).

    Raises:
        ValueError: if the set is empty, or a shape or type is not as above.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.dim() != 4:
            raise ValueError(
                "images must be uint8 of shape (N, C, H, W); got "
                f"{self.images.dtype} of shape {tuple(self.images.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels must be int64 of shape ({len(self.images)},), one an image; got "
                f"{self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        if len(self.images) == 0:
            raise ValueError("the set is empty; at least one image is needed")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Tensor | list[int]) -> "Split":
        """The images at ``index`` as a set of its own; of one number, a set of one image."""
        images, labels = self.images[index], self.labels[index]
        if labels.dim() == 0:
            images, labels = images[None], labels[None]
        return Split(images, labels)

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
        return Split(self.images.to(device), self.labels.to(device))


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
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str
    licence: str

    def hold_out(self, n: int = 10_000, seed: int = 0) -> tuple[Split, Split]:
        """Cut a validation set of ``n`` random images off the training set.

        Choices are made on it, so that the test set is opened once.

        Returns:
            The remaining training set, and the validation set.

        Raises:
            ValueError: if ``n`` does not leave at least one image on both sides.
        """
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
    Elsewhere torchvision downloads them once. Every time the MD5 sums that torchvision knows are
    checked, and the CRC-32 of what was unpacked; a damaged file is named, and made anew.

    Args:
        root: folder that holds, or will hold, ``MNIST/raw``. By default the course's ``data``;
            outside the course the folder in the environment variable ``AELIB_DATA``, or
            ``~/.cache/aelib``.

    Returns:
        The set, on the CPU.

    Raises:
        RuntimeError: if an archive is missing or damaged and cannot be downloaded.
    """
    from torchvision.datasets import MNIST

    root = Path(root).expanduser() if root is not None else _data_folder()
    raw = root / "MNIST" / "raw"
    for filename, md5 in MNIST.resources:
        _mend(raw / filename, md5)
    try:
        parts = [MNIST(str(root), train=train, download=True) for train in (True, False)]
    except Exception as error:
        missing = [name for name, _ in MNIST.resources if not (raw / name).exists()]
        raise RuntimeError(
            f"MNIST could not be read: {', '.join(missing) or 'an archive'} is missing in {raw} "
            f"and could not be downloaded ({error}). Check the network and run this again, or copy "
            "the four *-ubyte.gz files of the course's data/MNIST/raw folder there; in a copy of "
            "the course, `git checkout -- data/MNIST/raw` brings them back."
        ) from error
    train, test = (Split(part.data.unsqueeze(1), part.targets.long()) for part in parts)
    return ImageSet(
        name="MNIST",
        train=train,
        test=test,
        classes=tuple("0123456789"),
        source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits",
        licence="CC BY-SA 3.0",
    )


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
        # Renamed when it is whole: another process never sees half a file.
        partial = unpacked.with_name(f"{unpacked.name}.{os.getpid()}.partial")
        partial.write_bytes(gzip.decompress(archive.read_bytes()))
        partial.replace(unpacked)
