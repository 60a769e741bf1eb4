"""The scanner's distortion D(r): harmonics, B-spline lattices, and both as fields.

Everything here lives in the scanner frame, in millimetres: tissue at true r
appears, without vendor correction, at r + D(r).
"""

from distcorr.field.bspline import Lattice
from distcorr.field.harmonics import HarmonicBasis, Term
from distcorr.field.scanner_field import HarmonicField, LatticeField, ScannerField

__all__ = ["HarmonicBasis", "HarmonicField", "Lattice", "LatticeField", "ScannerField", "Term"]
