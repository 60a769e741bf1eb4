"""What is compared, and the distributions that it needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from peers import ants_syn, elastix, greedy, simpleitk_bspline
from peers.bias import without_bias
from peers.pairs import AlignedPair, PairField


class Method(StrEnum):
    """Ways to a correction, in the order of the table."""

    NOTHING = "nothing"
    SIMPLEITK_BSPLINE = "simpleitk-bspline"
    ELASTIX_DEFAULT = "elastix-default"
    ELASTIX_TUNED = "elastix-tuned"
    ANTS_SYN = "ants-syn"
    ANTS_BSPLINE_SYN = "ants-bspline-syn"
    GREEDY = "greedy"
    FAULTLESS = "faultless-registration"
    DISTCORR_ONE = "distcorr-one"
    DISTCORR_TWO = "distcorr-two"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class Peer:
    """A registration tool.

    Attributes
    ----------
    title : str
        Its row in the table.
    distribution : str
        What to install.
    register : callable
        Registers one pair.
    even : bool
        Whether N4 takes the receive fields out of both scans first. What compares
        small neighbourhoods does without: ANTs SyN left half as much again with N4.
    """

    title: str
    distribution: str
    register: Callable[[AlignedPair], PairField]
    even: bool

    def field_of(self, pair: AlignedPair) -> PairField:
        """Register one pair, prepared as this tool needs it."""
        return self.register(without_bias(pair) if self.even else pair)

    @property
    def version(self) -> str | None:
        """Installed version; None if the tool is absent."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None

    @property
    def source(self) -> str:
        """Name of the file with the tool's settings."""
        return Path(inspect.getfile(self.register)).name


PEERS = {
    Method.SIMPLEITK_BSPLINE: Peer(
        "SimpleITK B-spline", "SimpleITK", simpleitk_bspline.register, even=True
    ),
    Method.ELASTIX_DEFAULT: Peer(
        "elastix B-spline, default map", "itk-elastix", elastix.register_default, even=True
    ),
    Method.ELASTIX_TUNED: Peer(
        "elastix B-spline, tuned", "itk-elastix", elastix.register_tuned, even=True
    ),
    Method.ANTS_SYN: Peer("ANTs SyN, CC", "antspyx", ants_syn.register_syn, even=False),
    Method.ANTS_BSPLINE_SYN: Peer(
        "ANTs BSplineSyN, CC", "antspyx", ants_syn.register_bspline_syn, even=False
    ),
    Method.GREEDY: Peer("greedy, NCC", "picsl-greedy", greedy.register, even=False),
}

TITLES = {
    Method.NOTHING: "nothing",
    **{method: peer.title for method, peer in PEERS.items()},
    Method.FAULTLESS: "a registration without fault",
    Method.DISTCORR_ONE: "distcorr, one reference",
    Method.DISTCORR_TWO: "distcorr, two references",
    Method.ORACLE: "the true field",
}
