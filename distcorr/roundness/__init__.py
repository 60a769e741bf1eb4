"""How round a ball is shown: sphere, ellipsoid, squeeze and its significance."""

from distcorr.roundness.fit import Ellipsoid, Sphere, fit_ellipsoid, fit_sphere
from distcorr.roundness.measure import Roundness, measure_roundness
from distcorr.roundness.surface import Surface, labels_of, surface_of_label, surface_of_triangles

__all__ = [
    "Ellipsoid",
    "Roundness",
    "Sphere",
    "Surface",
    "fit_ellipsoid",
    "fit_sphere",
    "labels_of",
    "measure_roundness",
    "surface_of_label",
    "surface_of_triangles",
]
