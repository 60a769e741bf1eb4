"""Take the moment of writing out of an HDF5 file, so that equal content gives equal bytes.

The HDF5 library stamps every object header with four times and offers ITK's
writer no way to leave them out. An object header of version 2 (HDF5 File Format
Specification 3.0, section IV.A.1.b) reads::

    "OHDR"  version 2  flags  [4 x 4 bytes of time]  [4 bytes]  size  messages  checksum

with times if bit 5 of the flags is set, the four further bytes if bit 4 is,
``size`` of 1, 2, 4 or 8 bytes by bits 0 and 1, and as checksum Jenkins' lookup3
of everything before it.
"""

from __future__ import annotations

from pathlib import Path

_SIGNATURE = b"OHDR\x02"
_TIMES_FLAG, _ATTRIBUTE_FLAG, _SIZE_BITS = 0x20, 0x10, 0x03
_TIMES_BYTES = 16
_WORD = 0xFFFFFFFF


def erase_times(path: Path) -> None:
    """Set all times of object headers to zero and mend their checksums, in place."""
    content = bytearray(path.read_bytes())
    at = content.find(_SIGNATURE)
    while at >= 0:
        _erase_in_header(content, at)
        at = content.find(_SIGNATURE, at + 1)
    path.write_bytes(content)


def _erase_in_header(content: bytearray, start: int) -> None:
    """Treat one header; bytes that only look like one fail the checksum and stay."""
    times = start + len(_SIGNATURE) + 1
    if times + _TIMES_BYTES > len(content):
        return
    flags = content[times - 1]
    if not flags & _TIMES_FLAG:
        return
    size_at = times + _TIMES_BYTES + (4 if flags & _ATTRIBUTE_FLAG else 0)
    messages = size_at + (1 << (flags & _SIZE_BITS))
    end = messages + int.from_bytes(content[size_at:messages], "little")
    stored = bytes(content[end : end + 4])
    if stored != lookup3(content[start:end]).to_bytes(4, "little"):
        return
    content[times : times + _TIMES_BYTES] = bytes(_TIMES_BYTES)
    content[end : end + 4] = lookup3(content[start:end]).to_bytes(4, "little")


def lookup3(data: bytes | bytearray) -> int:
    """Bob Jenkins' lookup3 (hashlittle) with initial value 0, as HDF5 uses it."""
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    if not data:
        return c
    padded = bytes(data) + bytes(-len(data) % 12)
    words = [int.from_bytes(padded[i : i + 4], "little") for i in range(0, len(padded), 4)]
    for i in range(0, len(words) - 3, 3):
        a, b, c = a + words[i], b + words[i + 1], c + words[i + 2]
        for bits in (4, 6, 8, 16, 19, 4):
            a, c = (a - c) & _WORD ^ _rotated(c, bits), (c + b) & _WORD
            a, b, c = b, c, a
    a, b, c = a + words[-3], b + words[-2], c + words[-1]
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, bits)) & _WORD
        a, b, c = b, c, a
    return b


def _rotated(x: int, bits: int) -> int:
    x &= _WORD
    return (x << bits | x >> (32 - bits)) & _WORD
