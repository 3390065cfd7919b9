"""How good a tuned portrait is: the numbers of one avatar, from pictures of it alone.

    PSNR = 10 log₁₀ 255² / (Σ m |x − y|² / 3 Σ m)      x the crop, y the pivot; m the person's inside, or the face
    detail = Σ m (∇²y)² / Σ m (∇²x)²                  of brightness; m the face
    gain = Σ a b / Σ a²                               a requested, b seen, relative to the pivot, over all turns

Faces are FaceMesh's on the enlarged picture, as for clips (`export.judge`). `read` is how much further the bundle's own
pose network sees the jaw open and the eyes close, on the scale on which a driver's are read: wanted 1, less what the
portrait has already. Similarity is the cosine of the bundle's identity network, which is in no loss of a tuning. The
matte of m is MediaPipe's on the crop, whatever the tuning took; its soft edge, with the backdrop in it, does not count,
nor what it sees of the backdrop within a face's outline, which is convex.
A face that blurs while its head turns is less sharp than at the pivot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from engines.base import Engine
from export.judge import eye_aspect, mouth_opening, rigid_rotation, rotation_angles
from export.portrait_sweep import BLINKS, HEAD, JAW, PIVOT, STEPS, Motion, Painted, blink, jaw, label, requested_deg
from puppet.alignment import resize
from puppet.avatar import Avatar
from puppet.likeness import similarity
from puppet.matte import person_matte
from puppet.portrait_checks import face_mask
from puppet.pose import PoseReader
from puppet.pose_space import PoseSpace
from puppet.tracker import LOOK_PX, Tracker

FIDELITY_PX, DETAIL_PX = 128, 256
"""Sides on which the pivot is compared with the crop: its PSNR, and its fine detail."""

SURE, NOBODY = 0.95, 0.5
"""A pixel of which so much is the person lies inside; one of which less is, within the outline of a face, is what is
seen beside a cheek that is turned away."""

Numbers = dict[str, float | None]
"""Measures by name; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the judge sees in one picture.

    Attributes:
        motion: What was asked for.
        similarity: To the crop; None where the bundle cannot say.
        points: FaceMesh's landmarks; None where it finds no face.
        p: The pose that the bundle's pose network reads there.
        sharpness: Of the face: standard deviation of its Laplacian, relative to that of its brightness.
    """

    motion: Motion
    similarity: float | None
    points: Float32[np.ndarray, "478 3"] | None = None
    p: Float32[np.ndarray, "pose_dim"] | None = None
    sharpness: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """What judges: one tracker, one reader, one identity network for all portraits.

    Attributes:
        tracker: Made for stills.
        identity: None where the bundle has none.
    """

    tracker: Tracker
    reader: PoseReader
    identity: Engine | None = None

    def look(self, avatar: Avatar, motion: Motion, rgb: UInt8[np.ndarray, "r r 3"]) -> Seen:
        """Look at one picture of an avatar.

        Raises:
            EngineRunError: An engine failed.
        """
        crop = resize(avatar.crop, len(rgb))
        alike = None if self.identity is None else similarity(self.identity, crop, rgb)
        face = self.tracker.find(resize(rgb, LOOK_PX))
        if face is None:
            return Seen(motion, alike)
        points = face.landmarks_px
        return Seen(motion, alike, points, self.reader.read(face).p, face_sharpness(rgb, points[:, :2]))

    def fidelity(self, avatar: Avatar, pivot: Painted) -> Numbers:
        """PSNR in dB of the pivot over the person and over the face, and how much of the face's fine detail it has.

        Of the picture as it is sent, and, as `plain`, of what the generator alone paints.
        """
        crop, face = avatar.crop, self.tracker.find(avatar.crop)
        outline = np.zeros(crop.shape[:2], bool)
        if face is not None:
            points = face.landmarks_px[:, :2]
            outline = face_mask(points, len(crop))
        matte = person_matte(crop, np.zeros_like(outline))
        inside = (outline & (matte > NOBODY)).astype(np.float32)
        wanted = resize(crop, FIDELITY_PX).astype(np.float32)
        measures: Numbers = {}
        for prefix, picture in (("", pivot.rgb), ("plain_", pivot.plain)):
            error = wanted - resize(picture, FIDELITY_PX)
            measures |= {
                f"{prefix}psnr_person": psnr(error, _whole_pixels(np.maximum(matte, inside))),
                f"{prefix}psnr_face": psnr(error, _whole_pixels(inside)),
                f"{prefix}detail": None if face is None else _detail(crop, picture, points),
            }
        return measures


def _detail(crop: UInt8[np.ndarray, "side side 3"], painted: Float32[np.ndarray, "r r 3"], points: np.ndarray) -> float:
    """Energy of the Laplacian of the face's brightness at DETAIL_PX, relative to the crop's."""
    inside = face_mask(points * (DETAIL_PX / len(crop)), DETAIL_PX)
    pictures = (resize(picture.astype(np.float32), DETAIL_PX) for picture in (painted, crop))
    mine, wanted = (cv2.Laplacian(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[inside] for one in pictures)
    return float(np.square(mine).sum() / max(np.square(wanted).sum(), 1e-6))


def psnr(error: Float32[np.ndarray, "r r 3"], weights: Float32[np.ndarray, "r r"]) -> float | None:
    """PSNR in dB of bytes that are off by `error`; None where nothing has weight or nothing is off."""
    total = 3 * float(weights.sum())
    square = float((weights[..., None] * error**2).sum())
    return 10 * math.log10(255**2 * total / square) if total > 0 and square > 0 else None


def numbers(space: PoseSpace, avatar: Avatar, seen: Sequence[Seen]) -> Numbers:
    """The measures of all pictures of one avatar, but fidelity; the pivot is one of them."""
    by_name = {label(one.motion): one for one in seen}
    alike = [one.similarity for one in by_name.values() if one.similarity is not None]
    found = [one for one in by_name.values() if one.points is not None]
    return {
        "found": len(found) / len(by_name),
        **_turns(space, avatar, by_name[PIVOT], found),
        **_course("mouth", [by_name.get(label(jaw(share))) for share in (0.0, *STEPS)], space),
        **_course("eye", [by_name[PIVOT], *(by_name.get(label(blink(share))) for share in STEPS)], space),
        "similarity_pivot": by_name[PIVOT].similarity,
        "similarity_mean": float(np.mean(alike)) if alike else None,
        "similarity_least": min(alike, default=None),
    }


def frames(space: PoseSpace, avatar: Avatar, seen: Sequence[Seen]) -> dict[str, Numbers]:
    """The measures of every single picture, by the name of its motion."""
    pivot = next(one for one in seen if not one.motion)
    return {label(one.motion): _frame(space, avatar, pivot, one) for one in seen}


def _frame(space: PoseSpace, avatar: Avatar, pivot: Seen, one: Seen) -> Numbers:
    wanted = requested_deg(space, avatar, one.motion)
    angles = _angles(pivot, one)
    row: Numbers = {f"{name}_wanted": float(value) for name, value in zip(HEAD, wanted, strict=True)}
    row |= {name: None if angles is None else float(angles[i]) for i, name in enumerate(HEAD)}
    row["mouth"] = None if one.points is None else mouth_opening(one.points)
    row["eye"] = None if one.points is None else eye_aspect(one.points)
    return row | {"similarity": one.similarity, "sharpness": one.sharpness}


def _angles(pivot: Seen, one: Seen) -> tuple[float, float, float] | None:
    if pivot.points is None or one.points is None:
        return None
    return rotation_angles(rigid_rotation(pivot.points, one.points))


def _turns(space: PoseSpace, avatar: Avatar, pivot: Seen, found: Sequence[Seen]) -> Numbers:
    """Error in degrees and gain of each angle, and sharpness over the pivot's, where only the head moves."""
    turned = [one for one in found if one.motion and set(one.motion) <= set(HEAD)]
    rows = [
        (requested_deg(space, avatar, one.motion), angles)
        for one in turned
        if (angles := _angles(pivot, one)) is not None
    ]
    if not rows:
        keys = [f"{name}_{what}" for name in HEAD for what in ("error", "gain")]
        return dict.fromkeys((*keys, "sharpness_mean", "sharpness_least"), None)
    wanted, had = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    errors, gains = np.abs(wanted - had).mean(0), (wanted * had).sum(0) / np.maximum((wanted**2).sum(0), 1e-9)
    sharp = [one.sharpness / pivot.sharpness for one in turned if one.sharpness is not None and pivot.sharpness]
    scores: Numbers = {
        "sharpness_mean": float(np.mean(sharp)) if sharp else None,
        "sharpness_least": min(sharp, default=None),
    }
    for i, name in enumerate(HEAD):
        scores |= {f"{name}_error": float(errors[i]), f"{name}_gain": float(gains[i])}
    return scores


def face_sharpness(rgb: UInt8[np.ndarray, "r r 3"], points_look: Float32[np.ndarray, "478 2"]) -> float | None:
    """Sharpness of a face whose landmarks were found on the enlarged picture of `LOOK_PX`; None where it is plain."""
    inside = face_mask(points_look * (len(rgb) / LOOK_PX), len(rgb))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges, contrast = cv2.Laplacian(grey, cv2.CV_32F)[inside].std(), grey[inside].std()
    return float(edges / contrast) if contrast > 0 else None


def _course(what: str, steps: Sequence[Seen | None], space: PoseSpace) -> Numbers:
    """How a mouth opens or the eyes close: first and last ratio, share of right steps, and how far it is read."""
    measure, sign, entries = (mouth_opening, 1, JAW) if what == "mouth" else (eye_aspect, -1, BLINKS)
    keys = tuple(f"{what}_{key}" for key in ("first", "last", "steps", "read"))
    points = [one.points for one in steps if one is not None and one.points is not None]
    read = [
        float(np.mean([one.p[space.index(name)] for name in entries]))
        for one in steps
        if one is not None and one.p is not None
    ]
    if len(points) < len(steps):
        return dict.fromkeys(keys, None)
    ratios = [measure(face) for face in points]
    right = float((sign * np.diff(ratios) > 0).mean())
    return dict(zip(keys, (ratios[0], ratios[-1], right, read[-1] - read[0]), strict=True))


def _whole_pixels(matte: Float32[np.ndarray, "side side"]) -> Float32[np.ndarray, "r r"]:
    """1 where a pixel at FIDELITY_PX lies inside, else 0."""
    size = (FIDELITY_PX, FIDELITY_PX)
    return np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA) > SURE, np.float32)
