"""The public names, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import causalimg

PUBLIC = {
    "AIPW", "ANM", "AnchorRegression", "BOSS", "BootstrapDiscovery", "CausalComBat",
    "CausalGraph", "Cohort", "Column", "ComBat", "ComBatGAM", "CovBat", "DML", "DRLearner",
    "DifferenceInMeans", "DirectLiNGAM", "DoseResponse", "EffectTable", "EntropyBalance", "FCI",
    "FeatureTable", "FisherZ", "FrontDoor", "GComputation", "GES", "GOLEM", "GSquare",
    "GraphKind", "HiddenICP", "ICALiNGAM", "ICP", "IPW", "IV", "IbsiSettings", "ImputedDiscovery",
    "InvariantSet", "KCI", "Knowledge", "LongitudinalComBat", "Mark", "Matching", "MinPivot",
    "MixedLRT", "Moments", "MultipleImputation", "NOTEARS", "NOTEARSMLP", "NonlinearICP", "PC",
    "Provenance", "RCIT", "RadiomicsExtractor", "RedundancyFilter", "SortnRegress",
    "StabilizedRegression", "StableFeatures", "Stratification", "Study", "StudyResult", "TMLE",
    "TierRegression", "__version__", "cluster_graph", "cluster_moments", "cluster_stability",
    "datasets", "effects", "find_identities", "graph", "harmonize", "invariance", "metrics",
    "nonparanormal", "rank_transform", "read_graph", "shift", "skeptic_moments",
    "sortability_report", "take_apart", "training", "write_graph",
}  # fmt: skip
HEAVY = ("SimpleITK", "matplotlib", "sklearn", "scipy", "networkx", "pydantic", "typer", "rich",
         "radiomics", "dowhy", "econml", "causallearn", "torch", "cupy", "numba",
         "pyarrow.parquet")  # fmt: skip


def test_the_list_of_public_names_is_pinned() -> None:
    assert set(causalimg.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(causalimg, name) is not None
    assert set(dir(causalimg)) == PUBLIC


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean 'Cohort'"):
        causalimg.Cohrt  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, numpy, pandas; before = set(sys.modules); import causalimg\n"
    code += f"print([m for m in {HEAVY!r} if m in set(sys.modules) - before])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_public_class_and_function_says_what_it_is() -> None:
    for name in PUBLIC - {"__version__"}:
        assert (getattr(causalimg, name).__doc__ or "").strip(), name


def test_registered_plugins_can_be_loaded() -> None:
    from causalimg import registry

    for group in registry.GROUPS:
        assert registry.names(group)
        for name in registry.names(group):
            assert callable(registry.load(group, name))
    with pytest.raises(causalimg.errors.UnknownNameError, match="did you mean 'pc'"):
        registry.load("causalimg.discovery", "pcc")
