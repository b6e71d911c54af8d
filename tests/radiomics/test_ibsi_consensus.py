"""The consensus values of the IBSI: the digital phantom, and the CT phantom where it is at hand."""

import numpy as np
import pytest
from ibsi_phantom import digital_phantom

from causalimg.errors import InvalidInputError
from causalimg.imaging.read import read_image_mask
from causalimg.radiomics.ibsi import compute
from causalimg.radiomics.ibsi_diagnostics import diagnostics
from causalimg.radiomics.ibsi_names import IBSI_FEATURES, NO_CONSENSUS, TAGS
from causalimg.radiomics.ibsi_reference import ReferenceValue, compare, read_reference_values
from causalimg.radiomics.ibsi_settings import IbsiSettings

# some of the values of the manual, of every family and every aggregation
PRINTED = {
    "morph_volume": (556, 4),
    "morph_area_mesh": (388, 3),
    "morph_com": (0.672, 0.004),
    "morph_pca_least_axis": (8.54, 0.05),
    "morph_area_dens_aee": (1.36, 0.01),
    "morph_vol_dens_conv_hull": (0.961, 0.006),
    "morph_moran_i": (0.0397, 0.0003),
    "morph_geary_c": (0.974, 0.006),
    "loc_peak_loc": (2.6, 0),
    "loc_peak_glob": (3.1, 0),
    "stat_kurt": (-0.355, 0),
    "stat_rmad": (1.11, 0),
    "ih_max_grad": (8, 0),
    "ih_max_grad_g": (3, 0),
    "ih_min_grad": (-50, 0),
    "ivh_v10": (0.324, 0),
    "ivh_i90": (2, 0),
    "cm_clust_prom_2D_avg": (79.1, 0),
    "cm_corr_2D_comb": (0.0173, 0),
    "cm_info_corr1_2_5D_avg": (-0.124, 0),
    "cm_inv_diff_norm_2_5D_comb": (0.85, 0),
    "cm_joint_entr_3D_avg": (2.4, 0),
    "cm_sum_var_3D_comb": (7.41, 0),
    "rlm_rlnu_2D_avg": (6.12, 0),
    "rlm_rlnu_2D_comb": (21.6, 0),
    "rlm_rlnu_2_5D_avg": (22.3, 0),
    "rlm_rlnu_2_5D_comb": (83.2, 0),
    "rlm_rlnu_3D_avg": (26.9, 0),
    "rlm_rlnu_3D_comb": (328, 0),
    "szm_lze_2D": (43.9, 0),
    "szm_zs_entr_2_5D": (3.08, 0),
    "szm_lzhge_3D": (1490, 0),
    "dzm_ldhge_2D": (21.3, 0),
    "dzm_zd_var_2_5D": (0.0988, 0),
    "dzm_zd_entr_3D": (1.92, 0),
    "ngt_busyness_2D": (2.99, 0),
    "ngt_strength_2_5D": (0.741, 0),
    "ngt_coarseness_3D": (0.0296, 0),
    "ngl_dc_energy_2D": (0.17, 0),
    "ngl_hdhge_2_5D": (50.8, 0),
    "ngl_dc_var_3D": (22.1, 0),
}


@pytest.fixture(scope="module")
def of_the_phantom():
    return compute(digital_phantom(), IbsiSettings.digital_phantom())


def test_every_feature_is_there_in_the_order_of_the_dictionary(of_the_phantom):
    assert list(of_the_phantom) == list(IBSI_FEATURES)
    assert np.isfinite(list(of_the_phantom.values())).all()


def test_values_that_the_manual_prints(of_the_phantom):
    table = compare(of_the_phantom, [ReferenceValue(t, *pair) for t, pair in PRINTED.items()])
    assert (table["status"] == "met").all(), table[table["status"] != "met"]


@pytest.mark.parametrize(
    ("folder", "table", "settings", "features", "diagnosed"),
    [
        ("digital_phantom", "dig_phantom", IbsiSettings.digital_phantom(), 482, 0),
        ("ct_phantom", "chest_config_a", IbsiSettings.configuration("A"), 346, 60),
        ("ct_phantom", "chest_config_b", IbsiSettings.configuration("B"), 346, 60),
        ("ct_phantom", "chest_config_c", IbsiSettings.configuration("C"), 210, 60),
        ("ct_phantom", "chest_config_d", IbsiSettings.configuration("D"), 210, 60),
        ("ct_phantom", "chest_config_e", IbsiSettings.configuration("E"), 210, 60),
    ],
)
def test_all_reference_values_are_met(shared_data, folder, table, settings, features, diagnosed):
    data = shared_data / "ibsi"
    if not data.is_dir():
        pytest.skip("the IBSI phantoms of ../shared/data/ibsi are not on this machine")
    scan = read_image_mask(data / folder / "phantom.nii.gz", data / folder / "mask.nii.gz")
    reference = read_reference_values(data / "reference_values" / f"ibsi_1_{table}.csv")
    found = {**compute(scan, settings), **diagnostics(scan, settings)}
    rows = compare(found, reference)
    assert rows["status"].value_counts().to_dict() == {
        "met": features + diagnosed,
        "no consensus": 5,
    }
    assert rows["tag"].isin(TAGS).sum() == features
    assert set(rows.loc[rows["status"] == "no consensus", "tag"]) == set(NO_CONSENSUS)


def test_the_literal_phantom_is_the_published_one(shared_data):
    data = shared_data / "ibsi" / "digital_phantom"
    if not data.is_dir():
        pytest.skip("the IBSI phantoms of ../shared/data/ibsi are not on this machine")
    scan = read_image_mask(data / "phantom.nii.gz", data / "mask.nii.gz")
    ours = digital_phantom()
    np.testing.assert_array_equal(scan.image, ours.image)
    np.testing.assert_array_equal(scan.mask, ours.mask)
    assert scan.spacing == ours.spacing


def test_a_value_off_by_its_last_digit_is_missed():
    exact = ReferenceValue("stat_median", 1.0, 0.0)
    assert exact.admits(1.0049) and not exact.admits(1.0051)
    wide = ReferenceValue("stat_mean", -47.0, 2.9)
    assert wide.admits(-44.2) and not wide.admits(-44.0)
    tiny = ReferenceValue("ivh_v90", 6.98e-5, 1.03e-5)
    assert tiny.admits(7.9e-5) and not tiny.admits(8.2e-5)
    zero = ReferenceValue("dzm_zd_var_3D", 0.0, 0.0)
    assert zero.admits(0.0) and not zero.admits(0.01)
    assert not ReferenceValue("ivh_auc", None, None).admits(0.5)


def test_the_comparison_tells_missed_from_not_claimed_and_no_consensus():
    reference = [
        ReferenceValue("stat_mean", 2.15, 0.0),
        ReferenceValue("stat_var", 3.05, 0.0),
        ReferenceValue("ivh_auc", None, None),
        ReferenceValue("stat_max", 6.0, 0.0),
    ]
    rows = compare({"statistics_mean": 2.2, "statistics_maximum": 6.0}, reference)
    assert list(rows["status"]) == ["missed", "not claimed", "no consensus", "met"]


def test_a_table_that_is_none_is_refused(tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("value;tag\n1;stat_mean\n")
    with pytest.raises(InvalidInputError, match=r"values.csv: no column 'reference value', 'tole"):
        read_reference_values(path)
    path.write_text("reference value;tolerance;tag\none;0;stat_mean\n")
    with pytest.raises(InvalidInputError, match=r"values.csv, line 2: could not convert"):
        read_reference_values(path)
