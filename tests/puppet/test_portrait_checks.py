"""Real portraits and rendered heads pass; blurred, tiny, turned and crowded ones made of them do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines import open_engine
from export.head_factors import Z_DIM
from export.pose_sampling import sample_poses
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.errors import PortraitError
from puppet.portrait_checks import check_faces, check_sharpness
from puppet.pose import PoseReader
from puppet.pose_space import BUILTIN
from puppet.stills import read_still
from puppet.tracker import PortraitTracker

NAME = Path("me.png")

Check = Callable[[np.ndarray], None]


@pytest.fixture(scope="module")
def check() -> Iterator[Check]:
    """All checks of a picture, as enrolment does them."""
    with (
        closing(open_engine(load_bundle(builtin_bundle_path()).pose_path, threads=1, precision="f32")) as engine,
        closing(PortraitTracker()) as tracker,
    ):
        reader = PoseReader(engine)

        def check(rgb: np.ndarray) -> None:
            faces = tracker.find_all(rgb)
            check_faces([face.landmarks_px for face in faces], NAME)
            check_sharpness(rgb, faces[0].landmarks_px, reader.read(faces[0]).square, NAME)

        yield check


@pytest.fixture(scope="module", params=["s0", "s5", "s7", "s9"])
def rgb(request, data_folder: Path) -> np.ndarray:
    """One of the real portraits, of a moderate size."""
    whole = read_still(data_folder / "real" / f"source_{request.param}.jpg")
    scale = min(1.0, 800 / max(whole.shape))
    return cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def renderer(data_folder: Path) -> HeadRenderer:
    return HeadRenderer(load_shape_model(data_folder / "ict_facekit"), 256)


def render(renderer: HeadRenderer, z: np.ndarray, p: np.ndarray) -> np.ndarray:
    """A head over light grey."""
    rgba = renderer.paint(renderer.person(z), p).rgba.astype(np.float32)
    return np.clip(rgba[..., :3] + (1 - rgba[..., 3:] / 255) * 45, 0, 255).astype(np.uint8)


def test_real_portraits_pass(check: Check, rgb: np.ndarray) -> None:
    check(rgb)


def test_sixty_four_rendered_heads_pass(check: Check, renderer: HeadRenderer) -> None:
    rng = np.random.default_rng(0)
    for _ in range(64):
        check(render(renderer, rng.standard_normal(Z_DIM).astype(np.float32), sample_poses(rng, 1)[0]))


def test_a_blurred_face_is_refused(check: Check, rgb: np.ndarray) -> None:
    with closing(PortraitTracker()) as tracker:
        face = tracker.find(rgb)
    assert face is not None
    with pytest.raises(PortraitError, match=r"blurred: its sharpness is 0\.\d\d and should be 0\.14"):
        check(cv2.GaussianBlur(rgb, (0, 0), 0.025 * face.height_px))


def test_a_tiny_face_is_refused(check: Check, rgb: np.ndarray) -> None:
    with closing(PortraitTracker()) as tracker:
        face = tracker.find(rgb)
    assert face is not None
    small = cv2.resize(rgb, None, fx=50 / face.height_px, fy=50 / face.height_px, interpolation=cv2.INTER_AREA)
    with pytest.raises(PortraitError, match=r"is \d\d pixels high and should have 64"):
        check(small)


@pytest.mark.parametrize("yaw", [62.0, -62.0, 75.0])
def test_a_profile_is_refused(check: Check, renderer: HeadRenderer, yaw: float) -> None:
    p = BUILTIN.pose(yaw=yaw)
    with pytest.raises(PortraitError, match=r"turned away by about \d\d°|shows no face"):
        check(render(renderer, np.zeros(Z_DIM, np.float32), p))


def test_a_turned_face_is_told_from_none(renderer: HeadRenderer) -> None:
    """At least one profile is seen as a face, so that the check of the angle is what refuses it."""
    p = BUILTIN.pose(yaw=60.0)
    rng = np.random.default_rng(0)
    said = []
    with closing(PortraitTracker()) as tracker:
        for _ in range(6):
            picture = render(renderer, rng.standard_normal(Z_DIM).astype(np.float32), p)
            with pytest.raises(PortraitError) as caught:
                check_faces([face.landmarks_px for face in tracker.find_all(picture)], NAME)
            said.append(str(caught.value))
    assert any("turned away" in sentence for sentence in said)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_face_that_lies_on_its_side_is_refused(rgb: np.ndarray, sign: int) -> None:
    with closing(PortraitTracker()) as tracker:
        face = tracker.find_all(rgb)[0].landmarks_px
    lying = np.column_stack([-sign * face[:, 1], sign * face[:, 0], face[:, 2]])
    with pytest.raises(PortraitError, match=r"upright and is tilted by about [89]\d°; turn the picture"):
        check_faces([lying], NAME)


def test_two_faces_of_a_size_are_refused_and_a_clearly_larger_one_is_taken(check: Check, rgb: np.ndarray) -> None:
    side = min(rgb.shape[:2])
    one = cv2.resize(rgb[:side, :side], (400, 400), interpolation=cv2.INTER_AREA)
    with pytest.raises(PortraitError, match="2 of about the same size; crop it"):
        check(np.hstack([one, one[:, ::-1]]))
    behind = np.full((400, 200, 3), one[:20].mean((0, 1)).astype(np.uint8))
    behind[:200] = cv2.resize(one, (200, 200), interpolation=cv2.INTER_AREA)
    check(np.hstack([one, behind]))


def test_a_picture_without_a_face_is_refused() -> None:
    with pytest.raises(PortraitError, match=r"me\.png shows no face; choose"):
        check_faces([], NAME)
