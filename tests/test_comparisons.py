"""The comparisons' own logic: what they judge by, and how the page is put together."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"

TURN = np.array([[0.8, 0.0, 0.6], [0.6, 0.0, -0.8], [0.0, 1.0, 0.0]])
"""Columns: row direction, column direction and normal of an oblique stack."""

PIXEL_MM, GAP_MM = (1.5, 2.0), 3.0
SHAPE = (12, 10)
ORIGIN = np.array([5.0, -7.0, 11.0])


@pytest.fixture
def bench(monkeypatch):
    """Import a benchmark's module as its script sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


@pytest.fixture
def stack_of(bench):
    """Make a stack with slices at some heights, and shifts along the rows."""
    truth = bench("geometry_truth")

    def make(heights, sideways=None, seed=0):
        rng = np.random.default_rng(seed)
        sideways = np.zeros(len(heights)) if sideways is None else sideways
        steps = TURN[:, :2] * PIXEL_MM
        slices = []
        for n, (height, side) in enumerate(zip(heights, sideways, strict=True)):
            place = ORIGIN + TURN @ [side, 0.0, height]
            pixels = rng.integers(0, 1000, SHAPE).astype(np.int16)
            slices.append(truth.Slice(f"{n}", pixels, np.column_stack([steps, place])))
        return truth.Stack("made", "axial", tuple(slices))

    return make


@pytest.fixture
def stack(stack_of):
    return stack_of(np.arange(6) * GAP_MM)


def volume(bench, stack, gap=GAP_MM):
    """What a perfect reader makes of a regular stack."""
    T = np.eye(4)
    T[:3, :3] = TURN * [*PIXEL_MM, gap]
    T[:3, 3] = ORIGIN
    array = np.stack([one.pixels.T for one in stack.slices], axis=-1)
    return bench("geometry_referee").Candidate(array, T)


def placement(bench, stack, *candidates):
    [found] = bench("geometry_referee").place_all([stack], candidates, 0.1)
    return found


def verdict(bench, found, said=()):
    return str(bench("compare_loaders").judge(found, said))


def test_a_copy_in_any_orientation_of_its_axes_is_right(bench, stack):
    right = volume(bench, stack)
    found = placement(bench, stack, right)
    assert (found.slices, found.lost, found.resampled) == (6, 0, 0)
    assert found.off_mm < 1e-9
    assert verdict(bench, found) == "right"
    assert verdict(bench, found, ["look here"]) == "right, warned"
    # The same volume, stored upside down with its second and third axis exchanged.
    T = right.T_lps_index[:, [0, 2, 1, 3]].copy()
    array = right.array.transpose(0, 2, 1)[::-1] * 0.5 + 3
    T[:3, 3] += T[:3, 0] * (array.shape[0] - 1)
    T[:, 0] *= -1
    other = bench("geometry_referee").Candidate(array, T)
    assert placement(bench, stack, other).off_mm < 1e-9


@pytest.mark.parametrize(("axis", "count", "step_mm"), [(0, 10, 1.5), (1, 12, 2.0), (2, 6, GAP_MM)])
def test_a_mirrored_volume_is_off_by_its_width(bench, stack, axis, count, step_mm):
    right = volume(bench, stack)
    wrong = bench("geometry_referee").Candidate(np.flip(right.array, axis), right.T_lps_index)
    found = placement(bench, stack, wrong)
    assert found.off_mm == pytest.approx((count - 1) * step_mm)
    assert found.lost == 0
    assert verdict(bench, found) == "silently wrong"
    assert verdict(bench, found, ["look here"]) == "wrong, warned"


def test_a_shifted_volume_is_off_by_the_shift(bench, stack):
    right = volume(bench, stack)
    T = right.T_lps_index.copy()
    T[:3, 3] += [0.0, 0.3, -0.4]
    found = placement(bench, stack, bench("geometry_referee").Candidate(right.array, T))
    assert found.off_mm == pytest.approx(0.5)
    # Another volume that is right takes precedence.
    both = bench("geometry_referee").Candidate(right.array, T), right
    assert placement(bench, stack, *both).off_mm < 1e-9


def test_a_wrong_spacing_adds_up(bench, stack):
    found = placement(bench, stack, volume(bench, stack, gap=GAP_MM + 0.1))
    assert found.off_mm == pytest.approx(0.5)


def test_a_dropped_slice_is_lost_and_a_closed_hole_moves_the_rest(bench, stack):
    right = volume(bench, stack)
    Candidate = bench("geometry_referee").Candidate
    cut = placement(bench, stack, Candidate(right.array[..., :-1], right.T_lps_index))
    assert (cut.lost, verdict(bench, cut)) == (1, "silently wrong")
    closed = np.delete(right.array, 2, axis=2)
    found = placement(bench, stack, Candidate(closed, right.T_lps_index))
    assert (found.lost, found.off_mm) == (1, pytest.approx(GAP_MM))


def test_repeats_at_one_place_stacked_as_slices_are_wrong(bench, stack_of):
    repeats = stack_of([0.0, 0.0, 0.0])
    found = placement(bench, repeats, volume(bench, repeats, gap=1.0))
    assert found.off_mm == pytest.approx(2.0)
    # Even where all are the same picture, which also lies where it should.
    pixels = repeats.slices[0].pixels
    truth = bench("geometry_truth")
    same = tuple(truth.Slice(one.source, pixels, one.P_lps_pixel) for one in repeats.slices)
    alike = truth.Stack("made", "axial", same)
    assert placement(bench, alike, volume(bench, alike, gap=1.0)).off_mm == pytest.approx(2.0)


def test_empty_slices_are_wherever_they_lie_best(bench, stack):
    truth = bench("geometry_truth")
    blank = tuple(
        truth.Slice(one.source, one.pixels * (n not in (0, 5)), one.P_lps_pixel)
        for n, one in enumerate(stack.slices)
    )
    emptied = truth.Stack("made", "axial", blank)
    assert placement(bench, emptied, volume(bench, emptied)).off_mm < 1e-9


def test_nothing_written_is_refused_or_silently_lost(bench, stack):
    found = placement(bench, stack)
    assert found.lost == 6
    assert verdict(bench, found, ["no volume"]) == "refused"
    assert verdict(bench, found) == "silently wrong"


@pytest.mark.parametrize("off_mm", [0.0, 0.6])
def test_a_resampled_volume_is_off_by_what_its_content_is(bench, stack_of, off_mm):
    """A sheared stack with an uneven step, resampled by a reader that is off or not."""
    heights = np.array([0.0, 3.0, 6.4, 9.0, 12.0])
    stack = stack_of(heights, sideways=0.2 * heights)
    referee = bench("geometry_referee")
    T = volume(bench, stack).T_lps_index
    index = np.stack(np.meshgrid(*map(np.arange, (11, 12, 5)), indexing="ij"), axis=-1)
    points = index.reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]
    shift = TURN @ [0.0, 0.0, off_mm]
    normal = stack.slices[0].normal_lps
    along = np.array([one.P_lps_pixel[:, 2] @ normal for one in stack.slices])
    order = np.argsort(along)
    values = referee._true_values(
        points + shift, [stack.slices[n] for n in order], along[order], normal, GAP_MM
    ).reshape(11, 12, 5)
    made = referee.Candidate(np.nan_to_num(values), T, np.isfinite(values))
    found = placement(bench, stack, made)
    # Content that has moved takes the last slice out of the volume.
    assert found.lost == (off_mm > 0)
    assert found.resampled == 5 - found.lost
    doubt = referee.LIKENESS_DOUBT * GAP_MM
    assert found.off_mm == pytest.approx(max(0.0, off_mm - doubt), abs=0.05)


def test_volumes_of_something_else_do_not_count(bench, stack, stack_of):
    assert placement(bench, stack, volume(bench, stack_of(np.arange(6) * 3.0, seed=1))).lost == 6


def test_messages_are_counted_once_and_without_what_is_unrelated(bench):
    compare = bench("compare_loaders")
    said = ["[state-unknown]: x", "[slices-missing]: y", "[slices-missing]: y"]
    assert compare.related("distcorr", said) == ("[slices-missing]: y",)
    assert compare.related("dcm2niix", ["Warning: Interslice distance varies"])


def test_the_truth_of_a_series_is_its_frames_own(bench, data):
    truth = bench("geometry_truth")
    folder = data / "edge" / "d2n_failing_sliceorientation_001"
    stacks = truth.read_stacks("mixed", sorted(folder.glob("*.dcm")))
    assert [(one.name, len(one.slices)) for one in stacks] == [("sagittal 1", 2), ("axial 2", 2)]
    nowhere = data / "edge" / "pydicom_emri_multiframe" / "emri_small.dcm"
    [undecidable] = truth.read_stacks("nowhere", [nowhere])
    assert not undecidable.decidable


def test_inside_and_outside_of_a_hull(bench):
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    asked = np.array([[0.5, 0.5, 0.5], [0.9, 0.9, 0.8], [1.1, 0.5, 0.5], [-0.01, 0.5, 0.5]])
    beyond = bench("compare_markers").beyond_hull(corners, asked)
    np.testing.assert_allclose(beyond, [-0.5, -0.1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("linear", False),
        ("harmonics_as_published", True),
        ("harmonics_by_cross_validation", True),
        ("thin_plate", False),
        ("smoothed_thin_plate", False),
        ("radial_spline", False),
    ],
)
def test_peers_of_markers_find_what_they_can_express(bench, name, exact):
    rng = np.random.default_rng(0)
    true = rng.uniform(-100, 100, (160, 3))

    def shown(points):
        x, y, z = points.T / 100
        bent = np.column_stack([x * z, x**2 - y**2, y * z])
        return points + 4 * bent + [1.0, 2.0, 3.0]

    fitted = getattr(bench("marker_peers"), name)(true, shown(true))
    asked = rng.uniform(-80, 80, (40, 3))
    off = np.linalg.norm(fitted.predict(asked) - shown(asked), axis=1).mean()
    raw = np.linalg.norm(shown(asked) - asked, axis=1).mean()
    assert off < (1e-6 if exact else 0.9 * raw)


def test_applying_is_written_as_a_section_with_memory(bench):
    apply = bench("apply")
    names = ["copy"]
    for kind in apply.ITK:
        names += [f"distcorr {kind}", f"SimpleITK {kind}", f"SimpleITK {kind} by field"]
    clocks = {
        name: apply.Clock(lambda: None, 24_000 * name.endswith("field"), [2e-3, 1e-3], [1e-3, 3e-3])
        for name in names
    }
    some = np.zeros(0)

    def grows():
        nonlocal some
        some = np.ones(4_000_000)

    peak = apply.peak_bytes(grows)
    assert peak is None or peak > 0.9 * some.nbytes
    peaks = dict.fromkeys(clocks, 0) | {"SimpleITK linear": None}
    text = apply.section(clocks, peaks, "noise", 1000, "python x").markdown()
    rows = [line for line in text.splitlines() if line.startswith(("| distcorr", "| SimpleITK"))]
    assert len(rows) == 6
    assert rows[0] == "| distcorr, linear | 1000.0 | 1000.0 | 1.0 | 1.0 | 0 |"
    assert rows[1].endswith("| unknown |")
    assert rows[2].endswith("| 24 |")


SCRIPT = """\
import sys
from pathlib import Path
target = Path(sys.argv[sys.argv.index("--markdown") + 1])
{body}
"""


@pytest.fixture
def comparisons(bench, tmp_path, monkeypatch):
    """Run the command on scripts that end as they are told to."""
    compare = bench("compare")
    one, two = (compare.Comparison(name, name.title(), f"{name}.py") for name in ("one", "two"))
    monkeypatch.setattr(compare, "COMPARISONS", (one, two))
    monkeypatch.setattr(compare, "__file__", str(tmp_path / "compare.py"))

    def run(*arguments, **bodies):
        for name, body in bodies.items():
            (tmp_path / f"{name}.py").write_text(SCRIPT.format(body=body))
        given = ["compare.py", "--data", str(tmp_path), "-o", str(tmp_path / "page.md")]
        monkeypatch.setattr("sys.argv", [*given, *arguments])
        status = compare.main()
        return status, (tmp_path / "page.md").read_text()

    return run


WRITES = "target.write_text('## {title}\\n\\n{text}\\n')"


def test_the_page_keeps_the_sections_that_were_not_run_again(comparisons):
    old = WRITES.format(title="One", text="old")
    status, page = comparisons(
        "--only", "two", one=old, two=WRITES.format(title="Two", text="second")
    )
    assert status == 0
    assert "## One\n\nNot run yet" in page
    status, page = comparisons("--only", "one")
    assert status == 0
    assert page.index("old") < page.index("second")
    status, page = comparisons("--only", "one", one=WRITES.format(title="One", text="new"))
    assert "old" not in page
    assert page.startswith("# ")
    assert page.count("## ") == 2


def test_a_page_becomes_a_section(bench):
    text = "# Growth\n\nx\n\n## Voxels\n\n```sh\n# a comment\n```\n"
    below = bench("compare").below
    assert below(text) == "## Growth\n\nx\n\n### Voxels\n\n```sh\n# a comment\n```"
    assert below("## Markers\n") == "## Markers\n"


def test_links_of_a_section_lead_on_from_the_page(bench):
    text = "[a](../explanation/scaling.md#model) [b](markers.md) [c](#here) [d](https://x.org/y)"
    moved = bench("compare").moved_up(text, "comparison")
    assert moved == (
        "[a](explanation/scaling.md#model) [b](comparison/markers.md) [c](#here) "
        "[d](https://x.org/y)"
    )


def test_a_comparison_that_fails_is_named_in_its_place(comparisons):
    status, page = comparisons(
        one="sys.exit('no such tool')", two=WRITES.format(title="Two", text="second")
    )
    assert status == 1
    assert "## One\n\nFailed on " in page
    assert "exit status 1" in page
    assert "no such tool" in page
    assert "second" in page
    status, page = comparisons("--only", "one", one="")
    assert status == 1
    assert "no section was written" in page
