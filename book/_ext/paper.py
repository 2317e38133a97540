"""The book on paper: where a reader finds the PDFs, which `make pdf` prints when the pages stand.

- ``{printed}``: the table of the PDFs. It stands between two marks, and `tools/printed.py` writes
  it anew whenever PDFs come or go.
- A chapter's downloads have a line that leads to its PDF in that table.
- A page that is printed from the browser comes in light colours (`print.js`).
"""

from __future__ import annotations

from typing import Any

from course import CHAPTER
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAGE = "book/paper"  # the page with the table
BEGIN, END = "<!-- printed -->", "<!-- /printed -->"


class Printed(SphinxDirective):
    """``{printed}``: the PDFs of the book and of each chapter."""

    def run(self) -> list[nodes.Node]:
        """Leave the two marks."""
        return [nodes.raw("", f"{BEGIN}{END}", format="html")]


def add_button(
    app: Sphinx,
    docname: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Lead a chapter's downloads to its PDF, and call the theme's button what it does: print."""
    for group in context.get("header_buttons", []):
        if group.get("label") != "download-buttons":
            continue
        for k, button in enumerate(group["buttons"]):
            if button.get("label") == "download-pdf-button":
                button |= {"text": "Print", "tooltip": "Print this page", "icon": "fas fa-print"}
                if CHAPTER.match(docname):
                    name = docname.removeprefix("notebooks/")
                    pdf = {
                        "type": "link",
                        "url": f"{app.builder.get_relative_uri(docname, PAGE)}#{name}",
                        "text": ".pdf",
                        "tooltip": "This chapter on paper",
                        "icon": "fas fa-file-pdf",
                        "label": "paper-button",
                    }
                    group["buttons"].insert(k, pdf)
                break


def setup(app: Sphinx) -> dict[str, Any]:
    """Register them."""
    app.add_directive("printed", Printed)
    app.add_js_file("print.js", loading_method="defer")
    app.connect("html-page-context", add_button, priority=890)  # after the theme, before slides.py
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
