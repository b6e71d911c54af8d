"""The demonstration: simulated scans with a known answer, through the whole study."""

from __future__ import annotations

from pathlib import Path

from causalimg.atomic import write_text
from causalimg.datasets import phantom_cohort, phantom_truth
from causalimg.ledger import Ledger
from causalimg.radiomics.store import CaseStore
from causalimg.recovery import Recovery, recovery
from causalimg.study import Study
from causalimg.study_result import StudyResult
from causalimg.study_stage import StageProgress

STUDY_FILE = """\
# The study that 'causalimg demo' runs on its simulated scans.

[study]
name = "Simulated lesions on two scanners"
random_state = {random_state}
n_jobs = {n_jobs}

[cohort]
file = "cohort.csv"
context = ["site", "scanner", "protocol"]
covariates = ["age", "sex"]
outcomes = ["malignant"]

[extract]
bin_width = 25.0

[redundancy]
threshold = 0.90          # features that correlate above this are near-copies

[discover]
method = "pc"
alpha = 0.01
tiers = [["age", "sex", "site"], ["scanner", "protocol"], ["@features"], ["malignant"]]
n_bootstrap = 100

[effects]                 # what the scanner does to every feature
treatment = "scanner"
adjustment = ["age", "sex", "site", "protocol"]

[invariant]
margin = 0.5              # largest harmless effect, in SD between patients

[report]
truth = "truth.json"      # known because the scans are simulated
"""


def run_demo(
    folder: str | Path,
    *,
    n_patients: int = 600,
    random_state: int = 0,
    n_jobs: int = -1,
    progress: StageProgress | None = None,
) -> tuple[StudyResult, Recovery]:
    """Simulate a cohort, run the study on its image files, and compare with the truth.

    Parameters
    ----------
    folder : path
        Receives the scans, ``cohort.csv``, ``truth.json``, ``study.toml`` and ``results/``.
    n_patients : int
    random_state : int
    n_jobs : int
    progress : callable, optional
        Called as ``progress(stage, done, total)``.

    Returns
    -------
    result : StudyResult
    recovered : Recovery
        Estimated against true effects, coverage, precision and recall.
    """
    where = Path(folder).absolute()
    where.mkdir(parents=True, exist_ok=True)
    text = STUDY_FILE.format(random_state=random_state, n_jobs=n_jobs)
    write_text(where / "study.toml", text)
    study = Study.read(where / "study.toml")

    def simulate() -> None:
        show = None if progress is None else (lambda done, n: progress("simulate", done, n))
        cohort = phantom_cohort(
            where, n_patients=n_patients, random_state=random_state, n_jobs=n_jobs, progress=show
        )
        show = None if progress is None else (lambda done, n: progress("truth", done, n))
        extractor = study.extractor(CaseStore(where / "results" / "cases"))
        factual = extractor.extract(cohort, n_jobs=n_jobs)
        truth = phantom_truth(cohort, extractor, factual=factual, n_jobs=n_jobs, progress=show)
        truth.save(where / "truth.json")
        truth.graph().save(where / "true_graph.json")

    Ledger(where).run(
        "simulate",
        made_from={
            "n_patients": n_patients,
            "random_state": random_state,
            "extract": study.extractor().settings(),
        },
        files=("cohort.csv", "phantom.json", "truth.json"),
        compute=simulate,
        save=lambda _: None,
        load=lambda: None,
    )
    result = study.run(where / "results", progress=progress)
    if result.effects is None or result.naive is None or result.truth is None:
        raise RuntimeError(f"the demonstration is incomplete: {result.refusals}")
    return result, recovery(result.effects, result.naive, result.invariant, result.truth)
