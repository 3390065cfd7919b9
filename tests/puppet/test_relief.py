"""A portrait moved in space: the shipped bundle's table on a face that is made of its own landmarks."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from usual_cutout import usual_cutout

from puppet.alignment import Square, align, resize
from puppet.bundle import Bundle, builtin_bundle_path, load_bundle
from puppet.cutout import MARGIN, Cutout, cut_out
from puppet.face_motion import ABOVE_LIP, moved, rotation
from puppet.face_topology import (
    CHIN,
    FOREHEAD,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    LIP_CORNER,
    LIP_TOP,
    POINTS,
    RIGHT_EYE,
    RIGHT_IRIS,
    UPPER_LIP,
    face_triangles,
    opposite,
    other_side,
)
from puppet.gallery import USUAL
from puppet.head_back import back_texture
from puppet.head_shell import back_matte
from puppet.mesh_raster import Window
from puppet.mouth_inside import MouthInside, lips_inside
from puppet.perspective import lifted
from puppet.pose_space import BUILTIN
from puppet.pull_push import continued
from puppet.relief import Relief, relief_of
from puppet.rest import rest_code
from puppet.stills import read_still
from puppet.views import RANDOM, portrait_views
from puppet.views import USUAL as USUAL_POSES

SIDE = 64


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(builtin_bundle_path())


@pytest.fixture(scope="module")
def cutout() -> Cutout:
    return usual_cutout(128)


@pytest.fixture(scope="module")
def relief(bundle: Bundle, cutout: Cutout) -> Relief:
    return Relief(cutout, BUILTIN.rest, bundle.face_motion, BUILTIN)


def gap(points: np.ndarray, opening: tuple[int, ...]) -> float:
    return float(np.mean([np.linalg.norm(points[low] - points[up]) for up, low in opposite(opening)]))


def test_at_its_own_pose_it_is_the_portrait(relief: Relief, cutout: Cutout) -> None:
    painted = relief.paint(BUILTIN.rest, Window.of(SIDE))
    face = slice(SIDE * 3 // 8, SIDE * 5 // 8)
    truth = resize(read_still(USUAL), SIDE)[face, face]
    assert np.abs(painted.rgba[face, face, :3] - truth).mean() < 5
    np.testing.assert_allclose(painted.points, cutout.points[:, :2], atol=5e-4)  # lips may not cross


@pytest.mark.parametrize(("name", "axis", "sign"), [("yaw", 0, -1), ("pitch", 1, 1)])
def test_a_turn_moves_the_nose_as_the_pose_space_says(relief: Relief, name: str, axis: int, sign: int) -> None:
    nose = 1
    moves = [float(relief.points(BUILTIN.pose(**{name: angle}))[nose, axis]) for angle in (-20, 0, 20)]
    assert sign * moves[0] < sign * moves[1] < sign * moves[2]


def test_a_turn_uncovers_no_hole_in_the_head(relief: Relief) -> None:
    still, turned = (relief.paint(BUILTIN.pose(yaw=angle), Window.of(SIDE)) for angle in (0, 25))
    row = slice(SIDE // 4, SIDE // 2)
    assert turned.rgba[row, :, 3].sum() > 0.9 * still.rgba[row, :, 3].sum()
    for line in turned.rgba[row, :, 3] > 127:
        inside = np.flatnonzero(line)
        assert line[inside[0] : inside[-1]].mean() > 0.97


def test_confidence_is_lower_where_the_portrait_shows_nothing(relief: Relief) -> None:
    still, turned = (relief.paint(BUILTIN.pose(yaw=angle), Window.of(SIDE)).confidence for angle in (0, 25))
    assert (turned < 0.9).sum() > 1.5 * (still < 0.9).sum()
    assert turned.min() > 0 and turned.max() <= 1


@pytest.mark.parametrize("bald", [False, True])
def test_behind_a_forehead_is_hair_where_there_is_any(cutout: Cutout, bald: bool) -> None:
    skin, hair = (200, 160, 140), (200, 160, 140) if bald else (40, 30, 90)
    top, brow = cutout.to_px(cutout.points[[10, FOREHEAD], :2])[:, 1].round().astype(int)
    hairline = top - (brow - top) * 5 // 4  # so high that skin shows above what is hidden of the face
    rgb, person, row = cutout.rgb.copy(), cutout.matte > 0.5, np.indices(cutout.matte.shape)[0]
    rgb[person & (row < brow)] = skin
    rgb[person & (row < hairline)] = hair
    texture = back_texture(replace(cutout, rgb=rgb))
    middle = texture.shape[1] // 2
    assert np.abs(texture[hairline + 5, middle, :3] - hair).max() < 25


def test_fair_hair_far_above_a_face_is_no_forehead(cutout: Cutout) -> None:
    skin, fair, dark = (200, 160, 140), (205, 170, 140), (40, 30, 90)
    top, brow = cutout.to_px(cutout.points[[10, FOREHEAD], :2])[:, 1].round().astype(int)
    rgb, person, (row, column) = cutout.rgb.copy(), cutout.matte > 0.5, np.indices(cutout.matte.shape)
    crown, middle = np.nonzero(person.any(1))[0][0] + 2, rgb.shape[1] // 2
    rgb[person & (row < brow)] = skin
    rgb[person & (row < top)] = fair
    rgb[person & (row < brow) & (np.abs(column - middle) > 20)] = dark
    assert np.abs(back_texture(replace(cutout, rgb=rgb))[crown, middle, :3] - fair).max() < 10


@pytest.mark.parametrize(("yaw", "turn", "taken"), [(0, -30, False), (25, 0, False), (25, -30, True)])
def test_the_far_side_of_a_turned_head_is_its_other_side_as_it_comes_to_be_seen(
    bundle: Bundle, cutout: Cutout, yaw: float, turn: float, taken: bool
) -> None:
    magenta, rgb = np.array([255, 0, 255]), cutout.rgb.copy()
    mouth, right = cutout.to_px(cutout.points[[UPPER_LIP, LEFT_EYE[0]], :2]).round().astype(int)
    rgb[: mouth[1], right[0] :] = magenta  # the side that a head turned to its right shows
    marked = Relief(replace(cutout, rgb=rgb), BUILTIN.pose(yaw=yaw), bundle.face_motion, BUILTIN)
    painted = marked.paint(BUILTIN.pose(yaw=yaw + turn), Window.of(2 * SIDE)).rgba
    far = painted[:SIDE, : SIDE // 2]
    seen = (np.linalg.norm(far[..., :3] - magenta, axis=-1) < 60) & (far[..., 3] > 200)
    assert (seen.sum() > 20) == taken and seen.any() == taken


@given(st.floats(0, 1), st.floats(0, 1))
def test_lids_close_to_the_end_and_only_where_they_should(
    bundle: Bundle, cutout: Cutout, left: float, right: float
) -> None:
    motion, X = bundle.face_motion, cutout.points
    points = moved(X, motion, BUILTIN, BUILTIN.rest, BUILTIN.pose(blink_left=left, blink_right=right))
    for opening, share in ((LEFT_EYE, left), (RIGHT_EYE, right)):
        assert gap(points, opening) == pytest.approx((1 - share) * gap(X, opening), abs=0.02 * gap(X, opening))


def test_a_closed_lid_shows_skin_and_nothing_of_the_eye(bundle: Bundle, cutout: Cutout) -> None:
    magenta, rgb = np.array([255, 0, 255]), cutout.rgb.copy()
    for opening in (RIGHT_EYE, LEFT_EYE):
        eye = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(eye, [cutout.to_px(cutout.points[list(opening), :2]).round().astype(np.int32)], 1)
        rgb[cv2.erode(eye, np.ones((3, 3))) > 0] = magenta  # lashes take their colour from its edge
    marked = Relief(replace(cutout, rgb=rgb), BUILTIN.rest, bundle.face_motion, BUILTIN)

    def seen(p: np.ndarray) -> int:
        away = np.linalg.norm(marked.paint(p, Window.of(2 * SIDE)).rgba[..., :3] - magenta, axis=-1)
        return int((away < 120).sum())

    assert seen(BUILTIN.rest) > 20
    assert seen(BUILTIN.pose(blink_left=1, blink_right=1)) == 0


def test_the_frame_of_glasses_stays_before_a_closed_lid(bundle: Bundle, cutout: Cutout) -> None:
    rgb, drawn = cutout.rgb.copy(), np.zeros(cutout.rgb.shape[:2], np.uint8)
    for opening in (RIGHT_EYE, LEFT_EYE):
        eye = cutout.to_px(cutout.points[list(opening), :2])
        middle, width = eye.mean(0), np.ptp(eye[:, 0])
        corners = (middle + width * np.array([sign, 0.6 * sign]) for sign in (-0.85, 0.85))
        cv2.rectangle(drawn, *(tuple(corner.astype(int).tolist()) for corner in corners), 1, 2)
    rgb[drawn > 0] = (20, 20, 24)
    worn = Relief(replace(cutout, rgb=rgb), BUILTIN.rest, bundle.face_motion, BUILTIN)
    bare = Relief(cutout, BUILTIN.rest, bundle.face_motion, BUILTIN)
    closed = BUILTIN.pose(blink_left=1, blink_right=1)
    opened, shut, without, bare_shut = (
        part.paint(p, Window.of(2 * SIDE)).rgba[..., :3] for part in (worn, bare) for p in (BUILTIN.rest, closed)
    )
    frame = np.abs(opened - without).max(-1) > 60
    assert frame.sum() > 60
    assert np.abs(shut - opened)[frame].mean() < 12
    points = worn.points(BUILTIN.rest) * 2 * SIDE
    for opening in (RIGHT_EYE, LEFT_EYE):
        eye = np.zeros(shut.shape[:2], np.uint8)
        cv2.fillPoly(eye, [points[list(opening)].astype(np.int32)], 1)
        assert np.abs(np.median(shut[eye > 0], axis=0) - np.median(bare_shut[eye > 0], axis=0)).max() < 25


def test_a_part_of_a_picture_is_painted_as_in_the_whole(relief: Relief) -> None:
    p = BUILTIN.pose(yaw=8, jaw_open=0.5, smile_left=1, blink_left=0.7, blink_right=0.4)
    whole, window = relief.paint(p, Window.of(2 * SIDE)), Window(2 * SIDE, SIDE // 2, SIDE // 3, SIDE)
    part = relief.paint(p, window)
    np.testing.assert_allclose(part.rgba, whole.rgba[window.pixels], atol=1)
    np.testing.assert_array_equal(part.confidence, whole.confidence[window.pixels])
    np.testing.assert_array_equal(part.points, relief.points(p))


@given(st.floats(-40, 40), st.floats(0.2, 5), st.floats(0, 1))
def test_teeth_stay_where_the_skull_has_them(
    bundle: Bundle, cutout: Cutout, roll: float, size: float, jaw: float
) -> None:
    X = cutout.points
    opened = moved(X, bundle.face_motion, BUILTIN, BUILTIN.rest, BUILTIN.pose(jaw_open=jaw))
    smile = BUILTIN.pose(jaw_open=jaw, smile_left=1, smile_right=1)
    smiling = moved(X, bundle.face_motion, BUILTIN, BUILTIN.rest, smile)
    places = lips_inside(opened, X)
    below_the_lip = (0.5, ABOVE_LIP)
    assert places[LIP_TOP] == pytest.approx(below_the_lip, abs=0.05)
    assert places[1:LIP_CORNER, 0].min() > 0 and places[1:LIP_CORNER, 0].max() < 1
    assert lips_inside(smiling, X)[LIP_TOP, 1] < places[LIP_TOP, 1]
    spun = size * rotation(BUILTIN.pose(roll=roll), BUILTIN)
    np.testing.assert_allclose(lips_inside(opened @ spun.T, X @ spun.T), places, atol=1e-9)


def test_the_portrait_shows_its_front_also_for_its_other_side_and_no_streaks(
    bundle: Bundle, cutout: Cutout, relief: Relief
) -> None:
    side_px = 2 * SIDE
    own = relief.shown(BUILTIN.rest, side_px)
    matte = relief.paint(BUILTIN.rest, Window.of(side_px)).rgba[..., 3] / 255
    inside = cv2.erode((matte > 0.99).astype(np.uint8), np.ones((9, 9))) > 0
    assert own[inside].mean() > 0.97 and own[matte < 0.01].max(initial=0) < 0.05
    aside = Relief(cutout, BUILTIN.pose(yaw=25.0), bundle.face_motion, BUILTIN)
    for yaw, least, most in ((25.0, 0.97, 1.0), (15.0, 0.975, 1.0), (-20.0, 0.7, 0.85)):
        p = BUILTIN.pose(yaw=yaw)
        opaque = aside.paint(p, Window.of(side_px)).rgba[..., 3] > 250
        assert least < aside.shown(p, side_px)[opaque].mean() < most


@pytest.mark.parametrize("jaw", [0.7, 1.0])
def test_an_open_mouth_shows_teeth_over_a_dark_throat(relief: Relief, jaw: float) -> None:
    painted = relief.paint(BUILTIN.pose(jaw_open=jaw), Window.of(4 * SIDE))
    inside = np.zeros(painted.confidence.shape, np.uint8)
    cv2.fillPoly(inside, [(painted.points[list(INNER_LIPS)] * len(inside)).astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((3, 3)))
    down, brightness = np.nonzero(inside)[0], painted.rgba[..., :3].min(-1)[inside > 0]
    teeth, throat = brightness > 130, brightness < 70
    assert 0.03 < teeth.mean() < 0.4 and throat.mean() > 0.4
    lower = down[teeth] > np.median(down[throat])
    assert lower.any() == (jaw == 1) and lower.mean() < 0.5
    assert (down[teeth][lower] > np.quantile(down[throat], 0.8)).all()


@pytest.mark.parametrize(("kept", "coloured"), [(0.0, False), (1.0, True)])
def test_the_mouth_of_a_black_and_white_portrait_is_grey(
    bundle: Bundle, cutout: Cutout, kept: float, coloured: bool
) -> None:
    grey = cutout.rgb.mean(-1, keepdims=True)
    rgb = (grey + kept * (cutout.rgb - grey)).round().astype(np.uint8)
    X, p = lifted(cutout.points), BUILTIN.pose(jaw_open=0.6)
    mouth = MouthInside(replace(cutout, rgb=rgb), bundle.face_motion, X)
    picture = mouth.opened(moved(X, bundle.face_motion, BUILTIN, BUILTIN.rest, p), np.zeros(3)).picture
    assert (np.ptp(picture, axis=-1).max() > 10) == coloured
    assert np.ptp(picture.mean(-1)) > 100


def test_old_varnish_lies_on_teeth_too_and_skin_of_any_tone_leaves_them_white(bundle: Bundle, cutout: Cutout) -> None:
    X, p = lifted(cutout.points), BUILTIN.pose(jaw_open=0.6)
    opened = moved(X, bundle.face_motion, BUILTIN, BUILTIN.rest, p)

    def teeth(blue: float) -> np.ndarray:
        rgb = (cutout.rgb * (1, 1, blue)).round().astype(np.uint8)
        picture = MouthInside(replace(cutout, rgb=rgb), bundle.face_motion, X).opened(opened, np.zeros(3)).picture
        return picture[bundle.face_motion.upper[..., 3] == 255].mean(0)

    as_is, darker_skin, varnished = teeth(1.0), teeth(0.9), teeth(0.5)
    np.testing.assert_allclose(darker_skin, as_is, rtol=0.02)
    np.testing.assert_allclose(varnished[:2], as_is[:2], rtol=0.05)
    assert varnished[2] < 0.75 * as_is[2]


def test_lower_teeth_and_tongue_go_with_the_jaw(bundle: Bundle, cutout: Cutout) -> None:
    """The upper teeth stay, and hide them; a portrait that shows its own teeth has no others."""
    motion, X = bundle.face_motion, lifted(cutout.points)
    opened = moved(X, motion, BUILTIN, BUILTIN.rest, BUILTIN.pose(jaw_open=0.6))
    mouth = MouthInside(cutout, motion, X)
    here, below = (mouth.opened(opened, np.array((0, drop, 0))) for drop in (0.0, 0.05))
    width = np.linalg.norm(X[INNER_LIPS[LIP_CORNER]] - X[INNER_LIPS[0]])
    down = round(0.05 / width * len(here.jaw))
    upper = motion.upper[..., 3] > 0
    away = ~(upper | np.roll(upper, down, 0))
    away[:down] = False
    np.testing.assert_allclose(below.jaw[away], np.roll(here.jaw, down, 0)[away], atol=0.3)
    assert here.jaw[motion.upper[..., 3] == 255].max() == 0
    np.testing.assert_array_equal(here.picture[motion.upper[..., 3] == 255], below.picture[motion.upper[..., 3] == 255])
    toothy = MouthInside(cutout, motion, opened).opened(opened, np.zeros(3))
    assert toothy.jaw.mean() > here.jaw.mean() and toothy.kept == 1


def test_lips_that_hardly_part_show_no_teeth(relief: Relief) -> None:
    closed, ajar = (relief.paint(BUILTIN.pose(jaw_open=jaw), Window.of(2 * SIDE)).rgba[..., :3] for jaw in (0, 0.05))
    assert (ajar - closed).max() < 50


def test_a_jaw_drops_the_chin_and_lips_never_cross(bundle: Bundle, cutout: Cutout) -> None:
    motion, X = bundle.face_motion, cutout.points
    opened = moved(X, motion, BUILTIN, BUILTIN.rest, BUILTIN.pose(jaw_open=1))
    assert opened[CHIN, 1] > X[CHIN, 1] + 0.08 and gap(opened, INNER_LIPS) > gap(X, INNER_LIPS) + 0.05
    shut = moved(opened, motion, BUILTIN, BUILTIN.pose(jaw_open=0.5), BUILTIN.pose(jaw_open=-1))
    assert all(shut[up, 1] <= shut[low, 1] for up, low in opposite(INNER_LIPS))


@given(st.floats(-40, 40), st.floats(-25, 25), st.floats(-25, 25))
def test_rotations_are_rotations(yaw: float, pitch: float, roll: float) -> None:
    R = rotation(BUILTIN.pose(yaw=yaw, pitch=pitch, roll=roll), BUILTIN)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)


def test_the_face_is_one_sheet_with_three_holes_and_an_edge() -> None:
    triangles = face_triangles()
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert triangles.shape == (852, 3) and count.max() == 2
    assert (count == 1).sum() == len(LEFT_EYE) + len(RIGHT_EYE) + len(INNER_LIPS) + 36


def test_every_landmark_has_one_on_the_faces_other_side() -> None:
    there = other_side()
    np.testing.assert_array_equal(there[there], np.arange(POINTS))
    assert there[list(RIGHT_EYE)].tolist() == list(LEFT_EYE) and (there == np.arange(POINTS)).sum() == 28
    half = len(INNER_LIPS) // 2
    upper = INNER_LIPS[: half + 1]
    assert there[list(upper)].tolist() == list(upper[::-1])
    np.testing.assert_array_equal(there[RIGHT_IRIS : RIGHT_IRIS + 5], np.arange(LEFT_IRIS, LEFT_IRIS + 5))


def test_known_colours_stay_and_go_on_beyond() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:, :10], known = (200, 100, 50), np.zeros((20, 20), np.float32)
    known[:, :10] = 1
    np.testing.assert_allclose(continued(rgb, known), np.broadcast_to((200, 100, 50), rgb.shape), atol=1)
    assert np.isfinite(continued(rgb, np.zeros_like(known))).all()


@given(st.floats(10, 45), st.floats(15, 17), st.floats(15, 17))
def test_the_crop_lies_in_the_middle_of_what_is_cut_out(side: float, x: float, y: float) -> None:
    """A small portrait's pixels are large in the crop; its margin was rounded to whole ones."""
    down, across = np.mgrid[:32, :32]
    rgb = np.dstack([across * 8, down * 8, np.full_like(down, 90)]).astype(np.uint8)
    square = Square(x, y, side)
    crop, around = align(rgb, square, 128), round(MARGIN * 128)
    landmarks_px = np.random.default_rng(0).uniform(14, 18, (478, 3)).astype(np.float32)
    inner = cut_out(rgb, square, landmarks_px, 128).rgb[around:-around, around:-around]
    border = slice(128 // 8, -128 // 8)  # a crop ends at its border, what is cut out does not
    np.testing.assert_allclose(inner[border, border].astype(int), crop[border, border], atol=2)


def test_hair_that_the_portrait_cuts_off_is_rounded_off(cutout: Cutout) -> None:
    whole, cut_px = read_still(USUAL), 40
    side = float(len(whole))
    landmarks_px = (cutout.points * side).astype(np.float32) - np.array((0, cut_px, 0), np.float32)
    cut = cut_out(whole[cut_px:], Square(side / 2, side / 2 - cut_px, side), landmarks_px, 128)
    solid = cut.matte > 0.5
    widths = solid[: cut.shown.top + 1].sum(1)
    assert widths[-1] > 20 and widths[0] == 0 and (np.diff(widths) >= 0).all()
    assert not solid[: cut.shown.bottom // 2, : cut.shown.left].any()


def test_the_back_of_a_head_has_no_ears() -> None:
    down, across = np.mgrid[:208, :208]
    head = np.hypot(across - 104, down - 90) < 45
    neck = (np.abs(across - 104) < 20) & (down > 100)
    ears = (np.abs(down - 90) < 12) & (np.abs(across - 104) < 56)
    back = back_matte((head | neck | ears).astype(np.float32)) > 0.5
    assert (back & ~head & ~neck).sum() < 0.2 * (ears & ~head).sum()
    assert back[head | neck].mean() > 0.95


def test_views_begin_with_the_portrait_and_fit_their_codes(bundle: Bundle, cutout: Cutout) -> None:
    code = np.zeros((bundle.num_ws, bundle.w_dim), np.float32)
    views = portrait_views(bundle, cutout, code, BUILTIN.rest, relief_of(bundle, cutout, BUILTIN.rest))
    assert len(views.w) == len(views.pictures) == len(views.weights) == 1 + len(USUAL_POSES) + RANDOM
    np.testing.assert_array_equal(views.w[0], rest_code(bundle, code, BUILTIN.rest))
    assert views.pictures.dtype == np.uint8 and np.isfinite(views.weights).all() and (views.weights >= 0).all()
    assert len({picture.tobytes() for picture in views.pictures}) == len(views.pictures)
    person, crop = (cutout.cropped(image, bundle.resolution) for image in (cutout.matte, cutout.rgb))
    other = np.abs(views.behind.astype(int) - crop).mean(-1)
    assert other[person == 0].mean() < 1 and other[person > 0.99].mean() > 30
