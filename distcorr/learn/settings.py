"""Settings of the fit, all of them recorded in the correction."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FitSettings(BaseModel):
    """How to fit.

    Attributes
    ----------
    max_degree : int
        Largest degree of the harmonics.
    lattice_spacing_mm : float
        Node distance of the stored B-spline lattice.
    remainder_spacing_mm : float
        Node distance of the B-spline remainder.
    extent_mm : float
        Half the edge of the cube around the isocentre that the stored lattice
        covers.
    sd_limit_mm : float
        Standard deviation of D at which the correction starts to fade out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_degree: int = Field(default=9, ge=2, le=15)
    lattice_spacing_mm: float = Field(default=25.0, ge=10, le=60)
    remainder_spacing_mm: float = Field(default=60.0, ge=30, le=120)
    extent_mm: float = Field(default=350.0, ge=100, le=600)
    sd_limit_mm: float = Field(default=2.0, gt=0, le=20)
