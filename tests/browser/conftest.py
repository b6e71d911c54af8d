"""One headless Chromium for the browser tests; a page that may not use the network or complain."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The installed Chromium, driven by Playwright; the test skips where either is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium on the PATH (looked for {', '.join(CHROMIUM)})")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an HTML file (path) or an address: ``open_page(path, width=390, scheme="dark")``.

    The context is offline unless ``offline=False``. After the test every page that it opened
    must be free of errors in the console, of uncaught exceptions and of requests to a network.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def visit(
        source: str | Path,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        offline: bool = True,
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            offline=offline,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        if offline:
            page.on(
                "console",
                lambda said: (
                    complaints.append(f"console: {said.text}") if said.type == "error" else None
                ),
            )
            page.on(
                "request",
                lambda asked: (
                    complaints.append(f"request: {asked.url}")
                    if asked.url.startswith(("http:", "https:", "ws:", "wss:"))
                    else None
                ),
            )
        address = source.resolve().as_uri() if isinstance(source, Path) else source
        page.goto(address, wait_until="load")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints
