"""Damage to cohort.toml: broken text, wrong types, hostile names and paths."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distcorr.batch import read_cohort
from distcorr.batch.jobs import plan
from distcorr.batch.learning import load_material
from distcorr.batch.load import Statement
from distcorr.errors import Code, DistcorrError
from tests.robustness.outcomes import RIGHT, Allowed, Observed, refused
from tests.robustness.subjects import Subject

INVALID = refused(Code.MANIFEST_INVALID)
MISSING = refused(Code.NOT_FOUND, Code.NOT_DICOM)

ANY = RIGHT | refused(*(code for code in Code if code is not Code.INTERNAL))
"""What noise may lead to: another manifest that is sound, or any refusal but that
of an error that nobody foresaw."""

SOUND = """
[[reference]]
id = "ref01"
axial = "{axial}"
coronal = "{coronal}"
axial_state = "trusted"
isocentre_lps = [0, 0, 0]
patient_position = "HFS"

[[scan]]
id = "sub07"
path = "{coronal}"
state = "ND"

[[points]]
id = "phantom"
pairs = "markers.csv"
shown_state = "ND"
patient_position = "HFS"
isocentre_lps = [0, 0, 0]

[scanner]
manufacturer = "SIEMENS"
field_strength_t = 3.0
"""

PAIRS = "true_x,true_y,true_z,shown_x,shown_y,shown_z\n" + "\n".join(
    f"{10 * n},{7 * n % 50},{13 * n % 90},{10 * n + 1},{7 * n % 50},{13 * n % 90}"
    for n in range(20)
)


@dataclass(frozen=True)
class Edit:
    """One named way of damaging a manifest.

    Attributes
    ----------
    name : str
    apply : callable
        Turns the bytes of a sound manifest into those of a damaged one.
    allowed : Allowed
    """

    name: str
    apply: Callable[[bytes, random.Random], bytes]
    allowed: Allowed


def sound_manifest(axial: Subject, coronal: Subject, folder: Path) -> Path:
    """Write a manifest, the points that it names, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "markers.csv").write_text(PAIRS)
    path = folder / "cohort.toml"
    path.write_text(SOUND.format(axial=axial.folder, coronal=coronal.folder))
    return path


def carry_out(
    edit: Edit, axial: Subject, coronal: Subject, folder: Path, rng: random.Random
) -> Observed:
    """Damage a manifest, read it, load what it names and plan its scans."""
    path = sound_manifest(axial, coronal, folder)
    content = edit.apply(path.read_bytes(), rng)
    path.write_bytes(content)
    before = sorted(folder.iterdir())
    seen = read_and_load(path)
    if path.read_bytes() != content or sorted(folder.iterdir()) != before:
        return Observed(trouble="something was written")
    return seen


def read_and_load(path: Path) -> Observed:
    """Do with a manifest what learn and apply do before they calculate."""
    try:
        cohort = read_cohort(path)
        plan([path], Statement("the harness"), None)
        load_material(cohort)
    except DistcorrError as refusal:
        message = str(refusal)
        trouble = "" if message.isprintable() else f"not one printable line: {message!r}"
        return Observed(refusal.code, message=message, trouble=trouble)
    return Observed()


def _changed(old: str, new: str) -> Callable[[bytes, random.Random], bytes]:
    def change(content: bytes, rng: random.Random) -> bytes:
        if old.encode() not in content:
            raise ValueError(f"{old!r} is not in the manifest")
        return content.replace(old.encode(), new.encode("utf-8", "surrogateescape"), 1)

    return change


def _appended(text: str) -> Callable[[bytes, random.Random], bytes]:
    return lambda content, rng: content + text.encode()


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _shuffle(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def _splice(content: bytes, rng: random.Random) -> bytes:
    a, b = sorted(rng.randrange(len(content)) for _ in range(2))
    at = rng.randrange(len(content))
    return content[:at] + content[a:b] + content[at:]


def _ids() -> list[Edit]:
    hostile = {
        "traversal": "../../x", "separator": "a/b", "device": "CON", "empty": "", "dots": "..",
        "long": "a" * 65, "non-ascii": "höfer", "newline": "a\\nb", "nul": "a\\u0000",
        "markup": "[bold]", "hidden": ".ref", "blank": "a b",
    }  # fmt: skip
    return [
        Edit(f"id-{name}", _changed('"ref01"', f'"{text}"'), INVALID)
        for name, text in hostile.items()
    ]


def _paths() -> list[Edit]:
    hostile = {
        "nul": ("a\\u0000b", MISSING), "nobody": ("~nobody-here/x", MISSING),
        "too-long": ("x" * 5000, MISSING), "deep": ("x/" * 3000, MISSING),
        "device": ("/dev/zero", MISSING), "device-nrrd": ("/dev/full.nrrd", MISSING),
        "nowhere": ("no/such/folder", MISSING), "empty": ("", INVALID),
        "escape-codes": ("\\u001b[2J", MISSING), "newline": ("a\\nb", MISSING),
        "surrogate-like": ("\ufffd", MISSING), "itself": ("cohort.toml", MISSING),
        "url": ("https://example.org/x", MISSING), "number": None, "list": None,
    }  # fmt: skip
    found = [
        Edit(f"path-{name}", _path(value[0]), value[1])
        for name, value in hostile.items()
        if value is not None
    ]
    wrong = {"number": "7", "true": "true", "empty-list": "[]", "table": "{a = 1}"}
    return found + [
        Edit(f"path-of-{name}", _path_raw(text), INVALID) for name, text in wrong.items()
    ]


def _path(text: str) -> Callable[[bytes, random.Random], bytes]:
    return _path_raw(f'"{text}"')


def _path_raw(written: str) -> Callable[[bytes, random.Random], bytes]:
    def change(content: bytes, rng: random.Random) -> bytes:
        lines = content.decode().splitlines()
        return "\n".join(
            f"axial = {written}" if line.startswith("axial =") else line for line in lines
        ).encode()

    return change


def _numbers() -> list[Edit]:
    point = "isocentre_lps = [0, 0, 0]"
    values = {
        "nan": "[nan, 0, 0]", "infinite": "[0, inf, 0]", "two": "[0, 0]", "four": "[0, 0, 0, 0]",
        "words": '["a", "b", "c"]', "true": "[true, true, true]", "none": '""',
        "digits": f"[{'9' * 5000}, 0, 0]", "nested": "[[0], 0, 0]",
    }  # fmt: skip
    found = [
        Edit(f"isocentre-{name}", _changed(point, f"isocentre_lps = {text}"), INVALID)
        for name, text in values.items()
    ]
    return [
        *found,
        Edit("strength-absurd", _changed("= 3.0", "= 1e30"), INVALID),
        Edit("strength-zero", _changed("= 3.0", "= 0.0"), INVALID),
        Edit("strength-nan", _changed("= 3.0", "= nan"), INVALID),
        Edit("position-unknown", _changed('"HFS"', '"XYZ"'), INVALID),
        Edit("state-unknown", _changed('"trusted"', '"DIS4D"'), INVALID),
    ]


_WHOLE = [
    Edit("sound", lambda c, rng: c, RIGHT | refused(Code.SCANNERS_DIFFER)),
    Edit("bits-flipped", _flip, ANY),
    Edit("cut", lambda c, rng: c[: rng.randrange(len(c))], ANY),
    Edit("lines-shuffled", _shuffle, ANY),
    Edit("spliced", _splice, ANY),
    Edit("noise", lambda c, rng: rng.randbytes(2000), INVALID),
    Edit("empty", lambda c, rng: b"", INVALID),
    Edit("zeros", lambda c, rng: bytes(4000), INVALID),
    Edit("utf16", lambda c, rng: c.decode().encode("utf-16"), INVALID),
    Edit("byte-order-mark", lambda c, rng: b"\xef\xbb\xbf" + c, INVALID),
    Edit("latin1", lambda c, rng: c.replace(b"SIEMENS", "Müller".encode("latin-1")), INVALID),
    Edit("crlf", lambda c, rng: c.replace(b"\n", b"\r\n"), RIGHT | refused(Code.SCANNERS_DIFFER)),
    Edit("too-large", lambda c, rng: c + b"#" * (17 << 20), refused(Code.TOO_LARGE)),
    Edit("lists-nested", _appended("x = " + "[" * 20_000), INVALID),
    Edit("lists-nested-closed", _appended("x = " + "[" * 20_000 + "]" * 20_000), INVALID),
    Edit("tables-nested", _appended("x = " + "{a = " * 5000 + "1" + "}" * 5000), INVALID),
    Edit("keys-nested", _appended("[" + "a." * 5000 + "a]"), INVALID),
    Edit("line-long", _appended("[" + "a." * 500_000 + "a]"), INVALID),
    Edit("date-impossible", _appended("when = 2026-13-45"), INVALID),
    Edit("key-unknown", _changed("coronal =", "koronal ="), INVALID),
    Edit("key-twice", _appended('manufacturer = "x"'), INVALID),
    Edit("table-twice", _appended("[scanner]"), INVALID),
    Edit("id-twice", _changed('"sub07"', '"REF01"'), INVALID),
    Edit("reference-no-list", lambda c, rng: b"reference = 7\n", INVALID),
    Edit("references-many", lambda c, rng: b'[[reference]]\nid = "a"\n' * 5000, INVALID),
]  # fmt: skip

EDITS: tuple[Edit, ...] = (*_WHOLE, *_ids(), *_paths(), *_numbers())
