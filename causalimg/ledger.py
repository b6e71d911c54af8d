"""What a folder of results was made from, so that a re-run redoes only what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from causalimg.atomic import write_text
from causalimg.provenance import digest, sha256_file

Value = TypeVar("Value")


@dataclass
class Ledger:
    """The stages whose outputs lie in a folder: for each, the key it was made under and its files.

    A stage is reused when its key (settings, inputs, version) is the same and every file still has
    the bytes that were written. A ledger that cannot be read is an empty one: the work is redone.

    Parameters
    ----------
    folder : pathlib.Path
    """

    folder: Path
    events: list[tuple[str, str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The ledger's own file."""
        return self.folder / "ledger.json"

    def _entries(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {}
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def files(self) -> dict[str, str]:
        """Return the sha256 of every file that a stage wrote, as it was then."""
        found: dict[str, str] = {}
        for entry in self._entries().values():
            if isinstance(entry, dict):
                found |= entry.get("files", {})
        return found

    def fresh(self, stage: str, key: str, files: tuple[str, ...] = ()) -> bool:
        """Tell whether a stage's files are there, unchanged, and made under this key.

        ``files`` are those that the stage writes now; an earlier version may have written fewer.
        """
        entry = self._entries().get(stage)
        if not isinstance(entry, dict) or entry.get("key") != key:
            return False
        if not set(files) <= set(entry["files"]):
            return False
        return all(
            (self.folder / name).is_file() and sha256_file(self.folder / name) == sha
            for name, sha in entry["files"].items()
        )

    def run(
        self,
        stage: str,
        *,
        made_from: Mapping[str, Any],
        files: tuple[str, ...],
        compute: Callable[[], Value],
        save: Callable[[Value], None],
        load: Callable[[], Value],
    ) -> Value:
        """Return a stage's result: read from its files when they are fresh, else computed.

        Parameters
        ----------
        stage : str
        made_from : mapping
            Everything that the result depends on, as JSON types.
        files : tuple of str
            Names of the files that ``save`` writes into the folder.
        compute, save, load : callable
        """
        key = digest({"stage": stage, **made_from})
        if self.fresh(stage, key, files):
            self.events.append((stage, "reused"))
            return load()
        value = compute()
        save(value)
        entries = self._entries()
        entries[stage] = {
            "key": key,
            "files": {name: sha256_file(self.folder / name) for name in files},
        }
        write_text(self.path, json.dumps(entries, indent=1, sort_keys=True) + "\n")
        self.events.append((stage, "computed"))
        return value
