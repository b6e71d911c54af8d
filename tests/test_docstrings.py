"""Every public name says what it is, what it takes and what it assumes, with an example."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import causalimg

ROOT = Path(__file__).parents[1]
# besides the packages that list their names in __all__
MODULES = ("causalimg.errors", "causalimg.graph.metrics", "causalimg.report.plots")
STAGES = ("discovery", "effects", "harmonize", "invariance", "shift", "training")
NAMES = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: ?:.*)?$")


def packages() -> list[str]:
    """Return every package that says which of its names are public."""
    found = pkgutil.walk_packages(causalimg.__path__, "causalimg.")
    named = ["causalimg", *(part.name for part in found if part.ispkg)]
    return [name for name in named if getattr(import_module(name), "__all__", None)]


def listed(module: str) -> list[tuple[str, str]]:
    loaded = import_module(module)
    names = getattr(loaded, "__all__", None) or [
        name for name, value in vars(loaded).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(module)
    ]  # fmt: skip
    return [(module, name) for name in names]


def shown() -> list[tuple[str, str]]:
    """Return what the notebooks and the pages of the guide import from the package."""
    sources = []
    for page in [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/tasks").glob("*.md"),
    ]:
        sources += re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        sources += [re.sub(r"^[%!].*$", "", text, flags=re.M) for text in code]
    return sorted({
        (node.module or "", name.name)
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "causalimg"
        for name in node.names
    })  # fmt: skip


def public() -> dict[str, Any]:
    """Return every public class and function, once, by the shortest name a user writes."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    every = [pair for module in (*packages(), *MODULES) for pair in listed(module)]
    for module, name in [*every, *shown()]:
        value = getattr(import_module(module), name)
        if (inspect.isclass(value) or inspect.isfunction(value)) and id(value) not in seen:
            seen.add(id(value))
            found[f"{module}.{name}".removeprefix("causalimg.")] = value
    return found


PUBLIC = public()


def section(text: str, title: str) -> str | None:
    """Return the body of a numpydoc section, or None."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-{{3,}}$|\Z)", text, re.M | re.S)
    return None if match is None else match.group(1)


def documented(text: str) -> set[str]:
    """Return the names that stand at the left margin of the section Parameters."""
    body = section(text, "Parameters") or ""
    names: set[str] = set()
    for line in body.splitlines():
        if line and not line.startswith(" ") and (match := NAMES.match(line)):
            names |= {name.strip(" *") for name in match.group(1).split(",")}
    return names


def parameters(value: Any) -> list[str]:
    try:
        signature = inspect.signature(value)
    except ValueError:
        return []
    return [name for name in signature.parameters if not name.startswith("_") and name != "self"]


def is_estimator(value: Any) -> bool:
    module = value.__module__.split(".")
    return inspect.isclass(value) and hasattr(value, "fit") and module[1] in STAGES


def test_the_list_is_not_empty():
    assert len(PUBLIC) > 150
    assert {"AIPW", "effects.e_values", "graph.metrics.shd", "cluster_stability"} <= set(PUBLIC)
    assert {"causalimg", "causalimg.effects", "causalimg.training"} <= set(packages())
    assert ("causalimg.discovery.base", "BaseDiscovery") in shown()  # what a plug-in builds on
    assert "discovery.base.Found" in PUBLIC and "errors.NotEstimableError" in PUBLIC


def test_an_example_of_every_public_name_is_run():
    """An example is run where it stands in a module of the package: pytest collects those."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert "--doctest-modules" in settings["ini_options"]["addopts"]
    assert "causalimg" in settings["ini_options"]["testpaths"]
    odd = {
        name for name, value in PUBLIC.items()
        if not value.__module__.startswith("causalimg") or "+SKIP" in (value.__doc__ or "")
    }  # fmt: skip
    assert odd == set()


def test_every_public_name_has_an_example():
    lack = [name for name, value in PUBLIC.items() if ">>>" not in (value.__doc__ or "")]
    assert lack == []


def test_every_public_name_has_a_summary_line():
    odd = []
    for name, value in PUBLIC.items():
        first = (inspect.getdoc(value) or "").split("\n\n")[0]
        if not first.endswith(".") or "\n" in first:
            odd.append(name)
    assert odd == []


def test_every_parameter_is_documented():
    lack = {}
    for name, value in PUBLIC.items():
        if inspect.isclass(value) and issubclass(value, BaseException | int | str):
            continue
        if getattr(value, "_is_protocol", False):
            continue
        missing = [p for p in parameters(value) if p not in documented(inspect.getdoc(value) or "")]
        if missing:
            lack[name] = missing
    assert lack == {}


def test_no_parameter_is_documented_that_does_not_exist():
    more = {}
    for name, value in PUBLIC.items():
        extra = documented(inspect.getdoc(value) or "") - set(parameters(value))
        if extra:
            more[name] = sorted(extra)
    assert more == {}


def test_every_estimator_says_what_it_assumes():
    lack = [
        name for name, value in PUBLIC.items()
        if is_estimator(value) and "Assumptions" not in (value.__doc__ or "")
    ]  # fmt: skip
    assert lack == []


def test_every_public_method_says_what_it_does():
    lack = []
    for name, value in PUBLIC.items():
        if inspect.isclass(value) and value.__module__.startswith("causalimg"):
            for method, made in vars(value).items():
                given = made.fget if isinstance(made, property) else getattr(made, "__func__", made)
                if (
                    not method.startswith("_")
                    and inspect.isfunction(given)
                    and given.__module__ == value.__module__
                    and not inspect.getdoc(getattr(value, method))
                ):
                    lack.append(f"{name}.{method}")
    assert lack == []


@pytest.mark.parametrize("text", ["Parameters\n----------\na, b : int\n    Both.\n*rest : str\n"])
def test_the_reading_of_sections(text):
    assert documented(text) == {"a", "b", "rest"}
    assert documented("Notes\n-----\na : int\n") == set()
    assert causalimg.__all__
