"""Hypothesis over the parsers: manifests, correction files and DICOM headers.

Whatever stands in them, the end is a result or a refusal, never another exception.
"""

import contextlib
import io
import json
import warnings
import zipfile

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distcorr.batch import read_cohort
from distcorr.correction import Correction
from distcorr.dicom import find_series, load_series
from distcorr.errors import Code, DistcorrError, printable
from tests.correction.examples import example_correction
from tests.dicom.examples import write
from tests.robustness.manifest_mutations import SOUND, read_and_load
from tests.robustness.scene import careless
from tests.robustness.subjects import CORONAL
from tests.robustness.truth import label_volume, misplaced

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.text())
def test_what_is_shown_is_printable_and_harmless_text_stays(text):
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


# Manifests ---------------------------------------------------------------------------

KEYS = ["id", "axial", "coronal", "path", "isocentre_lps", "patient_position", "state", "mask",
        "axial_state", "part", "labels", "points", "normal", "serial", "x"]  # fmt: skip
VALUES = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=20),
    st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=5)), max_size=4),
    st.sampled_from(["HFS", "ND", "trusted", "LPS", "../..", "a/b", "CON"]),
)  # fmt: skip
TABLES = st.sampled_from(["[[reference]]", "[[scan]]", "[[points]]", "[scanner]", "[x]"])


def _toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value) if not isinstance(value, list) else f"[{', '.join(map(_toml, value))}]"


@FEW
@given(st.lists(st.tuples(TABLES, st.dictionaries(st.sampled_from(KEYS), VALUES)), max_size=4))
def test_any_manifest_is_read_or_refused(tmp_path, tables):
    lines = []
    for heading, entries in tables:
        lines += [heading, *(f"{key} = {_toml(value)}" for key, value in entries.items())]
    path = tmp_path / "cohort.toml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    seen = read_and_load(path)
    assert not seen.trouble
    assert seen.refusal is not Code.INTERNAL


@FEW
@given(st.binary(max_size=400), st.integers(0, len(SOUND)))
def test_any_bytes_in_a_manifest_are_read_or_refused(tmp_path, noise, at):
    path = tmp_path / "cohort.toml"
    path.write_bytes(SOUND.encode()[:at] + noise + SOUND.encode()[at:])
    with contextlib.suppress(DistcorrError):
        read_cohort(path)


# Corrections --------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    path = tmp_path_factory.mktemp("correction") / "c.distcorr"
    example_correction().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _load(folder, members):
    path = folder / "c.distcorr"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    with contextlib.suppress(DistcorrError):
        return Correction.load(path)
    return None


@FEW
@given(JSON, st.randoms(use_true_random=False))
def test_any_value_in_a_description_is_read_or_refused(tmp_path, members, value, rng):
    raw = json.loads(members["correction.json"])
    node = raw
    while True:
        key = rng.choice(sorted(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.3:
            break
        node = node[key]
    node[key] = value
    loaded = _load(tmp_path, members | {"correction.json": json.dumps(raw).encode()})
    if loaded is not None:
        assert repr(loaded)
        assert np.isfinite(loaded.field.displacement(np.zeros(3))).all()


@FEW
@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_at_the_head_of_an_array_are_refused(tmp_path, members, noise, at):
    content = members["support.npy"]
    changed = content[:at] + noise + content[at + len(noise) :]
    loaded = _load(tmp_path, members | {"support.npy": changed})
    assert loaded is None or changed[128:] == content[128:]


# DICOM headers ------------------------------------------------------------------------

TRUTH = label_volume(CORONAL)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return write(folder, TRUTH)


RAW = st.one_of(
    st.binary(max_size=40),
    st.from_regex(rb"[-+0-9.eE\\ ]{0,30}", fullmatch=True),
    st.sampled_from([b"nan", b"inf", b"1e400", b"0", b"-0.0", b"\\\\", b"0\\0\\0", b""]),
)
KEPT = {"PixelData"}


def _loaded_or_refused(folder):
    try:
        return load_series(folder), ""
    except DistcorrError as refusal:
        return None, str(refusal)


@FEW
@given(RAW, st.integers(0, 10**6), st.integers(1, 4))
def test_any_value_of_any_tag_is_noticed_or_harmless(
    tmp_path_factory, series, content, which, victim
):
    folder = tmp_path_factory.mktemp("one")
    paths = [folder / path.name for path in series]
    for path, source in zip(paths, series, strict=True):
        path.write_bytes(source.read_bytes())
    with careless():
        ds = pydicom.dcmread(paths[victim])
        tags = [element.tag for element in ds if element.keyword not in KEPT]
        tag = tags[which % len(tags)]
        padded = content + b" " * (len(content) % 2)
        raw = ds.get_item(tag)
        ds._dict[tag] = pydicom.dataelem.RawDataElement(
            tag, raw.VR, len(padded), padded, 0, False, True
        )
        try:
            ds.save_as(paths[victim])
        except (ValueError, TypeError, LookupError):
            return  # pydicom can't write it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_series([folder])
        loaded, message = _loaded_or_refused(folder)
    if loaded is None:
        assert message.isprintable()
        return
    volume, found = loaded
    wrong = misplaced(volume, TRUTH, values=False)
    told = {finding.code for finding in found.findings}
    assert not wrong or told & {
        Code.SLICES_MISSING, Code.SPACING_IRREGULAR, Code.STACK_SHEARED
    }, f"{tag} {content!r}: {wrong}"  # fmt: skip
