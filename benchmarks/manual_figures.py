"""Draw the manual's pictures from the simulator.

    python benchmarks/manual_figures.py                     # all, a minute or two
    python benchmarks/manual_figures.py --only field-planes
    python benchmarks/manual_figures.py --into FOLDER --voxel 8

Pictures of physics need the field alone; those of a fit simulate and learn one cohort in
coarse voxels. Equal versions draw equal pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import manual_fit_figures as fits
import manual_physics_figures as physics
from manual_drawing import write_figures
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"
VOXEL_MM = 5.0
"""Coarse, so that the whole takes a minute or two; figures of accuracy are measured finer."""


def figures(voxel_mm: float) -> dict[str, Callable[[], Figure]]:
    """Return all pictures by name; a cohort is simulated when the first of its own is drawn."""
    study = cache(partial(fits.learned_study, voxel_mm))
    twins = cache(partial(fits.nd_twins, voxel_mm))
    return {
        "field-by-distance": physics.field_by_distance,
        "field-planes": physics.field_planes,
        "ball-by-state": physics.ball_by_state,
        "pair-differences": physics.pair_differences,
        "both-nd": lambda: fits.both_nd(twins()),
        "sd-and-support": lambda: fits.sd_and_support(study()),
        "error-by-distance": lambda: fits.error_by_distance(study()),
    }


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=sorted(figures(VOXEL_MM)), metavar="NAME")
    parser.add_argument("--voxel", type=float, default=VOXEL_MM, metavar="MM")
    args = parser.parse_args()
    wanted = {
        name: draw
        for name, draw in figures(args.voxel).items()
        if args.only is None or name in args.only
    }
    args.into.mkdir(parents=True, exist_ok=True)
    for path in write_figures(wanted, args.into):
        print(f"{path.name} {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
