"""Damage to the pixels and to the tags that say how to decode them."""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Callable

import pydicom
from pydicom.encaps import encapsulate

from distcorr.errors import Code
from tests.robustness.geometry_mutations import APART, CONSISTENT, INVALID
from tests.robustness.outcomes import RIGHT, Allowed, refused, undetectable, warned
from tests.robustness.scene import (
    Image,
    Mutation,
    Scene,
    careless,
    classic,
    editing,
    on_images,
    on_objects,
    uncompressed,
)
from tests.robustness.subjects import Kind

UNREADABLE = refused(Code.PIXELS_UNREADABLE)
PARSED = refused(Code.UNREADABLE, Code.PIXELS_UNREADABLE, Code.NO_PIXELS)

BOMB_BYTES = 1 << 29
"""Size of a data set that half a megabyte unpacks to."""


def plain(kind: Kind) -> bool:
    return classic(kind) and uncompressed(kind)


def _root(keyword: str, value: object) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: setattr(image.root, keyword, value)


def _scaled(keyword: str, factor: float) -> Callable[[Image, random.Random], None]:
    def change(image: Image, rng: random.Random) -> None:
        setattr(image.root, keyword, max(1, int(getattr(image.root, keyword) * factor)))

    return change


def _without(keyword: str) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.root.pop(keyword, None)


def _rows_columns_swapped(image: Image, rng: random.Random) -> None:
    image.root.Rows, image.root.Columns = image.root.Columns, image.root.Rows


def _less(keyword: str) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: setattr(image.root, keyword, getattr(image.root, keyword) - 1)


def _matrix() -> list[Mutation]:
    found = []
    for keyword in ("Rows", "Columns"):
        found += on_objects(f"{keyword}-zero", f"{keyword} 0", _root(keyword, 0),
                           one=INVALID, every=INVALID, fits=classic)  # fmt: skip
        found += on_objects(f"{keyword}-one-less", f"{keyword} one too small", _less(keyword),
                           one=APART, every=UNREADABLE, fits=classic)  # fmt: skip
        found += on_objects(f"{keyword}-halved", f"{keyword} halved", _scaled(keyword, 0.5),
                           one=APART, every=UNREADABLE, fits=classic)  # fmt: skip
        found += on_objects(f"{keyword}-doubled", f"{keyword} doubled", _scaled(keyword, 2),
                           one=APART, every=UNREADABLE, fits=classic)  # fmt: skip
        found += on_objects(f"{keyword}-huge", f"{keyword} 65535", _root(keyword, 65535),
                           one=APART, every=UNREADABLE | INVALID, fits=classic)  # fmt: skip
    found += on_objects("Rows-removed", "Rows removed", _without("Rows"),
                       one=refused(Code.UNREADABLE), every=refused(Code.UNREADABLE))  # fmt: skip
    found += on_objects("Columns-removed", "Columns removed", _without("Columns"),
                       one=INVALID, every=INVALID)  # fmt: skip
    return [
        *found,
        *on_objects("rows-columns-huge", "Rows and Columns 65535", _huge,
                   one=APART, every=UNREADABLE | refused(Code.TOO_LARGE) | INVALID),
        *on_objects("rows-columns-swapped", "Rows and Columns swapped", _rows_columns_swapped,
                   one=APART, every=undetectable(CONSISTENT),
                   fits=lambda kind: plain(kind) and not kind.square),
    ]  # fmt: skip


def _huge(image: Image, rng: random.Random) -> None:
    image.root.Rows = image.root.Columns = 65535


def _frames() -> list[Mutation]:
    frames = "NumberOfFrames"
    missing = refused(Code.GEOMETRY_MISSING)
    found = [
        *on_objects("frames-two", "NumberOfFrames 2 in a single image", _root(frames, 2),
                   one=missing, every=missing, fits=classic),
        *on_objects("frames-huge", "NumberOfFrames 2147483647", _root(frames, 2**31 - 1),
                   one=missing, every=missing),
        *on_objects("frames-zero", "NumberOfFrames 0", _root(frames, 0),
                   one=RIGHT | UNREADABLE, every=RIGHT | UNREADABLE, fits=classic),
        *on_objects("frames-negative", "NumberOfFrames -3", _root(frames, -3),
                   one=RIGHT | UNREADABLE, every=RIGHT | UNREADABLE, fits=classic),
    ]  # fmt: skip
    return [
        *found,
        *on_objects("frames-words", "NumberOfFrames of words",
                   lambda image, rng: image.raw(frames, b"many"),
                   one=RIGHT | UNREADABLE, every=RIGHT | UNREADABLE, fits=classic),
        *on_objects("frames-fewer", "NumberOfFrames one too small", _less(frames),
                   every=missing, fits=lambda kind: not classic(kind)),
    ]  # fmt: skip


def _bits() -> list[Mutation]:
    """A value that contradicts the length of the pixel data, or that is impossible."""
    bad, fine = UNREADABLE, UNREADABLE | RIGHT
    rows: list[tuple[str, str, object, Allowed]] = [
        ("BitsAllocated", "of 8", 8, bad),
        ("BitsAllocated", "of 32", 32, bad),
        ("BitsAllocated", "of 64", 64, bad),
        ("BitsAllocated", "of 1", 1, bad),
        ("BitsAllocated", "of 7", 7, bad),
        ("BitsAllocated", "of 0", 0, bad),
        ("BitsStored", "of 8", 8, fine),
        ("BitsStored", "of 0", 0, fine),
        ("BitsStored", "of 99", 99, fine),
        ("HighBit", "of 3", 3, fine),
        ("HighBit", "of 99", 99, fine),
        ("PixelRepresentation", "signed", 1, fine),
        ("PixelRepresentation", "of 7", 7, fine),
        ("SamplesPerPixel", "of 3", 3, refused(Code.BAD_FORMAT)),
        ("SamplesPerPixel", "of 0", 0, refused(Code.BAD_FORMAT)),
        ("PhotometricInterpretation", "of colour", "RGB", fine),
        ("PhotometricInterpretation", "of a palette", "PALETTE COLOR", fine),
        ("PhotometricInterpretation", "unknown", "MONOCHROME9", fine),
    ]
    found = []
    for keyword, name, value, allowed in rows:
        found += on_objects(
            f"{keyword}-{name.replace(' ', '-')}", f"{keyword} {name}", _root(keyword, value),
            one=allowed, every=allowed, fits=uncompressed, alters_values=True,
        )  # fmt: skip
    for keyword in ("BitsAllocated", "BitsStored", "PixelRepresentation",
                    "PhotometricInterpretation", "SamplesPerPixel"):  # fmt: skip
        found += on_objects(f"{keyword}-removed", f"{keyword} removed", _without(keyword),
                           one=fine, every=fine, fits=uncompressed)  # fmt: skip
    return found


def _pixels(change: Callable[[bytes, random.Random], bytes]):
    def edit(image: Image, rng: random.Random) -> None:
        image.root.PixelData = change(image.root.PixelData, rng)

    return edit


def _padded_by_frames(image: Image, rng: random.Random) -> None:
    image.root.PixelData = image.root.PixelData * 2


def _as_floats(image: Image, rng: random.Random) -> None:
    image.root.FloatPixelData = bytes(2 * len(image.root.PixelData))
    del image.root.PixelData
    image.root.BitsAllocated = 32


def _both_kinds(image: Image, rng: random.Random) -> None:
    image.root.FloatPixelData = bytes(2 * len(image.root.PixelData))


def _data() -> list[Mutation]:
    return [
        *on_objects("pixels-removed", "no pixel data", _without("PixelData"),
                   one=refused(Code.NO_PIXELS), every=refused(Code.NO_PIXELS)),
        *on_objects("pixels-empty", "pixel data of no length", _pixels(lambda b, rng: b""),
                   one=PARSED, every=PARSED, fits=uncompressed),
        *on_objects("pixels-cut", "pixel data cut short",
                   _pixels(lambda b, rng: b[: 2 * rng.randrange(len(b) // 2)]),
                   one=PARSED, every=PARSED, fits=uncompressed),
        *on_objects("pixels-cut-by-one", "pixel data two bytes short",
                   _pixels(lambda b, rng: b[:-2]), one=UNREADABLE, every=UNREADABLE,
                   fits=uncompressed),
        *on_objects("pixels-twice", "twice as much pixel data", _padded_by_frames,
                   one=UNREADABLE, every=UNREADABLE, fits=uncompressed),
        *on_objects("pixels-padded", "pixel data padded by four bytes",
                   _pixels(lambda b, rng: b + bytes(4)), one=RIGHT, every=RIGHT,
                   fits=uncompressed),
        *on_objects("pixels-float", "float pixels under integer tags", _as_floats,
                   one=RIGHT | PARSED, every=RIGHT | PARSED, fits=uncompressed,
                   alters_values=True),
        *on_objects("pixels-both-kinds", "integer and float pixels at once", _both_kinds,
                   one=RIGHT | PARSED, every=RIGHT | PARSED, fits=uncompressed,
                   alters_values=True),
    ]  # fmt: skip


def _scaling() -> list[Mutation]:
    found = []
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        for name, content, allowed in (
            ("nan", b"nan", UNREADABLE), ("infinite", b"inf", UNREADABLE),
            ("words", b"steep", UNREADABLE), ("beyond-float32", b"1e200", UNREADABLE),
        ):  # fmt: skip
            found += on_images(
                f"{keyword}-{name}", f"{keyword} {name}",
                lambda image, rng, k=keyword, c=content: image.raw(k, c),
                one=allowed, every=allowed, alters_values=True, fits=uncompressed,
            )  # fmt: skip
    found += on_images("RescaleSlope-zero", "RescaleSlope 0",
                       lambda image, rng: image.raw("RescaleSlope", b"0"),
                       one=RIGHT | UNREADABLE, every=RIGHT | UNREADABLE, alters_values=True,
                       fits=uncompressed)  # fmt: skip
    for name, content in (("words", b"none"), ("huge", b"99999999999999999999")):
        found += on_objects(f"padding-{name}", f"PixelPaddingValue {name}",
                           lambda image, rng, c=content: image.raw("PixelPaddingValue", c),
                           one=RIGHT, every=RIGHT)  # fmt: skip
    return found


def _syntax(uid: str) -> Callable[[Scene], None]:
    """Let the file's meta header lie about how the rest is encoded."""

    def lie(scene: Scene) -> None:
        path = scene.inner
        content = path.read_bytes()
        told = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        old = told.encode() + b"\0" * (len(told) % 2)
        new = uid.encode() + b"\0" * (len(uid) % 2)
        at = content.index(b"\x02\x00\x10\x00UI")
        length = at + 6
        body = at + 8
        changed = content[:length] + len(new).to_bytes(2, "little") + new
        path.write_bytes(changed + content[body + len(old) :])

    return lie


def _syntaxes() -> list[Mutation]:
    lies = {
        "jpeg2000": "1.2.840.10008.1.2.4.90", "jpeg-lossless": "1.2.840.10008.1.2.4.70",
        "jpeg-ls": "1.2.840.10008.1.2.4.80", "rle": "1.2.840.10008.1.2.5",
        "jpeg-baseline": "1.2.840.10008.1.2.4.50", "htj2k": "1.2.840.10008.1.2.4.201",
        "deflated": "1.2.840.10008.1.2.1.99", "big-endian": "1.2.840.10008.1.2.2",
        "implicit": "1.2.840.10008.1.2", "explicit": "1.2.840.10008.1.2.1",
        "mpeg2": "1.2.840.10008.1.2.4.100", "private": "1.2.3.4.5.6",
        "words": "little endian", "empty": "",
    }  # fmt: skip
    return [
        Mutation(f"syntax-lies-{name}", f"transfer syntax says {name}", _syntax(uid),
                 RIGHT | PARSED | refused(Code.NOT_DICOM, Code.SEVERAL_VOLUMES),
                 lambda kind: classic(kind))
        for name, uid in lies.items()
    ]  # fmt: skip


def _encapsulated(scene: Scene) -> None:
    """Put fragments where the transfer syntax promises plain pixels."""
    with editing(scene.inner) as ds:
        content = encapsulate([ds.PixelData])
        ds["PixelData"].is_undefined_length = True
        ds["PixelData"]._value = content


def _bomb(scene: Scene) -> None:
    """Write a deflated data set of half a gigabyte of zeros into half a megabyte."""
    path = scene.inner
    with careless():
        ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    with careless():
        ds.save_as(path)
    content = path.read_bytes()
    with careless():
        start = _end_of_meta(content)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    chunk = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(content[:start] + chunk * (BOMB_BYTES >> 20) + packer.flush())


def _end_of_meta(content: bytes) -> int:
    """Byte after the file meta group, whose length its first element gives."""
    return 144 + int.from_bytes(content[140:144], "little")


def _deflated(scene: Scene) -> None:
    """Deflate an image honestly."""
    path = scene.inner
    with careless():
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
        ds.save_as(path)


def _zero_filled(scene: Scene) -> None:
    """Fill the second half of the file by zeros, as a copy that was broken off does."""
    path = scene.inner
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def _zeros_behind_meta(scene: Scene) -> None:
    """Let nothing but a sparse gigabyte of zeros follow the meta header."""
    path = scene.inner
    content = path.read_bytes()
    with path.open("wb") as stream:
        stream.write(content[: _end_of_meta(content)])
    os.truncate(path, 1 << 30)


def _huge_element(scene: Scene) -> None:
    """Declare a length of 4 GB for an element in the header."""
    path = scene.inner
    content = bytearray(path.read_bytes())
    start = _end_of_meta(bytes(content))
    extra = b"\x09\x00\x10\x00OB\x00\x00" + (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(bytes(content[:start]) + extra + bytes(content[start:]))


def _deep_sequences(scene: Scene) -> None:
    """Nest sequences of undefined length three thousand deep."""
    path = scene.inner
    content = path.read_bytes()
    start = _end_of_meta(content)
    undefined = b"\xff\xff\xff\xff"
    one = b"\x08\x00\x40\x11SQ\x00\x00" + undefined + b"\xfe\xff\x00\xe0" + undefined
    path.write_bytes(content[:start] + one * 3000 + content[start:])


def _files() -> list[Mutation]:
    odd = RIGHT | PARSED | refused(Code.NOT_DICOM)
    return [
        Mutation("pixels-encapsulated", "fragments where plain pixels are promised",
                 _encapsulated, UNREADABLE, plain),
        Mutation("deflated", "one image deflated, honestly", _deflated, RIGHT, plain),
        Mutation("deflate-bomb", "half a gigabyte of zeros deflated to half a megabyte", _bomb,
                 refused(Code.TOO_LARGE, Code.UNREADABLE), plain),
        Mutation("zero-filled", "second half of a file is zeros", _zero_filled,
                 odd | warned(Code.SPACING_IRREGULAR), classic, alters_values=True),
        Mutation("zeros-behind-meta", "a gigabyte of zeros after the meta header",
                 _zeros_behind_meta, refused(Code.UNREADABLE), classic),
        Mutation("element-of-4-GB", "an element that claims 4 GB", _huge_element, PARSED, plain),
        Mutation("sequences-nested", "sequences nested 3000 deep", _deep_sequences, PARSED, plain),
    ]  # fmt: skip


TABLES: tuple[list[Mutation], ...] = (
    _matrix(), _frames(), _bits(), _data(), _scaling(), _syntaxes(), _files(),
)  # fmt: skip
