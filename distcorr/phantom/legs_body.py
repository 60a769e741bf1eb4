"""Measures of one digital lower body: bones, muscles, vessels and skin, in mm.

Each side is described for itself in coordinates (X, y, z) with X lateral, so
that left and right differ only by their own draws. z is head-wards; the origin
lies between the thighs, a hand's breadth below the hips. Sizes follow adult
anatomy: femoral head radius 22-26 mm, neck-shaft angle near 127 deg, distance
of the hips 175 mm, femur 430 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HIP_HEIGHT_MM = 100.0
"""Height of the femoral heads above the origin, before a subject's size."""

KNEE_HEIGHT_MM = -325.0

# Thigh: lateral and posterior place of each muscle within the cross-section (-1
# to 1) at the top and at the bottom, and its weight in mm (larger muscles claim
# more room). Order: rectus femoris, vastus lateralis, intermedius, medialis,
# sartorius, gracilis, adductor longus, adductor magnus, semimembranosus,
# semitendinosus, biceps long and short head.
_THIGH = np.array(
    [
        [0.12, -0.72, 0.08, -0.62, 14.0],
        [0.72, -0.25, 0.68, -0.30, 24.0],
        [0.28, -0.28, 0.20, -0.20, 18.0],
        [-0.25, -0.35, -0.52, -0.45, 20.0],
        [0.35, -0.88, -0.90, 0.25, 4.0],
        [-0.92, 0.02, -0.85, 0.52, 6.0],
        [-0.62, -0.25, -0.45, 0.05, 14.0],
        [-0.45, 0.28, -0.35, 0.30, 24.0],
        [-0.42, 0.72, -0.50, 0.70, 14.0],
        [-0.10, 0.80, -0.18, 0.86, 12.0],
        [0.32, 0.72, 0.42, 0.68, 16.0],
        [0.52, 0.32, 0.50, 0.36, 10.0],
    ]
)

# Pelvis: X, y, lowest and highest z, weight; mm. Order: gluteus maximus, medius,
# minimus, iliopsoas, tensor fasciae latae, obturator internus, piriformis,
# pectineus, rectus abdominis, oblique wall.
_PELVIS = np.array(
    [
        [92.0, 78.0, 30.0, 190.0, 34.0],
        [142.0, 22.0, 95.0, 230.0, 26.0],
        [122.0, -2.0, 90.0, 200.0, 16.0],
        [78.0, -48.0, 60.0, 260.0, 20.0],
        [152.0, -38.0, 55.0, 170.0, 14.0],
        [42.0, 12.0, 75.0, 150.0, 14.0],
        [62.0, 52.0, 120.0, 180.0, 12.0],
        [52.0, -48.0, 40.0, 95.0, 12.0],
        [28.0, -92.0, 90.0, 270.0, 12.0],
        [118.0, -72.0, 150.0, 280.0, 14.0],
    ]
)

MUSCLES = len(_THIGH) + len(_PELVIS)


@dataclass(frozen=True, eq=False)
class Side:
    """One leg and half of the pelvis.

    Attributes
    ----------
    head : ndarray, shape (4,)
        Femoral head: X, y, z, radius.
    knee : ndarray, shape (3,)
    capsules : ndarray, shape (n, 8)
        Parts of the femur: two ends, the radius at each.
    thigh : ndarray, shape (12, 6)
        Muscles of the thigh, as ``_THIGH``, and the height at which each ends, mm.
    pelvis : ndarray, shape (10, 5)
        Muscles of the pelvis, as ``_PELVIS``.
    tone : ndarray, shape (MUSCLES,)
        Relative brightness of each muscle, about 0.
    vessels : ndarray, shape (n, 8)
        Capsules, as those of the femur.
    pelvic_bones : ndarray, shape (n, 8)
        Capsules of pubis and ischium.
    girth : ndarray, shape (2,)
        Factor of the thigh's width and depth.
    fat_mm : float
        Subcutaneous fat at the front of the thigh.
    """

    head: Array
    knee: Array
    capsules: Array
    thigh: Array
    pelvis: Array
    tone: Array
    vessels: Array
    pelvic_bones: Array
    girth: Array
    fat_mm: float


@dataclass(frozen=True, eq=False)
class Body:
    """Both sides and the subject's size (a factor)."""

    left: Side
    right: Side
    size: float

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left (x > 0) and right."""
        return self.left, self.right


def make_body(seed: int) -> Body:
    """Draw a subject: size, girth, fat, pose and every measure."""
    rng = np.random.default_rng([seed, 0x1E65])
    size = float(rng.uniform(0.95, 1.06))
    girth = rng.uniform(0.92, 1.06, 2)
    fat = float(rng.uniform(7.0, 16.0))
    radius = float(rng.uniform(22.5, 25.5))
    hip_y = float(rng.uniform(-6, 6))
    left = _make_side(rng, size, girth, fat, radius, hip_y)
    right = _make_side(rng, size, girth, fat, radius, hip_y)
    return Body(left, right, size)


def _make_side(
    rng: np.random.Generator, size: float, girth: Array, fat: float, radius: float, hip_y: float
) -> Side:
    head = np.array([88.0, hip_y - 4.0, HIP_HEIGHT_MM]) * size + rng.normal(0, 1.0, 3)
    radius = radius + float(rng.normal(0, 0.2))
    knee = np.array([92.0, 4.0, KNEE_HEIGHT_MM]) * size + rng.normal(0, (8.0, 5.0, 3.0))
    thigh = _THIGH.copy()
    thigh[:, :4] += rng.normal(0, 0.04, (len(thigh), 4))
    thigh[:, 4] += rng.normal(0, 2.0, len(thigh))
    tops = size * rng.uniform(15.0, 75.0, (len(thigh), 1))
    thigh = np.concatenate([thigh, tops], axis=1)
    pelvis = _PELVIS.copy()
    pelvis[:, :4] = size * pelvis[:, :4] + rng.normal(0, 3.0, (len(pelvis), 4))
    return Side(
        head=np.array([*head, radius]),
        knee=knee,
        capsules=_femur(rng, head, radius, knee, size),
        thigh=thigh,
        pelvis=pelvis,
        tone=rng.normal(0, 0.04, MUSCLES),
        vessels=_vessels(rng, head, knee, size),
        pelvic_bones=_pelvic_bones(head, size),
        girth=girth,
        fat_mm=fat,
    )


def _femur(rng: np.random.Generator, head: Array, radius: float, knee: Array, size: float) -> Array:
    """Neck, trochanters, bowed shaft and condyles as tapered capsules."""
    s = size
    base = head + s * np.array([40.0, 9.0, -38.0]) + rng.normal(0, 1.0, 3)
    great = base + s * np.array([7.0, 9.0, 16.0])
    lesser = base + s * np.array([-17.0, 14.0, -32.0])
    top = base + s * np.array([0.0, 2.0, -12.0])
    end = knee + s * np.array([0.0, 0.0, 38.0])
    bow = s * np.array([3.0, -9.0, 0.0])
    third, two_thirds = top + (end - top) / 3 + bow, top + 2 * (end - top) / 3 + bow
    back = s * np.array([0.0, 10.0, 12.0])
    inner, outer = s * np.array([-22.0, 0.0, 0.0]), s * np.array([22.0, 0.0, 0.0])
    parts = [
        (head, base, radius - 8.5, 17.0 * s),
        (base, great, 17.0 * s, 13.0 * s),
        (base, lesser, 17.0 * s, 8.0 * s),
        (base, top, 17.0 * s, 16.0 * s),
        (top, third, 16.0 * s, 13.5 * s),
        (third, two_thirds, 13.5 * s, 14.5 * s),
        (two_thirds, end, 14.5 * s, 23.0 * s),
        (end + inner * 0.6, knee + inner + back * 0.4, 19.0 * s, 20.0 * s),
        (end + outer * 0.6, knee + outer + back * 0.4, 19.0 * s, 20.0 * s),
        (knee + inner + back, knee + inner + 1.5 * back, 18.0 * s, 17.0 * s),
        (knee + outer + back, knee + outer + 1.5 * back, 18.0 * s, 17.0 * s),
    ]
    return _pack(parts)


def _pelvic_bones(head: Array, size: float) -> Array:
    """Pubis, ischium and the ramus between, in relation to the hip joint."""
    s = size
    x, y, z = head
    pubis = np.array([10.0 * s, y - 42.0 * s, z - 22.0 * s])
    cup = np.array([x - 30.0 * s, y - 22.0 * s, z + 6.0 * s])
    seat = np.array([x - 28.0 * s, y + 42.0 * s, z - 52.0 * s])
    behind = np.array([x - 14.0 * s, y + 34.0 * s, z - 4.0 * s])
    low = np.array([24.0 * s, y - 20.0 * s, z - 50.0 * s])
    parts = [
        (pubis, cup, 8.0 * s, 9.0 * s),
        (behind, seat, 13.0 * s, 13.0 * s),
        (seat, low, 8.0 * s, 6.0 * s),
        (low, pubis, 6.0 * s, 7.0 * s),
    ]
    return _pack(parts)


def _vessels(rng: np.random.Generator, head: Array, knee: Array, size: float) -> Array:
    """Femoral artery and vein, the great saphenous vein, and many small branches."""
    s = size
    groin = head + s * np.array([-14.0, -48.0, -5.0])
    iliac = np.array([30.0 * s, 10.0 * s, head[2] + 120.0 * s])
    canal = np.array([head[0] - 24.0 * s, -12.0 * s, -120.0 * s])
    behind = knee + s * np.array([-4.0, 32.0, 60.0])
    below = knee + s * np.array([0.0, 38.0, -60.0])
    beside = s * np.array([-10.0, 3.0, 0.0])
    parts = []
    for path, radius in (
        ([iliac, groin, canal, behind, below], 4.0),
        ([p + beside for p in (iliac, groin, canal, behind, below)], 5.0),
    ):
        parts += [(a, b, radius, radius) for a, b in pairwise(path)]
    for _ in range(26):
        z = rng.uniform(-330, 90) * s
        angle = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.25, 1.0) * (82.0 + 0.06 * min(z, 0.0)) * s
        start = np.array([95.0 * s + reach * np.cos(angle), reach * np.sin(angle), z])
        turn = angle + rng.normal(0, 1.0) + np.pi / 2
        length = rng.uniform(15, 55) * s
        run = np.array([0.5 * np.cos(turn), 0.5 * np.sin(turn), rng.choice([-1.0, 1.0])])
        width = rng.uniform(0.9, 1.9)
        parts.append((start, start + length * run, width, 0.8 * width))
    return _pack(parts)


def _pack(parts: list[tuple[Array, Array, float, float]]) -> Array:
    return np.array([[*a, *b, ra, rb] for a, b, ra, rb in parts])
