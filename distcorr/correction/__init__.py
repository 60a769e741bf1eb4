"""The stored result: a scanner's field, where it is valid, and how it came about."""

from distcorr.correction.correction import FULL_SUPPORT, Correction
from distcorr.correction.records import (
    Axis,
    ComponentLeft,
    ComponentRevealed,
    Figures,
    InputRole,
    LeaveOneOutRow,
    Owner,
    Provenance,
    ProvenanceInput,
    ReferenceFigures,
    ShellFigures,
    ShiftShell,
    SpatialFigures,
)
from distcorr.correction.shells import SHELL_EDGES_MM, shell_figures

__all__ = [
    "FULL_SUPPORT",
    "SHELL_EDGES_MM",
    "Axis",
    "ComponentLeft",
    "ComponentRevealed",
    "Correction",
    "Figures",
    "InputRole",
    "LeaveOneOutRow",
    "Owner",
    "Provenance",
    "ProvenanceInput",
    "ReferenceFigures",
    "ShellFigures",
    "ShiftShell",
    "SpatialFigures",
    "shell_figures",
]
