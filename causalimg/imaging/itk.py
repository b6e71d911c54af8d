"""Keep SimpleITK to itself: nothing on stderr, no threads of its own inside parallel work."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_STDERR = 2


@contextmanager
def one_thread() -> Iterator[None]:
    """Let ITK filters run on one thread inside the block; the setting is put back after it."""
    import SimpleITK

    before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Catch what C code writes to the process's stderr, in place of letting it through.

    Gives a list that holds the text, if any, once the block has ended. Blocks in several threads
    run one after the other. Where the process has no stderr, nothing is caught.
    """
    text: list[str] = []
    with _LOCK, tempfile.TemporaryFile() as catch:
        try:
            saved = os.dup(_STDERR)
        except OSError:
            yield text
            return
        try:
            os.dup2(catch.fileno(), _STDERR)
            yield text
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            catch.seek(0)
            caught = catch.read().decode("utf-8", "replace").strip()
            if caught:
                text.append(caught)
