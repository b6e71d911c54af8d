"""The study file: what is read, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from causalimg.config import StudyConfig
from causalimg.errors import FileReadError, InvalidInputError


def test_a_misspelt_key_names_the_nearest_right_one(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('[effects]\ntreatmnt = "scanner"\nadjustment = []\n')
    with pytest.raises(InvalidInputError) as caught:
        StudyConfig.read(path)
    message = str(caught.value)
    assert "study.toml: " in message
    assert "[effects] unknown key 'treatmnt'; did you mean 'treatment'?" in message
    assert "[effects] the key 'treatment' is needed" in message


def test_a_misspelt_section_names_the_nearest_right_one() -> None:
    with pytest.raises(InvalidInputError, match=r"section 'efects'; did you mean 'effects'"):
        StudyConfig.parse({"efects": {}})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"discover": {"alpha": 2.0}}, r"\[discover\] alpha = 2\.0: .*less than 1"),
        (
            {"harmonize": {"method": "combatt"}},
            r"\[harmonize\] method = 'combatt': .*'none', 'combat'",
        ),
        ({"harmonize": {"method": "combat"}}, r"\[harmonize\] method = \"combat\" needs batch"),
        (
            {"harmonize": {"method": "causal_combat", "batch": "site"}},
            r"needs covariates, by which it judges",
        ),
        (
            {
                "harmonize": {"method": "combat", "batch": "site", "stages": ["effects"]},
                "effects": {"treatment": "site", "adjustment": ["age"]},
            },
            r"batch is the treatment \(site\)",
        ),
        (
            {"constraints": {"outcome": "malignant", "attributes": ["scanner"]}},
            r"\[constraints\] needs \[discover\]",
        ),
        (
            {"cohort": {"file": "mine.csv", "features": "features.csv"}},
            r"file names images and features names a table",
        ),
        ({"study": {"n_jobs": "many"}}, r"\[study\] n_jobs = 'many': .*integer"),
        ({"invariant": {"margin": 0.2}}, r"\[invariant\] needs \[effects\]"),
    ],
)
def test_a_wrong_value_says_where_and_what_is_allowed(document: dict, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        StudyConfig.parse(document)


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    with pytest.raises(FileReadError, match=r"no study file 'study\.toml'"):
        StudyConfig.read(path)
    path.write_text("[study\n")
    with pytest.raises(FileReadError, match="not valid TOML"):
        StudyConfig.read(path)
    (tmp_path / "cohort.csv").write_text("case_id,image\n")
    with pytest.raises(FileReadError, match=r"with 'causalimg init cohort\.csv'"):
        StudyConfig.read(tmp_path / "cohort.csv")


def test_the_settings_survive_a_round_trip() -> None:
    config = StudyConfig.parse(
        {
            "discover": {"tiers": [["age"], ["@features"]], "required": [["age", "x"]]},
            "extract": {"image_types": {"log": {"sigma": [1, 3]}}},
        }
    )
    assert StudyConfig.parse(config.to_dict()) == config
    with pytest.raises(ValueError, match="frozen"):
        config.study.name = "other"  # type: ignore[misc]
