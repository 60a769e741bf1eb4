"""The manifest: what it accepts, and that every refusal names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from distcorr.batch import read_cohort
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.space import PatientPosition

FULL = """
[[reference]]
id = "ref01"
axial = "ref01/axial"
coronal = "/data/ref01/coronal"
axial_state = "trusted"
coronal_state = "ND"
isocentre_lps = [0, -1.5, 20]
patient_position = "FFS"
mask = "ref01/mask.nrrd"

[[scan]]
id = "sub07"
path = "sub07"
state = "DIS2D"
"""


def manifest(folder: Path, text: str) -> Path:
    path = folder / "cohort.toml"
    path.write_text(text)
    return path


def test_everything_that_the_design_lists_is_read(tmp_path: Path) -> None:
    cohort = read_cohort(manifest(tmp_path, FULL))
    (reference,), (scan,) = cohort.references, cohort.scans
    assert cohort.resolve(reference.axial) == tmp_path / "ref01/axial"
    assert cohort.resolve(reference.coronal) == Path("/data/ref01/coronal")
    stated = reference.statement("cohort.toml", reference.coronal_state)
    assert stated.state is VendorState.ND
    assert stated.patient_position is PatientPosition.FFS
    assert stated.isocentre_lps == (0.0, -1.5, 20.0)
    assert scan.statement("x").state is VendorState.DIS2D
    assert scan.statement("x").patient_position is None


PAIR = '[[reference]]\nid = "{id}"\naxial = "a"\ncoronal = "c"\n'

WRONG = {
    "[[reference": "valid TOML",
    PAIR.format(id="a") + 'axial_stat = "ND"': "reference[1].axial_stat: unknown key, did you mean",
    "[[references]]": "references: unknown key, did you mean reference?",
    "answer = 42": "answer: unknown key",
    "[reference]": "reference: ",
    '[[reference]]\nid = "a"\naxial = "b"': "reference[1].coronal: field required",
    PAIR.format(id="a") + 'axial_state = "nd"': "reference[1].axial_state: ",
    PAIR.format(id="a") + "isocentre_lps = [0, 1]": "reference[1].isocentre_lps[3]: ",
    PAIR.format(id="a") + 'isocentre_lps = [0, 1, "2"]': "reference[1].isocentre_lps[3]: ",
    PAIR.format(id="a") + "isocentre_lps = [0, 1, nan]": "reference[1].isocentre_lps[3]: ",
    PAIR.format(id="a") + 'patient_position = "HF"': "reference[1].patient_position: ",
    PAIR.format(id="a") + 'mask = ""': "reference[1].mask: ",
    PAIR.format(id="a") + PAIR.format(id="A"): "reference[2].id: 'A' is also reference[1].id",
    PAIR.format(id="a") + '[[scan]]\nid = "a"\npath = "p"': "scan[1].id: 'a' is also reference[1]",
    **{
        PAIR.format(id=bad): "reference[1].id: "
        for bad in ("", "../x", "a/b", ".hidden", "a b", "a.", "NUL", "com1.x", "ä", "x" * 65)
    },
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    path = manifest(tmp_path, text)
    with pytest.raises(DistcorrError) as refusal:
        read_cohort(path)
    assert refusal.value.code is Code.MANIFEST_INVALID
    assert str(path) in str(refusal.value)
    assert WRONG[text] in str(refusal.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DistcorrError, match="valid TOML"):
        read_cohort(path)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(DistcorrError, match=r"error\[not-found\]"):
        read_cohort(tmp_path / "cohort.toml")


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 15_000,
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "{a = " * 3000 + "1" + "}" * 3000,
        "x = " + "9" * 5000,
        "[" + "a." * 500_000 + "a]",
    ],
)
def test_text_that_nests_or_runs_on_without_end_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DistcorrError) as refusal:
        read_cohort(manifest(tmp_path, text))
    assert refusal.value.code is Code.MANIFEST_INVALID


@pytest.mark.parametrize("written", ["x" * 5000, "~nobody-of-this-name/x", "y/" * 4000])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, written: str) -> None:
    cohort = read_cohort(manifest(tmp_path, FULL))
    with pytest.raises(DistcorrError) as refusal:
        cohort.resolve(written)
    assert refusal.value.code is Code.NOT_FOUND
    assert "cohort.toml" in str(refusal.value)
