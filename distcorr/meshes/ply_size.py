"""Whether a PLY file is whole: VTK's writer reports no error when it is cut short."""

from __future__ import annotations

from pathlib import Path

_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}
_END = b"end_header\n"


def is_whole_ply(path: Path, corners: int) -> bool:
    """Compare a PLY file, as VTK has written it, with what its header promises.

    Parameters
    ----------
    path : Path
    corners : int
        Of all faces together: the entries of their lists.
    """
    header, mark, body = path.read_bytes().partition(_END)
    if not mark:
        return False
    rows, size, text = 0, 0, True
    count = 0
    for line in header.decode("utf-8", "replace").splitlines():
        match line.split():
            case ["format", kind, *_]:
                text = kind == "ascii"
            case ["element", _, number]:
                count = int(number)
                rows += count
            case ["property", "list", length, entry, _]:
                size += count * _BYTES[length] + corners * _BYTES[entry]
            case ["property", kind, _]:
                size += count * _BYTES[kind]
    if text:
        return body.count(b"\n") == rows
    return len(body) == size
