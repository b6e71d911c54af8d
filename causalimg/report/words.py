"""The answer of a study in plain words, and its weakest point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalimg.report.plots_effects import SIGNIFICANT, in_sd
from causalimg.study_result import StudyResult

MINUS = "−"


@dataclass(frozen=True)
class Answer:
    """What the first lines of the page say.

    Parameters
    ----------
    lines : tuple of str
        What was found, most important first.
    weakest : str
        The one thing that most limits the result.
    """

    lines: tuple[str, ...]
    weakest: str


def number(value: object, digits: int = 3) -> str:
    """Write a number with a few significant digits; empty for a missing one.

    Examples
    --------
    >>> number(1234.5678), number(-0.012345), number(float("nan"))
    ('1,235', '−0.0123', '')
    """
    v = _float(value)
    if not np.isfinite(v):
        return "" if np.isnan(v) else ("∞" if v > 0 else f"{MINUS}∞")
    size = abs(v)
    if v == 0:
        text = "0"
    elif size >= 1e7 or size < 1e-4:
        text = f"{v:.{digits - 1}e}"
    elif size >= 10 ** (digits - 1):
        text = f"{v:,.0f}"
    else:
        text = f"{v:.{digits - 1 - int(np.floor(np.log10(size)))}f}"
    return text.replace("-", MINUS)


def signed(value: object, places: int = 2) -> str:
    """Write a number in SD units with its sign.

    Examples
    --------
    >>> signed(0.5), signed(-0.251)
    ('+0.50', '−0.25')
    """
    v = _float(value)
    return f"{v:+.{places}f}".replace("-", MINUS) if np.isfinite(v) else ""


def probability(value: object) -> str:
    """Write a p or q value; below 0.001 as "<0.001"."""
    v = _float(value)
    if not np.isfinite(v):
        return ""
    return "<0.001" if v < 0.001 else f"{v:.3f}" if v < 0.1 else f"{v:.2f}"


def share(value: object) -> str:
    """Write a share as a percentage."""
    v = _float(value)
    return f"{v:.0%}".replace("%", "\u00a0%") if np.isfinite(v) else ""


def unbroken(text: object) -> str:
    """Write a contrast so that no line ends inside it."""
    return str(text).replace(" ", "\u00a0").replace("-", "\u2011")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: list[str], *, most: int = 6) -> str:
    """Write names as "a, b and c", the rest as a count."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def treatment_of(result: StudyResult) -> str | None:
    """Return the name of the treatment column, if the study has one."""
    section = result.config.effects
    return None if section is None else section.treatment


def answer(result: StudyResult) -> Answer:
    """Say what a study found, and what most limits it."""
    lines = [*_effect_lines(result), *_invariant_lines(result)]
    if result.effects is None:
        lines += [
            f"{plural(len(result.table.features), 'feature')} were extracted from"
            f" {plural(len(result.table.frame), 'case')}."
        ]
        if result.graph is not None:
            edges = len(result.graph.to_frame())
            lines.append(f"The graph has {plural(edges, 'edge')} among"
                         f" {plural(len(result.graph.nodes), 'node')}.")  # fmt: skip
    points = sorted(weak_points(result), key=lambda point: -point[0])
    if points:
        weakest = points[0][1]
    elif result.effects is None:
        weakest = "Nothing on this page compares scanners: no effect was asked for."
    else:
        weakest = (
            "None of the checks on this page found one. What no check can see: a common cause"
            " that was not measured."
        )
    return Answer(tuple(lines), weakest)


def _effect_lines(result: StudyResult) -> list[str]:
    if result.effects is None:
        asked = treatment_of(result)
        return [] if asked is None else [f"What {asked} does to the features is not answered."]
    rows = in_sd(result.effects)
    name = treatment_of(result) or "treatment"
    if rows.empty:
        return [f"No effect of {name} could be estimated from these cases."]
    features = rows["feature"].nunique()
    hits = rows[rows["q"] < SIGNIFICANT]
    section = result.config.effects
    given = "" if section is None or not section.adjustment else (
        f", comparing cases alike in {listed(list(section.adjustment))}"
    )  # fmt: skip
    lines = [
        f"{hits['feature'].nunique()} of {plural(features, 'feature')} are shifted by {name}"
        f" (q < {SIGNIFICANT:g}){given}."
    ]
    if hits.empty:
        worst = rows.iloc[int(np.argmax(rows["effect_sd"].abs().to_numpy()))]
        start = "No shift is significant; the largest estimate is"
    else:
        worst = hits.iloc[int(np.argmax(hits["effect_sd"].abs().to_numpy()))]
        start = "The largest shift is"
    level = 95 if section is None else round(100 * (1 - section.alpha))
    lines.append(
        f"{start} {signed(worst['effect_sd'])} SD ({level} % interval {signed(worst['low_sd'])} to"
        f" {signed(worst['high_sd'])}) in {worst['feature']}, {unbroken(worst['contrast'])}."
    )
    return lines


def _invariant_lines(result: StudyResult) -> list[str]:
    if result.invariant is None:
        return []
    counts = result.invariant.counts()
    total = sum(counts.values())
    said = (
        f"{counts['stable'] or 'None'} of {plural(total, 'feature')} are certified stable within"
        f" ±{result.invariant.margin:g} SD"
    )
    if counts["not_certifiable"]:
        said += f"; {counts['not_certifiable']} cannot be certified with these cases"
    return [said + "."]


def weak_points(result: StudyResult) -> list[tuple[float, str]]:
    """Return what limits the result: how much (0 to 100), and a sentence."""
    found: list[tuple[float, str]] = []
    for refusal in result.refusals:
        found.append((100, f"The stage “{refusal.stage}” gave no result: {refusal.reason}"))
    cases = len(result.table.frame)
    failed = len(result.table.failures)
    if failed:
        lost = failed / max(1, failed + cases)
        found.append((20 + 200 * min(lost, 0.3),
                      f"{plural(failed, 'case')} of {failed + cases} failed and are in no result;"
                      " if they failed for a reason that has to do with scanner or disease, the"
                      " results are biased."))  # fmt: skip
    found += _effect_points(result)
    if result.invariant is not None:
        counts = result.invariant.counts()
        open_share = counts["not_certifiable"] / max(1, sum(counts.values()))
        if open_share > 0.25:
            found.append((30 + 30 * open_share,
                          f"{share(open_share)} of the features can be called neither stable nor"
                          f" shifted: {plural(cases, 'case')} are too few for a margin of"
                          f" {result.invariant.margin:g} SD."))  # fmt: skip
    if result.graph is not None and result.graph.support is not None:
        edges = result.graph.to_frame()["support"].dropna()
        weak = float((edges < 0.7).mean()) if len(edges) else 0.0
        if weak > 0.25:
            found.append((15 + 30 * weak, f"{share(weak)} of the graph's edges are found in fewer"
                          " than 70 % of the resamples."))  # fmt: skip
    return found


def _effect_points(result: StudyResult) -> list[tuple[float, str]]:
    if result.effects is None:
        return []
    found: list[tuple[float, str]] = []
    frame = result.effects.frame
    bad = frame[frame["status"] != "ok"]
    if len(bad):
        part = len(bad) / len(frame)
        reason = str(bad["reason"].mode().iloc[0])
        found.append((25 + 70 * part, f"{len(bad)} of {plural(len(frame), 'effect')} cannot be"
                      f" estimated; most often: {reason}."))  # fmt: skip
    poor = [note for note in result.effects.notes if note.startswith("overlap poor")]
    limited = [note for note in result.effects.notes if note.startswith("overlap limited")]
    if poor:
        found.append((90, f"Poor overlap: {_sentence(poor[0])}"))
    elif limited:
        found.append((45, f"Limited overlap: {_sentence(limited[0])}"))
    smd = pd.to_numeric(result.effects.estimable["max_smd"], errors="coerce").max()
    if smd > 0.1:
        said = (
            f"After weighting {_least_balanced(result)} still differs by {number(smd, 2)} SD"
            " between the compared groups."
        )
        found.append((40 + 60 * min(float(smd), 0.5), said))
    name = treatment_of(result)
    if name in result.table.frame.columns:
        counts = result.table.frame[name].astype(str).value_counts()
        if len(counts) and counts.iloc[-1] < 50:
            least = int(counts.iloc[-1])
            found.append((35 + 0.9 * (50 - least), f"Few cases: only {least} with"
                          f" {name} = {counts.index[-1]}."))  # fmt: skip
    return found


def _least_balanced(result: StudyResult) -> str:
    """Return the covariate that differs most after weighting."""
    balance = None if result.effects is None else result.effects.balance
    if balance is None or balance.empty:
        return "a covariate"
    left = balance["smd_weighted"].astype(float).abs().fillna(0.0).to_numpy()
    return str(balance["covariate"].iloc[int(np.argmax(left))])


def _sentence(note: str) -> str:
    """Drop the note's own first words, which the heading has already said."""
    said = note.split(" ", 2)[-1]
    said = said.removeprefix("not estimable ").removeprefix("for ")
    return said if said.endswith(".") else said + "."
