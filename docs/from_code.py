"""Pages of the guide that are read off the code: API, commands, schemas, plug-ins, notebooks."""

from __future__ import annotations

import inspect
import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from typer.main import get_command

from causalimg import registry
from causalimg.cli import app

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "data_schemas"
MODULES = {
    "causalimg": "Records, studies, and everything at the top level",
    "causalimg.effects": "Effects, identification, sensitivity",
    "causalimg.harmonize": "Harmonisation",
    "causalimg.invariance": "Invariant sets and reliability",
    "causalimg.shift": "Shift between tables",
    "causalimg.training": "Training with a graph",
    "causalimg.graph.metrics": "Distances between graphs",
    "causalimg.imaging": "Reading and writing images",
    "causalimg.radiomics": "Radiomics",
    "causalimg.datasets": "Simulated cohorts",
    "causalimg.report": "The page of a study",
    "causalimg.report.plots": "Figures",
    "causalimg.testing": "Checks for plug-ins",
}
STAGES = {
    "tables": "Records",
    "graph": "Records",
    "provenance": "Records",
    "study": "Records",
    "study_result": "Records",
    "radiomics": "Extraction",
    "discovery": "Discovery",
    "stats": "Discovery",
    "effects": "Effects",
    "harmonize": "Harmonisation",
    "invariance": "Invariant sets",
}
GROUPS = {
    "causalimg.extractors": ("an extraction engine", "check_extractor"),
    "causalimg.discovery": ("a discovery method", "check_discovery"),
    "causalimg.ci_tests": ("a test of conditional independence", "check_ci_test"),
    "causalimg.scores": ("a score of graphs", ""),
    "causalimg.effects": ("an effect estimator", "check_effect"),
    "causalimg.plots": ("the plots of a record", ""),
}


def write_pages(folder: Path) -> None:
    """Write every page anew."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "api").mkdir(parents=True)
    names = []
    for module, title in MODULES.items():
        page = api_page(module, title)
        if page:
            name = module.replace(".", "_")
            (folder / "api" / f"{name}.rst").write_text(page, encoding="utf-8")
            names.append(name)
    (folder / "api" / "index.rst").write_text(index_page(names), encoding="utf-8")
    (folder / "commands.md").write_text(command_page(), encoding="utf-8")
    (folder / "schemas.md").write_text(schema_page(), encoding="utf-8")
    (folder / "plugins.md").write_text(plugin_table(), encoding="utf-8")
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    (folder / "notebooks").mkdir()
    for path in notebooks:
        shutil.copyfile(path, folder / "notebooks" / path.name)
    (folder / "notebooks" / "index.md").write_text(notebook_page(notebooks), encoding="utf-8")


# ---- API -------------------------------------------------------------------------------------

_SEEN: set[int] = set()


def api_page(module: str, title: str) -> str:
    """Return the page of one public module; each object stands on one page only."""
    try:
        loaded = import_module(module)
    except ModuleNotFoundError:
        return ""
    listed = getattr(loaded, "__all__", None) or [
        name for name, value in vars(loaded).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(module)
    ]  # fmt: skip
    kinds: dict[str, list[str]] = {}
    for name in sorted(listed, key=str.lower):
        value = getattr(loaded, name)
        if id(value) in _SEEN or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        _SEEN.add(id(value))
        kind = "Classes" if inspect.isclass(value) else "Functions"
        if module == "causalimg":
            kind = STAGES[value.__module__.split(".")[1]]
        kinds.setdefault(kind, []).append(name)
    order = [*dict.fromkeys(STAGES.values()), "Classes", "Functions"]
    lines = [title, "=" * len(title), "", f".. currentmodule:: {module}", ""]
    for kind in order:
        if names := kinds.get(kind, []):
            lines += [kind, "-" * len(kind), "", ".. autosummary::", "   :toctree: names", ""]
            lines += [f"   {name}" for name in names] + [""]
    return "\n".join(lines) if kinds else ""


def index_page(names: list[str]) -> str:
    """Return the index of the API pages."""
    lines = ["API", "===", "", "Every public name, from its docstring.", ""]
    lines += [".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in names), ""]
    return "\n".join(lines)


# ---- commands --------------------------------------------------------------------------------


def command_page() -> str:
    """Return the help of every command."""
    whole = get_command(app)
    context = click.Context(whole, info_name="causalimg")
    lines = ["# Commands", "", "What `causalimg COMMAND --help` says.", ""]
    lines += ["```text", whole.get_help(context).rstrip(), "```", ""]
    commands: dict[str, Any] = getattr(whole, "commands", {})
    for name, command in commands.items():
        inner = click.Context(command, info_name=name, parent=context)
        lines += [f"## {name}", "", "```text", command.get_help(inner).rstrip(), "```", ""]
    return "\n".join(lines)


# ---- schemas ---------------------------------------------------------------------------------


def schema_page() -> str:
    """Return the fields of every file format, from its JSON Schema."""
    lines = [
        "# Fields of every file",
        "",
        "Read off the JSON Schemas in `data_schemas/`, which every file is checked against when it",
        "is written and when it is read. `fields[].name` is the field `name` of each entry of the",
        "array `fields`.",
        "",
    ]
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        lines += [f"## {schema['title']}", "", schema.get("description", ""), ""]
        lines += [f"Schema: `{path.name}`", "", *_fields(schema, schema), ""]
    return "\n".join(lines)


def _fields(schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    found = _rows(schema, root, "")
    said = any(row[3] for row in found)
    head = ["field", "type", "needed", *(["meaning"] if said else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row[: len(head)]) + " |" for row in found)]


def _rows(schema: dict[str, Any], root: dict[str, Any], above: str) -> list[list[str]]:
    """Return field, type, needed and meaning of every property, those of its parts after it."""
    needed = set(schema.get("required", ()))
    found = []
    for name, value in schema.get("properties", {}).items():
        part = _resolved(value, root)
        meaning = str(part.get("description", value.get("description", "")))
        always = "yes" if name in needed else "no"
        found.append([f"`{above}{name}`", _type(part, root), always, _cell(meaning)])
        for inner, mark in _inside(part, root):
            found += _rows(inner, root, f"{above}{name}{mark}.")
    return found


def _inside(part: dict[str, Any], root: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return the objects that a property holds, and how they are reached."""
    if "properties" in part:
        return [(part, "")]
    if isinstance(part.get("items"), dict):
        item = _resolved(part["items"], root)
        return [(item, "[]")] if "properties" in item else []
    several = [_resolved(one, root) for key in ("anyOf", "oneOf") for one in part.get(key, ())]
    return [pair for one in several for pair in _inside(one, root)][:1]


def _resolved(value: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value and value["$ref"].startswith("#/"):
        inner: Any = root
        for step in value["$ref"][2:].split("/"):
            inner = inner[step]
        value = {**inner, **{k: v for k, v in value.items() if k != "$ref"}}
    return value


def _type(value: dict[str, Any], root: dict[str, Any]) -> str:
    value = _resolved(value, root)
    if "const" in value:
        return f"`{_cell(json.dumps(value['const']))}`"
    if "enum" in value:
        return ", ".join(f"`{_cell(json.dumps(item))}`" for item in value["enum"])
    for key in ("anyOf", "oneOf"):
        if key in value:
            return " or ".join(dict.fromkeys(_type(item, root) for item in value[key]))
    if "$ref" in value:
        return f"see `{value['$ref'].rsplit('/', 2)[-2]}`"
    if "prefixItems" in value:
        return f"array of {len(value['prefixItems'])}, in this order: {_in_order(value, root)}"
    kind = value.get("type", "any")
    kinds = kind if isinstance(kind, list) else [kind]
    if "array" in kinds and isinstance(value.get("items"), dict):
        inner = _type(value["items"], root)
        kinds = [f"array of {inner}" if k == "array" else k for k in kinds]
    return " or ".join(kinds)


def _in_order(value: dict[str, Any], root: dict[str, Any]) -> str:
    items = [_resolved(item, root) for item in value["prefixItems"]]
    names = [item.get("properties", {}).get("name", {}).get("const") for item in items]
    return ", ".join(f"`{name}`" for name in names if name)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# ---- plug-ins and notebooks ------------------------------------------------------------------


def plugin_table() -> str:
    """Return every entry-point group and what is registered in it."""
    lines = ["# What is registered", "", "| group | a name in it is | there are | check |"]
    lines.append("|---|---|---|---|")
    for group in registry.GROUPS:
        kind, check = GROUPS.get(group, ("", ""))
        found = ", ".join(f"`{name}`" for name in registry.names(group))
        checked = f"`causalimg.testing.{check}`" if check else ""
        lines.append(f"| `{group}` | {kind} | {found} | {checked} |")
    return "\n".join([*lines, ""])


def notebook_page(paths: list[Path]) -> str:
    """Return the index of the notebooks, which are copied beside it."""
    lines = [
        "# Notebooks",
        "",
        "They are in `notebooks/`; the first cell of each takes your own files. They are shown",
        "without outputs: the tests execute them and check their results.",
        "",
        "```{toctree}",
        ":maxdepth: 1",
        "",
        *(path.stem for path in paths),
        "```",
    ]
    return "\n".join([*lines, ""])
