"""The page of a study: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalimg.atomic import write_text
from causalimg.report import parts, rows, sections
from causalimg.report.case_data import case_data
from causalimg.report.explorer import effect_data
from causalimg.report.graph_view import graph_view_assets, safe_json
from causalimg.report.style import without_control
from causalimg.report.words import answer, number, plural, share, treatment_of
from causalimg.study_result import StudyResult

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("base.css", "tables.css", "cases.css", "print.css")
_SCRIPTS = ("page.js", "effects.js", "strip.js", "cases.js")
_SHOWN = 25


def render(result: StudyResult) -> str:
    """Return the report of a study as one self-contained HTML document.

    Parameters
    ----------
    result : StudyResult
        Every part but cohort and table may be missing; its section then says so or is left out.

    Returns
    -------
    str
        No reference to a network; every name from the data is escaped; equal studies give equal
        text.

    Examples
    --------
    >>> import pandas as pd
    >>> from causalimg.config import StudyConfig
    >>> from causalimg.tables.features import FeatureTable
    >>> frame = pd.DataFrame({"case_id": ["P1", "P2"], "glcm_contrast": [4.1, 5.6]})
    >>> table = FeatureTable.from_frame(frame, roles={"case_id": "id"})
    >>> config = StudyConfig.parse({"study": {"name": "pilot"}})
    >>> result = StudyResult(config, Path("results"), None, table)
    >>> "http://" in render(result).replace("http://www.w3.org", "")
    False
    """
    from markupsafe import Markup

    treatment = treatment_of(result)
    cases = case_data(result)
    notes = cases.pop("notes")
    effects = effect_data(result)
    styles, scripts = [_read(name) for name in _STYLES], [_read(name) for name in _SCRIPTS]
    if result.graph is not None:
        style, script = graph_view_assets()
        styles.insert(0, style)
        scripts.insert(0, script)
    head, body = _tidy(_read("head.js")), _tidy("\n".join(scripts))
    content: dict[str, Any] = {
        "policy": _policy(head, body),
        "css": Markup("\n".join(styles)),
        "head_script": Markup(head),
        "script": Markup(body),
        "data": Markup(safe_json({"effects": effects or None, "cases": cases})),
        "title": result.config.report.title or result.config.study.name,
        "treatment": treatment or "treatment",
        "result": result,
        "answer": answer(result),
        "n_cases": len(result.table.frame),
        "cohort": sections.cohort_table(result),
        "failures": result.table.failures.to_dict(orient="records"),
        "assumptions": sections.assumption_rows(result),
        "provenances": sections.provenance_rows(result),
        "config": sections.config_rows(result),
        "shown": _SHOWN,
        "refused": [refusal.stage for refusal in result.refusals],
        "confidence": "95 %",
        "case_notes": notes,
        "plan": rows.plan_rows(result),
        **parts.effect_parts(result),
        **parts.harmonization_parts(result),
        **parts.graph_parts(result),
        **parts.invariant_parts(result),
        **parts.truth_parts(result),
    }
    if result.config.effects is not None:
        content["confidence"] = f"{100 * (1 - result.config.effects.alpha):g} %"
    return _tidy(_environment().get_template("page.html.j2").render(content)) + "\n"


def write_report(result: StudyResult, path: str | Path) -> None:
    """Write the report of a study, whole or not at all.

    Parameters
    ----------
    result : StudyResult
    path : path
        The HTML file; its folder is made.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from causalimg.config import StudyConfig
    >>> from causalimg.tables.features import FeatureTable
    >>> frame = pd.DataFrame({"case_id": ["P1", "P2"], "glcm_contrast": [4.1, 5.6]})
    >>> table = FeatureTable.from_frame(frame, roles={"case_id": "id"})
    >>> config = StudyConfig.parse({"study": {"name": "pilot"}})
    >>> result = StudyResult(config, Path("results"), None, table)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(result, Path(folder) / "report.html")
    ...     (Path(folder) / "report.html").is_file()
    True
    """
    write_text(path, render(result))


def _tidy(text: str) -> str:
    """Drop blank lines and blanks at the end of lines."""
    return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n\s*\n+", "\n", text)).strip()


def _policy(*scripts: str) -> str:
    """Allow the page its own scripts, styles and pictures, and nothing else from anywhere."""
    hashes = (hashlib.sha256(script.encode("utf-8")).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _one_line(value: Any) -> Any:
    return without_control(value) if type(value) is str else value


def _breakable(value: object) -> Markup:
    """Let a long name break after its underscores."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(without_control(str(value))).split("_"))


@cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_one_line,
    )
    made.filters |= {"number": number, "share": share, "g": "{:g}".format, "breakable": _breakable}
    made.globals |= {"plural": plural}
    return made
