"""aelib: the small library beside the course on autoencoders.

Read it in an hour. Each module does one thing:

- :mod:`aelib.data`: image sets, whole in memory.
- :mod:`aelib.models`: the networks that the chapters write out.
- :mod:`aelib.losses`: reconstruction losses, one number an image.
- :mod:`aelib.training`: one loop that trains them all.
- :mod:`aelib.corruption`: noise, for images that a network is to mend.
- :mod:`aelib.metrics`: how good is a code, a picture, a subspace, a classifier.
- :mod:`aelib.plots`: figures that can be read on light and dark pages.
- :mod:`aelib.widgets`: figures that a reader can take hold of, in the page itself.
- :mod:`aelib.questions`: questions at a chapter's end, which say why an option is right or wrong.
- :mod:`aelib.projector`: files that the Embedding Projector opens.
- :mod:`aelib.checks`: exercise checks that say what is wrong.
"""

__version__ = "0.1.0"

__all__ = ["seed"]


def seed(n: int = 0) -> None:
    """Seed Python's, NumPy's and torch's global random numbers.

    Args:
        n: the seed, 0 ≤ n < 2³² (NumPy accepts no larger one).

    Raises:
        ValueError: if ``n`` is no whole number in that range.
    """
    import random

    import numpy as np
    import torch

    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to 2**32 - 1; got {n!r}")
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)
