"""The notebooks run from a clean kernel; their assertions are about results."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NAMES = [
    "01_quickstart",
    "02_dicom",
    "03_scanner_effects",
    "04_graphs",
    "05_effects_from_a_graph",
    "06_invariant_sets",
    "07_training",
    "08_plug_ins",
    "discovery_tests",
]
NEEDS = {"02_dicom": ("highdicom", "pydicom"), "07_training": ("torch",)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_notebook(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for package in NEEDS.get(path.stem, ()):
        pytest.importorskip(package)
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "parameters" in code[0].metadata.get("tags", [])
    assert any("assert " in cell.source for cell in code)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES
