"""What was found by hand about single series and messages, for ``compare_loaders.py``."""

from __future__ import annotations

UNRELATED: dict[str, tuple[str, ...]] = {
    "distcorr": (
        r"\[(state-unknown|patient-position-unknown|residual-distortion)\]",
        r"\[(isocentre-|table-moved|thickness-is-not-spacing|spacing-tag-disagrees)",
        r"\[duplicate-identical\]",
    ),
    "dcm2niix": (
        r"^Defaults ignored|^::autoBids|^Philips Scaling|^Saving as 32-bit",
        r"Empty protocol name|Patient Position \(0018,5100\) not specified",
        r"Unable to determine manufacturer|Missing GE protocol|GE Slice timing",
        r"Issue870|SLICETIMING|issue 236|stored as \d+ fragments",
        r"DUPLICATES REMOVED",
    ),
    "SimpleITK": (),
    "dicom2nifti": (
        r"^-+$|^\[.*\]$|^Instance Number: \d+$|RuntimeWarning|UserWarning",
        r"Removing duplicate slice",
    ),
    "dicom2nifti, resampling": (
        r"^-+$|^\[.*\]$|^Instance Number: \d+$|RuntimeWarning|UserWarning",
        r"Removing duplicate slice",
    ),
}
"""Messages that say nothing about where slices are, by tool: facts that concern other
things, decoration, and that identical copies were used once. All others count."""

ONE_SLICE = "single slices: distcorr reads volumes only and refuses"

NOTES: dict[tuple[str, str], str] = {}
