"""A study made by hand: every record small, synthetic and the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from causalimg.config import StudyConfig
from causalimg.datasets import PhantomTruth
from causalimg.datasets.truth import EFFECT_COLUMNS
from causalimg.discovery.evidence import Evidence
from causalimg.discovery.graph_evidence import GraphEvidence
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.imaging.pictures import CasePictures, Source
from causalimg.imaging.thumbnail import thumbnail
from causalimg.imaging.volume import ImageMask
from causalimg.provenance import Provenance
from causalimg.study_result import Refusal, StudyResult
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import BALANCE_COLUMNS, COLUMNS, EffectTable
from causalimg.tables.features import Column, FeatureTable, failure_table, no_failures
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS, InvariantSet

FAMILIES = {
    "shape": ["mesh_volume", "sphericity", "surface_volume_ratio", "maximum_3d_diameter"],
    "firstorder": ["mean", "energy", "entropy", "kurtosis", "skewness", "interquartile_range",
                   "robust_mean_absolute_deviation", "uniformity", "p90"],
    "glcm": ["autocorrelation", "cluster_prominence", "contrast", "correlation",
             "difference_variance", "inverse_difference_moment_normalized", "joint_energy", "mcc"],
    "glrlm": ["gray_level_non_uniformity", "long_run_high_gray_level_emphasis",
              "run_length_non_uniformity_normalized", "run_variance"],
    "glszm": ["size_zone_non_uniformity", "small_area_emphasis", "zone_percentage"],
    "ngtdm": ["busyness", "coarseness", "complexity", "strength"],
}  # fmt: skip
FEATURES = [f"{family}_{name}" for family, names in FAMILIES.items() for name in names]
MARGIN = 0.5


def provenance(stage: str, *assumptions: str) -> Provenance:
    return Provenance(
        stage=stage,
        settings={"alpha": 0.05, "estimator": "aipw", "nested": {"bin_width": 25.0}},
        inputs={"table": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        assumptions=assumptions,
        seed=7,
        versions={"python": "3.11.7", "numpy": "2.4.0", "pandas": "3.1.0"},
        created="2026-01-02T03:04:05+00:00",
    )


def make_table(n: int, levels: Sequence[str], features: Sequence[str], n_failed: int,
               seed: int) -> tuple[Cohort, FeatureTable]:  # fmt: skip
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "case_id": [f"P{k + 1:04d}" for k in range(n)],
            "image": [f"images/P{k + 1:04d}.nii" for k in range(n)],
            "mask": [f"masks/P{k + 1:04d}.nii" for k in range(n)],
            "age": rng.normal(60, 10, n).round(1),
            "sex": rng.choice(["female", "male"], n),
            "site": rng.choice(["S1", "S2", "S3"], n),
            "scanner": rng.choice(list(levels), n),
            "malignant": rng.integers(0, 2, n),
        }
    )
    roles = {"age": "covariate", "sex": "covariate", "site": "context", "scanner": "context",
             "malignant": "outcome"}  # fmt: skip
    cohort = Cohort(frame, roles, Path("."), None)
    values = pd.DataFrame(rng.normal(size=(n, len(features))), columns=list(features))
    keep = cohort.frame.drop(columns=["image", "mask"])
    whole = pd.concat([keep, values], axis=1).iloc[: n - n_failed]
    columns = (
        Column("case_id", "id", "string"), Column("age", "covariate"),
        Column("sex", "covariate", "string"), Column("site", "context", "string"),
        Column("scanner", "context", "string"), Column("malignant", "outcome"),
        *(_column(name) for name in features),
    )  # fmt: skip
    failures = failure_table(
        [
            {"case_id": f"P{n - k:04d}", "stage": "read", "error": "GeometryError",
             "reason": f"case 'P{n - k:04d}', column 'mask': the mask has 28 x 28 x 14 voxels"
             " and the image 28 x 28 x 28; resample the mask to the image"}
            for k in range(n_failed)
        ]
    ) if n_failed else no_failures()  # fmt: skip
    return cohort, FeatureTable(whole, columns, failures, provenance(
        "extract", "The mask marks the same lesion in every scan."))  # fmt: skip


def _column(name: str) -> Column:
    """Read family and image type off a name: ``glcm_contrast``, ``wavelet_hhl_glcm_contrast``."""
    parts = name.split("_")
    if parts[0] == "wavelet":
        return Column(name, "feature", family=parts[2], image_type="_".join(parts[:2]))
    return Column(name, "feature", family=parts[0], image_type="original")


def make_evidence(graph: CausalGraph, seed: int = 0) -> GraphEvidence:
    """Make the tests that a search would have left: p-values, and one node that separates."""
    rng = np.random.default_rng(seed + 5)
    d = len(graph.nodes)
    p = np.triu(rng.uniform(0.02, 1, (d, d)), 1)
    adjacent = (graph.marks != 0) | (graph.marks != 0).T
    p = np.where(np.triu(adjacent, 1), p / 100, p)
    pairs = [(int(i), int(j)) for i, j in np.argwhere(np.triu(~adjacent, 1))]
    apart = {(i, j): (next(k for k in range(d) if k not in (i, j)),) for i, j in pairs}
    nothing = np.zeros((d, d), dtype=bool)
    tests = Evidence(graph.nodes, adjacent, p + p.T, apart, {}, "fisher_z", 0.01, nothing, nothing)
    return GraphEvidence(graph.nodes, Knowledge(), tests)


def make_effects(levels: Sequence[str], features: Sequence[str], n: int,
                 seed: int) -> tuple[EffectTable, EffectTable, PhantomTruth]:  # fmt: skip
    rng = np.random.default_rng(seed + 1)
    rows, raw, true = [], [], []
    for level in levels[1:]:
        for k, name in enumerate(features):
            sd = float(np.exp(rng.normal(1, 1)))
            shape = name.startswith("shape")
            effect = 0.0 if shape else float(rng.normal(0, 0.7)) * (k % 3 > 0)
            se = 0.16
            guess, beside = effect + rng.normal(0, se), effect + 0.45 + rng.normal(0, se)
            for kind, value, out in (("aipw", guess, rows), ("difference", beside, raw)):
                p = float(2 * np.exp(-0.5 * (value / se) ** 2 - 0.7))
                out.append(
                    (name, f"{level} - {levels[0]}", "ate", kind, value * sd, se * sd,
                     (value - 1.97 * se) * sd, (value + 1.97 * se) * sd, min(p, 1.0),
                     min(1.3 * p, 1.0), value, sd, n, 0.82 * n, 0.07, "ok", "")
                )  # fmt: skip
            true.append((name, f"{level} - {levels[0]}", effect * sd, effect, sd, 0.0, effect * sd,
                         0.2 * sd, not shape, n))  # fmt: skip
    nan = float("nan")
    rows[3] = (features[3], f"{levels[1]} - {levels[0]}", "ate", "aipw", *[nan] * 7, nan, n, nan,
               nan, "not_estimable", "the column is constant: 1.0 in every case")  # fmt: skip
    covariates = ["age", "sex[female]", "sex[male]", "site[S1]", "site[S2]", "site[S3]"]
    raw_smd = [0.62, -0.08, 0.08, 0.34, -0.21, -0.12]
    balance = pd.DataFrame(
        [
            (name, f"{level} - {levels[0]}", value, 0.12 * value)
            for level in levels[1:]
            for name, value in zip(covariates, raw_smd, strict=True)
        ],
        columns=list(BALANCE_COLUMNS),
    )
    made = provenance(
        "effects", "No unmeasured common cause of scanner and features, given the adjustment.",
        "Every case had some chance of every scanner.",
    )  # fmt: skip
    notes = ("overlap limited for scanner=B: 58 effective of 80 cases",)
    effects = EffectTable(pd.DataFrame(rows, columns=list(COLUMNS)), balance, made, notes)
    naive = EffectTable(pd.DataFrame(raw, columns=list(COLUMNS)))
    truth = PhantomTruth(pd.DataFrame(true, columns=list(EFFECT_COLUMNS)), levels[0])
    return effects, naive, truth


def make_invariant(effects: EffectTable, n: int) -> InvariantSet:
    rows = []
    good = effects.estimable
    worst = good.assign(size=good["effect_sd"].abs()).sort_values("size", ascending=False)
    for row in worst.drop_duplicates("outcome").itertuples():
        low, high = row.ci_low / row.outcome_sd, row.ci_high / row.outcome_sd
        inside = low > -MARGIN and high < MARGIN
        verdict = "stable" if inside else "shifted" if row.q < 0.05 else "not_certifiable"
        rows.append((row.outcome, verdict, row.contrast, row.effect_sd, low, high, 0.01, 0.02, n,
                     float("nan") if verdict == "shifted" else 1.7 * n))  # fmt: skip
    evidence = pd.DataFrame(rows, columns=list(EVIDENCE_COLUMNS))
    stable = tuple(evidence.loc[evidence["verdict"] == "stable", "feature"])
    return InvariantSet(stable, "stable_measurement", "scanner", MARGIN, evidence, provenance(
        "invariant", "The margin was chosen before the data were seen."))  # fmt: skip


def make_graph(features: Sequence[str], seed: int, *, density: float = 0.07) -> CausalGraph:
    rng = np.random.default_rng(seed + 2)
    nodes = ("age", "sex", "site", "scanner", *features, "malignant")
    d = len(nodes)
    adjacency = np.triu(rng.random((d, d)) < density, 1)
    adjacency[:, :3] = False
    adjacency[0, 3] = adjacency[2, 3] = True
    adjacency[3, 4 : d - 1] = rng.random(d - 5) < 0.4
    adjacency[:3, 4 : d - 1] &= rng.random((3, d - 5)) < 0.5
    support = np.where(adjacency, rng.uniform(0.5, 1.0, (d, d)), 0.0)
    free = np.argwhere(adjacency[4 : d - 1, 4 : d - 1]) + 4
    for i, j in free[::4]:
        adjacency[j, i] = True
        support[i, j] = support[j, i] = support[i, j] / 2
    return CausalGraph.from_directed(
        nodes,
        adjacency,
        kind="cpdag",
        support=support,
        provenance=provenance("discover", "No latent common causes."),
    )


def make_pictures(cohort: Cohort, table: FeatureTable, side: int, seed: int) -> CasePictures:
    """Make a noisy picture of a round lesion for every case of the table."""
    rng = np.random.default_rng(seed + 4)
    paths = cohort.frame.set_index("case_id")
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    kinds = []
    for k in range(8):
        mask = np.hypot(x, y * (1 + 0.3 * np.sin(k))) < 0.34 + 0.08 * np.cos(k)
        image = rng.normal(0, 25, (1, side, side)) + 90 * mask
        kinds.append(thumbnail(ImageMask(image, mask[None], (1.0, 0.5, 0.5)), side=side))
    made = []
    for k, name in enumerate(table.frame["case_id"]):
        source = Source(name, *paths.loc[name, ["image", "mask"]], f"{k:064x}", f"{k + 1:064x}")
        made.append((source, kinds[k % len(kinds)]))
    return CasePictures.of(made)


def make_study(
    *,
    n: int = 160,
    levels: Sequence[str] = ("A", "B"),
    features: Sequence[str] = tuple(FEATURES),
    n_failed: int = 2,
    seed: int = 0,
    parts: bool = True,
    refusals: Sequence[Refusal] = (),
    in_graph: int | None = None,
    pictures: int | None = None,
) -> StudyResult:
    """Make a study with every part, or one that only extracted.

    ``in_graph`` limits the features of the graph; ``pictures`` is the side of a case's picture.
    """
    cohort, table = make_table(n, levels, features, n_failed, seed)
    document = {"study": {"name": "phantom, 160 patients"},
                "cohort": {"context": ["site", "scanner"], "covariates": ["age", "sex"],
                           "outcomes": ["malignant"]}}  # fmt: skip
    if not parts:
        return StudyResult(StudyConfig.parse(document), Path("."), cohort, table)
    document |= {
        "discover": {"tiers": [["age", "sex", "site"], ["scanner"], ["@features"], ["malignant"]]},
        "effects": {"treatment": "scanner", "adjustment": ["age", "sex", "site"]},
        "invariant": {"margin": MARGIN},
    }
    kept = [name for k, name in enumerate(features) if k % 4 != 3]
    redundancy = pd.DataFrame(
        [
            {"feature": name, "representative": name if name in kept else features[k - 1],
             "abs_r": 1.0 if name in kept else 0.97,
             "status": "kept" if name in kept else "redundant", "reason": "", "threshold": 0.95}
            for k, name in enumerate(features)
        ]
    )  # fmt: skip
    effects, naive, truth = make_effects(levels, features, n, seed)
    rng = np.random.default_rng(seed + 3)
    received = table.frame["scanner"].astype(str)
    lean = rng.normal(0, 1, len(received)) + 0.8 * (received == levels[1]).to_numpy()
    chance = 1 / (1 + np.exp(-lean))
    scores = pd.DataFrame({"case_id": table.frame["case_id"], "level": received})
    for k, level in enumerate(levels):
        scores[level] = chance if k == 1 else (1 - chance) / (len(levels) - 1)
    return StudyResult(
        config=StudyConfig.parse(document),
        folder=Path("."),
        cohort=cohort,
        table=table,
        redundancy=redundancy,
        graph=make_graph(kept[:in_graph], seed),
        pictures=None if pictures is None else make_pictures(cohort, table, pictures, seed),
        effects=effects,
        naive=naive,
        propensity=scores,
        invariant=make_invariant(effects, n),
        truth=truth,
        refusals=tuple(refusals),
        notes=(f"{n_failed} of {n} cases failed and are in no later stage",),
        stages={"extract": "done"},
    )
