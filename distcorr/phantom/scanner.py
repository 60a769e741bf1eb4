"""The simulated scanner: one anatomy, one protocol, one known field, one scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionFacts, Fact, Scanner
from distcorr.field import ScannerField
from distcorr.phantom import maps
from distcorr.phantom.anatomy import Anatomy, Raster, Sphere
from distcorr.phantom.motion import SideMotion
from distcorr.phantom.raster import IndexLattice, sample
from distcorr.phantom.settings import ScanSettings
from distcorr.space import Grid, Volume, rotation_scanner_patient, transform_points
from distcorr.space.frames import T_scanner_patient

Array = NDArray[np.float64]

NODE_MM = 10.0
"""Distance at which the exact map is solved; cubic splines between leave
1e-4 mm in the mean, 0.05 mm at most, within 200 mm of the isocentre."""

SUBSAMPLE_MM = 1.25
"""Widest gap between the samples that a voxel averages within its slice."""

PROFILE_STEP_MM = 0.9
"""Widest gap between the samples that a voxel averages through its slice."""

MAX_VALUE = 65535
"""Pixels are unsigned 16-bit integers, as scanners store them."""

SOURCE = "simulated"

SIMULATED_SCANNER = Scanner(
    manufacturer="SIEMENS",
    model="Simulated",
    serial="distcorr-phantom",
    field_strength_t=3.0,
    software="simulated",
)


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """A scan and everything that a real one keeps secret.

    Attributes
    ----------
    name : str
    volume : Volume
        Unsigned 16-bit brightness in patient LPS, as shown.
    body : ndarray of bool
        Body in shown space, on the volume's grid.
    settings : ScanSettings
    field : ScannerField
    T_patient_subject : ndarray, shape (4, 4)
        Where the subject lay: from its own frame to patient LPS.
    noise_sd : float
        Standard deviation of the noise in each channel, in pixel values.
    side_motion : SideMotion, optional
        How the sides had moved, after the subject was laid there.
    """

    name: str
    volume: Volume
    body: NDArray[np.bool_]
    settings: ScanSettings
    field: ScannerField
    T_patient_subject: Array
    noise_sd: float
    side_motion: SideMotion | None = None

    @property
    def T_scanner_patient(self) -> Array:
        """Transform from patient LPS to the scanner frame."""
        return T_scanner_patient(self.settings.patient_position, self.settings.isocentre_lps)

    @property
    def normal_scanner(self) -> Array:
        """Unit slice normal in the scanner frame."""
        return _normal_scanner(self.settings, self.volume.grid)

    @property
    def facts(self) -> AcquisitionFacts:
        """What a header would tell of this scan."""
        s = self.settings
        x, y, z = (float(v) for v in self.volume.grid.direction[:, 1 - s.readout_axis])
        return AcquisitionFacts(
            state=Fact(s.state, SOURCE),
            patient_position=Fact(s.patient_position, SOURCE),
            isocentre_lps=Fact(s.isocentre_lps, SOURCE),
            dimension=Fact(s.dimension, SOURCE),
            phase_encode_lps=Fact((x, y, z), SOURCE),
            bandwidth_per_pixel_hz=Fact(s.bandwidth_per_pixel_hz, SOURCE),
            scanner=SIMULATED_SCANNER,
            description=self.name,
        )

    def true_lps(self, shown_lps: ArrayLike) -> Array:
        """Say which tissue is shown at points (..., 3); NaN where the field folds."""
        return self._between(maps.shown_to_true, shown_lps)

    def shown_lps(self, true_lps: ArrayLike) -> Array:
        """Say where tissue at points (..., 3) is shown."""
        return self._between(maps.true_to_shown, true_lps)

    def _between(self, function, points_lps: ArrayLike) -> Array:  # type: ignore[no-untyped-def]
        T = self.T_scanner_patient
        moved = function(
            self.field, self.settings.state, self.normal_scanner, transform_points(T, points_lps)
        )
        return transform_points(np.linalg.inv(T), moved)

    def subject_of_true(self, true_lps: ArrayLike) -> Array:
        """Take true points (..., 3) of patient LPS to the subject's own frame."""
        still = true_lps if self.side_motion is None else self.side_motion.undone(true_lps)
        return transform_points(np.linalg.inv(self.T_patient_subject), still)

    def true_of_subject(self, points_subject: ArrayLike) -> Array:
        """Take points (..., 3) of the subject's own frame to true patient LPS."""
        laid = transform_points(self.T_patient_subject, points_subject)
        return laid if self.side_motion is None else self.side_motion.applied(laid)

    def __repr__(self) -> str:
        s = self.settings
        return f"SimulatedScan({self.name}: {s.plane} {s.state}, {self.volume!r})"


def acquire(
    anatomy: Anatomy,
    settings: ScanSettings,
    field: ScannerField,
    *,
    T_patient_subject: ArrayLike | None = None,
    side_motion: SideMotion | None = None,
    seed: int = 0,
    name: str = "scan",
) -> SimulatedScan:
    """Scan a subject.

    Each pixel is the mean over its slice profile of the tissue that the
    scanner's field and the vendor's correction show there, times the coil's
    sensitivity and, if asked for, the compression of the tissue; then Rician
    noise. Fat may be displaced on top of that (chemical shift); the truth of the
    scan is that of all other tissue.

    Parameters
    ----------
    anatomy : Anatomy
    settings : ScanSettings
    field : ScannerField
    T_patient_subject : array_like, shape (4, 4), optional
        Rigid placement of the subject in patient LPS; at the origin if absent.
    side_motion : SideMotion, optional
        Motion of the sides against each other, after that placement.
    seed : int
        Of the noise and the coil's sensitivity; equal seeds give equal pixels.
    name : str

    Returns
    -------
    SimulatedScan
    """
    T_ps = np.eye(4) if T_patient_subject is None else np.asarray(T_patient_subject, np.float64)
    rng = np.random.default_rng([seed, 0x5CA])
    grid = settings.grid()
    bias = _coil_sensitivity(rng, settings.bias)
    lattice = _solve_map(settings, field, grid, bias, side_motion)
    T_subject_patient: Array = np.asarray(np.linalg.inv(T_ps), dtype=np.float64)
    offsets = (
        _spread(1.0, settings.pixel_mm, SUBSAMPLE_MM),
        _spread(1.0, settings.pixel_mm, SUBSAMPLE_MM),
        _spread(
            settings.slice_thickness_mm / settings.slice_spacing_mm,
            settings.slice_thickness_mm,
            PROFILE_STEP_MM,
        ),
    )
    middle = (np.zeros(1), np.zeros(1), np.zeros(1))
    clean = _clean(anatomy, settings, grid, T_subject_patient, lattice, offsets)
    ones = IndexLattice(lattice.step, _unit_brightness(lattice.coefficients))
    body = _view(anatomy.body(), settings, grid, T_subject_patient, ones, middle) > 0.5
    if not body.any():
        raise DistcorrError(
            Code.NO_OVERLAP,
            "the field of view misses the subject",
            f"grid {grid!r}",
            "move the field of view, the table or the subject",
        )
    noise_sd = settings.noise * float(clean[body].mean())
    volume = Volume(_noisy(clean, noise_sd, rng), grid)
    return SimulatedScan(name, volume, body, settings, field, T_ps, noise_sd, side_motion)


def sphere_lps(scan: SimulatedScan, sphere: Sphere) -> Array:
    """Place of a sphere's centre in a scan's patient coordinates, true space."""
    return scan.true_of_subject(sphere.centre)


def _normal_scanner(settings: ScanSettings, grid: Grid) -> Array:
    return rotation_scanner_patient(settings.patient_position) @ grid.normal_lps


def _solve_map(
    settings: ScanSettings,
    field: ScannerField,
    grid: Grid,
    log_sensitivity: Array,
    side_motion: SideMotion | None,
) -> IndexLattice:
    """Solve the exact map at coarse nodes and interpolate between them.

    The lattice leads to where the tissue lay before its side moved.
    """
    step = NODE_MM / grid.spacing
    nodes_lps = transform_points(grid.T_lps_index, IndexLattice.node_indices(grid.size, step))
    T = T_scanner_patient(settings.patient_position, settings.isocentre_lps)
    shown = transform_points(T, nodes_lps)
    normal = _normal_scanner(settings, grid)
    true = maps.shown_to_true(field, settings.state, normal, shown)
    factor = _evaluate_sensitivity(log_sensitivity, shown)
    if settings.jacobian_brightness:
        factor = factor * maps.volume_ratio(field, settings.state, normal, shown, true)
    if side_motion is not None:
        true = transform_points(T, side_motion.undone(transform_points(np.linalg.inv(T), true)))
    return IndexLattice.through(np.concatenate([true - shown, factor[..., None]], axis=-1), step)


def _clean(
    anatomy: Anatomy,
    settings: ScanSettings,
    grid: Grid,
    T_subject_patient: Array,
    lattice: IndexLattice,
    offsets: tuple[Array, Array, Array],
) -> NDArray[np.float32]:
    """Image without noise; fat, if it is shifted, is sampled apart from the rest."""
    whole = anatomy.brightness(settings.contrast)
    if settings.fat_shift_pixels == 0.0:
        return _view(whole, settings, grid, T_subject_patient, lattice, offsets)
    fat = anatomy.fat(settings.contrast)
    rest = Raster(whole.array - fat.array, whole.origin, whole.spacing)
    i, j, k = offsets
    if settings.readout_axis == 0:
        shifted = (i - settings.fat_shift_pixels, j, k)
    else:
        shifted = (i, j - settings.fat_shift_pixels, k)
    still = _view(rest, settings, grid, T_subject_patient, lattice, offsets)
    return still + _view(fat, settings, grid, T_subject_patient, lattice, shifted)


def _view(
    raster: Raster,
    settings: ScanSettings,
    grid: Grid,
    T_subject_patient: Array,
    lattice: IndexLattice,
    offsets: tuple[Array, Array, Array],
) -> NDArray[np.float32]:
    T_raster_patient = raster.T_index_subject @ T_subject_patient
    R = rotation_scanner_patient(settings.patient_position)
    return sample(
        raster.array,
        T_raster_patient @ grid.T_lps_index,
        T_raster_patient[:3, :3] @ R.T,
        lattice,
        grid,
        offsets,
    )


def _unit_brightness(coefficients: Array) -> Array:
    """Copy of a lattice's coefficients that leaves the brightness alone."""
    out = coefficients.copy()
    out[3] = 1.0
    return out


def _spread(width: float, width_mm: float, gap_mm: float) -> Array:
    """Centres of equal parts of a voxel of ``width`` (indices), at most ``gap_mm`` apart."""
    count = int(np.ceil(width_mm / gap_mm - 1e-9))
    return width * ((np.arange(count) + 0.5) / count - 0.5)


def _coil_sensitivity(rng: np.random.Generator, sd: float) -> Array:
    """Draw plane waves of 350 to 800 mm: rows of wave vector, phase and amplitude."""
    count = 6
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wave = 2 * np.pi / rng.uniform(350, 800, (count, 1)) * direction
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    amplitude = np.full((count, 1), sd * np.sqrt(2 / count))
    return np.concatenate([wave, phase, amplitude], axis=1)


def _evaluate_sensitivity(waves: Array, points: Array) -> Array:
    angle = points @ waves[:, :3].T + waves[:, 3]
    return np.asarray(np.exp(np.sin(angle) @ waves[:, 4]))


def _noisy(clean: NDArray[np.float32], sd: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Add Rician noise and store as a scanner does."""
    if sd > 0:
        real = clean + np.float32(sd) * rng.standard_normal(clean.shape, dtype=np.float32)
        imaginary = np.float32(sd) * rng.standard_normal(clean.shape, dtype=np.float32)
        clean = np.hypot(real, imaginary)
    return np.clip(np.rint(clean), 0, MAX_VALUE).astype(np.uint16)
