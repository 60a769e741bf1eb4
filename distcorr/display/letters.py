"""Letters at the edges of a picture that say where the patient's sides are.

They are pixels of the picture: notebook viewers that take styles out of HTML, or
that show it on a dark page, can neither move nor hide them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MARGIN_PIXELS = 28
"""Black frame with room for a letter, or two letters beside each other."""

_SCALE = 2
_INK = 235
_GLYPHS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "I": "11111 00100 00100 00100 00100 00100 11111",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
}
"""Rows of 5 pixels, from above."""


@dataclass(frozen=True, slots=True)
class EdgeLetters:
    """Names of the four edges: one or two of A, P, L, R, S, I each."""

    left: str
    right: str
    top: str
    bottom: str


def framed(pixels: Pixels, letters: EdgeLetters) -> Pixels:
    """Put a black frame with letters around a picture.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (rows, columns, 3)
    letters : EdgeLetters

    Returns
    -------
    ndarray of uint8, shape (rows + 2 m, columns + 2 m, 3)
        m is ``MARGIN_PIXELS``.
    """
    m = MARGIN_PIXELS
    canvas = np.pad(pixels, ((m, m), (m, m), (0, 0)))
    rows, columns, _ = canvas.shape
    for text, row, column in (
        (letters.left, rows // 2, m // 2),
        (letters.right, rows // 2, columns - m // 2),
        (letters.top, m // 2, columns // 2),
        (letters.bottom, rows - m // 2, columns // 2),
    ):
        _stamp(canvas, _word(text), row, column)
    return canvas


def _word(text: str) -> NDArray[np.bool_]:
    """Pixels of a word, a column free between its letters."""
    gap = np.zeros((7, 1), dtype=bool)
    parts = [part for letter in text for part in (_glyph(letter), gap)]
    word = np.concatenate(parts[:-1], axis=1)
    return np.kron(word, np.ones((_SCALE, _SCALE), dtype=bool))


def _glyph(letter: str) -> NDArray[np.bool_]:
    return np.array([[bit == "1" for bit in row] for row in _GLYPHS[letter].split()])


def _stamp(canvas: Pixels, word: NDArray[np.bool_], row: int, column: int) -> None:
    """Colour a word's pixels on the canvas, centred on a place."""
    height, width = word.shape
    top, left = row - height // 2, column - width // 2
    canvas[top : top + height, left : left + width][word] = _INK
