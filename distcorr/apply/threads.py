"""Share tasks among threads.

Kernels that release the lock of the interpreter take ranges of tasks from a queue,
so that a thread that is held up by other work leaves more to the others. As many
threads run as numba's own loops would use (``numba.set_num_threads``).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba

_SHARES = 16
"""Ranges for each thread: the last one to finish is late by less than a sixteenth."""


def share_out(work: Callable[[int, int], object], tasks: int) -> None:
    """Call ``work(start, stop)`` for consecutive ranges that make up ``range(tasks)``.

    Parameters
    ----------
    work : callable
        Must give the same results whatever the ranges and their order.
    tasks : int
    """
    threads = numba.get_num_threads()
    if threads == 1 or tasks <= 1:
        work(0, tasks)
        return
    edges = [tasks * n // (threads * _SHARES) for n in range(threads * _SHARES + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, edges[:-1], edges[1:]):
            pass
