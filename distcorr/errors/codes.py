"""Names of all refusals and warnings, and how much harm they tell of."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How much harm a finding can do; larger is worse."""

    NOTE = 1
    WARNING = 2
    SERIOUS = 3
    REFUSAL = 4


class Code(StrEnum):
    """Names of all refusals and warnings, as shown in ``error[code]``."""

    # reading files
    NOT_FOUND = "not-found"
    NOT_DICOM = "not-dicom"
    UNREADABLE = "unreadable"
    PIXELS_UNREADABLE = "pixels-unreadable"
    NO_PIXELS = "no-pixels"
    OUTPUT_EXISTS = "output-exists"
    OUTPUT_UNWRITABLE = "output-unwritable"
    BAD_FORMAT = "bad-format"
    TOO_LARGE = "too-large"
    MEMORY_LIMIT = "memory-limit"
    # geometry of a series
    GEOMETRY_MISSING = "geometry-missing"
    GEOMETRY_INVALID = "geometry-invalid"
    NOT_A_VOLUME = "not-a-volume"
    SEVERAL_VOLUMES = "several-volumes"
    DUPLICATE_IDENTICAL = "duplicate-identical"
    DUPLICATE_CONFLICT = "duplicate-conflict"
    SPACING_IRREGULAR = "spacing-irregular"
    SLICES_MISSING = "slices-missing"
    STACK_SHEARED = "stack-sheared"
    NOT_PARALLEL = "not-parallel"
    SPACING_TAG_DISAGREES = "spacing-tag-disagrees"
    THICKNESS_IS_NOT_SPACING = "thickness-is-not-spacing"
    SPLIT_BY_NUMBER = "split-by-instance-number"
    PATIENTS_MIXED = "patients-mixed"
    # facts of the acquisition
    STATE_UNKNOWN = "state-unknown"
    POSITION_UNKNOWN = "patient-position-unknown"
    ISOCENTRE_UNKNOWN = "isocentre-unknown"
    ISOCENTRE_UNVERIFIED = "isocentre-unverified"
    TABLE_MOVED = "table-moved"
    PLACEMENT_ASSUMED = "placement-assumed"
    STATED_OTHERWISE = "stated-otherwise"
    SIDECAR_INVALID = "sidecar-invalid"
    FRAME_OF_REFERENCE_DIFFERS = "frame-of-reference-differs"
    RESIDUAL_DISTORTION = "residual-distortion"
    # points
    POINTS_INVALID = "points-invalid"
    POINTS_UNUSED = "points-unused"
    POINTS_DISAGREE = "points-disagree"
    # what was drawn on a scan
    MESH_INVALID = "mesh-invalid"
    AXES_ASSUMED = "axes-assumed"
    OUTSIDE_SCAN = "outside-scan"
    NO_TRUE_PLACE = "no-true-place"
    LABEL_LOST = "label-lost"
    DERIVED_DROPPED = "derived-dropped"
    ALREADY_CORRECTED = "already-corrected"
    # manifests
    MANIFEST_INVALID = "manifest-invalid"
    INPUTS_DIFFER = "inputs-differ"
    # public data
    DOWNLOAD_FAILED = "download-failed"
    HASH_MISMATCH = "hash-mismatch"
    # learning
    NOTHING_TO_LEARN = "nothing-to-learn"
    COMPONENT_UNSEEN = "component-unseen"
    NO_OVERLAP = "no-overlap"
    SWAPPED = "axial-coronal-swapped"
    NO_CONTRAST = "no-contrast"
    NOT_CONVERGED = "not-converged"
    FOLDING = "folding"
    DIFFERENT_SUBJECTS = "different-subjects"
    REFERENCES_CONTRADICT = "references-contradict"
    WORSE_THAN_NOTHING = "worse-than-nothing"
    REGION_UNMATCHED = "region-unmatched"
    SCANNERS_DIFFER = "scanners-differ"
    SEVERAL_SCANNERS = "several-scanners"
    TOO_FEW_REFERENCES = "too-few-references"
    # storing and applying
    CORRECTION_INVALID = "correction-invalid"
    SCHEMA_UNKNOWN = "schema-unknown"
    WRONG_SCANNER = "wrong-scanner"
    SCANNER_UNKNOWN = "scanner-unknown"
    SCANNER_FORCED = "scanner-forced"
    SOFTWARE_DIFFERS = "software-differs"
    NOTHING_TO_CORRECT = "nothing-to-correct"
    OUTSIDE_SUPPORT = "outside-support"
    TRANSFORM_INEXACT = "transform-inexact"
    # many scans at once
    DISK_FULL = "disk-full"
    OUTPUT_IN_USE = "output-in-use"
    OUTPUT_IN_INPUT = "output-in-input"
    INPUT_CHANGED = "input-changed"
    WORKER_DIED = "worker-died"
    CLUSTER_UNAVAILABLE = "cluster-unavailable"
    PAGE_NOT_WRITTEN = "page-not-written"
    PACKAGE_MISSING = "package-missing"
    INTERNAL = "internal"
