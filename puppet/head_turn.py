"""The head's rotation in two conventions: three angles here, a quaternion in Unity's world.

    ours     camera frame: x right, y down, z away, right-handed      R = Rz(roll) · Ry(yaw) · Rx(pitch)
    Unity    the figure looks along +z, its right is +x, y up, left-handed

A figure that faces the camera has its right at −x, its top at −y and its front at −z of the camera frame, so Unity's
axes are the camera's, all three turned round: M = −I, and M R M⁻¹ = R. The two rotations are the same matrix, and the
same quaternion: yaw > 0 turns to the figure's right in both, pitch > 0 looks down, roll > 0 tilts to its left shoulder.
"""

from __future__ import annotations

import math

import numpy as np

Quaternion = tuple[float, float, float, float]
"""x, y, z, w, as Unity and VMC order them; of unit length."""

UPRIGHT: Quaternion = (0.0, 0.0, 0.0, 1.0)

SHORTEST = 1e-3
"""A quaternion that is shorter has no direction."""


def quaternion_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Quaternion:
    """The rotation R of three angles."""
    about_z, about_y, about_x = (_half_turn(roll_deg), _half_turn(yaw_deg), _half_turn(pitch_deg))
    return product(
        product((0.0, 0.0, about_z[0], about_z[1]), (0.0, about_y[0], 0.0, about_y[1])),
        (about_x[0], 0.0, 0.0, about_x[1]),
    )


def angles_of(quaternion: Quaternion) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees; pitch and roll share one turn where yaw is ±90°."""
    x, y, z, w = quaternion
    yaw = math.asin(min(max(2 * (w * y - x * z), -1.0), 1.0))
    pitch = math.atan2(2 * (y * z + w * x), 1 - 2 * (x * x + y * y))
    roll = math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def product(first: Quaternion, second: Quaternion) -> Quaternion:
    """The rotation that does `second` and then `first`: where `first` is a bone, `second` hangs on it."""
    (ax, ay, az, aw), (bx, by, bz, bw) = first, second
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def unit(numbers: tuple[float, float, float, float]) -> Quaternion | None:
    """The quaternion of unit length; None where the numbers are none, or have no direction."""
    length = float(np.linalg.norm(numbers))
    if not SHORTEST < length < 1 / SHORTEST:  # NaN and infinity too
        return None
    x, y, z, w = numbers
    return x / length, y / length, z / length, w / length


def _half_turn(angle_deg: float) -> tuple[float, float]:
    """Sine and cosine of half the angle."""
    half = math.radians(angle_deg) / 2
    return math.sin(half), math.cos(half)
