"""How a scan was made, as far as it decides which scans look alike."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.header import Frame
from distcorr.dicom.read import read_dataset

_GROUPS = {
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "InversionTimes": "MRModifierSequence",
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """Contrast of a scan and when it was acquired; empty or None where not recorded.

    Attributes
    ----------
    sequence : str
        ScanningSequence, SequenceVariant and ScanOptions.
    echo_time_ms, repetition_time_ms, inversion_time_ms : float or None
    acquired : str
        Date and time of the acquisition, for comparison alone.
    image_type : tuple of str
        Upper case.
    names : tuple of str
        What people called it: series description and protocol. They may identify.
    """

    sequence: str = ""
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    acquired: str = ""
    image_type: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def read_protocol(frame: Frame) -> Protocol:
    """Read the protocol from the file of one of a scan's slices.

    Raises
    ------
    DistcorrError
        ``unreadable`` if the file can't be parsed.
    """
    ds = read_dataset(frame.path)
    with tags.quiet():
        inversion = _number(ds, "InversionTime")
        return Protocol(
            sequence="|".join(
                "\\".join(tags.tokens(ds, keyword))
                for keyword in ("ScanningSequence", "SequenceVariant", "ScanOptions")
            ).strip("|"),
            echo_time_ms=frame.labels.echo_time_ms,
            repetition_time_ms=_number(ds, "RepetitionTime"),
            inversion_time_ms=(_number(ds, "InversionTimes") if inversion is None else inversion),
            acquired=tags.text(ds, "AcquisitionDateTime")
            or tags.text(ds, "AcquisitionDate") + tags.text(ds, "AcquisitionTime"),
            image_type=frame.labels.image_type,
            names=(tags.text(ds, "SeriesDescription"), tags.text(ds, "ProtocolName")),
        )


def _number(ds: Dataset, keyword: str) -> float | None:
    """Find a number in the functional groups or in the data set itself."""
    group = _GROUPS.get(keyword, "")
    frames = [
        *tags.items(ds, "PerFrameFunctionalGroupsSequence")[:1],
        *tags.items(ds, "SharedFunctionalGroupsSequence")[:1],
    ]
    sources = [item for frame in frames for item in tags.items(frame, group)] if group else []
    values = (tags.number(source, keyword) for source in [*sources, ds])
    return next((value for value in values if value is not None), None)
