"""Damage to a series as a whole: slices lost, doubled and mixed; names and vendors."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from distcorr.errors import Code
from tests.robustness.geometry_mutations import APART
from tests.robustness.outcomes import RIGHT, refused, undetectable, warned
from tests.robustness.pixel_mutations import plain
from tests.robustness.scene import (
    Image,
    Mutation,
    Scene,
    careless,
    classic,
    editing,
    on_objects,
    put_raw,
)
from tests.robustness.subjects import Kind

SEVERAL = refused(Code.SEVERAL_VOLUMES)
CONFLICT = refused(Code.DUPLICATE_CONFLICT)


def _copy(scene: Scene, path: Path, *, new_uid: bool, pixels: bool = False, **tags) -> Path:
    """Add a changed copy of an image."""
    target = scene.folder / f"copy-{path.name}"
    with careless():
        ds = pydicom.dcmread(path)
        if new_uid:
            ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
        if pixels:
            ds.PixelData = bytes(b ^ 1 for b in ds.PixelData)
        for keyword, value in tags.items():
            setattr(ds, keyword, value)
        ds.save_as(target)
    return target


def _repeated(**options) -> Callable[[Scene], None]:
    return lambda scene: _copy(scene, scene.inner, **options) and None


def _repeat_all(**options) -> Callable[[Scene], None]:
    def add(scene: Scene) -> None:
        for path in scene.files:
            _copy(scene, path, **options)

    return add


def _lose(*which: int) -> Callable[[Scene], None]:
    def lose(scene: Scene) -> None:
        for n in which:
            scene.files[n].unlink()

    return lose


def _keep(*which: int) -> Callable[[Scene], None]:
    def keep(scene: Scene) -> None:
        kept = {scene.files[n] for n in which}
        for path in scene.files:
            if path not in kept:
                path.unlink()

    return keep


def _lose_all(scene: Scene) -> None:
    for path in scene.files:
        path.unlink()


def _rename(scene: Scene) -> None:
    """Name the files so that no order of names is that of the slices."""
    for n, path in enumerate(scene.files):
        path.rename(scene.folder / f"{(n * 7 + 3) % 11:02d}.{scene.rng.randrange(999)}")


def _in_folders(scene: Scene) -> None:
    for n, path in enumerate(scene.files):
        (scene.folder / f"d{n}").mkdir()
        path.rename(scene.folder / f"d{n}" / "IM")


def _tag(keyword: str, value: object) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: setattr(image.root, keyword, value)


def _without(keyword: str) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.root.pop(keyword, None)


def _raw(keyword: str, content: bytes) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: put_raw(image.root, keyword, content)


def _half_in(keyword: str, value: object) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        for path in scene.files[: len(scene.files) // 2]:
            with editing(path) as ds:
                setattr(ds, keyword, value)

    return change


def _slices() -> list[Mutation]:
    mixed = refused(Code.PATIENTS_MIXED)
    table = [
        Mutation("slice-missing", "an inner slice is missing", _lose(1),
                 warned(Code.SLICES_MISSING, Code.SPACING_IRREGULAR), alters_values=False),
        Mutation("slice-missing-at-end", "the last slice is missing", _lose(-1), RIGHT),
        Mutation("one-slice-left", "a single slice is left", _keep(1), refused(Code.NOT_A_VOLUME)),
        Mutation("two-ends-left", "the first and the last slice are left", _keep(0, -1),
                 undetectable("two slices are a volume of two slices")
                 | warned(Code.SPACING_TAG_DISAGREES)),
        Mutation("folder-empty", "no file is left", _lose_all, refused(Code.NOT_DICOM)),
        Mutation("slice-copied", "one file occurs twice", _repeated(new_uid=False), RIGHT),
        Mutation("slice-copied-anew", "one image occurs twice with an identity of its own",
                 _repeated(new_uid=True), RIGHT),
        Mutation("slices-copied-anew", "all images occur twice", _repeat_all(new_uid=True), RIGHT),
        Mutation("slice-conflicts", "two different images share one identity",
                 _repeated(new_uid=False, pixels=True), CONFLICT),
        Mutation("slice-doubled", "two different images claim one place",
                 _repeated(new_uid=True, pixels=True), CONFLICT),
        Mutation("slices-doubled", "two different images at every place",
                 _repeat_all(new_uid=True, pixels=True), CONFLICT | SEVERAL),
        Mutation("echoes-mixed", "two echoes in one series",
                 _repeat_all(new_uid=True, pixels=True, EchoTime=99), SEVERAL),
        Mutation("series-mixed", "two series in one folder",
                 _repeat_all(new_uid=True, SeriesInstanceUID="1.2.3.4"), SEVERAL),
        Mutation("image-of-another-series", "one image of another series in the folder",
                 _repeated(new_uid=True, SeriesInstanceUID="1.2.3.4"), SEVERAL),
        Mutation("half-other-frame", "half of the images in another frame of reference",
                 _half_in("FrameOfReferenceUID", "1.2.3.5"), SEVERAL | APART),
        Mutation("half-other-type", "half of the images of another image type",
                 _half_in("ImageType", ["DERIVED", "SECONDARY", "MPR"]), SEVERAL | APART),
        Mutation("half-other-patient", "half of the images of another patient",
                 _half_in("PatientID", "somebody else"), mixed),
        Mutation("half-other-study", "half of the images of another study",
                 _half_in("StudyInstanceUID", "1.2.3.6"), mixed),
        Mutation("patient-in-folder", "a second patient's series in the folder",
                 _repeat_all(new_uid=True, SeriesInstanceUID="1.2.3.4", PatientID="other"),
                 SEVERAL),
        Mutation("files-renamed", "names say nothing of the order", _rename, RIGHT),
        Mutation("files-in-folders", "every file in a folder of its own", _in_folders, RIGHT),
    ]  # fmt: skip
    return [replace(mutation, fits=_several_plain(mutation.name)) for mutation in table]


def _several_plain(name: str) -> Callable[[Kind], bool]:
    """Pixels of compressed images can't be changed by turning a bit."""
    return plain if "doubled" in name or name in ("slice-conflicts", "echoes-mixed") else classic


def _identities() -> list[Mutation]:
    cut = refused(Code.UNREADABLE)
    return [
        *on_objects("patient-other", "another PatientID", _tag("PatientID", "else"),
                   one=refused(Code.PATIENTS_MIXED), every=RIGHT, fits=classic),
        *on_objects("study-other", "another StudyInstanceUID", _tag("StudyInstanceUID", "1.2.9"),
                   one=refused(Code.PATIENTS_MIXED), every=RIGHT, fits=classic),
        *on_objects("instances-equal", "one SOPInstanceUID for all",
                   _tag("SOPInstanceUID", "1.2.3"), every=CONFLICT, fits=classic),
        *on_objects("instance-removed", "no SOPInstanceUID", _without("SOPInstanceUID"),
                   one=RIGHT, every=RIGHT, fits=classic),
        *on_objects("series-removed", "no SeriesInstanceUID", _without("SeriesInstanceUID"),
                   one=cut, every=cut),
        *on_objects("class-removed", "no SOPClassUID", _without("SOPClassUID"),
                   one=RIGHT, every=RIGHT),
        *on_objects("class-of-report", "SOPClassUID of a structured report",
                   _tag("SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.33"), one=RIGHT, every=RIGHT),
        *on_objects("numbers-scrambled", "InstanceNumber at random",
                   lambda image, rng: setattr(image.root, "InstanceNumber", rng.randrange(10**6)),
                   every=RIGHT),
        *on_objects("numbers-words", "InstanceNumber of words", _raw("InstanceNumber", b"first"),
                   one=RIGHT, every=RIGHT),
        *on_objects("numbers-huge", "InstanceNumber of 12 digits",
                   _raw("InstanceNumber", b"999999999999"), one=RIGHT, every=RIGHT),
        *on_objects("modality-other", "Modality CT", _tag("Modality", "CT"),
                   one=RIGHT, every=RIGHT),
        *on_objects("frame-removed", "no FrameOfReferenceUID", _without("FrameOfReferenceUID"),
                   one=SEVERAL | APART | RIGHT, every=RIGHT, fits=classic),
    ]  # fmt: skip


HOSTILE: dict[str, bytes] = {
    "traversal": b"../../../../tmp/escape",
    "absolute": b"/etc/passwd",
    "backslashes": b"C:/Windows\\..\\..",
    "nul": b"before\0after",
    "newlines": b"first\r\nerror[internal]: forged\n",
    "escape-codes": b"\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "markup": b"[bold red]x[/bold red] [/] [link=file:///]",
    "html": b"<script>alert(1)</script>",
    "shell": b"$(touch /tmp/escape); `id` | rm -rf ~",
    "sql": b"Robert'); DROP TABLE scans;--",
    "format": b"%s%n{0.__class__}{}",
    "non-ascii": "Müller^Jürgen Ωμέγα 測試".encode(),
    "latin1": "Müller^Jürgen".encode("latin-1"),
    "not-utf8": b"\xff\xfe\xfd\x80\x81",
    "right-to-left": "abc\u202etxt.exe".encode(),
    "spaces": b"     ",
    "carets": b"^^^^^=====",
    "device": b"CON",
    "dots": b"..",
    "long": b"A" * 60_000,
    "empty": b"",
}
"""Contents of identifying tags that must do no harm."""

IDENTIFIERS = (
    "PatientID", "PatientName", "SeriesDescription", "ProtocolName", "SeriesInstanceUID",
    "StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "Manufacturer",
    "DeviceSerialNumber", "AcquisitionNumber", "TemporalPositionIdentifier",
    "PatientPosition", "SoftwareVersions", "ManufacturerModelName",
)  # fmt: skip


def _strings() -> list[Mutation]:
    found: list[Mutation] = []
    for keyword in IDENTIFIERS:
        for name, content in HOSTILE.items():
            allowed = RIGHT
            if keyword == "SOPInstanceUID":
                # Equal identities of different images are a conflict; none is none.
                allowed = RIGHT if not content.strip(b" \0") else CONFLICT
            if keyword == "SeriesInstanceUID" and not content.strip(b" \0"):
                allowed = refused(Code.UNREADABLE)
            found += on_objects(
                f"{keyword}-{name}", f"{keyword} hostile ({name})",
                lambda image, rng, k=keyword, c=content: put_raw(image.root, k, c),
                every=allowed, fits=classic,
            )  # fmt: skip
    return found


_WRITTEN_CHARSET = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"


def _character_sets() -> list[Mutation]:
    """Character sets that no reader knows; pydicom can't write them itself."""

    def change(content: bytes) -> Callable[[Scene], None]:
        def apply(scene: Scene) -> None:
            for path in scene.files:
                with editing(path) as ds:
                    ds.SpecificCharacterSet = "ISO_IR 100"
                padded = content + b" " * (len(content) % 2)
                element = _WRITTEN_CHARSET[:6] + len(padded).to_bytes(2, "little") + padded
                path.write_bytes(path.read_bytes().replace(_WRITTEN_CHARSET, element, 1))

        return apply

    return [
        Mutation(f"SpecificCharacterSet-{name}", f"SpecificCharacterSet hostile ({name})",
                 change(content), RIGHT | refused(Code.UNREADABLE),
                 lambda kind: classic(kind) and not kind.real)
        for name, content in HOSTILE.items()
    ]  # fmt: skip


CONTRADICTED = refused(Code.SEVERAL_VOLUMES, Code.NOT_PARALLEL, Code.NOT_A_VOLUME)
"""One image says otherwise than the rest and is set apart."""


def _vendors() -> list[Mutation]:
    believed = undetectable("the header says so consistently, and nothing contradicts it")
    siemens = _siemens
    table = "ImaRelTablePosition"
    return [
        *on_objects("maker-other", "another Manufacturer", _tag("Manufacturer", "Philips"),
                   one=RIGHT, every=RIGHT),
        *on_objects("maker-unknown", "Manufacturer unknown", _tag("Manufacturer", "ACME"),
                   one=RIGHT, every=RIGHT),
        *on_objects("maker-removed", "no Manufacturer", _without("Manufacturer"),
                   one=RIGHT, every=RIGHT),
        *on_objects("model-other", "another model", _tag("ManufacturerModelName", "Other"),
                   one=RIGHT, every=RIGHT),
        *on_objects("serial-other", "another serial number", _tag("DeviceSerialNumber", "1"),
                   one=RIGHT, every=RIGHT),
        *on_objects("strength-gauss", "field strength in gauss",
                   _tag("MagneticFieldStrength", 30000), one=RIGHT, every=RIGHT),
        *on_objects("strength-absurd", "field strength of 1e30",
                   _raw("MagneticFieldStrength", b"1e30"), one=RIGHT, every=RIGHT),
        *on_objects("strength-nan", "field strength NaN", _raw("MagneticFieldStrength", b"nan"),
                   one=RIGHT, every=RIGHT),
        *on_objects("type-other-state", "ImageType of another correction", _other_state,
                   one=CONTRADICTED, every=believed, fits=siemens),
        *on_objects("type-two-states", "ImageType ND and DIS3D at once",
                   _tag("ImageType", ["ORIGINAL", "PRIMARY", "M", "ND", "DIS3D"]),
                   one=CONTRADICTED, every=RIGHT, fits=siemens),
        *on_objects("type-removed", "no ImageType", _without("ImageType"),
                   one=CONTRADICTED, every=RIGHT, fits=siemens),
        *on_objects("type-mosaic", "ImageType says mosaic",
                   _tag("ImageType", ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]),
                   one=refused(Code.GEOMETRY_MISSING), every=refused(Code.GEOMETRY_MISSING),
                   fits=classic),
        *on_objects("position-other", "another PatientPosition", _tag("PatientPosition", "FFP"),
                   every=believed, fits=siemens),
        *on_objects("position-unknown", "PatientPosition unknown", _tag("PatientPosition", "UP"),
                   one=RIGHT, every=RIGHT),
        *on_objects("position-removed", "no PatientPosition", _without("PatientPosition"),
                   one=RIGHT, every=RIGHT),
        Mutation("position-other/first", "another PatientPosition in the first image",
                 _at(0, "PatientPosition", "FFP"), RIGHT, siemens),
        Mutation("position-other/last", "another PatientPosition in the last image",
                 _at(-1, "PatientPosition", "FFP"), RIGHT, siemens),
        Mutation("scanner-other/last", "another scanner in the last image",
                 _at(-1, "DeviceSerialNumber", "666"), RIGHT, siemens),
        Mutation("maker-other/first", "another vendor in the first image",
                 _at(0, "Manufacturer", "GE MEDICAL SYSTEMS"), RIGHT, siemens),
        *on_objects("table-removed", f"no {table}", _no_private, one=RIGHT, every=RIGHT,
                   fits=siemens),
        *on_objects("table-nan", f"{table} NaN", _table(b"nan\\nan\\nan"), one=RIGHT, every=RIGHT,
                   fits=siemens),
        *on_objects("table-words", f"{table} of words", _table(b"far\\far\\far"),
                   one=RIGHT, every=RIGHT, fits=siemens),
        *on_objects("table-short", f"{table} of one value", _table(b"7"), one=RIGHT, every=RIGHT,
                   fits=siemens),
        *on_objects("table-other", f"{table} 40 mm farther", _table(b"0\\0\\60"),
                   every=believed, fits=siemens),
        *on_objects("table-absurd", f"{table} of 1e9 mm", _table(b"0\\0\\1000000000"),
                   every=RIGHT, fits=siemens),
        Mutation("table-moves", "the table moves within the series", _moving, RIGHT, siemens),
    ]  # fmt: skip


def _siemens(kind: Kind) -> bool:
    return kind.siemens


def _other_state(image: Image, rng: random.Random) -> None:
    now = "DIS2D" if "DIS2D" in image.root.ImageType else "ND"
    other = {"DIS2D": "DIS3D", "ND": "DIS2D"}[now]
    image.root.ImageType = [other if part == now else part for part in image.root.ImageType]


def _no_private(image: Image, rng: random.Random) -> None:
    for tag in [element.tag for element in image.root if element.tag.is_private]:
        del image.root[tag]


def _table(content: bytes) -> Callable[[Image, random.Random], None]:
    """Set (0019,xx14) of SIEMENS MR HEADER, in whichever block it is."""

    def change(image: Image, rng: random.Random) -> None:
        block = image.root.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        tag = block.get_tag(0x14)
        text = content.decode()
        image.root.add_new(tag, "LO", text.split("\\"))

    return change


def _moving(scene: Scene) -> None:
    with editing(scene.files[-1]) as ds:
        _table(b"0\\0\\99")(Image(ds), scene.rng)


def _at(n: int, keyword: str, value: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        with editing(scene.files[n]) as ds:
            setattr(ds, keyword, value)

    return change


TABLES: tuple[list[Mutation], ...] = (
    _slices(), _identities(), _vendors(), _strings(), _character_sets(),
)  # fmt: skip
