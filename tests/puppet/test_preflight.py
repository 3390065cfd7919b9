"""What disturbs a portrait is scored, on rendered heads and on portraits; and only what disturbs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.gallery import characters
from puppet.preflight import LIMITS, Preflight, Verdict, examine
from puppet.stills import read_still
from puppet.tracker import PortraitTracker

SIDE_PX = 512

Disturb = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Portrait:
    """A picture that is its own alignment crop."""

    rgb: np.ndarray
    points_px: np.ndarray


@pytest.fixture(scope="module")
def tracker() -> Iterator[PortraitTracker]:
    with closing(PortraitTracker()) as tracker:
        yield tracker


@pytest.fixture(scope="module", params=["juno", "amara", "s7"])
def portrait(request, tracker: PortraitTracker, data_folder: Path) -> Portrait:
    """A light and a dark character, and a portrait."""
    paths = {entry.picture.stem: entry.picture for entry in characters()}
    rgb = read_still(paths.get(request.param, data_folder / "real" / f"source_{request.param}.jpg"))
    rgb = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return Portrait(rgb, points(tracker, rgb))


def points(tracker: PortraitTracker, rgb: np.ndarray) -> np.ndarray:
    """The face's landmarks."""
    face = tracker.find(rgb)
    assert face is not None
    return face.landmarks_px[:, :2]


def scored(rgb: np.ndarray, points_px: np.ndarray, **changed: object) -> dict[str, Verdict]:
    """Each score's verdict."""
    values: dict[str, object] = {"height_px": 300.0, "sharpness": 0.5, "angles_deg": (1.0, -2.0, 3.0)}
    preflight = examine(rgb, points_px, **(values | changed))
    return {score.name: score.verdict for score in preflight.scores}


def eyes_px(points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Middles of both eyes, and the distance of their outer corners."""
    right, left = points_px[[33, 133]].mean(axis=0), points_px[[263, 362]].mean(axis=0)
    return right, left, float(np.linalg.norm(points_px[263] - points_px[33]))


def in_frames(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Glasses with a thin dark frame."""
    right, left, width = eyes_px(points_px)
    drawn, thick, middle = rgb.copy(), max(2, round(0.025 * width)), (right + left) / 2
    for eye in (right, left):
        cv2.ellipse(drawn, (eye.tolist(), (0.48 * width, 0.40 * width), 0.0), (40, 35, 30), thick, cv2.LINE_AA)
    half = np.array((0.09 * width, 0))
    ends = (end.astype(int).tolist() for end in (middle - half, middle + half))
    cv2.line(drawn, *ends, (40, 35, 30), thick, cv2.LINE_AA)
    return drawn


def in_dark_glasses(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    *eyes, width = eyes_px(points_px)
    drawn = rgb.copy()
    for eye in eyes:
        cv2.ellipse(drawn, (eye.tolist(), (0.5 * width, 0.42 * width), 0.0), (18, 18, 20), -1, cv2.LINE_AA)
    return drawn


def behind_a_hand(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """The mouth, under the colour of the cheeks."""
    *_, width = eyes_px(points_px)
    skin = np.median(rgb[tuple(points_px[[50, 280, 205, 425]].astype(int).T[::-1])], axis=0)
    mouth = points_px[[13, 14]].mean(axis=0)
    return cv2.ellipse(rgb.copy(), (mouth.tolist(), (1.3 * width, 0.7 * width), 0.0), skin.tolist(), -1, cv2.LINE_AA)


def in_a_mask(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    outline = points_px[[195, 118, 347, 132, 361, 172, 397, 152, 136, 365, 148, 377]].astype(np.int32)
    drawn = rgb.copy()
    cv2.fillPoly(drawn, [cv2.convexHull(outline)], (90, 140, 220), cv2.LINE_AA)
    return drawn


def times(light: float) -> Disturb:
    """Another exposure."""

    def expose(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
        return (255 * np.clip((rgb / 255) ** 2.2 * light, 0, 1) ** (1 / 2.2)).astype(np.uint8)

    return expose


def half_dark(rgb: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """A tenth of the light on the side where the portrait is darker, or else one side."""
    columns = np.arange(SIDE_PX)[None, :, None] > points_px[1, 0]
    left, right = (np.median(rgb[int(y), int(x)]) for x, y in points_px[[280, 50]])
    return np.where(columns == (left < right), times(0.1)(rgb, points_px), rgb)


def test_what_is_undisturbed_is_not_poor(portrait: Portrait) -> None:
    assert Verdict.POOR not in scored(portrait.rgb, portrait.points_px).values()


@pytest.mark.parametrize(
    ("disturb", "name"),
    [
        (in_frames, "glasses"),
        (in_dark_glasses, "eyes free"),
        (behind_a_hand, "mouth free"),
        (in_a_mask, "mouth free"),
        (in_a_mask, "face free"),
        (times(0.1), "brightness"),
        (half_dark, "even light"),
    ],
    ids=["glasses", "dark glasses", "hand", "mask at the mouth", "mask", "dark", "half dark"],
)
def test_what_disturbs_is_seen(disturb: Disturb, name: str, portrait: Portrait) -> None:
    disturbed = disturb(portrait.rgb, portrait.points_px)
    assert scored(disturbed, portrait.points_px)[name] is not Verdict.GOOD


def test_white_skin_is_blown_out(portrait: Portrait) -> None:
    white = np.maximum(portrait.rgb, np.uint8(250))
    assert scored(white, portrait.points_px)["blown out"] is Verdict.POOR


def test_an_open_mouth_and_closed_eyes_are_seen(portrait: Portrait) -> None:
    moved = portrait.points_px.copy()
    moved[14] += 0.12 * (moved[152] - moved[10])
    moved[[145, 159]] = moved[[145, 159]].mean(axis=0)
    verdicts = scored(portrait.rgb, moved)
    assert verdicts["mouth closed"] is verdicts["eyes open"] is Verdict.POOR


def test_in_a_turned_face_nobody_is_sure_of_glasses(portrait: Portrait) -> None:
    verdicts = scored(portrait.rgb, portrait.points_px, angles_deg=(-30.0, 0.0, 0.0))
    assert verdicts["frontality"] is Verdict.POOR and verdicts["glasses"] is Verdict.UNSURE


@pytest.mark.parametrize(
    ("changed", "name", "verdict"),
    [
        ({"height_px": 70.0}, "face size", Verdict.POOR),
        ({"height_px": 100.0}, "face size", Verdict.USABLE),
        ({"sharpness": 0.18}, "sharpness", Verdict.POOR),
        ({"angles_deg": (0.0, 18.0, 0.0)}, "frontality", Verdict.USABLE),
        ({"angles_deg": (0.0, 0.0, -26.0)}, "frontality", Verdict.POOR),
    ],
)
def test_numbers_from_elsewhere_count(changed, name: str, verdict: Verdict, portrait: Portrait) -> None:
    assert scored(portrait.rgb, portrait.points_px, **changed)[name] is verdict


@given(st.sampled_from(sorted(LIMITS)), st.floats(0, 1000), st.floats(0, 1000))
def test_verdicts_never_get_better_towards_poor(name: str, first: float, second: float) -> None:
    limits = LIMITS[name]
    order = [Verdict.POOR, limits.between, Verdict.GOOD]
    worse, better = sorted((first, second), reverse=limits.good < limits.poor)
    assert order.index(limits.verdict(worse)) <= order.index(limits.verdict(better))


def test_a_table_for_people_and_a_line_for_the_log(portrait: Portrait) -> None:
    preflight = examine(
        portrait.rgb, portrait.points_px, height_px=70.0, sharpness=0.5, angles_deg=(0.0, 0.0, 0.0)
    )  # fmt: skip
    lines = str(preflight).splitlines()
    assert len(lines) == len(LIMITS)
    assert lines[0] == "poor      face size       70 px       Take a larger picture, or one from nearer."
    assert lines[1] == "good      sharpness       0.50"
    assert preflight.to_line().startswith("face size 70 px poor; sharpness 0.50 good; ")
    assert preflight.warnings[0].name == "face size"
    assert Preflight(()).warnings == ()
