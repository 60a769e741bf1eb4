"""Volumes in NRRD and NIfTI files, through SimpleITK.

Both directions keep the geometry exactly: SimpleITK speaks LPS for every format,
NRRD stores LPS as it is, and NIfTI's RAS exists in the file alone.
"""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.facts import Fact
from distcorr.memory import Admit, Extent
from distcorr.outputs import whole_output
from distcorr.space import Grid, Volume

__all__ = [
    "SUFFIXES",
    "corrected_by",
    "from_sitk",
    "measure_volume",
    "read_image",
    "read_volume",
    "suffix_of",
    "to_sitk",
    "write_image",
    "write_volume",
]

SUFFIXES = (".nrrd", ".nii", ".nii.gz")
"""File names that are read and written."""

_NOTES = "ITK_FileNotes"
"""Key of a remark that ITK keeps in both formats: a key/value pair of NRRD, and
``descrip`` of NIfTI, which holds 79 characters."""

_MARK = "distcorr "
"""Begins the remark of a corrected volume; the correction's identifier follows."""

_ITK_COPIES = 2
"""Of an image while it becomes an array: ITK's own and the array."""

_NIFTI_VOXELS_AT = 108
"""Where a NIfTI-1 header holds ``vox_offset``, a little-endian float32 as ITK writes it."""


def suffix_of(path: Path) -> str:
    """Return the format's suffix of a file name.

    Raises
    ------
    DistcorrError
        ``bad-format`` if it is none of :data:`SUFFIXES`.
    """
    name = path.name.lower()
    found = [suffix for suffix in SUFFIXES if name.endswith(suffix)]
    if not found:
        raise DistcorrError(
            Code.BAD_FORMAT, "the file name names no known format", str(path),
            f"end it in one of {', '.join(SUFFIXES)}",
        )  # fmt: skip
    return max(found, key=len)


def read_volume(path: Path, admit: Admit | None = None) -> Volume:
    """Read a three-dimensional scalar volume.

    Parameters
    ----------
    path : Path
        NRRD or NIfTI file.
    admit : callable, optional
        Told the volume's size before any voxel is read; may refuse it by raising.

    Returns
    -------
    Volume
        In patient LPS.

    Raises
    ------
    DistcorrError
        ``not-found``, ``unreadable``, ``bad-format`` for other dimensions or
        several components, ``geometry-invalid``.
    """
    path = Path(path)
    if admit is not None:
        admit(measure_volume(path))
    image = read_image(path)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise DistcorrError(
            Code.BAD_FORMAT,
            "the image is no three-dimensional scalar volume",
            f"{path} has {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} components",
            "give one three-dimensional volume",
        )
    return from_sitk(image)


def _require_image(path: Path) -> None:
    suffix_of(path)
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, "no such file", str(path))


def _unreadable(path: Path, failure: RuntimeError) -> DistcorrError:
    reason = str(failure).strip().splitlines()[-1]
    return DistcorrError(Code.UNREADABLE, "the image can't be read", f"{path}: {reason}")


def read_image(path: Path) -> Any:
    """Read an image file as SimpleITK does.

    Returns
    -------
    SimpleITK.Image

    Raises
    ------
    DistcorrError
        ``bad-format``, ``not-found`` or ``unreadable``.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    _require_image(path)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as failure:
        raise _unreadable(path, failure) from failure


def measure_volume(path: Path) -> Extent:
    """Tell how large the volume is that :func:`read_volume` would read, from its header.

    Parameters
    ----------
    path : Path
        NRRD or NIfTI file.

    Returns
    -------
    Extent
        Images of more than three dimensions count all voxels along the third.

    Raises
    ------
    DistcorrError
        ``bad-format``, ``not-found`` or ``unreadable``.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    _require_image(path)
    reader: Any = sitk.ImageFileReader()  # type: ignore[no-untyped-call]
    try:
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size, spacing = list(reader.GetSize()), list(reader.GetSpacing())
        parts = reader.GetNumberOfComponents()
        one: Any = sitk.Image([1, 1], reader.GetPixelID(), parts)  # type: ignore[no-untyped-call]
    except RuntimeError as failure:
        raise _unreadable(path, failure) from failure
    itemsize = one.GetSizeOfPixelComponent() * one.GetNumberOfComponentsPerPixel()
    i, j, k = (*size[:2], math.prod(size[2:]))
    x, y, z = (*spacing, 1.0)[:3]
    copies = (_ITK_COPIES - 1) * i * j * k * itemsize
    return Extent((i, j, k), (x, y, z), itemsize, copies + path.stat().st_size)


def corrected_by(path: Path) -> Fact[str]:
    """Read from a file's header whether, and by which correction, distcorr made it.

    Parameters
    ----------
    path : Path
        NRRD or NIfTI file.

    Returns
    -------
    Fact of str
        The correction's identifier; unknown if the file bears no mark or can't be
        read, of which :func:`read_volume` tells the reason.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    reader: Any = sitk.ImageFileReader()  # type: ignore[no-untyped-call]
    try:
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
    except RuntimeError:
        return Fact()
    notes = reader.GetMetaData(_NOTES) if reader.HasMetaDataKey(_NOTES) else ""
    if not notes.startswith(_MARK):
        return Fact()
    return Fact(notes.removeprefix(_MARK).strip(), f"remark in the header of {path.name}")


def write_volume(
    volume: Volume, path: Path, *, overwrite: bool = False, correction: str | None = None
) -> None:
    """Write a volume; the file appears under its name only once it is complete.

    Parameters
    ----------
    volume : Volume
        ``valid`` is not stored.
    path : Path
        NRRD or NIfTI file; its folder is created.
    overwrite : bool
        Replace a file that is there.
    correction : str, optional
        Identifier of the correction that made the volume; :func:`corrected_by`
        finds it again.

    Raises
    ------
    DistcorrError
        ``output-exists``, ``disk-full``, ``output-unwritable``, ``bad-format``.
    """
    path = Path(path)
    suffix_of(path)
    with whole_output(path, overwrite=overwrite) as temporary:
        image = to_sitk(volume)
        if correction is not None:
            image.SetMetaData(_NOTES, _MARK + correction)
        write_image(image, temporary)


def write_image(image: Any, path: Path) -> None:
    """Write an image as SimpleITK does, and make sure that all of it is there.

    Parameters
    ----------
    image : SimpleITK.Image
    path : Path
        NRRD, MetaImage or NIfTI file, replaced if it exists; a temporary one, for a
        failure leaves what was written.

    Raises
    ------
    DistcorrError
        ``output-unwritable``.
    OSError
        If the system has a reason, such as a full disk.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    voxel_bytes = (
        image.GetNumberOfPixels()
        * image.GetNumberOfComponentsPerPixel()
        * image.GetSizeOfPixelComponent()
    )
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as failure:
        probe_room(path, voxel_bytes)
        raise DistcorrError(
            Code.OUTPUT_UNWRITABLE,
            "the output can't be written",
            f"{path}: {str(failure).strip().splitlines()[-1]}",
        ) from failure
    if not _complete(path, voxel_bytes):
        probe_room(path, voxel_bytes)
        raise cut_short(path)


def cut_short(path: Path) -> DistcorrError:
    """Make the refusal of an output of which a part is missing."""
    return DistcorrError(
        Code.OUTPUT_UNWRITABLE, "the output was cut short while it was written", str(path)
    )


def _complete(path: Path, voxel_bytes: int) -> bool:
    """Whether all voxels are in a file: ITK reports no error for most files cut short."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if path.name.endswith(".mha"):
            return size == _metaimage_bytes(stream)
        if path.name.endswith(".nii"):
            # Vectors and remarks have extensions behind the header, which says where it ends.
            return size == _voxels_at(stream) + voxel_bytes
        header = 0
        if path.name.endswith(".gz"):
            try:
                with gzip.open(stream, "rb") as content:
                    header = _voxels_at(content)
            except (EOFError, OSError):
                return False
        stream.seek(max(size - 4, 0))
        # A gzip stream ends with the length of what it holds.
        return int.from_bytes(stream.read(), "little") == (header + voxel_bytes) % 2**32


def _voxels_at(nifti: IO[bytes] | gzip.GzipFile) -> int:
    """Where the header of a NIfTI file says that voxels begin; 0 if it is cut itself."""
    start = nifti.read(_NIFTI_VOXELS_AT + 4)[_NIFTI_VOXELS_AT:]
    return int(struct.unpack("<f", start)[0]) if len(start) == 4 else 0


def _metaimage_bytes(stream: IO[bytes]) -> int:
    """Length that the text of a compressed MetaImage file promises; -1 if it is cut itself."""
    packed = 0
    for line in stream:
        name, _, value = line.decode("ascii", "replace").partition("=")
        if name.strip() == "CompressedDataSize":
            packed = int(value)
        if name.strip() == "ElementDataFile":
            return stream.tell() + packed
    return -1


def probe_room(path: Path, size: int) -> None:
    """Write ``size`` bytes for the reason that ITK keeps to itself.

    Raises
    ------
    OSError
        If the system has one.
    """
    path.unlink(missing_ok=True)
    chunk = bytes(1 << 20)
    with path.open("wb") as stream:
        for start in range(0, size, len(chunk)):
            stream.write(chunk[: size - start])


def from_sitk(image: Any) -> Volume:
    """Take a SimpleITK image over as a volume.

    A left-handed one, as dcm2niix writes most scans, has its second axis reversed:
    every voxel keeps its place, and the rows run again as in the DICOM images.

    Raises
    ------
    DistcorrError
        ``geometry-invalid`` if its grid is not right-angled.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    array = sitk.GetArrayFromImage(image)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    origin, spacing = np.array(image.GetOrigin()), np.array(image.GetSpacing())
    if np.linalg.det(direction) < 0:
        array = np.ascontiguousarray(array[:, ::-1])
        origin = origin + direction[:, 1] * spacing[1] * (array.shape[1] - 1)
        direction = direction * [1.0, -1.0, 1.0]
    return Volume(array, Grid(image.GetSize(), origin, spacing, direction))


def to_sitk(volume: Volume) -> Any:
    """Hand a volume over as a SimpleITK image."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    array = volume.array
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    image: Any = sitk.GetImageFromArray(native)
    image.SetOrigin(volume.grid.origin_lps.tolist())
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetDirection(volume.grid.direction.ravel().tolist())
    return image
