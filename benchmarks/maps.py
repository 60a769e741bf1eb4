"""Time of the maps between true and shown points: array operations against fused kernels.

Prints nanoseconds of processor time per point for a lattice as corrections hold
it, for scans without vendor correction (ND) and with one in the plane (DIS2D),
and the largest difference between both ways. Usage:

    python benchmarks/maps.py [--points 1000000] [--repeat 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from distcorr.field import Lattice, LatticeField
from distcorr.field.implicit import (
    map_jacobian,
    map_jacobian_of_any,
    solve_map,
    solve_map_of_any,
)
from distcorr.phantom.fields import default_field

RADIUS_MM = 220.0
NORMAL = np.array([0.1, 0.98, -0.17]) / np.linalg.norm([0.1, 0.98, -0.17])
VENDOR = {"ND": np.zeros((3, 3)), "DIS2D": np.eye(3) - np.outer(NORMAL, NORMAL)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    lattice = Lattice.covering([-300] * 3, [300] * 3, 25.0)
    field = LatticeField(lattice.interpolating(default_field().displacement))
    points = np.random.default_rng(0).uniform(-RADIUS_MM, RADIUS_MM, (chosen.points, 3))
    eye = np.eye(3)
    print(f"{'map':24s} | arrays | fused | ns per point, one thread each; largest difference")
    for state, Q in VENDOR.items():
        shown = solve_map(field, points, eye, Q)
        rows: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray], tuple]] = {
            "true to shown": (solve_map_of_any, solve_map, (field, points, eye, Q)),
            "shown to true": (solve_map_of_any, solve_map, (field, shown, Q, eye)),
            "Jacobian": (map_jacobian_of_any, map_jacobian, (field, points, shown, eye, Q)),
        }
        for name, (arrays, fused, arguments) in rows.items():
            slow, expected = _time(arrays, arguments, chosen.repeat)
            fast, found = _time(fused, arguments, chosen.repeat)
            difference = np.nanmax(np.abs(found - expected))
            per_point = [1e9 * seconds / chosen.points for seconds in (slow, fast)]
            print(
                f"{f'{state} {name}':24s} | {per_point[0]:6.0f} | {per_point[1]:5.0f} | "
                f"{difference:.1e}"
            )


def _time(function: Callable[..., np.ndarray], arguments: tuple, repeat: int) -> tuple:
    function(*arguments)  # compiles
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        result = function(*arguments)
        best = min(best, time.process_time() - start)
    return best, result


if __name__ == "__main__":
    import numba

    numba.set_num_threads(1)
    with threadpool_limits(1):
        main()
