"""Siemens CSA headers: the private blocks of syngo V software.

The layout is not published by the vendor; it is described by the readers that
have read it for two decades (nibabel ``nicom/csareader``, GDCM, dcm2niix
``Siemens/README.md``). Two versions exist: CSA2 begins with ``SV10``; CSA1
begins with the number of elements at once and counts lengths from the first.
"""

from __future__ import annotations

import re
import struct

_MAXIMUM_ELEMENTS = 1000
"""Real headers hold some hundred elements; more means that this is no CSA header."""

_SLICE_POSITION = re.compile(
    rb"sSliceArray\.asSlice\[(\d+)\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*([-+0-9.eE]+)"
)
_SLICE_DECLARED = re.compile(rb"sSliceArray\.asSlice\[(\d+)\]\.")


def read_csa(data: bytes) -> dict[str, tuple[str, ...]]:
    """Parse a CSA header into the texts of its elements.

    Parameters
    ----------
    data : bytes
        Value of (0029,xx10) or (0029,xx20) of ``SIEMENS CSA HEADER``.

    Returns
    -------
    dict
        Element name to its values, empty ones left out. Empty if the bytes are
        no CSA header; what follows a damaged element is left out.
    """
    second = data[:4] == b"SV10"
    offset = 8 if second else 0
    elements: dict[str, tuple[str, ...]] = {}
    try:
        count = struct.unpack_from("<I", data, offset)[0]
        if not 0 < count <= _MAXIMUM_ELEMENTS:
            return {}
        offset += 8
        base: int | None = None
        for _ in range(count):
            name, items = struct.unpack_from("<64s", data, offset)[0], 0
            items = struct.unpack_from("<i", data, offset + 76)[0]
            offset += 84
            if base is None:
                base = 0 if second else items
            values = []
            for _ in range(items):
                first, length = struct.unpack_from("<2i", data, offset)
                size = length if second else first - base
                offset += 16
                if size < 0 or offset + size > len(data):
                    return elements
                values.append(_text(data[offset : offset + size]))
                offset += (size + 3) // 4 * 4
            elements[_text(name)] = tuple(value for value in values if value)
    except struct.error:
        return elements
    return elements


def slice_positions(protocol: bytes) -> list[tuple[float, float, float]]:
    """Find the centres of all slices in the ASCII protocol of a CSA series header.

    Parameters
    ----------
    protocol : bytes
        Value of (0029,xx20), which holds MrPhoenixProtocol.

    Returns
    -------
    list of tuple of float
        LPS, mm, in the protocol's order. A coordinate that the protocol leaves
        out is zero.
    """
    found: dict[int, dict[bytes, float]] = {}
    for match in _SLICE_DECLARED.finditer(protocol):
        found.setdefault(int(match[1]), {})
    for match in _SLICE_POSITION.finditer(protocol):
        try:
            found[int(match[1])][match[2]] = float(match[3])
        except ValueError:
            return []
    return [
        (axes.get(b"Sag", 0.0), axes.get(b"Cor", 0.0), axes.get(b"Tra", 0.0))
        for _, axes in sorted(found.items())
    ]


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
