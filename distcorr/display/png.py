"""Images as data that a page holds itself."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]

DPI = 130
OUTSIDE = (38, 56, 82)
"""Colour of pixels that a scan doesn't reach; no grey, so that it isn't taken for air."""

OUTSIDE_COLOUR = "#" + bytes(OUTSIDE).hex()
"""The same for figures."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2
"""Filter that stores the difference from the line above (PNG specification, 9.2)."""


def figure_image(figure: Figure, dpi: int | None = None) -> str:
    """Draw a figure; as data URI of a PNG, the same bytes for the same figure.

    Parameters
    ----------
    figure : Figure
    dpi : int, optional
        Pixels for each of its inches, :data:`DPI` by default.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes half a second

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # The writer's version would make equal figures differ in bytes.
    figure.savefig(buffer, format="png", dpi=dpi or DPI, metadata={"Software": None})
    return _uri(buffer.getvalue())


def grey_image(image: NDArray[np.float32], window: tuple[float, float]) -> str:
    """Draw a cut in grey, one pixel for each of its own; as data URI of a PNG.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        NaN where the scan does not reach.
    window : tuple of float
        Values shown as black and white.
    """
    return pixel_image(grey_pixels(image, window))


def grey_pixels(image: NDArray[np.float32], window: tuple[float, float]) -> Pixels:
    """Colour a cut in grey, and with :data:`OUTSIDE` where it is NaN.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    window : tuple of float
        Values shown as black and white.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
        Red, green, blue.
    """
    low, high = window
    grey = np.clip((np.where(np.isnan(image), low, image) - low) / (high - low), 0, 1)
    pixels = np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=-1)
    pixels[np.isnan(image)] = OUTSIDE
    return pixels


def pixel_image(pixels: Pixels) -> str:
    """Encode pixels, shape (rows, columns, 3), red, green, blue; as data URI of a PNG."""
    rows, columns, _ = pixels.shape
    # Numbers of unsigned bytes wrap around, as the filter wants.
    lines = np.diff(pixels.reshape(rows, -1), axis=0, prepend=np.uint8(0))
    filtered = np.concatenate([np.full((rows, 1), _UP, np.uint8), lines], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = (
        (b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b"")
    )  # fmt: skip
    return _uri(_SIGNATURE + b"".join(_chunk(name, content) for name, content in parts))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
