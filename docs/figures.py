"""Draw every figure of the guide from simulated scans: ``python docs/figures.py``.

Takes the folder to write to (default: docs/figures) and the number of simulated patients.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

import causalimg as ci
from causalimg.report import plots

ADJUST = ["age", "sex", "site", "protocol"]
ROLES = {
    "age": "covariate",
    "sex": "covariate",
    "site": "context",
    "scanner": "context",
    "protocol": "context",
    "malignant": "outcome",
}


def draw(n_patients: int = 400) -> dict[str, Axes]:
    """Run the stages of a study on simulated scans and return its figures by file name."""
    out: dict[str, Axes] = {}
    with tempfile.TemporaryDirectory() as folder:
        cohort = ci.datasets.phantom_cohort(folder, n_patients=n_patients, random_state=0)
        extractor = ci.RadiomicsExtractor()
        table = extractor.extract(cohort)
        truth = ci.datasets.phantom_truth(cohort, extractor, factual=table)
        few = ci.Cohort(cohort.frame.head(40), cohort.roles, cohort.folder)
        retest = _retest(few, extractor)
    frame, features = table.frame, table.features

    fitted = ci.AIPW(treatment="scanner", adjustment=ADJUST).fit(frame, outcomes=features)
    naive = ci.DifferenceInMeans(treatment="scanner").fit(frame, outcomes=features).effects_
    effects = fitted.effects_
    out["volcano"] = effects.plot.volcano()
    out["forest"] = effects.plot.forest(n=15, naive=naive, truth=truth)
    out["love"] = effects.plot.love()
    out["overlap"] = plots.overlap(fitted.propensity_, "B", received=frame["scanner"])
    out["truth"] = plots.truth_scatter(effects, truth, naive)

    stable = ci.StableFeatures(environment="scanner", adjustment=ADJUST, margin=0.5)
    found = stable.fit(frame, features=features).invariant_set_
    out["equivalence"] = found.plot.equivalence(n=24)
    agree = ci.invariance.reliability(
        retest, subject="case_id", repeat="scanner", features=features
    )
    out["agreement"] = found.plot.agreement(agree)

    reduced = ci.RedundancyFilter(threshold=0.8).fit(frame[features])
    tiers = [["age", "sex", "site"], ["scanner", "protocol"], list(reduced.kept_), ["malignant"]]
    columns = [name for tier in tiers for name in tier]
    method = ci.PC(alpha=0.01, knowledge=ci.Knowledge(tiers=tiers))
    boot = ci.BootstrapDiscovery(method, n_bootstrap=50, random_state=0).fit(frame[columns])
    roles = {**ROLES, "scanner": "treatment"} | dict.fromkeys(reduced.kept_, "feature")
    out["graph"] = plots.graph(boot.graph_, tiers=tiers, roles=roles)
    out["support"] = plots.support(boot.graph_, tiers=tiers)
    search = ci.NOTEARS(lambda1=0.05, solver="alm", constraint="squaring")
    out["trace"] = plots.trace(search.fit(frame[list(reduced.kept_)]).stats_)

    combat = ci.CausalComBat(batch="scanner", covariates=ADJUST)
    after = frame.assign(**combat.fit_transform(frame, features=features))
    report = ci.harmonize.harmonization_report(
        frame, after, batch="scanner", features=features, covariates=ADJUST, outcome="malignant"
    )
    out["harmonization"] = report.plot.batch(n=24)
    out["harmonization_outcome"] = report.plot.outcome()

    curve = ci.DoseResponse(treatment="tube_current", adjustment=["age"], curve=3)
    dosed = _doses(n_patients)
    low, high = np.quantile(dosed["tube_current"], [0.02, 0.98])
    curve.fit(dosed, ["noise"])
    out["dose"] = plots.dose_response(curve, "noise", low=float(low), high=float(high))
    return out


def _retest(cohort: ci.Cohort, extractor: ci.RadiomicsExtractor) -> pd.DataFrame:
    """Return the features of the same patients on both scanners: travelling patients."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for level in ("A", "B"):
            scanned = ci.datasets.counterfactual(
                cohort, do={"scanner": level}, folder=Path(folder) / level
            )
            parts.append(extractor.extract(scanned).frame)
    return pd.concat(parts, ignore_index=True)


def _doses(n: int) -> pd.DataFrame:
    """Return patients whose tube current follows their age, and the noise of their images."""
    rng = np.random.default_rng(0)
    age = rng.normal(60, 10, n)
    current = np.clip(120 + 1.5 * (age - 60) + rng.normal(0, 25, n), 40, None)
    noise = 160 / np.sqrt(current) + 0.05 * (age - 60) + rng.normal(0, 0.8, n)
    return pd.DataFrame({"age": age, "tube_current": current, "noise": noise})


def write(ax: Axes, path: Path) -> None:
    """Write a figure as a PNG of few colours, a third of the size."""
    drawn = io.BytesIO()
    figure = ax.get_figure(root=True)
    figure.savefig(drawn, dpi=110, facecolor="white", bbox_inches="tight", pad_inches=0.12)
    light = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    light.save(path, optimize=True)


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "figures")
    parser.add_argument("--patients", type=int, default=400)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, ax in draw(given.patients).items():
        path = given.folder / f"{name}.png"
        write(ax, path)
        print(f"{path.name:<28}{path.stat().st_size / 1024:6.0f} KB")


if __name__ == "__main__":
    main()
