"""Reporting checklists, filled from the records of a study as far as a program can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from causalimg.atomic import replacing, write_text
from causalimg.checklist_facts import facts
from causalimg.checklist_items import FORMS, Form
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.study_result import StudyResult

FILLED, PARTLY, AUTHORS = "filled", "partly", "authors"


@dataclass(frozen=True)
class Answer:
    """One item and what a program can say of it.

    Parameters
    ----------
    number : int
    section, topic : str
    state : str
        ``filled``, ``partly`` (something is left for the authors) or ``authors``.
    value : str
        What is recorded; empty where nothing is.
    source : str
        File and place that it comes from.
    authors : str
        What is left to state.
    """

    number: int
    section: str
    topic: str
    state: str
    value: str = ""
    source: str = ""
    authors: str = ""


@dataclass(frozen=True)
class Checklist:
    """A checklist with what is known of a study beside each item.

    Parameters
    ----------
    form : Form
    study : str
        Name of the study.
    answers : tuple of Answer
    """

    form: Form
    study: str
    answers: tuple[Answer, ...]

    def counts(self) -> dict[str, int]:
        """Return how many items are filled, partly filled, and left to the authors."""
        states = [answer.state for answer in self.answers]
        return {state: states.count(state) for state in (FILLED, PARTLY, AUTHORS)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item: ``number, section, topic, state, value, source, authors``."""
        return pd.DataFrame([vars(answer) for answer in self.answers])

    def to_markdown(self) -> str:
        """Return the checklist as a page of Markdown."""
        counts = self.counts()
        lines = [
            f"# {self.form.name} checklist: {self.study}",
            "",
            f"{self.form.citation}. https://doi.org/{self.form.doi}",
            "",
            f"{counts[FILLED]} of {len(self.answers)} items are filled from the records of the"
            f" study, {counts[PARTLY]} in part, and {counts[AUTHORS]} are for the authors alone."
            " Topics are in short words of our own; the published checklist has the wording that"
            " counts. A program cannot judge whether an item is met: it gives what is recorded, and"
            " where. No score is computed.",
            "",
            "| no. | section | topic | value | source | for the authors |",
            "|---:|---|---|---|---|---|",
        ]
        for a in self.answers:
            cells = [str(a.number), a.section, a.topic, a.value, a.source, a.authors]
            lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path) -> None:
        """Write ``.md`` or ``.csv``.

        Raises
        ------
        InvalidInputError
            If the name ends in neither.
        """
        where = Path(path)
        if where.suffix == ".md":
            write_text(where, self.to_markdown())
        elif where.suffix == ".csv":
            with replacing(where) as temporary:
                self.to_frame().to_csv(temporary, index=False)
        else:
            raise InvalidInputError(f"{where.name}: use a name that ends in .md or .csv")

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"Checklist({self.form.name}, {self.study!r}: {said})"

    def _repr_html_(self) -> str:
        shown: str = self.to_frame().to_html(index=False, escape=True, border=0)
        return shown


def fill_checklist(results: StudyResult | str | Path, *, kind: str = "clear") -> Checklist:
    """Fill a reporting checklist from what a study recorded.

    Parameters
    ----------
    results : StudyResult or path
        Results of a study, or their folder.
    kind : {"clear", "metrics"}
        CLEAR (58 items) or METRICS (30 items).

    Returns
    -------
    Checklist

    Raises
    ------
    UnknownNameError
        If there is no such checklist.
    FileReadError
        If the folder holds no finished study.

    References
    ----------
    Kocak B et al. (2023), CLEAR. doi:10.1186/s13244-023-01415-8
    Kocak B et al. (2024), METRICS. doi:10.1186/s13244-023-01572-w

    Examples
    --------
    >>> from causalimg.config import StudyConfig
    >>> from causalimg.tables.features import FeatureTable
    >>> frame = pd.DataFrame({"case_id": ["a", "b"], "glcm_contrast": [1.0, 2.0]})
    >>> table = FeatureTable.from_frame(frame, roles={"case_id": "id"})
    >>> study = StudyResult(StudyConfig.parse({}), Path("."), None, table)
    >>> fill_checklist(study, kind="clear").answers[26].value
    '1 features a case'
    """
    if kind not in FORMS:
        raise UnknownNameError(
            f"no checklist {kind!r}{nearest(kind, FORMS)} (there are: {', '.join(FORMS)})"
        )
    form = FORMS[kind]
    result = results if isinstance(results, StudyResult) else StudyResult.load(results)
    known = facts(result)
    answers: list[Answer] = []
    for item in form.items:
        have = [known[name] for name in item.facts if name in known]
        left = item.authors
        if not have and not left:
            left = "this study has no record of it"
        state = AUTHORS if not have else (PARTLY if left else FILLED)
        answers.append(
            Answer(
                number=item.number,
                section=item.section,
                topic=item.topic,
                state=state,
                value="; ".join(value for value, _ in have),
                source="; ".join(dict.fromkeys(source for _, source in have)),
                authors=f"for the authors: {left}" if left else "",
            )
        )
    return Checklist(form, result.config.study.name, tuple(answers))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
