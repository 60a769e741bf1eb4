"""Pairs: by label, or by an order that somebody has stated; never silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.points import Pairing, PointList, match_lists, read_pairs, read_points

PLACES = np.arange(18.0).reshape(6, 3)
NAMES = ("a", "b", "c", "d", "e", "f")


def points(labels, places=PLACES, source="list"):
    return PointList(source, tuple(labels), places[: len(labels)])


def refused(true, shown, pairing):
    with pytest.raises(DistcorrError) as raised:
        match_lists(true, shown, pairing)
    assert raised.value.code is Code.POINTS_INVALID
    return str(raised.value)


def test_labels_find_their_points_in_any_order():
    shuffled = [3, 0, 5, 1, 4, 2]
    shown = PointList("shown", tuple(NAMES[k] for k in shuffled), PLACES[shuffled] + 1)
    matched = match_lists(points(NAMES), shown, Pairing.LABEL)
    assert matched.labels == NAMES
    np.testing.assert_array_equal(matched.shown_lps - matched.true_lps, np.ones((6, 3)))
    assert matched.findings == ()


def test_points_of_one_list_alone_are_left_out_and_told():
    matched = match_lists(points(NAMES), points((*NAMES[:5], "z")), Pairing.LABEL)
    assert matched.labels == NAMES[:5]
    (finding,) = matched.findings
    assert finding.code is Code.POINTS_UNUSED
    assert "f, z" in finding.evidence


def test_what_can_not_be_paired_by_label_is_refused():
    assert "without label" in refused(points(("", *NAMES[1:])), points(NAMES), Pairing.LABEL)
    assert "twice" in refused(points(NAMES), points(("a", "a", *NAMES[2:])), Pairing.LABEL)
    assert "too few" in refused(points(NAMES), points(("a", "b", "c", "x")), Pairing.LABEL)


def test_order_has_to_be_stated_and_plausible():
    unnamed = points([""] * 6)
    assert len(match_lists(unnamed, unnamed, Pairing.ORDER)) == 6
    assert match_lists(unnamed, points(NAMES), Pairing.ORDER).labels == NAMES
    assert "equally long" in refused(unnamed, points([""] * 5), Pairing.ORDER)
    crossed = points(("b", "a", *NAMES[2:]))
    assert "different labels" in refused(points(NAMES), crossed, Pairing.ORDER)


@pytest.mark.parametrize(
    "header", ["true_x,true_y,true_z,shown_x,shown_y,shown_z", "x_gt,y_gt,z_gt,x_gnl,y_gnl,z_gnl"]
)
def test_both_spellings_of_pairs(tmp_path: Path, header: str):
    path = tmp_path / "pairs.csv"
    rows = "\n".join(f"{k},0,0,{k},1,2" for k in range(5))
    path.write_text(f"{header}\n{rows}\n")
    matched = read_pairs(path)
    np.testing.assert_array_equal(matched.shown_lps - matched.true_lps, [[0, 1, 2]] * 5)


def test_a_table_of_a_list_is_no_table_of_pairs(tmp_path: Path):
    path = tmp_path / "pairs.csv"
    path.write_text("x,y,z\n1,2,3\n")
    with pytest.raises(DistcorrError) as raised:
        read_pairs(path)
    assert raised.value.code is Code.BAD_FORMAT


def test_real_pairs(data: Path):
    matched = read_pairs(data / "gnl_linac1T" / "MatchedMarkerVolume.csv")
    assert len(matched) == 288
    apart = np.linalg.norm(matched.shown_lps - matched.true_lps, axis=1)
    assert apart.mean() == pytest.approx(5.95, abs=0.01)


def test_real_lists_without_labels_are_not_paired(data: Path):
    folder = data / "gnl_linac1T"
    lists = [read_points(folder / f"{name}.mrk.json") for name in ("CT", "MR")]
    assert "336 of 336" in refused(*lists, Pairing.LABEL)
