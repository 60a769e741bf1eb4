"""Three linked cuts through volumes: one cursor, slices to scroll through.

Where ipywidgets is installed and a kernel lives, sliders scroll through the slices
and move the cursor; everywhere else the same cuts are a picture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from distcorr.correction.planes import LAYOUTS, Layout
from distcorr.display.png import OUTSIDE_COLOUR
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]
Image = NDArray[np.float32]

VOXELS = 4e6
"""Of each volume in memory: at 2 mm more than a body; finer is not seen on a screen."""

FINEST_MM = 1.0
DPI = 80
WIDTH_IN = 12.0
LABELS_IN = 0.8
"""Beside and below a cut, for its numbers and names."""

CURSOR = "#ffb000"

AXES = ("x, left", "y, back", "z, head")
"""Directions of patient LPS."""


class LinkedCuts:
    """Coronal, axial and sagittal cut through one place, of volumes of one patient.

    Put it last in a notebook's cell. It shows itself with sliders and, beside them for
    front ends that can't run them, as a picture of all volumes.

    Parameters
    ----------
    volumes : mapping of str to Volume
        By name; on any grids of one patient frame. NaN is what a volume does not reach.
    cursor_lps : array_like, shape (3,), optional
        Where the cuts cross at first, mm; the middle by default.
    """

    def __init__(self, volumes: Mapping[str, Volume], cursor_lps: ArrayLike | None = None) -> None:
        if not volumes:
            raise ValueError("there is no volume to cut")
        corners = np.concatenate([volume.grid.corners_lps for volume in volumes.values()])
        low, high = corners.min(axis=0), corners.max(axis=0)
        self._step = max(FINEST_MM, float(np.prod(high - low) / VOXELS) ** (1 / 3))
        self._places = [
            np.arange(a, b, self._step) + self._step / 2 for a, b in zip(low, high, strict=True)
        ]
        self._arrays = {name: self._sampled(volume) for name, volume in volumes.items()}
        ends = [np.nanpercentile(array, (1.0, 99.5)) for array in self._arrays.values()]
        self._window = (float(np.min(ends)), float(np.max(ends)))
        middle = (low + high) / 2
        self.cursor_lps = self._nearest(middle if cursor_lps is None else cursor_lps)

    def __repr__(self) -> str:
        x, y, z = (round(place) for place in self.cursor_lps)
        return f"LinkedCuts({', '.join(self.names)}; LPS {x}, {y}, {z} mm)"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the volumes."""
        return tuple(self._arrays)

    @property
    def places(self) -> tuple[Array, Array, Array]:
        """Places to which the cursor can go along x, y and z, mm."""
        x, y, z = self._places
        return x, y, z

    def picture(self, names: tuple[str, ...] = (), cursor_lps: ArrayLike | None = None) -> bytes:
        """Draw the three cuts, a row for each volume; as PNG.

        Parameters
        ----------
        names : tuple of str
            Volumes to draw; all if empty.
        cursor_lps : array_like, shape (3,), optional
            Instead of ``cursor_lps`` of this object.
        """
        cursor = self._nearest(self.cursor_lps if cursor_lps is None else cursor_lps)
        chosen = names or self.names
        spans = [float(places[-1] - places[0]) for places in self._places]
        widths = [spans[layout.right] for layout in LAYOUTS.values()]
        tallest = max(spans[layout.up] for layout in LAYOUTS.values())
        height = (WIDTH_IN - 3 * LABELS_IN) * tallest / sum(widths) + LABELS_IN
        figure = Figure(figsize=(WIDTH_IN, height * len(chosen)), layout="constrained")
        panels = figure.subplots(
            len(chosen), 3, squeeze=False, gridspec_kw={"width_ratios": widths}
        )
        for row, name in zip(panels, chosen, strict=True):
            for axes, (plane, layout) in zip(row, LAYOUTS.items(), strict=True):
                self._draw(axes, name, layout, cursor)
                place = f"{'xyz'[layout.normal]} = {cursor[layout.normal]:.0f} mm"
                axes.set_title(f"{plane}, {place}", fontsize=10)
            row[0].set_ylabel(f"{name}\n\n{row[0].get_ylabel()}", fontsize=10)
        FigureCanvasAgg(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue()

    def controls(self) -> CutControls | None:
        """Make the sliders; None where ipywidgets is not installed."""
        return CutControls(self) if find_spec("ipywidgets") is not None else None

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Sliders for a live kernel, and for all else what they would show."""
        still = {
            "text/plain": repr(self),
            "image/png": base64.b64encode(self.picture()).decode(),
        }
        controls = self.controls()
        return still if controls is None else {**controls.box._repr_mimebundle_(), **still}

    def _sampled(self, volume: Volume) -> Image:
        """Sample a volume on the common lattice, (z, y, x)."""
        z, y, x = np.meshgrid(*reversed(self._places), indexing="ij")
        index = transform_points(volume.grid.T_index_lps, np.stack([x, y, z], axis=-1))
        coordinates = np.moveaxis(index[..., ::-1], -1, 0)
        array = volume.array.astype(np.float32)
        return np.asarray(
            map_coordinates(array, coordinates, order=1, mode="constant", cval=np.nan)
        )

    def _nearest(self, cursor_lps: ArrayLike) -> Array:
        """Return the place of the lattice that is nearest to a point."""
        wanted = np.asarray(cursor_lps, dtype=np.float64)
        if wanted.shape != (3,):
            raise ValueError(f"a cursor is three coordinates, got {wanted}")
        pairs = zip(self._places, wanted, strict=True)
        return np.array([places[np.argmin(np.abs(places - w))] for places, w in pairs])

    def _draw(self, axes: Axes, name: str, layout: Layout, cursor: Array) -> None:
        where: list[int | slice] = [slice(None)] * 3
        across = self._places[layout.normal]
        where[2 - layout.normal] = int(np.argmin(np.abs(across - cursor[layout.normal])))
        # What is left of (z, y, x) has its rows along "up", for these lie later in LPS.
        image = self._arrays[name][tuple(where)]
        right, up = self._places[layout.right], self._places[layout.up]
        half = self._step / 2
        extent = (right[0] - half, right[-1] + half, up[0] - half, up[-1] + half)
        low, high = self._window
        axes.set_facecolor(OUTSIDE_COLOUR)
        axes.imshow(image, cmap="gray", origin="lower", extent=extent, vmin=low, vmax=high)
        axes.axvline(cursor[layout.right], color=CURSOR, lw=0.8)
        axes.axhline(cursor[layout.up], color=CURSOR, lw=0.8)
        if layout.downwards:
            axes.invert_yaxis()
        axes.set_xlabel(f"{AXES[layout.right]}, mm", fontsize=9)
        axes.set_ylabel(f"{AXES[layout.up]}, mm", fontsize=9)
        axes.tick_params(labelsize=8)


class CutControls:
    """Sliders for the cursor, buttons for the volume, and the picture they change.

    Parameters
    ----------
    cuts : LinkedCuts

    Attributes
    ----------
    sliders : tuple of ipywidgets.SelectionSlider
        Along x, y and z: each scrolls one cut and moves the cursor in the others.
    volume : ipywidgets.ToggleButtons
        To flicker between volumes at one place.
    image : ipywidgets.Image
    box : ipywidgets.VBox
        All of them.
    """

    def __init__(self, cuts: LinkedCuts) -> None:
        import ipywidgets  # an optional dependency

        self._cuts = cuts
        start = cuts.cursor_lps
        self.sliders = tuple(
            ipywidgets.SelectionSlider(
                options=[(f"{place:.0f} mm", float(place)) for place in places],
                value=float(value),
                description=name,
            )
            for name, places, value in zip(AXES, cuts.places, start, strict=True)
        )
        self.volume = ipywidgets.ToggleButtons(options=cuts.names, value=cuts.names[0])
        self.image = ipywidgets.Image(value=self._picture(), format="png")
        for control in (*self.sliders, self.volume):
            control.observe(self._redraw, names="value")
        self.box = ipywidgets.VBox([self.volume, ipywidgets.HBox(self.sliders), self.image])

    def _picture(self) -> bytes:
        return self._cuts.picture((self.volume.value,), [one.value for one in self.sliders])

    def _redraw(self, change: object) -> None:
        del change
        self.image.value = self._picture()
