"""Painting of a digital lower body onto a raster.

Every tissue is a region bounded by a signed distance (mm, negative inside).
Layers are painted one over the other, each with the share of the voxel that it
covers, so that borders are as smooth as a real voxel makes them.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from distcorr.phantom.contrasts import Tissue
from distcorr.phantom.legs_body import HIP_HEIGHT_MM, Body, Side
from distcorr.phantom.texture import Tiles, at

Array = NDArray[np.float64]
Image = NDArray[np.float32]

# Numba freezes module constants; enumeration members it does not know.
_SKIN, _FAT, _MUSCLE, _FASCIA = (
    int(Tissue.SKIN),
    int(Tissue.FAT),
    int(Tissue.MUSCLE),
    int(Tissue.FASCIA),
)
_CORTEX, _MARROW, _CARTILAGE = int(Tissue.CORTEX), int(Tissue.MARROW), int(Tissue.CARTILAGE)
_VESSEL, _FLUID, _BOWEL = int(Tissue.VESSEL), int(Tissue.FLUID), int(Tissue.BOWEL)
_RED = int(Tissue.RED_MARROW)

MUSCLE_TEXTURE = 0.045
"""Standard deviation of the streaks in a muscle, relative to its brightness."""

GRAIN = 0.025
"""The same of the grain in every tissue."""

SEPTUM = 0.35
"""Darkening of fat in its thin fibrous septa."""


def paint(
    body: Body,
    tiles: Tiles,
    levels: Array,
    origin: Array,
    spacing_mm: float,
    shape: tuple[int, int, int],
) -> tuple[Image, Image]:
    """Paint a subject.

    Parameters
    ----------
    body : Body
    tiles : Tiles
    levels : ndarray
        Brightness of each :class:`Tissue`.
    origin : ndarray, shape (3,)
        Place of voxel 0, subject's frame, mm.
    spacing_mm : float
    shape : tuple of int
        (S, P, L).

    Returns
    -------
    image, mask : ndarray of float32
        Brightness, and share of body in each voxel.
    """
    image, mask = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    texture = (tiles.streaks, tiles.grain, tiles.waves)
    for sign, side in zip((1.0, -1.0), body.sides, strict=True):
        _paint_side(  # type: ignore[call-arg]
            sign, body.size, *_numbers(side), *texture, levels, origin, spacing_mm, image, mask
        )
    return image, mask


def _numbers(side: Side) -> tuple[Array, ...]:
    """Arrays of a side, in the order in which the kernel takes them."""
    general = np.array([*side.girth, side.fat_mm])
    return (
        side.head, side.knee, side.capsules, side.thigh, side.pelvis, side.tone,
        side.vessels, side.pelvic_bones, general,
    )  # fmt: skip


@njit(cache=True, fastmath=True)
def _smooth_min(a, b, k):  # type: ignore[no-untyped-def]
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@njit(cache=True, fastmath=True)
def _cover(value, level, distance, width):  # type: ignore[no-untyped-def]
    """Paint ``level`` over ``value`` where ``distance`` is negative, softly over ``width``."""
    share = min(max(0.5 - distance / width, 0.0), 1.0)
    return value + share * (level - value)


@njit(cache=True, fastmath=True)
def _capsule(x, y, z, c):  # type: ignore[no-untyped-def]
    """Distance to a tapered capsule."""
    vx, vy, vz = c[3] - c[0], c[4] - c[1], c[5] - c[2]
    px, py, pz = x - c[0], y - c[1], z - c[2]
    t = (px * vx + py * vy + pz * vz) / (vx * vx + vy * vy + vz * vz)
    t = min(max(t, 0.0), 1.0)
    dx, dy, dz = px - t * vx, py - t * vy, pz - t * vz
    return np.sqrt(dx * dx + dy * dy + dz * dz) - (c[6] + t * (c[7] - c[6]))


@njit(cache=True, fastmath=True)
def _ellipsoid(x, y, z, rx, ry, rz):  # type: ignore[no-untyped-def]
    """Distance, to first order, to an ellipsoid at the origin."""
    f = np.sqrt((x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2)
    return (f - 1.0) * min(rx, ry, rz)


@njit(cache=True, fastmath=True)
def _thigh_section(z, knee, head, size, general):  # type: ignore[no-untyped-def]
    """Centre and radii of the thigh's cross-section at height z."""
    t = min(max((z - knee[2]) / (40.0 * size - knee[2]), -0.3), 1.2)
    cx = knee[0] + t * (head[0] + 10.0 * size - knee[0])
    cy = knee[1] + t * (4.0 * size - knee[1])
    full = min(max(t, 0.0), 1.0)
    bulk = full * full * (3.0 - 2.0 * full)
    rx = size * general[0] * (57.0 + 26.0 * bulk)
    ry = size * general[1] * (60.0 + 26.0 * bulk)
    return cx, cy, rx, ry


@njit(cache=True, fastmath=True)
def _outline(x, y, z, section, size, general):  # type: ignore[no-untyped-def]
    """Distance to the skin: the trunk and the thigh, joined smoothly."""
    cx, cy, rx, ry = section
    thigh = (np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) - 1.0) * min(rx, ry)
    thigh = max(thigh, z - 80.0 * size)
    floor = 12.0 * size - z
    if floor > 60.0:
        return thigh
    a = size * general[0] * 178.0
    b = size * general[1] * 108.0
    trunk = ((abs(x) / a) ** 2.4 + (abs(y - 4.0) / b) ** 2.4) ** (1 / 2.4)
    trunk = (trunk - 1.0) * b
    trunk = -_smooth_min(-trunk, -floor, 30.0)
    return _smooth_min(thigh, trunk, 36.0)


@njit(cache=True, fastmath=True)
def _muscles_at(z, section, knee, size, thigh, pelvis, row):  # type: ignore[no-untyped-def]
    """Write place and handicap of every muscle at height z into ``row`` (MUSCLES, 3)."""
    cx, cy, rx, ry = section
    t = min(max((z - knee[2]) / (60.0 * size - knee[2]), 0.0), 1.0)
    for m in range(len(thigh)):
        q = thigh[m]
        above = max(z - q[5], 0.0)
        row[m, 0] = cx + rx * (q[2] + t * (q[0] - q[2]))
        row[m, 1] = cy + ry * (q[3] + t * (q[1] - q[3]))
        row[m, 2] = 1.5 * above * above - q[4] * q[4]
    for m in range(len(pelvis)):
        q = pelvis[m]
        out = max(q[2] - z, z - q[3], 0.0)
        row[len(thigh) + m, 0] = q[0]
        row[len(thigh) + m, 1] = q[1]
        row[len(thigh) + m, 2] = 1.5 * out * out - q[4] * q[4]


@njit(cache=True, fastmath=True)
def _muscle(x, y, row):  # type: ignore[no-untyped-def]
    """Nearest muscle and the distance to its border with the next."""
    best, second, which, other = 1e9, 1e9, 0, 0
    for m in range(row.shape[0]):
        d = (x - row[m, 0]) ** 2 + (y - row[m, 1]) ** 2 + row[m, 2]
        if d < best:
            second, other = best, which
            best, which = d, m
        elif d < second:
            second, other = d, m
    apart = np.sqrt((row[which, 0] - row[other, 0]) ** 2 + (row[which, 1] - row[other, 1]) ** 2)
    return which, (second - best) / (2.0 * max(apart, 10.0))


@njit(cache=True, fastmath=True)
def _soft(  # type: ignore[no-untyped-def]
    x, y, z, tx, skin, section, size, fat, row, tone, streaks, grain, waves, levels, width
):
    """Brightness of the soft tissue inside the skin; ``tx`` is x with its sign."""
    g = at(grain, tx, y, z)
    w0 = at(waves[0], tx, y, z)
    # Fat: thicker behind and at the side, thickest over the buttocks.
    cx, cy, rx, ry = section
    up = min(max(z / (120.0 * size), 0.0), 1.0)
    behind = (y - cy) / ry
    beside = (x - cx) / rx
    fat *= 1.0 + 0.25 * behind + 0.15 * beside + up * (0.5 + 0.8 * max(behind, 0.0))
    fat = max(fat + 1.2 * w0, 4.0)
    depth = skin + fat
    value = 0.0
    if depth > -1.5:
        value = levels[_FAT] * (1.0 + GRAIN * g)
        # Septa: thin sheets where a slow noise passes through zero.
        ridge = abs(at(waves[2], 2.2 * tx, 2.2 * y, 1.1 * z))
        value *= 1.0 - SEPTUM * max(0.0, 1.0 - ridge / 0.09)
        value = _cover(value, levels[_SKIN], -(skin + 2.0), width)
    if depth < 1.5:
        w1 = at(waves[1], tx, y, z)
        which, border = _muscle(x + 3.0 * w0, y + 3.0 * w1, row)
        shift = 37.0 * which
        streak = at(streaks, tx + shift, y + 2.0 * shift, z + 0.12 * tx)
        inside = levels[_MUSCLE] * (1.0 + tone[which] + MUSCLE_TEXTURE * streak + GRAIN * g)
        # Strands of fat inside the muscle, where the streaks are brightest.
        strand = min(max(0.0, streak - 2.0) * 0.5, 0.6)
        inside += strand * (levels[_FAT] - inside)
        if border < 3.0:
            between = levels[_FAT] + 0.35 * (levels[_FASCIA] - levels[_FAT])
            gap = 0.7 + 0.5 * max(at(waves[2], tx, y, z), -1.0)
            inside = _cover(inside, between, border - gap, width)
        value = _cover(value, inside, depth, width)
        value = _cover(value, levels[_FASCIA], abs(depth) - 0.5, width)
    return value


@njit(cache=True, fastmath=True)
def _pelvic_cavity(value, x, y, z, hip, size, grain, waves, levels, width):  # type: ignore[no-untyped-def]
    """Bladder, rectum and bowel in fat."""
    top = hip + 75.0 * size
    cavity = _ellipsoid(x, y - 2.0, z - top, 60.0 * size, 62.0 * size, 100.0 * size)
    if cavity > width:
        return value
    inner = levels[_FAT] * (1.0 + GRAIN * at(grain, x, y, z))
    loops = at(waves[0], 1.5 * x, 1.5 * y, 1.5 * z) + 0.012 * (z - top) - 0.3
    inner = _cover(inner, levels[_BOWEL], -8.0 * loops, 2 * width)
    rectum = _ellipsoid(x, y - 36.0, z - top + 20.0, 17.0, 15.0, 70.0)
    inner = _cover(inner, levels[_BOWEL], rectum, width)
    bladder = _ellipsoid(x, y + 26.0, z - hip - 30.0, 38.0, 28.0, 27.0)
    inner = _cover(inner, levels[_MUSCLE], bladder - 3.0, width)
    inner = _cover(inner, levels[_FLUID], bladder, width)
    return _cover(value, inner, cavity, width)


@njit(cache=True, fastmath=True)
def _hip_bone(value, x, y, z, head, hips, size, red, levels, width):  # type: ignore[no-untyped-def]
    """Pubis, ischium, sacrum, ilium and the socket of the hip."""
    hip = HIP_HEIGHT_MM * size
    dx, dy, dz = x - head[0], y - head[1], z - head[2]
    r = np.sqrt(dx * dx + dy * dy + dz * dz)
    bone = 1e9
    for c in hips:
        bone = _smooth_min(bone, _capsule(x, y, z, c), 5.0)
    sacrum = _ellipsoid(x, y - 62.0, z - hip - 85.0, 46.0 * size, 20.0 * size, 62.0 * size)
    wing = _ellipsoid(
        x - 48.0 * size, y - 5.0, z - hip - 110.0 * size, 74.0 * size, 78.0 * size, 98.0 * size
    )
    wing = max(abs(wing) - 4.5, 58.0 * size - x, hip + 22.0 * size - z, y - 60.0 * size)
    # The acetabulum: a cup around the head, open below and outwards.
    facing = (-0.72 * dx + 0.05 * dy + 0.69 * dz) / max(r, 1.0)
    cup = max(r - head[3] - 13.0, (0.05 - facing) * 20.0)
    bone = _smooth_min(min(bone, sacrum, wing), cup, 6.0)
    bone = max(bone, head[3] + 3.0 - r)
    lining = max(r - head[3] - 3.0, (-0.1 - facing) * 20.0)
    value = _cover(value, levels[_CARTILAGE], lining, width)
    value = _cover(value, levels[_CORTEX], bone, width)
    return _cover(value, red, bone + 1.8, width)


@njit(cache=True, fastmath=True)
def _leg_bone(value, x, y, z, head, knee, femur, size, yellow, levels, width):  # type: ignore[no-untyped-def]
    """Femur, of which ``femur`` is the distance without its head, patella and tibia."""
    r = np.sqrt((x - head[0]) ** 2 + (y - head[1]) ** 2 + (z - head[2]) ** 2) - head[3]
    # Thick cortex along the shaft, thin at both ends.
    t = (z - knee[2]) / (head[2] - knee[2])
    shaft = min(max(min(t - 0.12, 0.82 - t) * 12.0, 0.0), 1.0)
    cortex = 1.6 + 4.2 * size * shaft
    outer = min(femur, r)
    near_knee = z < knee[2] + 75.0 * size
    if near_knee:
        value = _cover(value, levels[_CARTILAGE], outer - 2.5, width)
    if outer < width:
        value = _cover(value, levels[_CORTEX], outer, width)
        value = _cover(value, yellow, min(femur + cortex, r + 1.8), width)
    if near_knee:
        kx, ky, kz = x - knee[0], y - knee[1], z - knee[2]
        patella = _ellipsoid(kx, ky + 40.0 * size, kz - 18.0, 21.0, 10.0, 22.0)
        taper = 40.0 * size - 0.18 * max(-24.0 * size - kz, 0.0)
        tibia = np.sqrt(kx * kx + (1.35 * (ky - 4.0)) ** 2) - taper
        bone = min(patella, max(tibia, kz + 24.0 * size))
        value = _cover(value, levels[_CORTEX], bone, width)
        value = _cover(value, yellow, bone + 1.8, width)
    return value


@njit(cache=True)
def _near(y, z, capsules, margin, found):  # type: ignore[no-untyped-def]
    """Write into ``found`` the capsules that a row of voxels may meet; return their number."""
    count = 0
    for m in range(len(capsules)):
        c = capsules[m]
        reach = max(c[6], c[7]) + margin
        if (
            z < max(c[2], c[5]) + reach
            and z > min(c[2], c[5]) - reach
            and y < max(c[1], c[4]) + reach
            and y > min(c[1], c[4]) - reach
        ):
            found[count] = m
            count += 1
    return count


@njit(cache=True, parallel=True, fastmath=True)
def _paint_side(  # type: ignore[no-untyped-def]
    sign, size, head, knee, capsules, thigh, pelvis, tone, vessels, hips, general,
    streaks, grain, waves, levels, origin, spacing, image, mask,
):  # fmt: skip
    hip = HIP_HEIGHT_MM * size
    for k in prange(image.shape[0]):
        z = origin[2] + k * spacing
        section = _thigh_section(z, knee, head, size, general)
        muscles = np.empty((len(thigh) + len(pelvis), 3))
        _muscles_at(z, section, knee, size, thigh, pelvis, muscles)
        near_bone = np.empty(len(capsules), np.int64)
        near_vessel = np.empty(len(vessels), np.int64)
        for j in range(image.shape[1]):
            y = origin[1] + j * spacing
            bones = _near(y, z, capsules, 12.0, near_bone)
            tubes = _near(y, z, vessels, 2 * spacing, near_vessel)
            for i in range(image.shape[2]):
                tx = origin[0] + i * spacing
                x = sign * tx
                if x < 0.0 or (x == 0.0 and sign < 0.0):
                    continue
                skin = _outline(x, y, z, section, size, general)
                if skin > 8.0:
                    continue
                skin += 1.5 * at(waves[1], tx, y, z)
                share = min(max(0.5 - skin / spacing, 0.0), 1.0)
                mask[k, j, i] = share
                if share == 0.0:
                    continue
                value = _soft(
                    x, y, z, tx, skin, section, size, general[2], muscles, tone,
                    streaks, grain, waves, levels, spacing,
                )  # fmt: skip
                if z > hip - 40.0:
                    value = _pelvic_cavity(
                        value, tx, y, z, hip, size, grain, waves, levels, spacing
                    )
                for m in range(tubes):
                    wall = _capsule(x, y, z, vessels[near_vessel[m]])
                    value = _cover(value, levels[_VESSEL], wall, spacing)
                g = 1.0
                if bones > 0 or z > hip - 90.0 * size or z < knee[2]:
                    g += 2.0 * GRAIN * at(grain, 1.3 * tx, 1.3 * y, 1.3 * z)
                if z > hip - 90.0 * size:
                    red = levels[_RED] * g
                    value = _hip_bone(value, x, y, z, head, hips, size, red, levels, spacing)
                femur = 1e9
                for m in range(bones):
                    part = _capsule(x, y, z, capsules[near_bone[m]])
                    femur = _smooth_min(femur, part, 7.0)
                yellow = levels[_MARROW] * g
                value = _leg_bone(value, x, y, z, head, knee, femur, size, yellow, levels, spacing)
                image[k, j, i] = share * value
