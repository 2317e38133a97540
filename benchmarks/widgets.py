"""How long is it from a move of the pointer to the frame that shows what came of it?

Opens the built chapters in Chromium, moves the pointer over each widget, and over a part of the
same page that does nothing when the pointer moves. The second is what a page of this weight costs
on this machine with no widget at work; the difference is the widget's.

    make book
    python benchmarks/widgets.py

Medians in milliseconds. Nothing else may run meanwhile: a browser is several processes, and a
second program on the same cores adds its own waits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

import browser as machinery  # the tests' own, with its server
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RESULTS = ROOT / "benchmarks" / "results" / "widgets.json"
MOVES = 120
# what is moved over: a chart, a pad to draw on or a slider; the first one that does something
HANDLES = ".aelib-chart-field, .aelib-pad, .aelib-live input[type=range]"
WATCH = """() => {
  window.waits = [];
  addEventListener("pointermove", (event) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => window.waits.push(performance.now() - event.timeStamp);
    port2.postMessage(0); // comes after the frame is painted
  }), true);
}"""

# what a widget shows: its words, its drawings and its pictures
LOOK = """(handle) => {
  const root = handle.closest(".aelib-live");
  const pictures = [...root.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
  return root.innerHTML + pictures.join();
}"""


def drag(page: Page, box: dict[str, float], moves: int = MOVES) -> list[float]:
    """Move the pressed pointer to and fro inside a box; return the wait of each frame, in ms."""
    page.evaluate("window.waits = []")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    for k in range(moves):
        part = 0.3 + 0.4 * abs((k / 30) % 2 - 1)
        page.mouse.move(box["x"] + part * box["width"], y)
    page.mouse.up()
    page.wait_for_timeout(200)
    return page.evaluate("window.waits")


def reacting(page: Page) -> dict[str, float]:
    """Return the box of the first handle whose widget shows something else after a move over it."""
    for handle in page.locator(HANDLES).all():
        handle.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = handle.bounding_box()
        before = handle.evaluate(LOOK)
        drag(page, box, moves=20)
        if handle.evaluate(LOOK) != before:
            return box
    raise RuntimeError(f"{page.url}: nothing moves with the pointer; HANDLES names no handle")


def measure(browser: Browser, address: str) -> dict[str, Any] | None:
    """Return medians with the widget of a page and beside it, or None if the page has no widget."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    try:
        page.goto(address, wait_until="load")
        page.wait_for_load_state("networkidle")
        if not page.locator(HANDLES).count():
            return None
        page.evaluate(WATCH)
        with_it, box = [], reacting(page)
        beside, margin = [], {"x": 2.0, "y": 300.0, "width": 40.0, "height": 200.0}
        for _ in range(3):  # in turns, so that a slow moment falls on both
            beside += drag(page, margin)
            with_it += drag(page, box)
        return {
            "with_ms": round(statistics.median(with_it), 1),
            "beside_ms": round(statistics.median(beside), 1),
            "frames": len(with_it),
        }
    finally:
        page.close()


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    options = parser.parse_args(argv)
    chapters = sorted((machinery.BUILT / "notebooks").glob("*.html"))
    if not chapters:
        parser.error("the book is not built: run `make book` first")
    with sync_playwright() as playwright, machinery.serving(machinery.BUILT) as site:
        path = machinery.find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=machinery.FLAGS)
        report = {"chromium": browser.version, "processors": os.cpu_count(), "pages": {}}
        for chapter in chapters:
            found = measure(browser, f"{site}notebooks/{chapter.name}")
            if found:
                report["pages"][chapter.stem] = found
                print(chapter.stem, json.dumps(found), flush=True)
        browser.close()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
