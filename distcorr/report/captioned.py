"""A figure as a notebook shows it: the report's own picture and one sentence about it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Captioned:
    """A figure with the sentence that says what good looks like.

    Parameters
    ----------
    image : str
        Data URI of a PNG, as the figure functions of this room return it.
    caption : str
    """

    image: str
    caption: str

    def __repr__(self) -> str:
        return f"Captioned({self.caption!r})"

    def _repr_html_(self) -> str:
        return (
            f'<figure><img src="{self.image}" alt="{escape(self.caption)}" '
            f'style="max-width:100%;background:white">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )

    def _repr_png_(self) -> str:
        """For front ends that show no HTML, base64 as Jupyter's protocol wants it."""
        return self.image.partition(",")[2]
