"""The options of `causalimg extract` that choose mode, grid, bins and memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from causalimg.cli import app
from causalimg.datasets import phantom_cohort
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("extract")
    phantom_cohort(made, n_patients=3, random_state=1, size=16)
    return made


def extracted(folder: Path, out: Path, *options: object) -> FeatureTable:
    words = ["extract", folder / "cohort.csv", "--out", out, "--jobs", 1, "--json", *options]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cases"] == 3
    return FeatureTable.load(out)


def test_mode_ibsi(folder, tmp_path):
    found = extracted(
        folder, tmp_path / "f.parquet", "--mode", "ibsi", "--bin-count", 16,
        "--spacing", 0, 2, 2, "--image-type", "original", "--image-type", "square",
    )  # fmt: skip
    own = IbsiSettings(spacing=(0.0, 2.0, 2.0), bin_count=16)
    extractor = RadiomicsExtractor(mode="ibsi", ibsi=own, image_types=["original", "square"])
    wanted = extractor.extract(Cohort.read(folder / "cohort.csv"))
    assert list(found.features) == list(wanted.features)
    assert "square_statistics_mean" in found.features
    assert found.frame[found.features].equals(wanted.frame[wanted.features])


def test_bins_and_spacing_without_the_mode(folder, tmp_path):
    found = extracted(
        folder, tmp_path / "f.parquet", "--bin-count", 8, "--spacing", 2, 2, 2, "--max-memory", 0
    )
    extractor = RadiomicsExtractor(bin_count=8, resample=(2, 2, 2))
    wanted = extractor.extract(Cohort.read(folder / "cohort.csv"))
    assert found.frame[found.features].equals(wanted.frame[wanted.features])


def test_a_bound_that_is_too_low_is_an_error_with_advice(folder, tmp_path):
    words = ["extract", folder / "cohort.csv", "-o", tmp_path / "f.csv", "--max-memory", 0.01]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code != 0
    assert "max_memory=10737418: 'auto', or a number of bytes of at least" in str(done.exception)


def test_an_unknown_mode_names_the_nearest(folder, tmp_path):
    words = ["extract", folder / "cohort.csv", "-o", tmp_path / "f.csv", "--mode", "ibis"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code != 0
    assert "did you mean 'ibsi'" in str(done.exception)
