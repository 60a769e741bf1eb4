"""The correction file: round trip, equal bytes, and refusal of everything damaged."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distcorr.correction import (
    Axis,
    ComponentLeft,
    Correction,
    Owner,
    ShiftShell,
    SpatialFigures,
)
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Scanner
from tests.correction.examples import example_correction


def same(a: Correction, b: Correction) -> bool:
    harmonics = (a.harmonics is None) == (b.harmonics is None)
    if harmonics and a.harmonics is not None and b.harmonics is not None:
        harmonics = a.harmonics.basis == b.harmonics.basis and np.array_equal(
            a.harmonics.coefficients, b.harmonics.coefficients
        )
    return (
        harmonics
        and np.array_equal(a.lattice.coefficients, b.lattice.coefficients)
        and np.array_equal(a.lattice.origin, b.lattice.origin)
        and np.array_equal(a.lattice.spacing, b.lattice.spacing)
        and np.array_equal(a.standard_deviation, b.standard_deviation)
        and np.array_equal(a.support, b.support)
        and a.scanner == b.scanner
        and a.provenance == b.provenance
        and a.figures == b.figures
    )


@settings(max_examples=15, deadline=None)
@given(
    serial=st.text(max_size=12),
    strength=st.none() | st.floats(0.1, 12),
    with_harmonics=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_round_trip_is_exact_and_writing_twice_gives_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    serial: str,
    strength: float | None,
    with_harmonics: bool,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    made = replace(
        example_correction(seed=seed, harmonics=with_harmonics),
        scanner=Scanner("SIEMENS", "Prisma", serial, strength, "VE11"),
    )
    made.save(folder / "a.distcorr")
    read = Correction.load(folder / "a.distcorr")
    assert same(made, read)
    read.save(folder / "b.distcorr")
    assert (folder / "a.distcorr").read_bytes() == (folder / "b.distcorr").read_bytes()
    assert made.identifier == read.identifier


def test_figures_that_came_later_leave_earlier_files_as_they_are(tmp_path: Path) -> None:
    made = example_correction()
    made.save(tmp_path / "a.distcorr")
    with np.load(tmp_path / "a.distcorr") as arrays:
        figures = json.loads(arrays["correction.json"])["figures"]
    assert not {"spatial", "left"} & set(figures)
    assert "shells" not in figures["leave_one_out"][0]
    shell = ShiftShell(inner_mm=0.0, outer_mm=50.0, blocks=4, before_mm=2.0, after_mm=0.5)
    left = ComponentLeft(component=Axis.Y, owner=Owner.SUBJECT, subject_mm=0.4, text="ref01's")
    spatial = SpatialFigures(reference="ref01", folds=4, cube_mm=60.0, shells=(shell,))
    rows = tuple(row.model_copy(update={"shells": (shell,)}) for row in made.figures.leave_one_out)
    changes = {"leave_one_out": rows, "left": (left,), "spatial": spatial}
    more = replace(made, figures=made.figures.model_copy(update=changes))
    more.save(tmp_path / "b.distcorr")
    read = Correction.load(tmp_path / "b.distcorr")
    assert read.figures == more.figures
    assert read.identifier == more.identifier != made.identifier


def test_shells_are_joined_by_their_blocks() -> None:
    def shell(inner: float, blocks: int, after: float) -> ShiftShell:
        return ShiftShell(
            inner_mm=inner, outer_mm=inner + 50, blocks=blocks, before_mm=2.0, after_mm=after
        )

    row = example_correction().figures.leave_one_out[0]
    rows = (
        row.model_copy(update={"shells": (shell(0, 1, 0.1), shell(50, 10, 0.5))}),
        row.model_copy(update={"shells": (shell(0, 3, 0.5),)}),
    )
    figures = example_correction().figures.model_copy(update={"leave_one_out": rows})
    near, far = figures.validated_shells()
    assert (near.inner_mm, near.outer_mm, near.blocks) == (0, 50, 4)
    assert near.after_mm == pytest.approx(0.4)
    assert far.after_mm == 0.5
    whole = ShiftShell.joined((near, far))
    assert (whole.inner_mm, whole.outer_mm, whole.blocks) == (0, 100, 14)


def test_numpy_alone_opens_it_and_the_documented_formula_gives_the_field(tmp_path: Path) -> None:
    made = example_correction()
    path = tmp_path / "c.distcorr"
    made.save(path)
    with np.load(path, allow_pickle=False) as arrays:
        c = arrays["coefficients"]
        text = json.loads(arrays["correction.json"])
    origin, spacing = (
        np.array(text["lattice"]["origin_mm"]),
        np.array(text["lattice"]["spacing_mm"]),
    )

    def b(t: np.ndarray) -> np.ndarray:
        a = np.abs(t)
        return np.where(a < 1, 2 / 3 - a**2 + a**3 / 2, np.where(a < 2, (2 - a) ** 3 / 6, 0))

    for point in np.random.default_rng(0).uniform(-70, 70, (20, 3)):
        u = (point - origin) / spacing
        bx, by, bz = (b(u[a] - np.arange(c.shape[3 - a])) for a in range(3))
        expected = np.einsum("akji,i,j,k->a", c, bx, by, bz)
        np.testing.assert_allclose(made.field.displacement(point), expected, atol=1e-12)


def test_outputs_are_not_replaced_unasked_and_nothing_is_left_behind(tmp_path: Path) -> None:
    made = example_correction()
    made.save(tmp_path / "c.distcorr")
    with pytest.raises(DistcorrError) as refusal:
        made.save(tmp_path / "c.distcorr")
    assert refusal.value.code is Code.OUTPUT_EXISTS
    made.save(tmp_path / "c.distcorr", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["c.distcorr"]
    (tmp_path / "file").touch()
    with pytest.raises(DistcorrError) as refusal:
        made.save(tmp_path / "file" / "c.distcorr")
    assert refusal.value.code is Code.OUTPUT_UNWRITABLE


Members = dict[str, bytes]


def _edited(description: Callable[[dict], None]) -> Callable[[Members], None]:
    def edit(members: Members) -> None:
        raw = json.loads(members["correction.json"])
        description(raw)
        members["correction.json"] = json.dumps(raw).encode()

    return edit


def _npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _replaced(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Members], None]:
    """Replace an array and mend its checksum: only its values are wrong."""

    def edit(members: Members) -> None:
        import hashlib

        array = change(np.load(io.BytesIO(members[name])))
        members[name] = _npy(array)
        raw = json.loads(members["correction.json"])
        raw["arrays"][name]["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
        raw["arrays"][name]["shape"] = array.shape
        members["correction.json"] = json.dumps(raw).encode()

    return edit


def _headed(head: bytes) -> bytes:
    """An array whose header is not NumPy's."""
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64)


def _nan(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flat[0] = np.nan
    return array


DAMAGE: dict[str, Callable[[Members], object]] = {
    "no description": lambda m: m.pop("correction.json"),
    "no array": lambda m: m.pop("support.npy"),
    "extra member": lambda m: m.update({"names.txt": b"x"}),
    "no json": lambda m: m.update({"correction.json": b"{"}),
    "json list": lambda m: m.update({"correction.json": b"[]"}),
    "flipped bit": lambda m: m.update(
        {"support.npy": m["support.npy"][:-1] + bytes([m["support.npy"][-1] ^ 1])}
    ),
    "truncated array": lambda m: m.update({"support.npy": m["support.npy"][:-8]}),
    "pickle": lambda m: m.update({"support.npy": _npy(np.array([{}], dtype=object))}),
    "unknown key": _edited(lambda d: d.update(patient="x")),
    "no scanner": _edited(lambda d: d.pop("scanner")),
    "huge shape": _edited(lambda d: d["arrays"]["support.npy"].update(shape=[1024, 1024, 1024])),
    "negative spacing": _edited(lambda d: d["lattice"].update(spacing_mm=[-1, 1, 1])),
    "infinite origin": _edited(lambda d: d["lattice"].update(origin_mm=[1e999, 1, 1])),
    "degree": _edited(lambda d: d["harmonics"].update(max_degree=4)),
    "degrees crossed": _edited(lambda d: d["harmonics"].update(min_degree=9)),
    "nan field": _replaced("coefficients.npy", _nan),
    "nan sd": _replaced("standard_deviation.npy", _nan),
    "negative sd": _replaced("standard_deviation.npy", lambda a: a - 100),
    "support over 1": _replaced("support.npy", lambda a: a + 1),
    "support of another shape": _replaced("support.npy", lambda a: a[1:]),
    "absurd field": _replaced("coefficients.npy", lambda a: a + 1e200),
    "lattice far away": _edited(lambda d: d["lattice"].update(origin_mm=[1e300, 0, 0])),
    "nodes far apart": _edited(lambda d: d["lattice"].update(spacing_mm=[1e200, 1, 1])),
    "open bracket in an array's head": lambda m: m.update(
        {"support.npy": _headed(b"{'shape': (1,")}
    ),
    "brackets without end": lambda m: m.update({"support.npy": _headed(b"(" * 9000)}),
    "support of another type": _replaced("support.npy", lambda a: a.astype(np.float64)),
}


def _members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(path: Path, members: Members) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.distcorr"
    example_correction().save(path)
    members = _members(path)
    DAMAGE[damage](members)
    _write(path, members)
    with pytest.raises(DistcorrError) as refusal:
        Correction.load(path)
    assert refusal.value.code is Code.CORRECTION_INVALID
    assert str(path) in str(refusal.value)


def test_a_repacked_file_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "c.distcorr"
    made = example_correction()
    made.save(path)
    _write(path, _members(path))
    assert same(Correction.load(path), made)


@pytest.mark.parametrize("version", [2, 0, "1", None, True, 1.0])
def test_other_schemas_are_refused(tmp_path: Path, version: object) -> None:
    path = tmp_path / "c.distcorr"
    example_correction().save(path)
    members = _members(path)
    _edited(lambda d: d.update(schema_version=version))(members)
    _write(path, members)
    with pytest.raises(DistcorrError) as refusal:
        Correction.load(path)
    assert refusal.value.code is Code.SCHEMA_UNKNOWN


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -30])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "c.distcorr"
    example_correction().save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DistcorrError) as refusal:
        Correction.load(path)
    assert refusal.value.code is Code.CORRECTION_INVALID


@pytest.mark.parametrize("method", [8, 12, 14, 99])
def test_members_that_are_not_compressed_as_they_say_are_refused(
    tmp_path: Path, method: int
) -> None:
    path = tmp_path / "c.distcorr"
    example_correction().save(path)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 10 : at + 12] = method.to_bytes(2, "little")
        at = content.find(b"PK\x01\x02", at + 1)
    path.write_bytes(bytes(content))
    with pytest.raises(DistcorrError) as refusal:
        Correction.load(path)
    assert refusal.value.code is Code.CORRECTION_INVALID


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DistcorrError, match=r"not-found.*nowhere"):
        Correction.load(tmp_path / "nowhere")
