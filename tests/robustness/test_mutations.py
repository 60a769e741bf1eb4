"""Nothing breaks the loader: a short run of the harness, and checks of the harness itself.

The long run is ``python benchmarks/robustness.py --cases 5000``.
"""

import random
from dataclasses import replace

import numpy as np
import pytest

from distcorr.errors import Code
from distcorr.facts import Fact
from distcorr.space import Grid, PatientPosition, Volume
from tests.robustness.cases import MUTATIONS, plan_case, run_case
from tests.robustness.correction_mutations import DAMAGES
from tests.robustness.manifest_mutations import EDITS
from tests.robustness.outcomes import (
    RIGHT,
    Ending,
    Observed,
    judge,
    refused,
    undetectable,
    warned,
)
from tests.robustness.scene import Mutation, Scene
from tests.robustness.series_cases import carry_through
from tests.robustness.subjects import CORONAL, KINDS, Ward
from tests.robustness.truth import label_volume, misplaced, wrong_facts
from tests.robustness.worker import Workers

CASES = 300


def test_damaged_inputs_end_in_a_right_result_or_one_message(data, tmp_path):
    with Workers(data, tmp_path) as workers:
        found = list(workers.run(range(CASES), seed=0))
    failed = [f"{i} {name}: {v.why}" for i, name, v in found if v.ending is Ending.FAILED]
    assert not failed, "\n".join(failed)
    assert sum(v.ending is Ending.REFUSED for _, _, v in found) > CASES / 4
    assert sum(v.ending is Ending.RIGHT for _, _, v in found) > CASES / 8


def test_there_are_many_ways_to_damage():
    names = {name.split("/")[0] for name in MUTATIONS}
    assert len(names) > 200
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) > 40
    assert len({edit.name for edit in EDITS}) == len(EDITS) > 40


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return Ward(tmp_path_factory.mktemp("ward"), None)


def test_a_seed_repeats_its_cases(ward):
    names = [plan_case(n, 7, ward).name for n in range(80)]
    assert names == [plan_case(n, 7, ward).name for n in range(80)]
    assert names != [plan_case(n, 8, ward).name for n in range(80)]


# The harness has to notice what it is there for.


TRUTH = label_volume(CORONAL)


def _moved(by):
    origin = CORONAL.origin_lps + CORONAL.direction @ np.array(by, dtype=float)
    return Volume(TRUTH.array, Grid(CORONAL.size, origin, CORONAL.spacing, CORONAL.direction))


@pytest.mark.parametrize("by", [(0.2, 0, 0), (0, 0.2, 0), (0, 0, 0.2), (1.5, 0, 0), (0, 0, 4)])
def test_moved_voxels_are_noticed(by):
    assert misplaced(_moved(by), TRUTH)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turned_voxels_are_noticed(axis):
    assert misplaced(Volume(np.flip(TRUTH.array, axis), CORONAL), TRUTH)


def test_swapped_slices_are_noticed():
    assert misplaced(Volume(TRUTH.array[[0, 2, 1, 3, 4, 5]], CORONAL), TRUTH)


def test_an_empty_result_is_noticed():
    assert misplaced(Volume(TRUTH.array, CORONAL, np.zeros(CORONAL.shape, bool)), TRUTH)


def test_interpolated_voxels_are_held_to_their_place():
    between = (TRUTH.array[:-1] + TRUTH.array[1:].astype(np.float32)) / 2
    size = (*CORONAL.size[:2], CORONAL.size[2] - 1)
    for shift, right in ((2.0, True), (2.1, False)):
        origin = CORONAL.origin_lps + shift * CORONAL.normal_lps
        on = Grid(size, origin, CORONAL.spacing, CORONAL.direction)
        assert (not misplaced(Volume(between, on), TRUTH)) is right


def test_right_results_are_right():
    assert not misplaced(TRUTH, TRUTH)
    assert not misplaced(_moved((0.01, 0, 0)), TRUTH)
    valid = np.ones(CORONAL.shape, bool)
    valid[2] = False
    assert not misplaced(Volume(TRUTH.array * valid, CORONAL, valid), TRUTH)


def test_wrong_facts_are_noticed_and_unknown_ones_are_none(ward):
    facts = ward.subject(KINDS[0]).facts
    other = replace(facts, patient_position=Fact(PatientPosition.FFP, "x"))
    assert "patient_position" in wrong_facts(other, facts)
    assert not wrong_facts(replace(facts, patient_position=Fact()), facts)


def test_judging_lets_nothing_pass_in_silence():
    wrong = Observed(findings=frozenset({Code.SLICES_MISSING}), wrong="moved")
    assert judge(wrong, RIGHT).ending is Ending.FAILED
    assert judge(wrong, warned(Code.STACK_SHEARED)).ending is Ending.FAILED
    assert judge(wrong, warned(Code.SLICES_MISSING)).ending is Ending.WARNED
    assert judge(wrong, undetectable("why")).ending is Ending.UNDETECTABLE
    assert judge(Observed(), refused(Code.UNREADABLE)).ending is Ending.FAILED
    assert judge(Observed(Code.UNREADABLE), refused(Code.NOT_FOUND)).ending is Ending.FAILED
    assert judge(Observed(trouble="x"), RIGHT).ending is Ending.FAILED


def test_touched_inputs_are_noticed(ward, tmp_path, monkeypatch):
    subject = ward.subject(KINDS[0])
    harmless = Mutation("none", "nothing", lambda scene: None, RIGHT)
    monkeypatch.setattr(
        "tests.robustness.series_cases._inspect",
        lambda folder, **_: (folder / "left-behind").touch(),
    )
    seen = carry_through(subject, harmless, tmp_path / "x", random.Random(0))
    assert "inputs" in seen.trouble


def test_a_case_leaves_nothing_behind(ward, tmp_path):
    run_case(0, 0, ward, tmp_path / "case")
    assert not list(tmp_path.iterdir())


def test_a_scene_is_a_copy(ward, tmp_path):
    subject = ward.subject(KINDS[0])
    scene = Scene.of(subject, tmp_path / "copy", random.Random(0))
    scene.files[0].unlink()
    assert subject.files[0].exists()
