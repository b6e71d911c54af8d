"""The pages of the guide that are read off the code: nothing public is missing in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import causalimg as ci
from causalimg import registry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import from_code

    monkeypatch.setattr(from_code, "_SEEN", set())
    return from_code


def test_every_field_of_every_schema_is_listed(pages):
    text = pages.schema_page()
    for path in (ROOT / "data_schemas").glob("*.schema.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        part = text.split(f"## {schema['title']}\n")[1].split("\n## ")[0]
        for name in schema["properties"]:
            assert f"| `{name}` |" in part, (path.name, name)
    assert "`verdicts[].attribute`" in text  # objects inside arrays too
    assert "`outcome`, `contrast`, `estimand`" in text  # columns in their order


def test_every_command_and_group_is_listed(pages):
    from typer.main import get_command

    from causalimg.cli import app

    text = pages.command_page()
    assert all(f"## {name}\n" in text for name in get_command(app).commands)
    table = pages.plugin_table()
    assert all(f"`{group}`" in table for group in registry.GROUPS)
    assert set(registry.GROUPS) == set(pages.GROUPS)


def test_every_public_name_stands_on_one_page(pages):
    text = {module: pages.api_page(module, title) for module, title in pages.MODULES.items()}
    lines = [line.strip() for line in text["causalimg"].splitlines()]
    for name in ci.__all__:
        value = getattr(ci, name)
        if callable(value):
            assert lines.count(name) == 1, name
    assert "   AIPW\n" not in text["causalimg.effects"]
    assert "   e_values\n" in text["causalimg.effects"]
