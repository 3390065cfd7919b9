"""An avatar that nobody drives: its code, and its picture over the source's border colour."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.backdrop import Behind, border_colour, make_backdrop
from puppet.bundle import Bundle
from puppet.compositor import Compositor
from puppet.detail import Detail
from puppet.directions import Directions
from puppet.moving_detail import moving_detail
from puppet.settings import DirectionsSettings
from puppet.values import Moment, PoseVector


def rest_code(
    bundle: Bundle, code: Float32[np.ndarray, "num_ws w_dim"], p_s: Float32[np.ndarray, "pose_dim"]
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """w_s: the code of an avatar in its portrait's own pose.

    Args:
        bundle: The model.
        code: c, the pose-free code.
        p_s: The portrait's own pose.
    """
    directions = Directions(bundle.A, bundle.bias, bundle.pose_space, code=code, p_s=p_s, settings=DirectionsSettings())
    w = np.empty((bundle.num_ws, bundle.w_dim), np.float32)
    directions.move(nobody(bundle), out=w)
    return w


def pose_free_code(
    bundle: Bundle, w_s: Float32[np.ndarray, "num_ws w_dim"], p_s: Float32[np.ndarray, "pose_dim"]
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """The code without its pose, w_s − A p̃_s, of an encoder that gives w_s; p_s is limited as it will be at rest.

    A bundle's bias stays out of it: it is added whenever a code is moved, by nothing too.
    """
    space = bundle.pose_space
    code = w_s.copy()
    code[: len(bundle.A)] -= bundle.A @ space.scale(space.soft_clip(p_s))
    return code


def nobody(bundle: Bundle) -> PoseVector:
    """The pose while there is no driver."""
    rest = bundle.pose_space.rest
    return PoseVector(rest, rest, 0.0, Moment(0, 0.0, 0.0))


def preview_of(
    bundle: Bundle,
    portrait: UInt8[np.ndarray, "r r channels"],
    crop: UInt8[np.ndarray, "side side 3"],
    p_s: Float32[np.ndarray, "pose_dim"],
    detail: Detail | None,
) -> UInt8[np.ndarray, "r r 3"]:
    """An avatar at rest, over the border colour of its crop.

    Args:
        bundle: The model.
        portrait: As the generator paints it, over grey.
        crop: The source's.
        p_s: The source's pose.
        detail: The source's, where it has any.
    """
    r = bundle.resolution
    backdrop = make_backdrop("portrait", (r, r), Behind(border_colour(crop)))
    picture = np.empty((r, r, 3), np.uint8)
    compositor = Compositor(backdrop, r, bundle.channels, moving_detail(bundle, detail, p_s))
    compositor.compose(portrait, picture, bundle.pose_space.soft_clip(p_s))
    return picture
