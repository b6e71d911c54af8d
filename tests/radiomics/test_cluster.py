"""Extraction on a cluster: joblib's dask backend and nothing else."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest

from causalimg.datasets import phantom_cohort
from causalimg.radiomics.extractor import RadiomicsExtractor


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_of_two_workers_gives_the_same_table(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    cohort = phantom_cohort(tmp_path, n_patients=6, size=16)
    extractor = RadiomicsExtractor(feature_classes=["shape", "firstorder"])
    here = extractor.extract(cohort)
    seen: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = extractor.extract(cohort, n_jobs=2, progress=lambda done, total: seen.append(done))
    assert there.digest() == here.digest()
    assert seen == [1, 2, 3, 4, 5, 6]
