"""Learn a scanner's geometric distortion from patients and correct its other scans.

The pipeline reads from the bottom of the import order to the top: ``errors``,
``display`` (pictures and facts as HTML), ``space`` (grids and frames),
``facts`` (what an acquisition says of itself), ``dicom`` and ``images``
(loading), ``field`` (the scanner's distortion),
``acquisition`` (how one scan shows that field), ``correction`` (the stored
result), ``learn`` and ``apply``, ``report`` and ``phantom``, ``cli``.
"""

__version__ = "0.1.0"
