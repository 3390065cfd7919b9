"""Colouring: a person's colours, and a code that paints them.

An encoder that learned from renders misjudges the colours of photographs: blond hair turns dark, and the shadow of a
smile into a beard. But colours can be measured, in the portrait as in what the generator paints. The code c is moved
until both agree:

    min_u  ‖a(c + u D) − a*‖² + λ ‖u‖²

with a the twelve colours of skin, hair, clothes and chin, a* the portrait's, limited to what people have, and D what a
code moves by for each of them (export/colouring.py): puppet.code_search. The Jacobian of a begins as the identity,
which it is for most people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from puppet.bundle_tensors import Colouring
from puppet.code_search import nearest_code
from puppet.face_topology import CHIN
from puppet.matte import person_matte
from puppet.opacity import GREY
from puppet.portrait_checks import face_mask
from puppet.views import FEATURES

SIDE = 128
"""Sides of the pictures in which colours are measured."""

BROWS, NOSE, LOWER_LIP = (105, 334), 1, 17
"""The middles of both brows, the nose's tip, and the lower edge of the lips."""

PERSON = 0.9
"""Opacity from which a pixel is the person's."""

EDGE, AROUND = 5, 3
"""Pixels that are left out inside outlines, and outside of eyes, brows and mouth."""

LARGER = 1.3
"""Hair is what lies outside the face's outline, enlarged so much."""

LOW, ASIDE = 0.93, 0.25
"""Clothes are looked for below the first, and beside the second, which is the distance from the chin; in sides."""

BRIGHT = 0.7
"""Quantile of the skin that counts as its colour: half of many a face lies in shadow."""

SKIN_LIKE, REST = 0.15, 0.1
"""Hair that is so close to the skin is a forehead, as long as such a share of it is something else."""

FEWEST = 25
"""Pixels; of fewer no colour is taken."""

LIMIT = 2.2
"""Standard deviations up to which people's colours are asked for."""

Colours: TypeAlias = Float64[np.ndarray, "12"]
"""Red, green and blue of skin, hair, clothes and chin, 0 to 1; NaN where they are not seen."""


def colours_of(
    rgb: UInt8[np.ndarray, "s s 3"] | Float32[np.ndarray, "s s 3"],
    opacity: Float32[np.ndarray, "s s"],
    points: Float64[np.ndarray, "478 2"],
) -> Colours:
    """The colours of a person in a picture of `SIDE` pixels.

    Args:
        rgb: The aligned crop, 0 to 255.
        opacity: How much of each pixel is the person, 0 to 1.
        points: FaceMesh's landmarks, in sides.
    """
    px = (points * SIDE).astype(np.float32)
    y, x = np.mgrid[:SIDE, :SIDE]
    face = face_mask(px, SIDE)
    brows, chin = px[list(BROWS)].mean(0), px[CHIN]
    middle = (brows + px[LOWER_LIP]) / 2
    person = _shrunk(opacity > PERSON)
    skin = _shrunk(face) & ~_features(px) & person
    hair = person & ~face_mask((px - middle) * LARGER + middle, SIDE) & (y < brows[1])
    clothes = person & (y >= LOW * SIDE) & (y > chin[1]) & (np.abs(x - chin[0]) > ASIDE * SIDE)
    upper = _colour(rgb, skin & (y < px[NOSE, 1]), BRIGHT)
    hair = _without(hair, np.linalg.norm(rgb / 255 - upper, axis=2) < SKIN_LIKE)
    lower = skin & (y > px[LOWER_LIP, 1])
    return np.asarray(np.concatenate([upper, *(_colour(rgb, part, 0.5) for part in (hair, clothes, lower))]))


def portrait_colours(crop: UInt8[np.ndarray, "side side 3"], points: Float64[np.ndarray, "478 2"]) -> Colours:
    """The colours of a portrait's person, from its aligned crop."""
    small = cv2.resize(crop, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    matte = person_matte(small, face_mask(points * len(small), len(small)))
    rgb, opacity = (cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in (small, matte))
    return colours_of(rgb, opacity, points)


def painted_colours(portrait: UInt8[np.ndarray, "r r 4"], points: Float64[np.ndarray, "478 2"]) -> Colours:
    """The colours of a person that a generator painted, over grey."""
    small = cv2.resize(portrait, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    opacity = small[..., 3] / 255
    straight = GREY + (small[..., :3] - GREY) / np.maximum(opacity, PERSON)[..., None]
    return colours_of(straight.clip(0, 255), opacity, points)


def coloured(
    code: Float32[np.ndarray, "num_ws w_dim"],
    wanted: Colours,
    colouring: Colouring,
    colours: Callable[[Float32[np.ndarray, "num_ws w_dim"]], Colours],
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """A code near another one, whose person has the wanted colours as far as people have them.

    Args:
        code: c.
        wanted: The portrait's; what is not seen there stays.
        colouring: The model's.
        colours: What is seen of a code once it is painted.
    """
    found = colours(code)
    counted = ~np.isnan(wanted) & ~np.isnan(found)
    goal = _limited(np.where(counted, wanted, np.where(np.isnan(found), colouring.mean, found)), colouring)

    def short(found: Colours) -> Colours:
        return np.asarray(np.where(counted, found - goal, 0.0))  # NaN where hair is lost

    jacobian = np.diag(counted.astype(np.float64))
    return nearest_code(code, colouring.moves, jacobian, short(found), lambda code: short(colours(code)))


def _limited(colours: Colours, colouring: Colouring) -> Colours:
    """Colours that people have, near others."""
    deviations = (colours - colouring.mean) @ np.linalg.pinv(colouring.axes)
    limited: Colours = colouring.mean + deviations.clip(-LIMIT, LIMIT) @ colouring.axes
    return limited


def _features(px: Float32[np.ndarray, "478 2"]) -> Bool[np.ndarray, "s s"]:
    """Eyes, brows and mouth."""
    masks = [face_mask(px[list(feature)], SIDE) for feature in FEATURES]
    return np.asarray(cv2.dilate(np.any(masks, axis=0).astype(np.uint8), np.ones((AROUND, AROUND), np.uint8)) > 0)


def _shrunk(mask: Bool[np.ndarray, "s s"]) -> Bool[np.ndarray, "s s"]:
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((EDGE, EDGE), np.uint8)) > 0)


def _without(hair: Bool[np.ndarray, "s s"], skin: Bool[np.ndarray, "s s"]) -> Bool[np.ndarray, "s s"]:
    """Hair without what looks like skin; a bald head is skin."""
    rest = hair & ~skin
    return rest if rest.sum() >= max(FEWEST, REST * hair.sum()) else hair


def _colour(rgb: np.ndarray, mask: Bool[np.ndarray, "s s"], quantile: float) -> Float64[np.ndarray, "3"]:
    if mask.sum() < FEWEST:
        return np.full(3, np.nan)
    colour: Float64[np.ndarray, "3"] = np.quantile(rgb[mask], quantile, axis=0) / 255
    return colour
