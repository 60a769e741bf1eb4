"""What each refusal and warning means and what to do about it: one row for each."""

from __future__ import annotations

from dataclasses import dataclass

from distcorr.errors.codes import Code, Severity


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the registry.

    Attributes
    ----------
    severity : Severity
        Harm that follows if the finding is ignored.
    meaning : str
        What the code says, for the documentation.
    remedy : str
        What to do, unless the place that raises it knows better.
    """

    severity: Severity
    meaning: str
    remedy: str


REGISTRY: dict[Code, Entry] = {
    Code.NOT_FOUND: Entry(Severity.REFUSAL, "a file or folder does not exist", "check the path"),
    Code.NOT_DICOM: Entry(
        Severity.REFUSAL,
        "no DICOM image was found where one was expected",
        "give the folder that holds the series",
    ),
    Code.UNREADABLE: Entry(
        Severity.REFUSAL,
        "a file can't be parsed",
        "export the series again from the scanner or the archive",
    ),
    Code.PIXELS_UNREADABLE: Entry(
        Severity.REFUSAL,
        "the pixel data is truncated or can't be decoded",
        "export the series again, uncompressed if possible",
    ),
    Code.NO_PIXELS: Entry(
        Severity.REFUSAL, "the objects hold no pixel data", "give an image series"
    ),
    Code.OUTPUT_EXISTS: Entry(
        Severity.REFUSAL, "an output exists already", "give another name or remove it first"
    ),
    Code.OUTPUT_UNWRITABLE: Entry(
        Severity.REFUSAL, "an output can't be written", "check the folder, its rights and its space"
    ),
    Code.BAD_FORMAT: Entry(
        Severity.REFUSAL,
        "a file is of a format or kind that is not supported here",
        "use one of the formats that the message names",
    ),
    Code.TOO_LARGE: Entry(
        Severity.REFUSAL, "an input is larger than the stated limit", "crop or downsample it"
    ),
    Code.MEMORY_LIMIT: Entry(
        Severity.REFUSAL,
        "the work would take more memory than is free or than was allowed",
        "allow more with --max-memory where the machine has it, close other programs, or crop "
        "the scan",
    ),
    Code.GEOMETRY_MISSING: Entry(
        Severity.REFUSAL,
        "a tag that the geometry rests on is absent",
        "export the series again with its geometry; distcorr does not guess it",
    ),
    Code.GEOMETRY_INVALID: Entry(
        Severity.REFUSAL,
        "a geometry tag holds a value that is impossible",
        "export the series again; do not edit the tag by hand",
    ),
    Code.NOT_A_VOLUME: Entry(
        Severity.REFUSAL,
        "the images do not span a volume",
        "give a series with at least two parallel slices at different positions",
    ),
    Code.SEVERAL_VOLUMES: Entry(
        Severity.REFUSAL,
        "several volumes were found where one was expected",
        "name one of them with --part",
    ),
    Code.DUPLICATE_IDENTICAL: Entry(
        Severity.NOTE,
        "images occur twice with identical content and were used once",
        "nothing; remove the copies to silence this",
    ),
    Code.DUPLICATE_CONFLICT: Entry(
        Severity.REFUSAL,
        "several different images claim one position",
        "separate the acquisitions before loading",
    ),
    Code.SPACING_IRREGULAR: Entry(
        Severity.SERIOUS,
        "the slices are not equally spaced",
        "look at the listed gaps; the stack was resampled onto a regular grid",
    ),
    Code.SLICES_MISSING: Entry(
        Severity.SERIOUS,
        "slices are missing inside the stack",
        "export the series again completely; the gaps are masked, never stretched over",
    ),
    Code.STACK_SHEARED: Entry(
        Severity.SERIOUS,
        "each slice is shifted sideways against the one before (sheared or tilted stack)",
        "the stack was resampled onto a right-angled grid; check that this is intended",
    ),
    Code.NOT_PARALLEL: Entry(
        Severity.REFUSAL,
        "slices of one part are not parallel",
        "load the orientations separately",
    ),
    Code.SPACING_TAG_DISAGREES: Entry(
        Severity.WARNING,
        "a spacing tag disagrees with the slice positions",
        "nothing here: the positions are used; beware of software that trusts the tag",
    ),
    Code.THICKNESS_IS_NOT_SPACING: Entry(
        Severity.NOTE,
        "slices are thicker or thinner than their distance, as with gaps or overlap",
        "nothing here: the positions are used; beware of software that takes thickness for spacing",
    ),
    Code.SPLIT_BY_NUMBER: Entry(
        Severity.WARNING,
        "repeated volumes of one series are told apart by InstanceNumber alone",
        "check that each part is one time point",
    ),
    Code.PATIENTS_MIXED: Entry(
        Severity.REFUSAL,
        "images of several patients or studies share one series",
        "separate the patients before loading",
    ),
    Code.STATE_UNKNOWN: Entry(
        Severity.SERIOUS,
        "the header does not say whether the vendor corrected the distortion",
        "state it: ND, DIS2D, DIS3D or trusted",
    ),
    Code.POSITION_UNKNOWN: Entry(
        Severity.SERIOUS,
        "the patient position is not known, so the scanner frame is not either",
        "state the patient position (HFS, FFS, ...)",
    ),
    Code.ISOCENTRE_UNKNOWN: Entry(
        Severity.SERIOUS,
        "the place of the isocentre is not known, so the scanner frame is not either",
        "state isocentre_lps = [x, y, z], its place in patient coordinates in mm",
    ),
    Code.ISOCENTRE_UNVERIFIED: Entry(
        Severity.WARNING,
        "the place of the isocentre rests on a table position whose sign was never verified for "
        "this patient position",
        "check it with an object whose place is known, or state isocentre_lps",
    ),
    Code.TABLE_MOVED: Entry(
        Severity.SERIOUS,
        "the table moved within a series, so that it has no single isocentre",
        "load each station by itself",
    ),
    Code.PLACEMENT_ASSUMED: Entry(
        Severity.SERIOUS,
        "the place of the patient in the scanner was assumed for a stated reason",
        "make sure that the reason holds; better, state what is known",
    ),
    Code.STATED_OTHERWISE: Entry(
        Severity.SERIOUS,
        "what is stated about a scan contradicts its header or its sidecar",
        "make sure that the statement is right for this scan",
    ),
    Code.SIDECAR_INVALID: Entry(
        Severity.REFUSAL,
        "the sidecar beside a volume can't be right",
        "correct it, or move it away and state the facts",
    ),
    Code.FRAME_OF_REFERENCE_DIFFERS: Entry(
        Severity.WARNING,
        "two scans have different frames of reference",
        "check that the patient stayed on the table between them",
    ),
    Code.RESIDUAL_DISTORTION: Entry(
        Severity.WARNING,
        "the scan itself is geometrically distorted although it is loaded correctly",
        "learn a correction of this scanner and apply it",
    ),
    Code.POINTS_INVALID: Entry(
        Severity.REFUSAL, "points or pairs of points can't be right", "correct the named points"
    ),
    Code.POINTS_UNUSED: Entry(
        Severity.WARNING, "some points of a list could not be used", "complete them or remove them"
    ),
    Code.POINTS_DISAGREE: Entry(
        Severity.WARNING,
        "some pairs of points contradict all others and count for almost nothing",
        "check their labels and where they were placed",
    ),
    Code.MESH_INVALID: Entry(
        Severity.REFUSAL,
        "a file holds no usable surface",
        "open it in a viewer and save it again",
    ),
    Code.AXES_ASSUMED: Entry(
        Severity.WARNING,
        "a mesh file does not state the axes of its coordinates; LPS was taken, as Slicer does",
        "state them with --space LPS or RAS",
    ),
    Code.OUTSIDE_SCAN: Entry(
        Severity.SERIOUS,
        "something that is said to be drawn on a scan lies outside of it",
        "check that it belongs to this scan, and the axes (LPS or RAS) of its file",
    ),
    Code.NO_TRUE_PLACE: Entry(
        Severity.SERIOUS,
        "the correction shows no tissue at some places, so they could not be corrected",
        "do not use these points; they were left where they were",
    ),
    Code.LABEL_LOST: Entry(
        Severity.SERIOUS,
        "a label of a label map is not in the corrected one",
        "give another output grid with --like, or a finer label map",
    ),
    Code.DERIVED_DROPPED: Entry(
        Severity.NOTE,
        "parts of a file that do not hold for its corrected points were left out",
        "compute them anew",
    ),
    Code.ALREADY_CORRECTED: Entry(
        Severity.REFUSAL,
        "a file was corrected by distcorr before",
        "give the scan as acquired, or the file that was drawn on it",
    ),
    Code.MANIFEST_INVALID: Entry(
        Severity.REFUSAL,
        "the manifest breaks its schema",
        "correct the named key",
    ),
    Code.INPUTS_DIFFER: Entry(
        Severity.REFUSAL,
        "the files of a study are not those that were recorded or learned from",
        "restore them; if the change is meant, record or learn anew",
    ),
    Code.DOWNLOAD_FAILED: Entry(
        Severity.REFUSAL,
        "a public file can't be fetched",
        "check the network and run again, what was fetched stays; or copy it from a folder "
        "with --from",
    ),
    Code.HASH_MISMATCH: Entry(
        Severity.REFUSAL,
        "a file is not the one whose SHA-256 is listed",
        "fetch it again or give an unmodified copy; do not use this one",
    ),
    Code.NOTHING_TO_LEARN: Entry(
        Severity.REFUSAL,
        "the given pairs do not show the distortion at all",
        "add a pair whose two scans see it differently, or declare a scan trusted that is",
    ),
    Code.COMPONENT_UNSEEN: Entry(
        Severity.SERIOUS,
        "the pairs do not show one component of the distortion",
        "do not rely on it; add a pair that shows it",
    ),
    Code.NO_OVERLAP: Entry(
        Severity.REFUSAL,
        "two scans of a pair do not overlap",
        "check that both show the same body part in the same frame of reference",
    ),
    Code.SWAPPED: Entry(
        Severity.REFUSAL,
        "the scan given as axial is not axial, or the coronal is not coronal",
        "exchange the two in the manifest",
    ),
    Code.NO_CONTRAST: Entry(
        Severity.REFUSAL,
        "an image holds no structure that could be matched",
        "check the series",
    ),
    Code.NOT_CONVERGED: Entry(
        Severity.REFUSAL,
        "the fit did not converge",
        "look at the residuals in the report; leave out the reference that disagrees",
    ),
    Code.FOLDING: Entry(
        Severity.REFUSAL,
        "the field folds space onto itself",
        "do not use it; check the references",
    ),
    Code.DIFFERENT_SUBJECTS: Entry(
        Severity.SERIOUS,
        "the two scans of a pair seem to show different bodies",
        "check the pair in the manifest; --force REASON stores the correction all the same",
    ),
    Code.REFERENCES_CONTRADICT: Entry(
        Severity.SERIOUS,
        "references say different things of one scanner's field",
        "check scanner, patient position, isocentre and vendor states of each",
    ),
    Code.WORSE_THAN_NOTHING: Entry(
        Severity.SERIOUS,
        "the correction would make a reference worse than it is",
        "leave the named reference out; --force REASON stores the correction all the same",
    ),
    Code.REGION_UNMATCHED: Entry(
        Severity.WARNING,
        "part of a reference does not match between its scans, as around metal",
        "look at it; mask = in the manifest keeps it out of the fit",
    ),
    Code.SCANNERS_DIFFER: Entry(
        Severity.REFUSAL,
        "the references come from different scanners",
        "learn one correction for each scanner",
    ),
    Code.SEVERAL_SCANNERS: Entry(
        Severity.REFUSAL,
        "the scans come from several scanners where one has to be chosen",
        "choose one with --scanner: its serial number, its model, or all that is said of it here",
    ),
    Code.TOO_FEW_REFERENCES: Entry(
        Severity.REFUSAL,
        "more reference subjects are needed for this",
        "add a reference",
    ),
    Code.CORRECTION_INVALID: Entry(
        Severity.REFUSAL,
        "the correction file is damaged or incomplete",
        "learn it again or fetch an intact copy",
    ),
    Code.SCHEMA_UNKNOWN: Entry(
        Severity.REFUSAL,
        "the correction file has a schema that this version does not know",
        "install a newer distcorr",
    ),
    Code.WRONG_SCANNER: Entry(
        Severity.REFUSAL,
        "the scan comes from another scanner than the correction",
        "use the correction of that scanner",
    ),
    Code.SCANNER_UNKNOWN: Entry(
        Severity.WARNING,
        "it is not recorded whether the scan comes from the correction's scanner",
        "make sure that it does",
    ),
    Code.SCANNER_FORCED: Entry(
        Severity.SERIOUS,
        "the correction of another scanner was applied for a stated reason",
        "make sure that the reason holds",
    ),
    Code.SOFTWARE_DIFFERS: Entry(
        Severity.WARNING,
        "the scanner's software was changed between learning and this scan",
        "check a scan whose geometry is known, or learn again",
    ),
    Code.NOTHING_TO_CORRECT: Entry(
        Severity.REFUSAL,
        "the scan is already corrected in three dimensions",
        "use it as it is",
    ),
    Code.OUTSIDE_SUPPORT: Entry(
        Severity.WARNING,
        "part of the scan lies where the correction is not supported",
        "do not measure there; the mask tells where",
    ),
    Code.TRANSFORM_INEXACT: Entry(
        Severity.WARNING,
        "the exported transform approximates the correction",
        "use the displacement field where the stated error matters",
    ),
    Code.DISK_FULL: Entry(
        Severity.REFUSAL,
        "there is no room for an output",
        "free some space and run the same command again; finished scans are not repeated",
    ),
    Code.OUTPUT_IN_USE: Entry(
        Severity.REFUSAL,
        "another run writes into the output folder, or the folder can't be locked against one",
        "wait for it to end or give another folder",
    ),
    Code.OUTPUT_IN_INPUT: Entry(
        Severity.REFUSAL,
        "the output folder lies inside a scan's folder, whose content outputs would change",
        "give a folder outside of all scans",
    ),
    Code.INPUT_CHANGED: Entry(
        Severity.REFUSAL,
        "a scan's files changed or vanished while it was corrected",
        "run again once they are complete",
    ),
    Code.WORKER_DIED: Entry(
        Severity.REFUSAL,
        "the processes that worked on a scan died, the last while it did nothing else",
        "most often memory ran out: run again with a smaller --jobs",
    ),
    Code.CLUSTER_UNAVAILABLE: Entry(
        Severity.REFUSAL,
        "the Dask cluster can't be reached or has no worker",
        "check the address, and that scheduler and workers run; then run again",
    ),
    Code.PAGE_NOT_WRITTEN: Entry(
        Severity.WARNING,
        "the page about a batch could not be written; the results do not depend on it",
        "mend what the message names, then write it with distcorr report FOLDER OUT.html",
    ),
    Code.PACKAGE_MISSING: Entry(
        Severity.REFUSAL, "an optional package is not installed", "install the named extra"
    ),
    Code.INTERNAL: Entry(
        Severity.REFUSAL,
        "distcorr failed in a way that it did not foresee",
        "run again with --debug and report the traceback",
    ),
}
"""Severity, meaning and remedy of every code."""
