"""Every refusal and warning of distcorr: its code, its meaning and its remedy.

One registry holds all of them, so that a message, its documentation and its
tests can't disagree. A refusal ends the work (:class:`DistcorrError`); a
warning travels with the result it concerns as a :class:`Finding`.
"""

from distcorr.errors.codes import Code, Severity
from distcorr.errors.findings import DistcorrError, Finding, in_order_of_harm, printable
from distcorr.errors.registry import REGISTRY, Entry

__all__ = [
    "REGISTRY",
    "Code",
    "DistcorrError",
    "Entry",
    "Finding",
    "Severity",
    "in_order_of_harm",
    "printable",
]
