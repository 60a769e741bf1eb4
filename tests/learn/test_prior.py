"""What is known of a coil before any scan."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.field import HarmonicBasis, Term
from distcorr.learn.prior import (
    COIL_SD_MM,
    IMAGE_GROUPS,
    OTHER_SD_MM,
    POINT_GROUPS,
    PRIOR_RADIUS_MM,
    WIDEST_FOR_MAGNET,
    WIDTH_RANGE,
    HarmonicPrior,
    WidthGroup,
    allowed_by_coil,
)

ALLOWED = [
    {(3, 1), (3, 3), (5, 1), (5, 3), (5, 5)},
    {(3, -1), (3, -3), (5, -1), (5, -3), (5, -5)},
    {(3, 0), (5, 0)},
]
PRIOR = HarmonicPrior(HarmonicBasis(9))


@pytest.mark.parametrize("component", [0, 1, 2])
def test_a_coil_makes_odd_terms_of_its_own_symmetry_only(component: int) -> None:
    terms = HarmonicBasis(6).terms
    assert {tuple(t) for t in terms if allowed_by_coil(component, t)} == ALLOWED[component]


def test_the_symmetry_is_that_of_the_coil() -> None:
    """An x coil is odd in x and even in y and z, and so on: D_a flips with r_a alone."""
    p = np.random.default_rng(0).uniform(-200, 200, (20, 3))
    values = PRIOR.basis.values(p)
    for flipped in range(3):
        mirrored = PRIOR.basis.values(p * np.where(np.arange(3) == flipped, -1, 1))
        for a in range(3):
            sign = -1 if a == flipped else 1
            allowed = PRIOR.coil_terms[a]
            np.testing.assert_allclose(mirrored[:, allowed], sign * values[:, allowed], atol=1e-9)


def test_widths_hold_at_their_radius() -> None:
    n = np.array([term.n for term in PRIOR.basis.terms])
    at_radius = PRIOR.sd * (PRIOR_RADIUS_MM / PRIOR.basis.radius_mm) ** n
    where = {term: i for i, term in enumerate(PRIOR.basis.terms)}
    for degree, width in COIL_SD_MM.items():
        assert at_radius[2, where[Term(degree, 0)]] == pytest.approx(width)
    np.testing.assert_allclose(at_radius[~PRIOR.coil_terms], OTHER_SD_MM)
    np.testing.assert_allclose(PRIOR.precision, PRIOR.sd.reshape(-1) ** -2)
    beyond = HarmonicPrior(HarmonicBasis(13)).sd[2] * 1.1 ** np.array(
        [term.n for term in HarmonicBasis(13).terms]
    )
    high = {term.n: beyond[i] for i, term in enumerate(HarmonicBasis(13).terms) if term.m == 0}
    assert high[11] == pytest.approx(high[9] / 2)
    assert high[13] == pytest.approx(high[9] / 4)


def test_widths_follow_the_data_within_limits() -> None:
    shape = PRIOR.sd.shape
    same = PRIOR.updated(PRIOR.tabulated_sd, np.zeros(shape))
    assert list(same.scales.values()) == [pytest.approx(1), pytest.approx(1)]
    uncertain = PRIOR.updated(np.zeros(shape), PRIOR.tabulated_sd**2)
    assert uncertain.scales["coil_terms"] == pytest.approx(1)
    huge = PRIOR.updated(1e6 * PRIOR.tabulated_sd, np.zeros(shape))
    assert list(huge.scales.values()) == [WIDTH_RANGE[1], WIDTH_RANGE[1]]
    large = HarmonicPrior(HarmonicBasis(15))
    none = large.updated(np.zeros(large.sd.shape), np.zeros(large.sd.shape))
    assert none.scales["other_terms"] == WIDTH_RANGE[0]
    assert WIDTH_RANGE[0] < none.scales["coil_terms"] < 1
    # Each estimate starts from the table, not from the last one.
    assert huge.updated(PRIOR.tabulated_sd, np.zeros(shape)).scales["coil_terms"] == pytest.approx(
        1
    )


def test_each_group_has_a_limit_of_its_own() -> None:
    held = PRIOR.limited(1.5, 1.0)
    huge = held.updated(1e6 * PRIOR.tabulated_sd, np.zeros(PRIOR.sd.shape))
    assert list(huge.scales.values()) == [1.5, 1.0]


def test_the_groups_are_estimated_apart() -> None:
    coefficients = np.where(PRIOR.coil_terms, 1, 1.8) * PRIOR.tabulated_sd
    made = PRIOR.updated(coefficients, np.zeros(PRIOR.sd.shape))
    assert made.scales["coil_terms"] == pytest.approx(1)
    assert 1.7 < made.scales["other_terms"] < 1.8
    np.testing.assert_allclose(made.sd[PRIOR.coil_terms], PRIOR.sd[PRIOR.coil_terms])


@pytest.mark.parametrize("groups", [IMAGE_GROUPS, POINT_GROUPS], ids=["images", "points"])
def test_every_coefficient_has_one_width(groups: tuple[WidthGroup, ...]) -> None:
    members = np.array([group.members(PRIOR.basis) for group in groups])
    np.testing.assert_array_equal(members.sum(axis=0), 1)
    assert len({group.name for group in groups}) == len(groups)


def test_pairs_of_scans_start_from_the_table_in_two_groups() -> None:
    """What points may ask for changes nothing of a fit to images."""
    assert PRIOR.scales == {"coil_terms": 1.0, "other_terms": 1.0}
    assert {group.widest for group in PRIOR.groups} == {WIDTH_RANGE[1]}
    np.testing.assert_array_equal(PRIOR.sd, PRIOR.tabulated_sd)


def test_a_width_of_the_magnet_follows_its_own_terms_alone() -> None:
    prior = HarmonicPrior(PRIOR.basis, POINT_GROUPS)
    order = np.array([term.m for term in PRIOR.basis.terms])
    coefficients = np.zeros(PRIOR.sd.shape)
    coefficients[0, order == 0] = 50 * PRIOR.tabulated_sd[0, order == 0]
    made = prior.updated(coefficients, np.zeros(PRIOR.sd.shape))
    scales = made.scales
    assert 30 < scales.pop("magnet_x_zonal_terms") < 50
    assert max(scales.values()) <= 1
    far = prior.updated(1e6 * PRIOR.tabulated_sd, np.zeros(PRIOR.sd.shape))
    assert far.scales["magnet_z_first_terms"] == WIDEST_FOR_MAGNET
