import keyword

import pytest
from ibsi_phantom import digital_phantom

from causalimg.errors import UnknownNameError
from causalimg.radiomics import names
from causalimg.radiomics.ibsi import compute
from causalimg.radiomics.ibsi_names import FAMILIES, IBSI_FEATURES, NO_CONSENSUS, TAGS
from causalimg.radiomics.ibsi_settings import AGGREGATIONS, IbsiSettings


def test_columns_are_identifiers_and_tags_are_unique():
    assert len(IBSI_FEATURES) == len(TAGS) == 482
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in IBSI_FEATURES)
    assert all(feature.name == name for name, feature in IBSI_FEATURES.items())
    assert not set(NO_CONSENSUS) & set(TAGS)
    assert {feature.family for feature in IBSI_FEATURES.values()} == set(FAMILIES)


def test_a_code_names_one_feature():
    by_code = {}
    for feature in IBSI_FEATURES.values():
        assert len(feature.ibsi) == 4
        by_code.setdefault(feature.ibsi, set()).add((feature.family, feature.feature))
    shared = {code: found for code, found in by_code.items() if len(found) > 1}
    # the volume and intensity fractions have a parameter
    assert set(shared) == {"BC2M", "GBPN"}


def test_codes_agree_with_those_of_the_other_mode():
    ours = {feature.ibsi: feature.family for feature in IBSI_FEATURES.values()}
    families = {
        "shape": {"morphology"},
        "firstorder": {"statistics", "histogram"},
        "gldm": {"ngldm"},
    }
    for family in names.FAMILIES:
        for feature in names.features_of(family):
            code = names.describe(f"original_{family}_{feature}").ibsi
            if code:
                assert ours[code] in families.get(family, {family})


def test_columns_of_the_two_modes_never_collide():
    theirs = {
        names.column_name(f"original_{family}_{feature}")
        for family in names.FAMILIES
        for feature in names.features_of(family)
    }
    assert not theirs & set(IBSI_FEATURES)


def test_a_family_and_an_aggregation_can_be_left_out():
    scan = digital_phantom()
    settings = IbsiSettings(bin_width=1.0, aggregations=("2d", "3d_merged"))
    found = compute(scan, settings, families=["glcm", "gldzm", "statistics"])
    assert len(found) == 18 + 25 + 16
    everything = compute(scan, IbsiSettings.digital_phantom())
    assert all(everything[name] == value for name, value in found.items())
    only = compute(scan, settings, families=["glszm"])
    assert {IBSI_FEATURES[name].family for name in only} == {"glszm"}
    assert {IBSI_FEATURES[name].aggregation for name in only} == {"2d"}
    with pytest.raises(UnknownNameError, match="'glzsm'; did you mean 'glszm'"):
        compute(scan, settings, families=["glzsm"])


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_every_aggregation_has_a_code_and_a_tag_end(aggregation):
    found = [f for f in IBSI_FEATURES.values() if f.aggregation == aggregation]
    assert len({f.aggregation_ibsi for f in found}) == 1
    assert len(found[0].aggregation_ibsi) == 4
    assert {f.family for f in found} in (
        {"glcm", "glrlm"},
        {"glszm", "gldzm", "ngtdm", "ngldm"},
    )
