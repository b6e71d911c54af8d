"""One page on a real cohort: what 49 sarcoma MR scans say about the manufacturer's effect.

The scans are those of the IBSI validation set (T1 MR, soft-tissue sarcoma): 31 on GE, 8 each on
Siemens and Philips, 2 that a planning system of Varian exported. Nothing but sex is known of the
patients before the scan. So the page is an exercise in what such a cohort can and cannot say:

- the two Varian cases are left out: a level with fewer cases than parameters is refused;
- Siemens and Philips are put together: 8 patients each are fewer than the overlap limits ask for,
  and the effect table says so instead of giving numbers;
- shape features come from the outline a clinician drew, which a manufacturer does not move by much:
  they are negative-control outcomes, and an effect on them is confounding (who was scanned where);
- `StableFeatures` says how many patients would decide the features that 47 leave open.

    python benchmarks/sts_page.py            # writes benchmarks/results/sts/study/report.html
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


from causalimg import AIPW, Cohort, FeatureTable, RadiomicsExtractor, Study
from causalimg.effects.negative_controls import negative_control_outcome
from causalimg.errors import NotEstimableError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sts_mr"
NAMES = {
    "GE MEDICAL SYSTEMS": "GE",
    "SIEMENS": "Siemens",
    "Philips Medical Systems": "Philips",
    "Varian Medical Systems": "Varian",
}
OTHERS, OTHER = ("Siemens", "Philips"), "Siemens or Philips"
STUDY = """
[study]
name = "sts_mr"

[cohort]
features = "features.parquet"
context = ["manufacturer"]
covariates = ["sex"]

[effects]
treatment = "manufacturer"
adjustment = ["sex"]
estimand = "ato"
reference = "GE"

[invariant]
margin = 0.5

[report]
title = "Manufacturer and radiomics features: 47 sarcoma MR scans"
"""


def features(folder: Path) -> FeatureTable:
    """Return the features of all patients; extracted once."""
    store = folder / "all.parquet"
    if store.is_file():
        return FeatureTable.load(store)
    table = RadiomicsExtractor().extract(Cohort.read(DATA / "cohort.csv"), n_jobs=1)
    frame = table.frame.assign(manufacturer=table.frame["manufacturer"].map(NAMES))
    table = replace(table, frame=frame)
    table.save(store)
    return table


def main() -> None:
    """Extract, run the study, write the page and its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sts"))
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no cohort at {DATA}")
    options.out.mkdir(parents=True, exist_ok=True)
    table = features(options.out)
    shapes = [name for name in table.features if name.startswith("shape_")]
    others = [name for name in table.features if name not in shapes]
    whole = AIPW(treatment="manufacturer", adjustment=["sex"], reference="GE")
    try:
        whole.fit(table.frame, others)
        refused = ""
    except NotEstimableError as error:
        refused = str(error)
    print(f"with the Varian cases: {refused or 'not refused'}")
    kept = table.frame[table.frame["manufacturer"] != "Varian"].reset_index(drop=True)
    apart = whole.fit(kept, others).effects_.frame
    for contrast, rows in apart.groupby("contrast"):
        print(f"{contrast}: {rows['status'].iloc[0]}, {rows['reason'].iloc[0]}")
    kept = kept.assign(manufacturer=kept["manufacturer"].replace(dict.fromkeys(OTHERS, OTHER)))
    replace(table, frame=kept).save(options.out / "features.parquet")
    (options.out / "study.toml").write_text(STUDY)
    result = Study.read(options.out / "study.toml").run(options.out / "study")
    fit = AIPW(treatment="manufacturer", adjustment=["sex"], reference="GE", estimand="ato")
    fit.fit(kept, table.features)
    frame = fit.effects_.frame
    frame["family"] = ["shape" if name in shapes else "other" for name in frame["outcome"]]
    fitted = frame.assign(
        se_sd=frame["se"] / frame["outcome_sd"],
        size=frame["effect_sd"].abs(),
        low=frame["q"] <= 0.05,
    )
    table_of = fitted.groupby(["contrast", "family"]).agg(
        features=("outcome", "size"),
        se_sd=("se_sd", "median"),
        effect_sd=("size", "median"),
        q_below_5_percent=("low", "sum"),
    )
    print(table_of.round(2).to_string())
    control = negative_control_outcome(fit, kept, shapes).frame
    print(f"shape as negative control: {control['verdict'].value_counts().to_dict()}")
    if result.invariant is None:
        sys.exit(f"the study has no stable set: {result.refusals}")
    evidence = result.invariant.evidence
    counts = evidence["verdict"].value_counts().to_dict()
    needed = evidence["n_needed"].quantile([0.25, 0.5, 0.75]).round().tolist()
    print(f"within 0.5 SD: {counts}; patients needed (quartiles of features): {needed}")
    document = {
        "refused_with_varian": refused,
        "three_manufacturers": apart.groupby("contrast")["reason"].first().to_dict(),
        "by_contrast": json.loads(table_of.reset_index().to_json(orient="records")),
        "stable": counts,
        "n_needed_quartiles": needed,
    }
    (options.out / "sts.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
