"""Names of the formats and how one is chosen."""

from __future__ import annotations

from enum import Enum, StrEnum
from pathlib import Path

from distcorr.errors import Code, DistcorrError


class NiftiConvention(StrEnum):
    """Whose displacement field a NIfTI file holds; its name can't tell.

    ``ITK`` is the default because Slicer, SimpleITK and ANTs share it.
    """

    ITK = "itk"
    FSL = "fsl"
    FSL_ABSOLUTE = "fsl-absolute"


class TransformFormat(Enum):
    """Formats of an exported transform."""

    NRRD = "NRRD displacement field"
    MHA = "MetaImage displacement field"
    NIFTI = "NIfTI displacement field, ITK convention"
    FSL = "FSL warp, relative"
    FSL_ABSOLUTE = "FSL warp, absolute"
    H5 = "ITK transform, HDF5"
    TFM = "ITK transform, text"
    X5 = "X5 displacement field"

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return _SUFFIXES[self]

    @property
    def convention(self) -> NiftiConvention:
        """The convention that has to be named to get this format."""
        return _CONVENTIONS.get(self, NiftiConvention.ITK)

    @classmethod
    def of(cls, path: Path, convention: NiftiConvention = NiftiConvention.ITK) -> TransformFormat:
        """Choose by the suffix of a file name and, for NIfTI, by convention.

        Parameters
        ----------
        path : Path
        convention : NiftiConvention
            Must be ``ITK`` for files other than NIfTI.

        Raises
        ------
        DistcorrError
            ``bad-format`` if the suffix is none of these or does not go with the
            convention.
        """
        named = [kind for kind in cls if path.name.lower().endswith(kind.suffix)]
        if not named:
            known = ", ".join(dict.fromkeys(kind.suffix for kind in cls))
            raise DistcorrError(
                Code.BAD_FORMAT, f"{path.name} names no format of a transform", f"known: {known}"
            )
        for kind in named:
            if kind.convention is convention:
                return kind
        raise DistcorrError(
            Code.BAD_FORMAT,
            f"{path.name} can't hold a transform of the convention {convention}",
            "FSL warps are NIfTI files",
            "end the name in .nii.gz, or leave the convention out",
        )


_SUFFIXES = {
    TransformFormat.NRRD: ".nrrd",
    TransformFormat.MHA: ".mha",
    TransformFormat.NIFTI: ".nii.gz",
    TransformFormat.FSL: ".nii.gz",
    TransformFormat.FSL_ABSOLUTE: ".nii.gz",
    TransformFormat.H5: ".h5",
    TransformFormat.TFM: ".tfm",
    TransformFormat.X5: ".x5",
}

_CONVENTIONS = {
    TransformFormat.FSL: NiftiConvention.FSL,
    TransformFormat.FSL_ABSOLUTE: NiftiConvention.FSL_ABSOLUTE,
}
