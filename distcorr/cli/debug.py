"""Whether failures may show their traceback."""

from __future__ import annotations

import os

DEBUG_VARIABLE = "DISTCORR_DEBUG"


def debugging() -> bool:
    """Whether ``--debug`` was given."""
    return bool(os.environ.get(DEBUG_VARIABLE))
