"""Turn voxel values back into the stored integers of their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.header import Frame
from distcorr.dicom.writing import decimal_string
from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume


@dataclass(frozen=True, slots=True)
class StoredType:
    """How a pixel is stored.

    Attributes
    ----------
    allocated, stored : int
        BitsAllocated and BitsStored.
    signed : bool
        PixelRepresentation.
    """

    allocated: int
    stored: int
    signed: bool

    @classmethod
    def of(cls, ds: Dataset) -> StoredType:
        """Read the type from a header.

        Raises
        ------
        DistcorrError
            ``bad-format`` if the pixels are no integers of 8, 16 or 32 bits.
        """
        allocated, stored = tags.number(ds, "BitsAllocated"), tags.number(ds, "BitsStored")
        signed = tags.number(ds, "PixelRepresentation")
        if allocated not in (8, 16, 32) or stored is None or signed is None:
            raise DistcorrError(
                Code.BAD_FORMAT,
                "the source's pixels are no integers of 8, 16 or 32 bits",
                f"{tags.name_of('BitsAllocated')} is {tags.text(ds, 'BitsAllocated') or 'absent'}, "
                f"{tags.name_of('PixelRepresentation')} is "
                f"{tags.text(ds, 'PixelRepresentation') or 'absent'}",
                "write NRRD or NIfTI instead",
            )
        return cls(int(allocated), int(min(stored, allocated)), signed == 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type that holds one stored value."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.allocated // 8}")

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest stored value."""
        if self.signed:
            return -(2 ** (self.stored - 1)), 2 ** (self.stored - 1) - 1
        return 0, 2**self.stored - 1

    def widened(self) -> StoredType:
        """Return the type with all allocated bits in use."""
        return replace(self, stored=self.allocated)

    def put_into(self, ds: Dataset) -> None:
        """Write the type into a header."""
        ds.BitsAllocated, ds.BitsStored = self.allocated, self.stored
        ds.HighBit = self.stored - 1
        ds.PixelRepresentation = int(self.signed)


@dataclass(frozen=True, slots=True)
class Scaling:
    """What stored pixels of one slice mean: value = slope * pixel + intercept.

    Attributes
    ----------
    slope, intercept : float
    changed : bool
        Whether they differ from those of the source slice.
    """

    slope: float
    intercept: float
    changed: bool = False


class Quantiser:
    """Stores the slices of a volume as its source stored them.

    The source slice's own slope and intercept are used. Interpolation overshoots:
    values that BitsStored can't hold make use of all allocated bits, and values
    beyond these saturate. Where a source has another slope in each slice, a slice
    whose values came from brighter neighbours and don't fit gets a slope and
    intercept that hold them.

    Parameters
    ----------
    volume : Volume
    frames : sequence of Frame
        Slices of the source.
    stored : StoredType
        Of the source.
    """

    def __init__(self, volume: Volume, frames: Sequence[Frame], stored: StoredType) -> None:
        ends = (float(volume.array.min()), float(volume.array.max()))
        if not np.isfinite(ends).all():  # NaN anywhere is the least and the greatest value
            raise DistcorrError(
                Code.BAD_FORMAT, "NaN or infinite voxels can't be stored as DICOM pixels"
            )
        self._volume = volume
        scalings = {(frame.slope, frame.intercept) for frame in frames}
        self._varies = len(scalings) > 1 or frames[0].slope == 0
        self.stored = stored
        if not self._varies:
            own = Scaling(frames[0].slope, frames[0].intercept)
            pixels = [_pixel(end, own) for end in ends]
            low, high = stored.limits
            if min(pixels) < low or max(pixels) > high:
                self.stored = stored.widened()

    def scaling(self, k: int, source: Frame) -> Scaling:
        """Choose the scaling of slice ``k``; that of ``source`` if its values fit."""
        own = Scaling(source.slope, source.intercept)
        if not self._varies:
            return own
        low, high = self.stored.limits
        values = self._volume.array[k]
        least, greatest = float(values.min()), float(values.max())
        if own.slope:
            ends = (_pixel(least, own), _pixel(greatest, own))
            if min(ends) > low - 0.5 and max(ends) < high + 0.5:
                return own
        slope = float(decimal_string((greatest - least) / (high - low))) or 1.0
        return Scaling(slope, float(decimal_string(least - slope * low)), changed=True)

    def pixels(self, k: int, source: Frame) -> NDArray[Any]:
        """Return the stored pixels of slice ``k``, shape (rows, columns)."""
        values = self._volume.array[k]
        scaling = self.scaling(k, source)
        if values.dtype != self.stored.dtype or (scaling.slope, scaling.intercept) != (1.0, 0.0):
            values = np.rint(_pixel(values.astype(np.float64), scaling))
        stored: NDArray[Any] = np.clip(values, *self.stored.limits).astype(self.stored.dtype)
        if self._volume.valid is not None and source.padding is not None:
            stored[~self._volume.valid[k]] = self._padding(source.padding)
        return stored

    def _padding(self, padding: tuple[int, int]) -> Any:
        """Bring PixelPaddingValue to the stored type; headers mix up its sign."""
        wrapped = np.array([padding[0] % 2**self.stored.allocated], dtype=np.uint64)
        unsigned = np.dtype(f"u{self.stored.allocated // 8}")
        return wrapped.astype(unsigned).view(self.stored.dtype)[0]


def _pixel(value: Any, scaling: Scaling) -> Any:
    return (value - scaling.intercept) / scaling.slope
