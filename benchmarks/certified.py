"""How many features so many patients of the demo certify: equivalence within a margin.

The patients of `causalimg demo` in their order; scanner effects adjusted for age, sex, site and
protocol. Few patients certify nothing; that is not the same as "every feature is moved".

    python benchmarks/certified.py                        # 120, 300 and 600 patients, margin 0.5
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from causalimg import RadiomicsExtractor, StableFeatures
from causalimg.atomic import write_text
from causalimg.datasets import phantom_cohort
from causalimg.errors import NotEstimableError

ADJUSTMENT = ["age", "sex", "site", "protocol"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[120, 300, 600])
    parser.add_argument("--margin", type=float, default=0.5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/certified.json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cohort = phantom_cohort(folder, n_patients=max(args.patients), random_state=0)
        table = RadiomicsExtractor().extract(cohort, n_jobs=args.jobs)
    rows = []
    print(f"margin {args.margin} SD, {len(table.features)} features")
    for n in args.patients:
        stable = StableFeatures(environment="scanner", adjustment=ADJUSTMENT, margin=args.margin)
        try:
            found = stable.fit(table.frame.head(n), features=table.features).invariant_set_
        except NotEstimableError as error:
            print(f"{n} patients: refused: {error}")
            continue
        verdicts = found.to_frame()["verdict"].value_counts().to_dict()
        rows.append({"patients": n, "margin": args.margin, **verdicts})
        print(f"{n} patients: {verdicts}", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(args.out, json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
