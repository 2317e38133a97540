"""aelib: the small library beside the course on autoencoders.

Read it in an hour. Each module does one thing:

- :mod:`aelib.data`: image sets, whole in memory.
- :mod:`aelib.models`: the networks that the chapters write out.
- :mod:`aelib.losses`: reconstruction losses, one number an image.
- :mod:`aelib.training`: one loop that trains them all.
- :mod:`aelib.metrics`: how good is a reconstruction, a code, a subspace.
- :mod:`aelib.plots`: figures that can be read on light and dark pages.
- :mod:`aelib.checks`: exercise checks that say what is wrong.
"""

__version__ = "0.1.0"
