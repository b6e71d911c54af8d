"""What the README says can be typed as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from causalimg.cli import app

ROOT = Path(__file__).parents[1]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert sum(bool(line.strip()) for line in block.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    assert len(names["effects"].estimable) == 107
    assert "scanner" in names["graph"].nodes
    assert (tmp_path / "invariant.json").is_file()


def test_every_command_and_file_that_it_names_exists() -> None:
    known = set(COMMANDS)
    named = set(re.findall(r"causalimg ([a-z]+) ", TEXT)) | set(re.findall(r"`([a-z]+)`, `", TEXT))
    assert {"init", "validate", "run", "effects"} <= named & known
    for path in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:causalimg|benchmarks|data_schemas)/[\w/.]*)`", TEXT):
        assert (ROOT / path).exists(), path


def test_help_of_every_command_has_a_sentence() -> None:
    assert len(COMMANDS) >= 13
    for name, command in COMMANDS.items():
        shown = CliRunner().invoke(app, [name, "--help"])
        assert shown.exit_code == 0
        assert (command.help or "").split(".")[0] in " ".join(shown.stdout.split())
