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

ONE_SLICE = "distcorr reads volumes only; the single slice is placed by its own header"
ORIENTATIONS = (
    "dicom2nifti makes the three orientations time points of one volume with the axial affine; "
    "SimpleITK stacks all 21 slices"
)
DROPPED = (
    "dicom2nifti leaves out orientations of fewer than 4 slices without a word; SimpleITK stacks "
    "all orientations, copies too"
)
ONE_PLACE = "SimpleITK stacks images of one place 1 mm apart"
ECHOES = "two echoes and phase maps of 30 places: dicom2nifti makes 60 slices, SimpleITK 120"
MPR = "SimpleITK stacks slices that are turned against each other; distcorr says so and refuses"
MOSAIC = "SimpleITK reads the mosaic as one slice"

NOTES: dict[tuple[str, str], str] = {
    ("acr_ge_3plane/01_3_Plane_Localizer_FF", "*"): ORIENTATIONS,
    ("acr_ge_3plane/05_3_Plane_Localizer_HF", "*"): ORIENTATIONS,
    ("acr_nd_vs_dis2d/acr_sag_DIS2D", "*"): ONE_SLICE,
    ("acr_nd_vs_dis2d/snr20ch_ND", "*"): ONE_SLICE,
    ("acr_nd_vs_dis2d/snr20ch_DIS2D_12coils", "*"): f"12 coils at one place; {ONE_PLACE}",
    ("edge/d2n_failing_gantrytilting_001", "*"): (
        "tilted by 14 degrees; SimpleITK stacks at a right angle; dicom2nifti's resampled volume "
        "takes the distance along the tilt for the step and ends before the last slice"
    ),
    ("edge/d2n_failing_notavolume_001", "*"): f"4 images of one place; {ONE_PLACE}",
    ("edge/d2n_failing_sliceincrement_001", "*"): (
        "a slice is missing: SimpleITK spreads the others evenly; dicom2nifti's resampling fills "
        "the hole by interpolation without a word"
    ),
    ("edge/d2n_failing_sliceincrement_002", "*"): (
        "tilted, and a slice is missing; where the first slice lies, the plane of dicom2nifti's "
        "resampled volume is empty"
    ),
    ("edge/d2n_failing_sliceorientation_001", "*"): "SimpleITK stacks both orientations",
    ("edge/d2n_ge_anatomical_001_single_slice", "*"): ONE_SLICE,
    ("edge/d2n_ge_fmri_001", "*"): "SimpleITK stacks both time points as slices",
    ("edge/ge_ffs_4d/03_Ax_fMRI_FF_I21.1_S05.9", "*"): (
        "SimpleITK stacks five time points as slices"
    ),
    ("edge/ge_mpr_wrong_spacing_tag", "*"): (
        "gaps of 6.96 to 7.07 mm: dcm2niix takes the first, 7.071 mm, for all 19"
    ),
    ("edge/multiecho_irregular", "*"): "SimpleITK stacks all echoes",
    ("edge/pydicom_mr_variants", "*"): (
        "the same slice eight times and damaged once: SimpleITK makes a volume of the copies, 1 mm "
        "apart; distcorr and dicom2nifti refuse all for the damaged one"
    ),
    ("edge/three_plane_localizer_jpegll", "*"): DROPPED,
    ("epi_3plane_mosaic/axasc35", "*"): MOSAIC,
    ("epi_3plane_mosaic/corasc35", "*"): (
        f"{MOSAIC}; dicom2nifti's slices are in reverse order, also against the NIfTI that came "
        "with the data"
    ),
    ("epi_3plane_mosaic/sagasc35", "*"): (
        f"{MOSAIC}; dicom2nifti's volume is mirrored left to right and 122 mm beside the NIfTI "
        "that came with the data"
    ),
    ("scout_dis3d/2001_AAHead_Scout", "*"): MPR,
    ("scout_dis3d/4001_AAHead_Scout", "*"): MPR,
    ("table_position/1301_Dual-echo_iso", "*"): ECHOES,
    ("table_position/2201_Dual-echo_FH-60_table_moved", "*"): ECHOES,
}
"""What makes readers differ, by folder and stack ("*" for all of a folder). What dcm2niix
and dicom2nifti get silently wrong was compared by hand: shapes, affines or voxels of what
they wrote against headers or a NIfTI that came with the data."""
