"""The stored result: a scanner's field, where it is valid, and how it came about."""

from distcorr.correction.correction import FULL_SUPPORT, Correction
from distcorr.correction.records import (
    Axis,
    ComponentRevealed,
    Figures,
    InputRole,
    LeaveOneOutRow,
    Provenance,
    ProvenanceInput,
    ReferenceFigures,
    ShellFigures,
)
from distcorr.correction.shells import SHELL_EDGES_MM, shell_figures

__all__ = [
    "FULL_SUPPORT",
    "SHELL_EDGES_MM",
    "Axis",
    "ComponentRevealed",
    "Correction",
    "Figures",
    "InputRole",
    "LeaveOneOutRow",
    "Provenance",
    "ProvenanceInput",
    "ReferenceFigures",
    "ShellFigures",
    "shell_figures",
]
