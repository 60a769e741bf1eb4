"""A row of voxels: where they are shown, and what the scan shows there.

Loops run over the whole row and hold nothing that compilers can't turn into vectors.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from distcorr.apply.coarse import LONGEST
from distcorr.apply.lanes import LANES, linear_lanes
from distcorr.apply.sampling import edge_sum, inner_sum, within

_FUSED = {"contract"}
"""Lets a product and a sum become one instruction."""

_1, _2, _3 = np.uintp(1), np.uintp(2), np.uintp(3)


@njit(cache=True, inline="always")
def lagrange_weights(t, w):  # type: ignore[no-untyped-def]
    """Weights of nodes at -1, 0, 1, 2 in cubic interpolation at ``t``."""
    w[0] = -t * (t - 1) * (t - 2) / 6
    w[1] = (t + 1) * (t - 1) * (t - 2) / 2
    w[2] = -(t + 1) * t * (t - 2) / 2
    w[3] = (t + 1) * t * (t - 1) / 6


@njit(cache=True, fastmath=_FUSED)
def blend_planes(nodes, ck, cj, w, out):  # type: ignore[no-untyped-def]
    """Interpolate the four rows of nodes of a row of cells along k."""
    for b in range(4):
        for c in range(out.shape[1]):
            v0, v1 = nodes[ck, cj + b, c], nodes[ck + 1, cj + b, c]
            v2, v3 = nodes[ck + 2, cj + b, c], nodes[ck + 3, cj + b, c]
            blended = out[b, c]
            for a in range(out.shape[2]):
                blended[a] = w[0] * v0[a] + w[1] * v1[a] + w[2] * v2[a] + w[3] * v3[a]


@njit(cache=True, fastmath=_FUSED)
def blend_rows(planes, w, out):  # type: ignore[no-untyped-def]
    """Interpolate along j."""
    w0, w1, w2, w3 = w
    for c in range(out.shape[0]):
        v0, v1, v2, v3, blended = planes[0, c], planes[1, c], planes[2, c], planes[3, c], out[c]
        for a in range(out.shape[1]):
            blended[a] = w0 * v0[a] + w1 * v1[a] + w2 * v2[a] + w3 * v3[a]


@njit(cache=True, fastmath=_FUSED)
def places_of_row(line, step, w, at):  # type: ignore[no-untyped-def]
    """Where a row's voxels are shown; ``w`` are the weights of the voxels of a cell."""
    for c in range(at.shape[0]):
        nodes, row = line[c], at[c]
        # Numbers of voxels are constants and indices unsigned, for vectors.
        for cell in range(len(nodes) - 3):
            a, first = np.uintp(cell), np.uintp(cell * step)
            v0, v1, v2, v3 = nodes[a], nodes[a + _1], nodes[a + _2], nodes[a + _3]
            if step == 4:
                for n in range(4):
                    m = np.uintp(n)
                    row[first + m] = w[0, m] * v0 + w[1, m] * v1 + w[2, m] * v2 + w[3, m] * v3
            else:  # the next cell puts right what is too much
                for n in range(LONGEST):
                    m = np.uintp(n)
                    row[first + m] = w[0, m] * v0 + w[1, m] * v1 + w[2, m] * v2 + w[3, m] * v3


@njit(cache=True)
def values_of_row(flat, shape, taps, at, n, w, u, first, values, ok):  # type: ignore[no-untyped-def]
    """Interpolate at the places of a row's voxels; ``ok`` says which lie in the scan."""
    if taps == 1:
        _prepare(shape, 1, at[0], at[1], at[2], n, u[0], u[1], u[2], first, ok)
        for m in range(n):
            values[m] = flat[first[m]]
        return
    whole = (n + LANES - 1) // LANES * LANES
    _prepare(shape, taps, at[0], at[1], at[2], whole, u[0], u[1], u[2], first, ok)
    if min(shape) >= taps:
        _inner_values(flat, shape, taps, n, u, first, values, ok)
    if ok[:n].sum() == n:
        return
    for m in range(n):
        if not ok[m] and within(at[0, m], at[1, m], at[2, m], shape):
            ok[m] = True
            values[m] = edge_sum(flat, shape, taps, at[0, m], at[1, m], at[2, m], w)


@njit(cache=True, fastmath=_FUSED)
def _prepare(shape, taps, x, y, z, n, ux, uy, uz, first, ok):  # type: ignore[no-untyped-def]
    """Find fractions and first voxels; ``ok`` says where all voxels that act exist.

    Elsewhere the first voxel is that of the scan.
    """
    # Half a voxel more for the nearest voxel, which exists in the same places.
    shift, before = (0.5, 0.0) if taps == 1 else (0.0, taps // 2 - 1.0)
    low = before - shift
    high = low - taps + 1
    high_x, high_y, high_z = high + shape[2], high + shape[1], high + shape[0]
    row, plane = float(shape[2]), float(shape[2] * shape[1])
    back = before * (plane + row + 1.0)
    for m in range(n):
        xm, ym, zm = x[m], y[m], z[m]
        inner = (xm >= low) & (ym >= low) & (zm >= low)
        inner &= (xm < high_x) & (ym < high_y) & (zm < high_z)
        xf, yf, zf = np.floor(xm + shift), np.floor(ym + shift), np.floor(zm + shift)
        ux[m], uy[m], uz[m] = xm - xf, ym - yf, zm - zf
        # Whole numbers up to 2^53 are exact, and vectors have no products of long integers.
        first[m] = zf * plane + yf * row + xf - back if inner else 0.0
        ok[m] = inner


@njit(cache=True)
def _inner_values(flat, shape, taps, n, u, first, values, ok):  # type: ignore[no-untyped-def]
    """Interpolate where all voxels that act exist."""
    if taps == 2:
        row, plane = shape[2], shape[2] * shape[1]
        for m in range(0, n, LANES):
            linear_lanes(flat, first, u, values, m, row, plane)  # type: ignore[call-arg]
        return
    half = values.dtype.type(0.5)
    for m in range(n):
        if ok[m]:
            ux, uy, uz = u[0][m] - half, u[1][m] - half, u[2][m] - half
            values[m] = inner_sum(flat, shape, taps, first[m], ux, uy, uz)
