"""What a portrait is like: scores with verdicts and hints. What cannot be enrolled, puppet.portrait_checks refuses.

Measured on 21 pictures of six people without glasses (portraits, paintings, a webcam's frames), 33 of three people with
glasses, 8 characters, and 66 rendered heads that turn and nod up to 20°; and on all of them once more, disturbed, with
the face found anew. The limits were chosen on these pictures. A false alarm is `poor` on an undisturbed one.

    face size     128 px is nearly what the built-in generator paints
    sharpness     as in puppet.portrait_checks; blurred by σ = 1 % of the face's height 0.17 to 0.26
    brightness    of the brightest 0.5 %. Undisturbed at least 0.38, at a tenth of the light `poor` in 76 of 95, the
                  others `usable`; at a quarter good in 27. Dark skin in good light stays above
    blown out     undisturbed 0 %; at five times the light `poor` or `usable` in 59 of 95: dark skin does not blow out
    even light    undisturbed at most 1.8 stops; three stops less on one half `poor` in 83 of 95
    frontality    the pose graph's error on rendered heads is 1.4° of yaw, 2.1° of pitch, 1.0° of roll
    glasses       found in 32 of 33 real pictures with glasses, thin metal ones too; false alarms 0 of 95, `not sure` 1.
                  Drawn frames, dark: 189 of 190; light or half transparent: 133 of 190
    eyes free     dark glasses in 85 of 95, dark strands over one eye in 73 of 95; false alarms 0. Strands as bright as
                  the skin are not seen
    eyes open     rendered heads with open eyes at least 0.24, with closed ones at most 0.18 in nine of ten
    mouth free    a hand's colour over it 76 of 95, masks 269 of 274; false alarms 1 of 95, `not sure` 3
    mouth closed  rendered heads with closed lips at most 5 %, with a jaw open by 0.4 or more 9 % in nine of ten
    face free     masks: coloured and black ones 179 of 180, white ones 91 of 94; false alarms 0 of 95, `not sure` 1.
                  A hand has the skin's colour and is seen by `mouth free` alone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.face_patch import FacePatch

Landmarks2D = Float32[np.ndarray, "478 2"]

MOST_TURNED_DEG = 20.0
"""Glasses are not looked for in a face that is turned or nods further: the far eye's lashes cross the nose there."""

_FOREHEAD_CHIN, _INNER_LIPS = (10, 152), (13, 14)
_EYES = ((159, 145, 33, 133), (386, 374, 263, 362))
"""Upper and lower lid, outer and inner corner."""


class Verdict(Enum):
    """What a score means."""

    GOOD = "good"
    USABLE = "usable"
    POOR = "poor"
    UNSURE = "not sure"


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a portrait.

    Attributes:
        name: What was looked at.
        verdict: What it means.
        measured: The number and its unit.
        hint: One sentence that says what to do; empty where all is well.
    """

    name: str
    verdict: Verdict
    measured: str
    hint: str

    def __str__(self) -> str:
        """One line of a table."""
        return f"{self.verdict.value:<10}{self.name:<16}{self.measured:<12}{self.hint}".rstrip()


@dataclass(frozen=True, slots=True)
class Preflight:
    """All scores of a portrait."""

    scores: tuple[Score, ...]

    @property
    def warnings(self) -> tuple[Score, ...]:
        """Those that are not good."""
        return tuple(score for score in self.scores if score.verdict is not Verdict.GOOD)

    def __str__(self) -> str:
        """A table."""
        return "\n".join(map(str, self.scores))

    def to_line(self) -> str:
        """As the log keeps it."""
        return "; ".join(f"{score.name} {score.measured} {score.verdict.value}" for score in self.scores)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on one measure is good, and from where on poor; `good` says in which direction it gets better.

    Attributes:
        good: The last value that is good.
        poor: Where it becomes poor.
        form: How the value is written.
        hint: What to do.
        between: The verdict between the two.
    """

    good: float
    poor: float
    form: str
    hint: str
    between: Verdict = Verdict.USABLE

    def verdict(self, value: float) -> Verdict:
        """What a value means."""
        sign = 1.0 if self.good > self.poor else -1.0
        if sign * value >= sign * self.good:
            return Verdict.GOOD
        return Verdict.POOR if sign * value <= sign * self.poor else self.between


LIMITS: Mapping[str, Limits] = {
    "face size": Limits(128, 80, "{:.0f} px", "Take a larger picture, or one from nearer."),
    "sharpness": Limits(0.30, 0.20, "{:.2f}", "Take a sharper picture: hold still, and focus on the eyes."),
    "brightness": Limits(0.44, 0.30, "{:.0%}", "Take a brighter picture: the face is dark."),
    "blown out": Limits(0.01, 0.10, "{:.0%}", "Take a darker picture: parts of the face are plain white."),
    "even light": Limits(1.2, 2.0, "{:.1f} stops", "Turn towards the light: one half of the face is much darker."),
    "frontality": Limits(15, 25, "{:.0f}°", "Look straight into the camera, with the head upright."),
    "glasses": Limits(0.021, 0.0245, "{:.1%}", "Take glasses off if you can: they bend with the face and hide lids.",
                      Verdict.UNSURE),
    "eyes free": Limits(0.50, 0.42, "{:.2f}", "Free the eyes: hair, a hat's shadow or dark glasses seem to cover one."),
    "eyes open": Limits(0.22, 0.16, "{:.2f}", "Open both eyes wide."),
    "mouth free": Limits(7.0, 5.0, "{:.0f}", "Free the mouth: a hand or a mask seems to cover it.", Verdict.UNSURE),
    "mouth closed": Limits(0.03, 0.08, "{:.1%}", "Close the mouth, and do not show the teeth."),
    "face free": Limits(0.30, 0.45, "{:.0%}", "Free the face: a mask or an object seems to cover it.", Verdict.UNSURE),
}  # fmt: skip
"""All measures, in the order in which they are shown; see the table above."""

TURNED = Score("upright", Verdict.USABLE, "turned", "It did not stand upright, and was turned: see whether it does.")


def examine(
    crop: UInt8[np.ndarray, "side side 3"],
    points_px: Landmarks2D,
    *,
    height_px: float,
    sharpness: float,
    angles_deg: tuple[float, float, float],
    stood: bool = True,
) -> Preflight:
    """Score a portrait.

    Args:
        crop: Its alignment crop.
        points_px: The face's landmarks in the crop.
        height_px: The face's height in the whole portrait.
        sharpness: As `portrait_checks.sharpness` measures it.
        angles_deg: Yaw, pitch and roll.
        stood: Whether it stood upright before it was turned.
    """
    found = FacePatch(crop, points_px).measure()
    values = {
        "face size": height_px,
        "sharpness": sharpness,
        "brightness": found.brightest,
        "blown out": found.white,
        "even light": found.uneven_stops,
        "frontality": max(map(abs, angles_deg)),
        "glasses": found.frame,
        "eyes free": found.lids,
        "eyes open": min(_openness(points_px, *eye) for eye in _EYES),
        "mouth free": found.lips,
        "mouth closed": _distance(points_px, _INNER_LIPS) / _distance(points_px, _FOREHEAD_CHIN),
        "face free": found.strange,
    }
    turned = max(map(abs, angles_deg[:2])) > MOST_TURNED_DEG
    unsure = {"glasses"} if turned else set()
    scores = tuple(_score(name, values[name], name in unsure) for name in LIMITS)
    return Preflight(scores if stood else (TURNED, *scores))


def _score(name: str, value: float, unsure: bool) -> Score:
    limits = LIMITS[name]
    verdict = Verdict.UNSURE if unsure else limits.verdict(value)
    return Score(name, verdict, limits.form.format(value), "" if verdict is Verdict.GOOD else limits.hint)


def _openness(points_px: Landmarks2D, upper: int, lower: int, outer: int, inner: int) -> float:
    return _distance(points_px, (upper, lower)) / _distance(points_px, (outer, inner))


def _distance(points_px: Landmarks2D, ends: tuple[int, int]) -> float:
    return float(np.linalg.norm(points_px[ends[0]] - points_px[ends[1]]))
