"""Memory: how large a volume will be, what the machine has free, and the refusal.

Sizes come from headers, before pixels are read: running out of memory ends a
process without a word, and on Linux often another one than the culprit.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distcorr.errors import Code, DistcorrError

SHARE_OF_FREE = 0.8
"""What work may take of the free memory by default; the rest is for other processes and
for what estimates do not know."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Size of a volume as its header tells it.

    Attributes
    ----------
    size : tuple of int
        Voxels along i, j, k.
    spacing_mm : tuple of float
        Along i, j, k.
    itemsize : int
        Bytes of a voxel once it is loaded.
    decoding_bytes : int
        Held beside the volume while it is read: a file as stored and as decoded.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    itemsize: int
    decoding_bytes: int = 0

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.size)

    @property
    def bytes(self) -> int:
        """Of the loaded array."""
        return self.voxels * self.itemsize

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel."""
        return math.prod(self.spacing_mm)

    @property
    def volume_mm3(self) -> float:
        """Volume of all voxels."""
        return self.voxels * self.voxel_mm3

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.size))} voxels of {self.itemsize} bytes"


Admit = Callable[[Extent], None]
"""Called with a volume's size before its pixels are read; refuses it by raising."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much memory work may take.

    Attributes
    ----------
    bytes : int or None
        None where it is not known and nothing was said: no limit.
    source : str
        Who said so.
    """

    bytes: int | None
    source: str

    @classmethod
    def of(cls, stated: int | None) -> Allowance:
        """Take what is stated, else :data:`SHARE_OF_FREE` of what is free now."""
        if stated is not None:
            return cls(stated, "--max-memory")
        free = free_bytes()
        if free is None:
            return cls(None, "free memory is not known")
        return cls(int(SHARE_OF_FREE * free), f"{SHARE_OF_FREE:.0%} of what is free")

    def require(self, needed: int, what: str, evidence: str, remedy: str = "") -> None:
        """Refuse work that takes more.

        Parameters
        ----------
        needed : int
            Estimated peak, bytes.
        what : str
            The work, for example ``"correcting the scan"``.
        evidence : str
            From what ``needed`` follows.
        remedy : str
            What else than more memory helps.

        Raises
        ------
        DistcorrError
            ``memory-limit``.
        """
        if self.bytes is None or needed <= self.bytes:
            return
        raise DistcorrError(
            Code.MEMORY_LIMIT,
            f"{what} would take more memory than is allowed",
            f"about {shown(needed)} needed for {evidence}, "
            f"{shown(self.bytes)} allowed ({self.source})",
            remedy,
        )


def shown(number: int) -> str:
    """Write a number of bytes for people: decimal units, two digits or more."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.{1 if number < 10 * size else 0}f} {unit}"
    return f"{number} bytes"


def parse_bytes(text: str) -> int:
    """Read a size such as ``4GB``, ``1.5 GiB`` or ``800M``.

    Raises
    ------
    ValueError
        If it is none or has no unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])(i?)B?", text.strip(), re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise ValueError(f"{text!r} is no size such as 4GB or 800MB")
    power = "KMGT".index(found[2].upper()) + 1
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def free_bytes() -> int | None:
    """Find what this process can have: what is free, and what it holds already.

    Free is the least of what the machine and the process's cgroups have left.

    Returns
    -------
    int or None
        Where the system does not tell what is free, all memory that it has; None
        where it does not tell that either.
    """
    known = [size for size in (_machine(Path("/proc/meminfo")), *_cgroups()) if size is not None]
    return max(0, min(known)) + _held() if known else None


def _held() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * int(
            Path("/proc/self/statm").read_text("ascii").split()[1]
        )
    except (AttributeError, OSError, ValueError):
        return 0


def _machine(meminfo: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", meminfo.read_text("ascii"), re.MULTILINE)
    except OSError:
        found = None
    if found:
        return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Controller:
    """Names under which a version of cgroups tells of memory."""

    root: Path
    limit: str
    usage: str
    reclaimable: str


_VERSION_1 = _Controller(
    Path("/sys/fs/cgroup/memory"),
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
_VERSION_2 = _Controller(Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file")


def _cgroups(membership: Path = Path("/proc/self/cgroup")) -> list[int | None]:
    """Room in each memory cgroup that this process is in, up to the root."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    rooms: list[int | None] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        controller = _VERSION_1 if controllers else _VERSION_2
        inside = controller.root / path.lstrip("/")
        # A container may see its own cgroup as the root while the path names it from outside.
        folders = (one for one in (inside, *inside.parents) if one.is_relative_to(controller.root))
        rooms += [_room(folder, controller) for folder in folders]
    return rooms


def _room(folder: Path, controller: _Controller) -> int | None:
    """Limit less usage, where cached files that can be dropped do not count; None if unlimited."""
    try:
        limit = int((folder / controller.limit).read_text("ascii"))
        usage = int((folder / controller.usage).read_text("ascii"))
        stat = (folder / "memory.stat").read_text("ascii")
    except (OSError, ValueError):  # absent, or "max"
        return None
    found = re.search(rf"^{controller.reclaimable} (\d+)", stat, re.MULTILINE)
    return limit - usage + (int(found[1]) if found else 0)
