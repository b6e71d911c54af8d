"""Check every link inside a built guide: ``python docs/check_links.py docs/_build/html``.

A link to a page, a picture or a place in a page must have what it points to. Addresses of the
web are not asked for, so that the check needs no network.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The places of a page and what it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.places.add(value)
            elif value and (name == "src" or (name == "href" and tag in ("a", "link"))):
                self.links.append(value)


@cache
def _read(path: Path) -> _Page:
    return _Page(path)


def broken(folder: Path) -> list[str]:
    """Return ``page: link`` for every link of a folder of pages that leads nowhere."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        for link in dict.fromkeys(_read(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            there = target.is_file() and (
                not place or target.suffix != ".html" or place in _read(target).places
            )
            if not there:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def main() -> None:
    """Print what leads nowhere; the exit status says whether there is any."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/_build/html")
    pages = len(list(folder.rglob("*.html")))
    lost = broken(folder)
    print("\n".join(lost) if lost else f"every link inside {pages} pages resolves")
    sys.exit(bool(lost) or not pages)


if __name__ == "__main__":
    main()
