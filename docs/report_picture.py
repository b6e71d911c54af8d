"""Photograph the page of a study for the front page of the repository.

make demo
python docs/report_picture.py demo/results/report.html docs/report.png
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def photograph(page: Path, picture: Path, *, section: str, width: int, height: int) -> None:
    """Write one section of a page, or its first screen, as PNG; needs Chromium or Chrome."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if found is None:
        sys.exit("no chromium and no google-chrome on the PATH")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=found, args=FLAGS)
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(page.absolute().as_uri())
        if section:
            tab.locator(f"#{section}").screenshot(path=picture)
        else:
            tab.screenshot(path=picture)
        browser.close()
    Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument(
        "picture", type=Path, nargs="?", default=Path(__file__).parent / "report.png"
    )
    parser.add_argument("--section", default="shift", help="its id; empty: the first screen")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    given = parser.parse_args()
    photograph(
        given.page, given.picture, section=given.section, width=given.width, height=given.height
    )


if __name__ == "__main__":
    main()
