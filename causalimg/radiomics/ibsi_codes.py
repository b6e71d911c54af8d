"""Every IBSI feature that is computed: its name, its tag in the IBSI's tables, unit and code.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

_I, _I2, _1 = "intensity", "intensity^2", "1"

_MORPHOLOGY = {
    "volume_mesh": ("volume", "mm^3", "RNU0"),
    "volume_voxel_counting": ("vol_approx", "mm^3", "YEKZ"),
    "surface_area": ("area_mesh", "mm^2", "C0JK"),
    "surface_to_volume_ratio": ("av", "1/mm", "2PR5"),
    "compactness_1": ("comp_1", _1, "SKGS"),
    "compactness_2": ("comp_2", _1, "BQWJ"),
    "spherical_disproportion": ("sph_dispr", _1, "KRCK"),
    "sphericity": ("sphericity", _1, "QCFX"),
    "asphericity": ("asphericity", _1, "25C7"),
    "centre_of_mass_shift": ("com", "mm", "KLMA"),
    "maximum_3d_diameter": ("diam", "mm", "L0JK"),
    "major_axis_length": ("pca_maj_axis", "mm", "TDIC"),
    "minor_axis_length": ("pca_min_axis", "mm", "P9VJ"),
    "least_axis_length": ("pca_least_axis", "mm", "7J51"),
    "elongation": ("pca_elongation", _1, "Q3CK"),
    "flatness": ("pca_flatness", _1, "N17B"),
    "volume_density_aabb": ("vol_dens_aabb", _1, "PBX1"),
    "area_density_aabb": ("area_dens_aabb", _1, "R59B"),
    "volume_density_aee": ("vol_dens_aee", _1, "6BDE"),
    "area_density_aee": ("area_dens_aee", _1, "RDD2"),
    "volume_density_convex_hull": ("vol_dens_conv_hull", _1, "R3ER"),
    "area_density_convex_hull": ("area_dens_conv_hull", _1, "7T7F"),
    "integrated_intensity": ("integ_int", "intensity mm^3", "99N0"),
    "moran_i": ("moran_i", _1, "N365"),
    "geary_c": ("geary_c", _1, "NPT7"),
}
_LOCAL = {
    "local_peak": ("peak_loc", _I, "VJGA"),
    "global_peak": ("peak_glob", _I, "0F91"),
}
_DISTRIBUTION = {
    # name: tag, power of the intensity, code as a statistic, code of the histogram
    "mean": ("mean", 1, "Q4LE", "X6K6"),
    "variance": ("var", 2, "ECT3", "CH89"),
    "skewness": ("skew", 0, "KE2A", "88K1"),
    "kurtosis": ("kurt", 0, "IPH6", "C3I7"),
    "median": ("median", 1, "Y12H", "WIFQ"),
    "minimum": ("min", 1, "1GSF", "1PR8"),
    "percentile_10": ("p10", 1, "QG58", "GPMT"),
    "percentile_90": ("p90", 1, "8DWT", "OZ0C"),
    "maximum": ("max", 1, "84IY", "3NCY"),
    "interquartile_range": ("iqr", 1, "SALO", "WR0O"),
    "range": ("range", 1, "2OJQ", "5Z3W"),
    "mean_absolute_deviation": ("mad", 1, "4FUA", "D2ZX"),
    "robust_mean_absolute_deviation": ("rmad", 1, "1128", "WRZB"),
    "median_absolute_deviation": ("medad", 1, "N72L", "4RNL"),
    "coefficient_of_variation": ("cov", 0, "7TET", "CWYJ"),
    "quartile_coefficient_of_dispersion": ("qcod", 0, "9S40", "SLWD"),
}
_STATISTICS = {
    **{name: (tag, (_1, _I, _I2)[power], code) for name, (tag, power, code, _) in
       _DISTRIBUTION.items()},
    "energy": ("energy", _I2, "N8CA"),
    "root_mean_square": ("rms", _I, "5ZWQ"),
}  # fmt: skip
_HISTOGRAM = {
    **{name: (tag, _1, code) for name, (tag, _, _, code) in _DISTRIBUTION.items()},
    "mode": ("mode", _1, "AMMC"),
    "entropy": ("entropy", _1, "TLU2"),
    "uniformity": ("uniformity", _1, "BJ5W"),
    "maximum_gradient": ("max_grad", _1, "12CE"),
    "maximum_gradient_level": ("max_grad_g", _1, "8E6O"),
    "minimum_gradient": ("min_grad", _1, "VQB3"),
    "minimum_gradient_level": ("min_grad_g", _1, "RHQZ"),
}
_IVH = {
    "volume_fraction_10": ("v10", _1, "BC2M"),
    "volume_fraction_90": ("v90", _1, "BC2M"),
    "intensity_10": ("i10", _I, "GBPN"),
    "intensity_90": ("i90", _I, "GBPN"),
    "volume_fraction_difference": ("diff_v10_v90", _1, "DDTU"),
    "intensity_difference": ("diff_i10_i90", _I, "CNV2"),
}
_GLCM = {
    "joint_maximum": ("joint_max", _1, "GYBY"),
    "joint_average": ("joint_avg", _1, "60VM"),
    "joint_variance": ("joint_var", _1, "UR99"),
    "joint_entropy": ("joint_entr", _1, "TU9B"),
    "difference_average": ("diff_avg", _1, "TF7R"),
    "difference_variance": ("diff_var", _1, "D3YU"),
    "difference_entropy": ("diff_entr", _1, "NTRS"),
    "sum_average": ("sum_avg", _1, "ZGXS"),
    "sum_variance": ("sum_var", _1, "OEEB"),
    "sum_entropy": ("sum_entr", _1, "P6QZ"),
    "angular_second_moment": ("energy", _1, "8ZQL"),
    "contrast": ("contrast", _1, "ACUI"),
    "dissimilarity": ("dissimilarity", _1, "8S9J"),
    "inverse_difference": ("inv_diff", _1, "IB1Z"),
    "inverse_difference_normalised": ("inv_diff_norm", _1, "NDRX"),
    "inverse_difference_moment": ("inv_diff_mom", _1, "WF0Z"),
    "inverse_difference_moment_normalised": ("inv_diff_mom_norm", _1, "1QCO"),
    "inverse_variance": ("inv_var", _1, "E8JP"),
    "correlation": ("corr", _1, "NI2N"),
    "autocorrelation": ("auto_corr", _1, "QWB0"),
    "cluster_tendency": ("clust_tend", _1, "DG8W"),
    "cluster_shade": ("clust_shade", _1, "7NFM"),
    "cluster_prominence": ("clust_prom", _1, "AE86"),
    "information_correlation_1": ("info_corr1", _1, "R8DG"),
    "information_correlation_2": ("info_corr2", _1, "JN9H"),
}
_NGTDM = {
    "coarseness": ("coarseness", _1, "QCDE"),
    "contrast": ("contrast", _1, "65HE"),
    "busyness": ("busyness", _1, "NQ30"),
    "complexity": ("complexity", _1, "HDEZ"),
    "strength": ("strength", _1, "1X9X"),
}
# What `emphasis.emphases` calls it -> per family: name, tag and IBSI code. ``percentage`` is the
# number of things over the number of voxels.
LEVEL_BY_SIZE: dict[str, dict[str, tuple[str, str, str]]] = {
    "glrlm": {
        "short": ("short_run_emphasis", "sre", "22OV"),
        "long": ("long_run_emphasis", "lre", "W4KF"),
        "low": ("low_grey_level_run_emphasis", "lgre", "V3SW"),
        "high": ("high_grey_level_run_emphasis", "hgre", "G3QZ"),
        "short_low": ("short_run_low_grey_level_emphasis", "srlge", "HTZT"),
        "short_high": ("short_run_high_grey_level_emphasis", "srhge", "GD3A"),
        "long_low": ("long_run_low_grey_level_emphasis", "lrlge", "IVPO"),
        "long_high": ("long_run_high_grey_level_emphasis", "lrhge", "3KUM"),
        "level_non_uniformity": ("grey_level_nonuniformity", "glnu", "R5YN"),
        "level_non_uniformity_normalized": (
            "grey_level_nonuniformity_normalised", "glnu_norm", "OVBL"),
        "size_non_uniformity": ("run_length_nonuniformity", "rlnu", "W92Y"),
        "size_non_uniformity_normalized": (
            "run_length_nonuniformity_normalised", "rlnu_norm", "IC23"),
        "percentage": ("run_percentage", "r_perc", "9ZK5"),
        "level_variance": ("grey_level_variance", "gl_var", "8CE5"),
        "size_variance": ("run_length_variance", "rl_var", "SXLW"),
        "entropy": ("run_entropy", "rl_entr", "HJ9O"),
    },
    "glszm": {
        "short": ("small_zone_emphasis", "sze", "5QRC"),
        "long": ("large_zone_emphasis", "lze", "48P8"),
        "low": ("low_grey_level_zone_emphasis", "lgze", "XMSY"),
        "high": ("high_grey_level_zone_emphasis", "hgze", "5GN9"),
        "short_low": ("small_zone_low_grey_level_emphasis", "szlge", "5RAI"),
        "short_high": ("small_zone_high_grey_level_emphasis", "szhge", "HW1V"),
        "long_low": ("large_zone_low_grey_level_emphasis", "lzlge", "YH51"),
        "long_high": ("large_zone_high_grey_level_emphasis", "lzhge", "J17V"),
        "level_non_uniformity": ("grey_level_nonuniformity", "glnu", "JNSA"),
        "level_non_uniformity_normalized": (
            "grey_level_nonuniformity_normalised", "glnu_norm", "Y1RO"),
        "size_non_uniformity": ("zone_size_nonuniformity", "zsnu", "4JP3"),
        "size_non_uniformity_normalized": (
            "zone_size_nonuniformity_normalised", "zsnu_norm", "VB3A"),
        "percentage": ("zone_percentage", "z_perc", "P30P"),
        "level_variance": ("grey_level_variance", "gl_var", "BYLV"),
        "size_variance": ("zone_size_variance", "zs_var", "3NSA"),
        "entropy": ("zone_size_entropy", "zs_entr", "GU8N"),
    },
    "gldzm": {
        "short": ("small_distance_emphasis", "sde", "0GBI"),
        "long": ("large_distance_emphasis", "lde", "MB4I"),
        "low": ("low_grey_level_zone_emphasis", "lgze", "S1RA"),
        "high": ("high_grey_level_zone_emphasis", "hgze", "K26C"),
        "short_low": ("small_distance_low_grey_level_emphasis", "sdlge", "RUVG"),
        "short_high": ("small_distance_high_grey_level_emphasis", "sdhge", "DKNJ"),
        "long_low": ("large_distance_low_grey_level_emphasis", "ldlge", "A7WM"),
        "long_high": ("large_distance_high_grey_level_emphasis", "ldhge", "KLTH"),
        "level_non_uniformity": ("grey_level_nonuniformity", "glnu", "VFT7"),
        "level_non_uniformity_normalized": (
            "grey_level_nonuniformity_normalised", "glnu_norm", "7HP3"),
        "size_non_uniformity": ("zone_distance_nonuniformity", "zdnu", "V294"),
        "size_non_uniformity_normalized": (
            "zone_distance_nonuniformity_normalised", "zdnu_norm", "IATH"),
        "percentage": ("zone_percentage", "z_perc", "VIWW"),
        "level_variance": ("grey_level_variance", "gl_var", "QK93"),
        "size_variance": ("zone_distance_variance", "zd_var", "7WT1"),
        "entropy": ("zone_distance_entropy", "zd_entr", "GBDU"),
    },
    "ngldm": {
        "short": ("low_dependence_emphasis", "lde", "SODN"),
        "long": ("high_dependence_emphasis", "hde", "IMOQ"),
        "low": ("low_grey_level_count_emphasis", "lgce", "TL9H"),
        "high": ("high_grey_level_count_emphasis", "hgce", "OAE7"),
        "short_low": ("low_dependence_low_grey_level_emphasis", "ldlge", "EQ3F"),
        "short_high": ("low_dependence_high_grey_level_emphasis", "ldhge", "JA6D"),
        "long_low": ("high_dependence_low_grey_level_emphasis", "hdlge", "NBZI"),
        "long_high": ("high_dependence_high_grey_level_emphasis", "hdhge", "9QMG"),
        "level_non_uniformity": ("grey_level_nonuniformity", "glnu", "FP8K"),
        "level_non_uniformity_normalized": (
            "grey_level_nonuniformity_normalised", "glnu_norm", "5SPA"),
        "size_non_uniformity": ("dependence_count_nonuniformity", "dcnu", "Z87G"),
        "size_non_uniformity_normalized": (
            "dependence_count_nonuniformity_normalised", "dcnu_norm", "OKJI"),
        "percentage": ("dependence_count_percentage", "dc_perc", "6XV8"),
        "level_variance": ("grey_level_variance", "gl_var", "1PFV"),
        "size_variance": ("dependence_count_variance", "dc_var", "DNX2"),
        "entropy": ("dependence_count_entropy", "dc_entr", "FCBV"),
        "energy": ("dependence_count_energy", "dc_energy", "CAS9"),
    },
}  # fmt: skip
FEATURES: dict[str, dict[str, tuple[str, str, str]]] = {
    "morphology": _MORPHOLOGY,
    "local_intensity": _LOCAL,
    "statistics": _STATISTICS,
    "histogram": _HISTOGRAM,
    "ivh": _IVH,
    "glcm": _GLCM,
    "ngtdm": _NGTDM,
    **{
        family: {name: (tag, _1, code) for name, tag, code in table.values()}
        for family, table in LEVEL_BY_SIZE.items()
    },
}
"""Family -> name of the feature -> tag without family and aggregation, unit, IBSI code."""
