"""Arrays as pictures and facts as tables, in HTML that needs nothing else.

The lowest room that draws: it knows numbers, colours and text, and nothing of
scans. Objects of the rooms above show themselves with it.
"""

from distcorr.display.card import Facts, Picture, card
from distcorr.display.letters import EdgeLetters, framed
from distcorr.display.png import figure_image, grey_image, grey_pixels, pixel_image
from distcorr.display.window import robust_window

__all__ = [
    "EdgeLetters",
    "Facts",
    "Picture",
    "card",
    "figure_image",
    "framed",
    "grey_image",
    "grey_pixels",
    "pixel_image",
    "robust_window",
]
