"""Every patient under every scanner: the potential outcomes, and the true effects they give."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from causalimg.datasets.phantom import PhantomWorld, Progress, counterfactual
from causalimg.datasets.truth import EFFECT_COLUMNS, PhantomTruth
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.imaging.volume import ImageMask
from causalimg.parallel import Failure, ordered_map
from causalimg.provenance import Provenance
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable


@runtime_checkable
class Extractor(Protocol):
    """What `phantom_truth` needs of an extractor to work in memory."""

    def extract_arrays(self, scan: ImageMask) -> dict[str, float]:
        """Return the features of one image."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return what the values depend on."""
        ...


def phantom_truth(
    cohort: Cohort,
    extract: Extractor | Callable[[Cohort], FeatureTable],
    *,
    factual: FeatureTable | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> PhantomTruth:
    """Compute the true scanner effects on every feature of a simulated cohort.

    Every patient is rendered under every scanner of the model, in memory, and its features are
    extracted; nothing is estimated. The protocol stays the patient's own.

    Parameters
    ----------
    cohort : Cohort
        Made by `phantom_cohort`.
    extract : RadiomicsExtractor or callable
        An object with ``extract_arrays`` works in memory; a callable takes a cohort whose images
        are written to a temporary folder, and returns its `FeatureTable`.
    factual : FeatureTable, optional
        The cohort's own features by the same extractor: they are taken from it and not computed
        again.
    n_jobs : int
    progress : callable, optional
        Called as ``progress(done, total)``.

    Raises
    ------
    FileReadError
        If the cohort was not simulated.
    NotEstimableError
        If fewer than two patients have features under every scanner.
    InvalidInputError
        If ``factual`` was extracted with other settings.

    Examples
    --------
    >>> from causalimg.datasets import phantom_cohort
    >>> from causalimg.radiomics import RadiomicsExtractor
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=3, size=16)
    >>> truth = phantom_truth(cohort, RadiomicsExtractor(feature_classes=["shape", "firstorder"]))
    >>> moved = truth.effects.set_index("outcome")["moved"]
    >>> bool(moved["firstorder_mean"]), bool(moved["shape_mesh_volume"])
    (True, False)
    """
    world = PhantomWorld.of(cohort)
    levels = world.model.levels["scanner"]
    settings: dict[str, Any] = {}
    if isinstance(extract, Extractor):
        settings = extract.settings()
        known = _known(factual, settings)
        outcomes = _in_memory(world, levels, extract, known, n_jobs, progress)
    else:
        outcomes = _on_disk(cohort, levels, extract, progress)
    case_ids = list(world.patients["case_id"])
    good = [k for k in range(len(case_ids)) if all(outcomes[k].get(level) for level in levels)]
    if len(good) < 2:
        raise NotEstimableError(
            f"{len(good)} of {len(case_ids)} patients have features under every scanner "
            f"({', '.join(levels)}); at least 2 are needed"
        )
    names = list(dict.fromkeys(name for k in good for name in outcomes[k][levels[0]]))
    values = {
        level: np.array([[outcomes[k][level].get(n, np.nan) for n in names] for k in good])
        for level in levels
    }
    return PhantomTruth(
        effects=_effects(names, levels, values),
        reference=levels[0],
        failed=tuple(case_ids[k] for k in range(len(case_ids)) if k not in set(good)),
        provenance=Provenance.of(
            "phantom_truth",
            settings={"extract": settings, "levels": list(levels)},
            inputs={"cohort": cohort.digest()},
            seed=world.entropy,
        ),
    )


def _effects(
    names: Sequence[str], levels: Sequence[str], values: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    scale = values[levels[0]].std(axis=0, ddof=1)
    rows = []
    for first, second in combinations(levels, 2):
        single = values[second] - values[first]
        for k, name in enumerate(names):
            effect = float(single[:, k].mean())
            in_sd = effect / scale[k] if scale[k] > 0 else (0.0 if effect == 0 else np.nan)
            rows.append(
                (
                    name,
                    f"{second} - {first}",
                    effect,
                    float(in_sd),
                    float(scale[k]),
                    float(values[first][:, k].mean()),
                    float(values[second][:, k].mean()),
                    float(single[:, k].std(ddof=1)),
                    bool((values[second][:, k] != values[first][:, k]).any()),
                    len(single),
                )
            )
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def _known(
    factual: FeatureTable | None, settings: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return the factual features by case, after a look at how they were made."""
    if factual is None:
        return {}
    made = {} if factual.provenance is None else factual.provenance.settings
    differ = sorted(k for k in {*made, *settings} if made.get(k) != settings.get(k))
    if differ:
        raise InvalidInputError(
            f"factual: the table was extracted with other settings ({', '.join(differ)}); "
            "leave it out, or extract it again"
        )
    rows = factual.frame.set_index("case_id")[factual.features]
    return {str(case): _numbers(row) for case, row in rows.to_dict(orient="index").items()}


def _numbers(row: Mapping[Any, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in row.items()}


@dataclass(frozen=True)
class _Task:
    """Features of one patient under every scanner. Picklable, so workers can run it."""

    worlds: dict[str, PhantomWorld]
    factual: PhantomWorld
    extract: Any
    known: dict[str, dict[str, float]]

    def __call__(self, position: int) -> dict[str, dict[str, float]]:
        row = self.factual.patients.iloc[position]
        known = self.known.get(str(row["case_id"]))
        found = {}
        for level, world in self.worlds.items():
            if known is not None and row["scanner"] == level:
                found[level] = known
            else:
                found[level] = self.extract.extract_arrays(world.render(position))
        return found


def _in_memory(
    world: PhantomWorld,
    levels: Sequence[str],
    extract: Any,
    known: dict[str, dict[str, float]],
    n_jobs: int,
    progress: Progress | None,
) -> list[dict[str, dict[str, float]]]:
    worlds = {level: world.under({"scanner": level}) for level in levels}
    results = ordered_map(
        _Task(worlds, world, extract, known),
        range(len(world.patients)),
        n_jobs=n_jobs,
        labels=list(world.patients["case_id"]),
        progress=progress,
    )
    return [{} if isinstance(result, Failure) else result for result in results]


def _on_disk(
    cohort: Cohort,
    levels: Sequence[str],
    extract: Callable[[Cohort], FeatureTable],
    progress: Progress | None,
) -> list[dict[str, dict[str, float]]]:
    found: list[dict[str, dict[str, float]]] = [{} for _ in cohort.frame["case_id"]]
    with tempfile.TemporaryDirectory(prefix="causalimg-") as scratch:
        for done, level in enumerate(levels):
            folder = Path(scratch) / str(done)
            table = extract(counterfactual(cohort, do={"scanner": level}, folder=folder))
            rows = table.frame.set_index("case_id")[table.features].to_dict(orient="index")
            for k, case_id in enumerate(cohort.frame["case_id"]):
                found[k][level] = _numbers(rows.get(case_id, {}))
            if progress is not None:
                progress(done + 1, len(levels))
    return found
