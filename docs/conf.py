"""How the guide is built: ``make docs``. Warnings are errors, and nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from from_code import write_pages

import causalimg

project = "causalimg"
author = "The causalimg developers"
copyright = "2026, the causalimg developers"
version = release = causalimg.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = f"causalimg {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests execute the notebooks and check their results

autosummary_generate = True
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "bysource"
suppress_warnings = ["ref.python"]  # a type in words, such as "features", is no link
napoleon_google_docstring = False
napoleon_use_ivar = True  # an attribute that is also a property is described once
napoleon_use_rtype = False


def leave_out(
    app: Any, what: str, name: str, value: object, skipped: bool, options: object
) -> bool | None:
    """Leave out what scikit-learn adds to every estimator for its metadata routing."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app: Any) -> None:
    """Write the pages that are read off the code before Sphinx looks for pages."""
    write_pages(Path(__file__).parent / "generated")
    app.connect("autodoc-skip-member", leave_out)
