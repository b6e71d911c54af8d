"""Fixtures that several test folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

collect_ignore_glob = ["*conftest.py"]  # loaded as such; they hold no doctests to collect


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real scans that are not part of the repository; the test skips without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data of ../shared/data is not on this machine")
    return folder
