import pytest

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.provenance import digest
from causalimg.radiomics.settings import ExtractionSettings


def test_the_default_is_everything_of_the_image():
    settings = ExtractionSettings.of()
    assert settings.image_types == {"original": {}}
    assert sum(map(len, settings.feature_classes.values())) == 107
    assert (settings.bin_width, settings.bin_count) == (25.0, None)


def test_settings_that_mean_the_same_are_the_same():
    one = ExtractionSettings.of(
        image_types={"Original": {}, "LoG": {"sigma": 3}},
        feature_classes={"glcm": ["Contrast", "Id"], "shape": None},
        bin_width=10,
        resample=[1, 1, 1],
    )
    two = ExtractionSettings.of(
        image_types={"original": {}, "log": {"sigma": [3.0]}},
        feature_classes={"shape": [], "glcm": ["id", "contrast"]},
        bin_width=10.0,
        resample=(1.0, 1.0, 1.0),
        normalize_scale=7.0,
    )
    assert one == two
    assert digest(one.to_dict()) == digest(two.to_dict())


def test_a_bin_count_takes_the_place_of_the_width():
    assert ExtractionSettings.of(bin_count=32).to_dict()["bin_width"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_types": ["wavlet"]}, "no image type 'wavlet'; did you mean 'wavelet'"),
        ({"image_types": {"log": {"sigmas": [1]}}}, "no option 'sigmas'; did you mean 'sigma'"),
        ({"image_types": {"original": {"sigma": 1}}}, "'original' has no option 'sigma'"),
        ({"feature_classes": ["frstorder"]}, "called 'frstorder'; did you mean 'firstorder'"),
        (
            {"feature_classes": {"glcm": ["contras"]}},
            "no feature 'contras'; did you mean 'contrast'",
        ),
    ],
)
def test_unknown_names(options, message):
    with pytest.raises(UnknownNameError, match=message):
        ExtractionSettings.of(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bin_width": 0}, "bin_width=0"),
        ({"bin_width": None}, "or set bin_count"),
        ({"bin_width": float("nan")}, "bin_width=nan"),
        ({"bin_count": 1}, "bin_count=1"),
        ({"bin_count": 8.5}, "bin_count=8.5"),
        ({"resample": (1, 1)}, "three spacings"),
        ({"resample": (0, 0, 0)}, "three spacings"),
        ({"resample": (1, -1, 1)}, "three spacings"),
        ({"margin": -1}, "margin=-1"),
        ({"normalize_scale": 0}, "normalize_scale=0"),
        ({"image_types": []}, "image_types is empty"),
        ({"feature_classes": []}, "feature_classes is empty"),
        ({"image_types": ["log"]}, "sigma=None"),
        ({"image_types": {"log": {"sigma": [1, -2]}}}, "sigma="),
        ({"image_types": {"wavelet": {"level": 0}}}, "level=0"),
        ({"image_types": {"original": {"bin_width": -1}}}, "bin_width=-1"),
    ],
)
def test_values_out_of_range(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ExtractionSettings.of(**options)
