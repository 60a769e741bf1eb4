"""Which contrasts are monotone in T1w, and how well a line describes them locally."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from scipy.stats import spearmanr

from distcorr.phantom.contrasts import FAT_SHARE, INTENSITY, Contrast, recoloured
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.pairs import AnatomyKind, subject

RASTER_MM = 4.0
WINDOW = 5
BRIGHTNESS = np.linspace(0, 1, 101, dtype=np.float32)


@pytest.fixture(scope="module", params=AnatomyKind)
def anatomy(request):
    """Digital and real anatomy; what is real needs the data folder."""
    if request.param is AnatomyKind.LEGS:
        return subject(request.param, 1, raster_mm=RASTER_MM)
    folder = request.getfixturevalue("data") / "anatomy"
    return subject(request.param, 1, folder, raster_mm=RASTER_MM)


def rank_correlation(anatomy, contrast):
    body = anatomy.body().array > 0.5
    t1, other = (anatomy.brightness(c).array[body][::11] for c in (Contrast.T1W, contrast))
    return spearmanr(t1, other).statistic


def explained_locally(anatomy, contrast):
    """Share of the variance in windows of 20 mm that a line over T1w explains."""
    body = anatomy.body().array > 0.5
    a, b = (anatomy.brightness(c).array.astype(float) for c in (Contrast.T1W, contrast))
    mean_a, mean_b = uniform_filter(a, WINDOW), uniform_filter(b, WINDOW)
    var_a = uniform_filter(a * a, WINDOW) - mean_a**2
    var_b = uniform_filter(b * b, WINDOW) - mean_b**2
    covariance = uniform_filter(a * b, WINDOW) - mean_a * mean_b
    return (covariance**2 / np.maximum(var_a, 1e-6))[body].sum() / var_b[body].sum()


def test_tissues_keep_their_order_in_the_monotone_contrast_alone():
    t1 = INTENSITY[Contrast.T1W]
    order = np.argsort(t1)
    for contrast in Contrast:
        rises = (np.diff(INTENSITY[contrast][order]) > 0).all()
        assert rises == (contrast in (Contrast.T1W, Contrast.T1_GRE)), contrast
    assert (np.diff(INTENSITY[Contrast.INVERTED][order][1:]) < 0).all()


def test_curves_of_real_volumes_rise_fall_or_do_both():
    steps = {c: np.sign(np.diff(recoloured(BRIGHTNESS, c))) for c in Contrast}
    assert (steps[Contrast.T1_GRE] > 0).all()
    assert (steps[Contrast.INVERTED] < 0).all()
    for contrast in (Contrast.T2W, Contrast.T2_FS, Contrast.PD_FS):
        assert {-1.0, 1.0} <= set(steps[contrast]), contrast


def test_the_monotone_contrast_orders_voxels_as_t1w_does(anatomy):
    assert rank_correlation(anatomy, Contrast.T1_GRE) > 0.97
    assert explained_locally(anatomy, Contrast.T1_GRE) > 0.95


def test_the_non_monotone_contrast_is_the_hardest(anatomy):
    """It runs against T1w, and a line explains it less than the plain inversion."""
    assert rank_correlation(anatomy, Contrast.T2_FS) < -0.2
    hard, inverted = (explained_locally(anatomy, c) for c in (Contrast.T2_FS, Contrast.INVERTED))
    assert hard < 0.5
    assert hard < inverted - 0.1
    assert rank_correlation(anatomy, Contrast.INVERTED) < -0.65


def test_fat_and_the_rest_of_the_legs_add_up():
    legs = DigitalLegs(4, 5.0)
    whole, fat = legs.brightness(Contrast.T1W).array, legs.fat(Contrast.T1W).array
    assert fat.min() >= 0
    assert (fat - whole).max() < 1e-3 * whole.max()
    assert 0.2 < fat.sum() / whole.sum() < 0.8
    assert FAT_SHARE.max() == 1.0
