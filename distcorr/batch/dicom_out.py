"""Write a corrected scan as the DICOM series derived from the one that was loaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from distcorr import __version__
from distcorr.apply import ApplyOptions, Corrected
from distcorr.batch.load import LoadedScan
from distcorr.correction import Correction
from distcorr.dicom import Derivation, Series, write_derived_series
from distcorr.dicom.derived import SUFFIX as DICOM_SUFFIX
from distcorr.errors import Code, DistcorrError

__all__ = ["DICOM_SUFFIX", "derivation_of", "require_series", "write_dicom"]


def require_series(loaded: LoadedScan) -> Series:
    """Return the DICOM series of a scan.

    Raises
    ------
    DistcorrError
        ``bad-format`` if the scan came from an image file.
    """
    if loaded.series is None:
        raise DistcorrError(
            Code.BAD_FORMAT,
            "only a scan that was read from DICOM can be written as DICOM",
            f"{loaded.scan.facts.description} holds no patient, study or series".strip(),
            "choose --format nrrd or nifti, or give the DICOM series",
        )
    return loaded.series


def write_dicom(
    loaded: LoadedScan,
    corrected: Corrected,
    correction: Correction,
    options: ApplyOptions,
    directory: Path,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write a corrected scan as a derived DICOM series.

    Parameters
    ----------
    loaded : LoadedScan
        From DICOM.
    corrected : Corrected
    correction : Correction
    options : ApplyOptions
        With which ``corrected`` was made.
    directory : Path
        Appears once it is complete.
    overwrite : bool
        Replace a derived series that is there.

    Returns
    -------
    list of Path
        The files, in the order of the slices.

    Raises
    ------
    DistcorrError
        As :func:`require_series` and :func:`distcorr.dicom.write_derived_series`.
    """
    return write_derived_series(
        require_series(loaded),
        corrected.volume,
        derivation_of(loaded, corrected, correction, options),
        directory,
        overwrite=overwrite,
    )


def derivation_of(
    loaded: LoadedScan, corrected: Corrected, correction: Correction, options: ApplyOptions
) -> Derivation:
    """Gather what the derived series says of its origin."""
    settings = {"state": loaded.scan.facts.state.value, **asdict(options)}
    reason = settings.pop("force_reason")
    return Derivation(
        correction_sha256=correction.identifier,
        input_sha256=loaded.sha256,
        version=__version__,
        options=tuple((name, str(value)) for name, value in settings.items()),
        supported_fraction=corrected.supported_fraction,
        largest_displacement_mm=corrected.largest_displacement_mm,
        force_reason=reason,
    )
