"""What the tests share: the repository on the path, and a browser for the pages."""

import sys

import rules
from browser import chromium, site  # noqa: F401  (fixtures)

sys.path.insert(0, str(rules.ROOT))
