"""A stage is reused exactly when nothing it depends on has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from causalimg.ledger import Ledger


class Work:
    def __init__(self, folder: Path) -> None:
        self.folder, self.computed = folder, 0

    def run(self, **made_from: Any) -> str:
        def compute() -> str:
            self.computed += 1
            return f"value {made_from}"

        return Ledger(self.folder).run(
            "stage",
            made_from=made_from,
            files=("a.txt",),
            compute=compute,
            save=lambda value: (self.folder / "a.txt").write_text(value) and None,
            load=lambda: (self.folder / "a.txt").read_text(),
        )


def test_the_same_key_is_read_and_a_changed_one_is_computed(tmp_path: Path) -> None:
    work = Work(tmp_path)
    first = work.run(alpha=0.01)
    assert work.run(alpha=0.01) == first and work.computed == 1
    assert work.run(alpha=0.05) != first and work.computed == 2


@pytest.mark.parametrize("harm", ["delete", "edit", "ledger"])
def test_a_lost_or_edited_file_is_computed_again(tmp_path: Path, harm: str) -> None:
    work = Work(tmp_path)
    first = work.run(alpha=0.01)
    if harm == "delete":
        (tmp_path / "a.txt").unlink()
    elif harm == "edit":
        (tmp_path / "a.txt").write_text("edited")
    else:
        (tmp_path / "ledger.json").write_text('{"stage": ')
    assert work.run(alpha=0.01) == first
    assert work.computed == 2
