"""The truth about a simulated scan, written beside it.

truth.json              everything in numbers: field, motion, spheres, files
field.json              the field as solid harmonics
ID_points.npz           shown_lps and true_lps of random points of the body
ID_spheres_shown.nrrd   labels 1, 2, ... of the spheres, as the scan shows them
ID_spheres_true.nrrd    the same where they are
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.field import HarmonicField
from distcorr.images import write_volume
from distcorr.phantom.anatomy import Sphere
from distcorr.phantom.motion import BLEND_MM
from distcorr.phantom.scanner import SimulatedScan, sphere_lps
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]

POINTS_PER_SCAN = 20000

_CONVENTION = (
    "D_a(r) = sum mm * (|r|/R)^n * S_nm, real Schmidt semi-normalised, no Condon-Shortley phase, "
    "m >= 0 cos(m azimuth), m < 0 sin(|m| azimuth), polar axis z; scanner frame, mm; "
    "tissue at true r is shown, uncorrected, at r + D(r)"
)


def field_record(field: HarmonicField) -> dict[str, Any]:
    """Describe a field by its non-zero terms."""
    terms = [
        {"component": "xyz"[a], "n": term.n, "m": term.m, "mm": float(c)}
        for a in range(3)
        for term, c in zip(field.basis.terms, field.coefficients[a], strict=True)
        if c != 0.0
    ]
    return {
        "convention": _CONVENTION,
        "reference_radius_mm": field.basis.radius_mm,
        "terms": terms,
    }


def body_points(scan: SimulatedScan, count: int, seed: int) -> tuple[Array, Array]:
    """Draw points of the body: where the scan shows them and where they are.

    Points are spread within voxels. Those that the field folds are left out.

    Returns
    -------
    shown, true : ndarray, shape (at most count, 3)
        Patient LPS, mm.
    """
    rng = np.random.default_rng([seed, 0x9017])
    inside = np.flatnonzero(scan.body)
    chosen = np.sort(rng.choice(inside, min(count, len(inside)), replace=False))
    k, j, i = np.unravel_index(chosen, scan.body.shape)
    index = np.stack([i, j, k], axis=-1) + rng.uniform(-0.5, 0.5, (len(chosen), 3))
    shown = transform_points(scan.volume.grid.T_lps_index, index)
    true = scan.true_lps(shown)
    sound = np.isfinite(true).all(axis=-1)
    return shown[sound], true[sound]


def sphere_labels(
    scan: SimulatedScan, spheres: tuple[Sphere, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Label the spheres on the scan's grid, as shown and where they are."""
    shown, true = np.zeros(scan.body.shape, np.uint8), np.zeros(scan.body.shape, np.uint8)
    grid = scan.volume.grid
    for label, sphere in enumerate(spheres, start=1):
        centre = sphere_lps(scan, sphere)
        surface = centre + 1.1 * sphere.radius * _directions()
        for labels, outline, is_shown in (
            (shown, scan.shown_lps(surface), True),
            (true, surface, False),
        ):
            at = transform_points(grid.T_index_lps, outline)
            low = np.maximum(np.floor(at.min(0)).astype(int) - 1, 0)
            high = np.minimum(np.ceil(at.max(0)).astype(int) + 2, grid.size)
            if (high <= low).any():
                continue
            i, j, k = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)))
            points = transform_points(grid.T_lps_index, np.stack([i, j, k], axis=-1))
            where = scan.true_lps(points) if is_shown else points
            inside = np.linalg.norm(where - centre, axis=-1) <= sphere.radius
            labels[k[inside], j[inside], i[inside]] = label
    return shown, true


def sphere_surfaces(scan: SimulatedScan, spheres: tuple[Sphere, ...]) -> tuple[Array, Array]:
    """Spread points evenly over each sphere, where they are and as shown.

    Returns
    -------
    true, shown : ndarray, shape (spheres, points, 3)
        Patient LPS, mm.
    """
    true = np.stack([sphere_lps(scan, s) + s.radius * _directions() for s in spheres])
    return true, scan.shown_lps(true)


def write_scan_truth(
    scan: SimulatedScan, spheres: tuple[Sphere, ...], folder: Path, seed: int
) -> dict[str, Any]:
    """Write the files of one scan and return its record for ``truth.json``."""
    stem = scan.name.replace("/", "_")
    shown, true = body_points(scan, POINTS_PER_SCAN, seed)
    np.savez_compressed(folder / f"{stem}_points.npz", shown_lps=shown, true_lps=true)
    files = {"points": f"{stem}_points.npz"}
    if spheres:
        for kind, labels in zip(("shown", "true"), sphere_labels(scan, spheres), strict=True):
            name = f"{stem}_spheres_{kind}.nrrd"
            write_volume(Volume(labels, scan.volume.grid), folder / name)
            files[f"spheres_{kind}"] = name
        true_surface, shown_surface = sphere_surfaces(scan, spheres)
        name = f"{stem}_surfaces.npz"
        np.savez_compressed(folder / name, shown_lps=shown_surface, true_lps=true_surface)
        files["surfaces"] = name
    s = scan.settings
    displacement = np.linalg.norm(shown - true, axis=1)
    return {
        "name": scan.name,
        "plane": str(s.plane),
        "state": str(s.state),
        "patient_position": str(s.patient_position),
        "contrast": str(s.contrast),
        "isocentre_lps": list(s.isocentre_lps),
        "T_scanner_patient": scan.T_scanner_patient.tolist(),
        "T_patient_subject": scan.T_patient_subject.tolist(),
        "side_motion": _side_motion_record(scan),
        "fat_shift_pixels": s.fat_shift_pixels,
        "noise_sd": scan.noise_sd,
        "displacement_mm": {
            "mean": float(displacement.mean()),
            "p95": float(np.percentile(displacement, 95)),
            "max": float(displacement.max()),
        },
        "spheres": [
            {
                "name": sphere.name,
                "label": label,
                "centre_true_lps": sphere_lps(scan, sphere).tolist(),
                "radius_mm": sphere.radius,
            }
            for label, sphere in enumerate(spheres, start=1)
        ],
        "files": files,
    }


def write_json(record: dict[str, Any], path: Path) -> None:
    """Write a record for people and programs to read."""
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _side_motion_record(scan: SimulatedScan) -> dict[str, Any] | None:
    if scan.side_motion is None:
        return None
    left, right = scan.side_motion.T_left, scan.side_motion.T_right
    return {"T_left": left.tolist(), "T_right": right.tolist(), "blend_mm": BLEND_MM}


def _directions() -> Array:
    """Spread 200 directions over the sphere (Fibonacci lattice)."""
    n = np.arange(200) + 0.5
    z = 1 - 2 * n / 200
    azimuth = np.pi * (1 + 5**0.5) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=-1)
