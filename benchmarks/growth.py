"""How cost grows: a cost that is linear in its causes, fitted to what was measured.

Costs span orders of magnitude, and so do the errors of measuring them: what is made
small is the sum of squares of the relative residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pages import Table

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Growth:
    """A fitted cost.

    Attributes
    ----------
    names : tuple of str
        Of the causes.
    unit_cost : ndarray, shape (k,)
        Cost of one unit of each cause.
    covariance : ndarray, shape (k, k)
        Of the unit costs, from the scatter of the residuals; NaN where there are no
        more measurements than causes.
    causes : ndarray, shape (m, k)
    measured : ndarray, shape (m,)
    """

    names: tuple[str, ...]
    unit_cost: Array
    covariance: Array
    causes: Array
    measured: Array

    @classmethod
    def fitted(cls, names: Sequence[str], causes: ArrayLike, measured: ArrayLike) -> Growth:
        """Fit by least squares of relative residuals.

        Parameters
        ----------
        names : sequence of str
        causes : array_like, shape (m, k)
            How much of each cause every measurement had.
        measured : array_like, shape (m,)
            Positive.

        Raises
        ------
        ValueError
            If the measurements can't tell the causes apart.
        """
        x, y = np.asarray(causes, np.float64), np.asarray(measured, np.float64)
        relative = x / y[:, None]
        if np.linalg.matrix_rank(relative) < x.shape[1]:
            raise ValueError(f"these measurements can't tell {', '.join(names)} apart")
        cost = np.linalg.lstsq(relative, np.ones(len(y)), rcond=None)[0]
        free = len(y) - len(cost)
        squares = float(((1.0 - relative @ cost) ** 2).sum())
        variance = squares / free if free else float("nan")
        return cls(tuple(names), cost, variance * np.linalg.inv(relative.T @ relative), x, y)

    @property
    def residuals(self) -> Array:
        """Measured over fitted, less one; shape (m,)."""
        return np.asarray(self.measured / (self.causes @ self.unit_cost) - 1.0)

    @property
    def standard_errors(self) -> Array:
        """Of the unit costs, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))

    def predicted(self, amounts: Sequence[float]) -> tuple[float, float]:
        """Cost of so much of each cause, and its standard error as far as the fit tells."""
        x = np.asarray(amounts, np.float64)
        return float(x @ self.unit_cost), float(np.sqrt(x @ self.covariance @ x))

    def unit_table(self, scale: float, unit: str) -> Table:
        """Show the unit costs, multiplied by ``scale`` into ``unit``."""
        rows = tuple(
            (name, _rounded(scale * cost, 3), _rounded(scale * error, 2))
            for name, cost, error in zip(
                self.names, self.unit_cost, self.standard_errors, strict=True
            )
        )
        return Table(("cause", unit, "standard error"), rows)


def _rounded(value: float, digits: int) -> str:
    """So many digits that count, without an exponent as long as there is none to need."""
    return f"{float(f'{value:.{digits}g}'):g}"
