"""The demonstration ends with the truth beside the estimates, and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from causalimg import CausalGraph
from causalimg.demo import run_demo
from causalimg.radiomics.extractor import RadiomicsExtractor


def test_the_demonstration_compares_with_the_truth_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, recovered = run_demo(tmp_path, n_patients=160, random_state=0, n_jobs=2)
    assert result.complete
    assert len(recovered.frame) == 107
    assert recovered.rmse_sd < recovered.naive_rmse_sd
    assert recovered.coverage > recovered.naive_coverage
    assert "One cohort is one draw" in recovered.in_words()
    truth = CausalGraph.load(tmp_path / "true_graph.json")
    assert "scanner" in truth.parents("firstorder_mean")
    assert "scanner" not in truth.parents("shape_mesh_volume")

    def refuse(*_: object) -> None:
        raise RuntimeError("features were computed again")

    monkeypatch.setattr(RadiomicsExtractor, "extract_arrays", refuse)
    again, same = run_demo(tmp_path, n_patients=160, random_state=0, n_jobs=1)
    assert set(again.stages.values()) == {"reused"}
    assert same.summary() == recovered.summary()
