"""What a tuned generator should paint: the portrait, and the portrait moved into other poses.

The portrait itself is the first view. The others show it turned, nodding, speaking and blinking, as its relief paints
them (puppet.relief): some in poses that everybody takes, the rest in random ones, so that no two movements always come
together. A view counts less the further it is turned, a pixel less where the portrait does not show it, and more in a
face, most around eyes, brows and mouth.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.bundle import Bundle
from puppet.cutout import SURE, Cutout
from puppet.face_motion import ANGLES
from puppet.groups import blinks, group_of
from puppet.mesh_raster import Window
from puppet.motion import with_shut_jaw
from puppet.portrait_checks import face_mask
from puppet.pose_space import PoseSpace
from puppet.pull_push import continued
from puppet.relief import Relief
from puppet.rest import rest_code

FACE_WEIGHT, FEATURE_WEIGHT = 2.0, 8.0
"""How much a pixel of the face counts, and one of eyes, brows and mouth; all others count 1."""

FEATURES = (
    (33, 133, 159, 145, 70, 107),
    (263, 362, 386, 374, 300, 336),
    (61, 291, 0, 17, 200),
)
"""Landmarks around the right eye and brow, the left ones, and the mouth."""

USUAL: tuple[dict[str, float], ...] = (
    {"yaw": -12, "jaw_open": 0}, {"yaw": 12, "jaw_open": 0}, {"yaw": -24}, {"yaw": 24},
    {"pitch": -14, "jaw_open": 0}, {"pitch": 14, "jaw_open": 0}, {"roll": -14}, {"roll": 14},
    {"jaw_open": 0.5}, {"jaw_open": 1}, {"jaw_open": 0.7, "yaw": 15}, {"jaw_open": 0.7, "yaw": -15},
    {"blink_left": 1, "blink_right": 1}, {"blink_left": 0.5, "blink_right": 0.5}, {"blink_left": 1}, {"blink_right": 1},
    {"blink_left": 1, "blink_right": 1, "yaw": 14}, {"blink_left": 1, "blink_right": 1, "yaw": -14},
    {"smile_left": 1, "smile_right": 1},
    {"smile_left": 1, "smile_right": 1, "jaw_open": 0.25}, {"smile_left": 1, "smile_right": 1, "jaw_open": 0.7},
)  # fmt: skip
"""Poses that everybody takes: degrees from the portrait's own, values of expressions. An open mouth is shut in some."""

RANDOM = 28
SPREAD_DEG, FURTHEST_DEG = (11.0, 7.0, 7.0), 26.0
"""Standard deviations of yaw, pitch and roll in random poses, and how far they go at most."""

EXPRESSED, TOGETHER = 0.3, 0.4
"""How often an expression of a random pose is not the portrait's, and how often both eyes close alike."""

SHUT = 1.6
"""Random eyes are shut in so much less than all cases: the upper end of what is drawn."""

HALF_DEG = 25.0
"""A view that is turned by this counts half."""

THREADS = 4
"""Views drawn at once; each takes 50 MB meanwhile."""

_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Pictures that a tuned generator should paint, and the codes from which. The first one is the portrait itself.

    Attributes:
        w: Codes.
        pictures: As the generator paints them: RGB(A), over grey where there is opacity.
        weights: How much each pixel counts; any scale.
        behind: What the person is seen before, smooth where the person hides it.
    """

    w: Float32[np.ndarray, "views num_ws w_dim"]
    pictures: UInt8[np.ndarray, "views r r channels"]
    weights: Float32[np.ndarray, "views r r"]
    behind: UInt8[np.ndarray, "r r 3"]


def portrait_views(
    bundle: Bundle,
    cutout: Cutout,
    code: Float32[np.ndarray, "num_ws w_dim"],
    p_s: Float32[np.ndarray, "pose_dim"],
    relief: Relief | None,
) -> Views:
    """The portrait in many poses; in its own one only where there is no relief that moves it.

    Args:
        bundle: Whose generator.
        cutout: The portrait.
        code: c, its pose-free code.
        p_s: Its pose.
        relief: Its own, where other poses are wanted.
    """
    r, space = bundle.resolution, bundle.pose_space
    first = _portrait(cutout, r, bundle.channels)
    views = [(rest_code(bundle, code, p_s), first, _weights(cutout.points[:, :2], r))]
    if relief is not None:

        def view(wanted: Float32[np.ndarray, "pose_dim"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            p = space.soft_clip(wanted)
            painted = relief.paint(p, Window.of(r))
            turned_deg = max(abs(float((p - p_s)[space.index(name)])) for name in ANGLES)
            weights = painted.confidence * _weights(painted.points, r) / (1 + (turned_deg / HALF_DEG) ** 2)
            return rest_code(bundle, code, p), painted.rgba.round().astype(np.uint8), weights

        with ThreadPoolExecutor(THREADS) as threads:
            views += threads.map(view, _poses(space, p_s))
    w, pictures, all_weights = (np.stack(part) for part in zip(*views, strict=True))
    return Views(w, pictures, all_weights.astype(np.float32), _behind(cutout, r))


def _poses(space: PoseSpace, p_s: Float32[np.ndarray, "pose_dim"]) -> list[Float32[np.ndarray, "pose_dim"]]:
    angle = np.array([group_of(name) == "head" for name in space.names])
    poses = []
    for usual in USUAL:
        p = p_s.copy()
        for name, value in usual.items():
            if name in space.names:
                i = space.index(name)
                p[i] = p_s[i] + value if angle[i] else value
        poses.append(p)
    rng = np.random.default_rng(_SEED)
    shut = with_shut_jaw(p_s, space)
    for i in range(RANDOM):
        expressed = ~angle & (rng.random(space.dim) < EXPRESSED)
        p = np.where(expressed, rng.uniform(space.lower, space.upper), shut if i % 2 else p_s).astype(np.float32)
        p[angle] += np.clip(rng.normal(0, SPREAD_DEG), -FURTHEST_DEG, FURTHEST_DEG)
        if rng.random() < TOGETHER:
            p[blinks(space)] = min(1.0, rng.uniform(0, SHUT))
        poses.append(p)
    return poses


def _portrait(cutout: Cutout, r: int, channels: int) -> UInt8[np.ndarray, "r r channels"]:
    """The portrait itself; where there is opacity, over grey."""
    return cutout.cropped(cutout.rgb, r) if channels == 3 else cutout.over_grey(r).round().astype(np.uint8)


def _behind(cutout: Cutout, r: int) -> UInt8[np.ndarray, "r r 3"]:
    """The crop without its person."""
    hidden = cutout.cropped((cutout.matte > 1 - SURE).astype(np.float32), r) > 0
    return continued(cutout.cropped(cutout.rgb, r), (~hidden).astype(np.float32)).round().astype(np.uint8)


def _weights(points: np.ndarray, r: int) -> Float32[np.ndarray, "r r"]:
    """How much each pixel counts; landmarks are in sides of the picture."""
    px = (points * r).astype(np.float32)
    weights = np.ones((r, r), np.float32)
    weights[face_mask(px, r)] = FACE_WEIGHT
    for feature in FEATURES:
        weights[face_mask(px[list(feature)], r)] = FEATURE_WEIGHT
    return weights
