"""A portrait's detail: what its pivot lacks, on the surface that its relief has."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, product

import cv2
import numpy as np
import pytest
from usual_cutout import usual_cutout

from puppet.bundle import Bundle, builtin_bundle_path, load_bundle
from puppet.cutout import Cutout
from puppet.detail import KINDS, NONE, PER_CELL, SIDE_PX, Detail, Opening
from puppet.face_motion import EYES
from puppet.face_topology import CHIN, INNER_LIPS, LEFT_IRIS, LIP_TOP, RIGHT_IRIS
from puppet.mesh_raster import Window
from puppet.moving_detail import MovingDetail, moving_detail
from puppet.pose_space import BUILTIN
from puppet.relief import Painted, Relief, relief_of
from puppet.residual import find_detail

P_S = BUILTIN.pose(yaw=3.0)
CHEEK, NOSE, LOWER_LIP = 50, 4, 17
JAW = BUILTIN.index("jaw_open")
NONE_OPEN = ((),) * len(KINDS)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(builtin_bundle_path())


@pytest.fixture(scope="module")
def cutout() -> Cutout:
    return usual_cutout(SIDE_PX)


@pytest.fixture(scope="module")
def relief(bundle: Bundle, cutout: Cutout) -> Relief:
    return Relief(cutout, P_S, bundle.face_motion, BUILTIN)


@pytest.fixture(scope="module")
def truth(cutout: Cutout) -> np.ndarray:
    """The crop over grey, RGBA."""
    return cutout.over_grey(SIDE_PX)


def painted(truth: np.ndarray) -> np.ndarray:
    """As a generator paints that keeps no detail."""
    soft = cv2.GaussianBlur(truth, (0, 0), 3.0)
    return cv2.resize(soft, (256, 256), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


@pytest.fixture(scope="module")
def pivot(truth: np.ndarray) -> np.ndarray:
    return painted(truth)


@pytest.fixture(scope="module")
def detail(relief: Relief, pivot: np.ndarray) -> Detail:
    whole = Window.of(SIDE_PX)
    return find_detail(relief, lambda p: pivot if np.array_equal(p, P_S) else painted(relief.paint(p, whole).rgba))


def test_it_is_what_the_pivot_lacks_inside_of_the_person(truth: np.ndarray, pivot: np.ndarray, detail: Detail) -> None:
    painted = cv2.resize(pivot, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)[..., :3].astype(np.float32)
    fine = painted + (detail.residual.astype(np.float32) - NONE)[..., None]
    inside = cv2.erode((truth[..., 3] > 250).astype(np.uint8), np.ones((25, 25))) > 0
    before, after = (np.square(picture - truth[..., :3])[inside].mean() for picture in (painted, fine))
    assert after < before / 4
    near = cv2.dilate((truth[..., 3] > 5).astype(np.uint8), np.ones((25, 25))) > 0
    assert (detail.residual[~near] == NONE).all()


@pytest.mark.parametrize(
    ("landmark", "motion"),
    [
        *product((CHEEK, NOSE, CHIN), ({"yaw": 14.0}, {"pitch": -9.0, "roll": 8.0}, {"jaw_open": 0.8})),
        *product((RIGHT_IRIS, LEFT_IRIS), ({"gaze_yaw": 0.2}, {"gaze_pitch": -0.2})),
    ],
)
def test_it_moves_with_the_landmarks(
    bundle: Bundle, relief: Relief, detail: Detail, landmark: int, motion: dict[str, float]
) -> None:
    p = BUILTIN.pose(**{"yaw": float(P_S[BUILTIN.index("yaw")]), **motion})
    x, y = (relief.cutout.points[landmark, :2] * SIDE_PX).tolist()
    spot = np.full((SIDE_PX, SIDE_PX), NONE, np.uint8)
    cv2.circle(spot, (round(x), round(y)), 5, 228, -1)
    seen = (
        moving_detail(bundle, replace(detail, residual=spot, openings=NONE_OPEN, looks=(), sides=()), P_S)
        .layers(p)
        .fine.astype(np.float64)
    )
    down, across = np.indices(seen.shape)
    middle = np.array([(seen * across).sum(), (seen * down).sum()]) / seen.sum()
    wanted = relief.points(p)[landmark] * SIDE_PX
    np.testing.assert_allclose(middle, wanted, atol=4)


@pytest.fixture(scope="module")
def mouth(detail: Detail) -> Opening:
    return detail.openings[2][2]


def lacking(relief: Relief, p: np.ndarray) -> tuple[Painted, np.ndarray]:
    """A view, and what its RGB has that is not painted."""
    view = relief.paint(p, Window.of(SIDE_PX))
    soft = cv2.resize(painted(view.rgba), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return view, view.rgba[..., :3] - soft[..., :3]


def enlarged(tint: np.ndarray) -> np.ndarray:
    return cv2.resize(tint.astype(np.float32), (SIDE_PX, SIDE_PX))[..., :3]


def error_of(fine: np.ndarray, lacks: np.ndarray, there: np.ndarray, tint: np.ndarray | float = 0.0) -> float:
    """Of detail, against what is lacking in a part of the picture."""
    return float(np.square(fine[..., None].astype(np.float32) + tint - lacks)[there].mean())


def around(points: np.ndarray, opening: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(mask, [(points[list(opening), :2] * SIDE_PX).astype(np.int32)], 1)
    return cv2.dilate(mask, np.ones((9, 9))) > 0


@pytest.mark.parametrize(
    ("opened", "smile"),
    [
        *((0.95 * share**1.5, 0.0) for share in (0.2, 0.6, 1.0)),
        *((0.15, 0.0), (0.34, 0.0), (0.8, 0.0)),
        *((0.0, 1.0), (0.95 * 0.5**1.5, 0.5), (0.95 * 0.5**1.5, 1.0)),
        *((0.3, 0.7), (0.5, 0.4)),
    ],
)
def test_an_opened_mouth_has_the_detail_of_its_view(
    bundle: Bundle, relief: Relief, detail: Detail, opened: float, smile: float
) -> None:
    p = BUILTIN.pose(yaw=3.0, jaw_open=opened, smile_left=smile, smile_right=smile)
    view, lacks = lacking(relief, p)
    lips = around(view.points, INNER_LIPS)

    def error(part: Detail) -> float:
        fine, tint, _ = moving_detail(bundle, part, P_S).layers(p)
        return error_of(fine, lacks, lips, 0.0 if tint is None else enlarged(tint))

    found = any(np.allclose(mouth.p, p) for mouth in chain(*detail.openings[2:]))
    assert error(detail) < (0.3 if found else 0.7) * error(replace(detail, openings=NONE_OPEN))


def test_a_shut_mouth_has_nothing_of_an_opened_one(bundle: Bundle, detail: Detail) -> None:
    none, serious, all_of_it = (
        moving_detail(bundle, replace(detail, openings=openings), P_S)
        for openings in (NONE_OPEN, (*detail.openings[:3], (), ()), detail.openings)
    )
    for motion in ({}, {"pucker": 0.8}, {"smile_left": 0.8}, {"yaw": -20.0}):
        p = BUILTIN.pose(**{"yaw": 3.0, **motion})
        fine = none.layers(p).fine.copy()
        for moving in (serious,) if "smile_left" in motion else (serious, all_of_it):
            np.testing.assert_array_equal(moving.layers(p).fine, fine)


@pytest.mark.parametrize("motion", [{"blink_left": 0.4}, {"blink_left": 0.5, "blink_right": 0.3}, {"blink_right": 1.0}])
def test_an_eye_that_closes_has_the_detail_of_its_view(
    bundle: Bundle, relief: Relief, detail: Detail, motion: dict[str, float]
) -> None:
    """One that stays open keeps its own."""
    p = BUILTIN.pose(yaw=3.0, **motion)
    _, lacks = lacking(relief, p)
    layers, without = (
        moving_detail(bundle, part, P_S).layers(p) for part in (detail, replace(detail, openings=NONE_OPEN))
    )
    tint = enlarged(layers.tint)
    for name, opening, _ in EYES:
        lids = around(relief.cutout.points, opening)
        error, before = (error_of(fine, lacks, lids, tint) for fine in (layers.fine, without.fine))
        assert error < (0.6 if name in motion else 1.01) * before


@pytest.mark.parametrize("motion", [{"gaze_yaw": 0.5}, {"gaze_yaw": -0.4}, {"gaze_pitch": -0.5}, {"gaze_pitch": 0.6}])
def test_eyes_that_look_aside_have_the_detail_of_their_view(
    bundle: Bundle, relief: Relief, detail: Detail, motion: dict[str, float]
) -> None:
    p = BUILTIN.pose(yaw=3.0, **motion)
    view, lacks = lacking(relief, p)
    eyes = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for _, opening, _ in EYES:
        cv2.fillPoly(eyes, [(view.points[list(opening)] * SIDE_PX).astype(np.int32)], 1)
    error, before = (
        error_of(moving_detail(bundle, part, P_S).layers(p).fine, lacks, eyes > 0)
        for part in (detail, replace(detail, looks=()))
    )
    assert error < 0.6 * before


@pytest.mark.parametrize("yaw", [-20.0, 20.0, -13.0, 13.0])
def test_a_turned_head_has_the_detail_of_the_side_that_it_shows(
    bundle: Bundle, relief: Relief, detail: Detail, yaw: float
) -> None:
    p = BUILTIN.pose(yaw=3.0 + yaw)
    view, lacks = lacking(relief, p)
    own = moving_detail(bundle, replace(detail, sides=()), P_S).layers(p)
    beside = (
        (cv2.resize(own.believed, (SIDE_PX, SIDE_PX)) < 0.3)
        & (cv2.erode(relief.shown(p, SIDE_PX), np.ones((15, 15))) > 0.95)
        & (view.rgba[..., 3] > 250)
    )
    assert beside.mean() > 0.005

    both = moving_detail(bundle, detail, P_S).layers(p)
    error, before = (error_of(layers.fine, lacks, beside) for layers in (both, own))
    assert error < (0.7 if abs(yaw) == 20 else 0.9) * before


@pytest.mark.parametrize("what", ["lip", "teeth", "tongue"])
def test_lips_and_tongue_move_and_upper_teeth_stay(
    bundle: Bundle, relief: Relief, detail: Detail, mouth: Opening, what: str
) -> None:
    """A spot on the lower lip, one just below the upper lip, and one in the middle of the opened mouth."""
    points = relief.points(mouth.p)
    lips = points[list(INNER_LIPS)]
    place = {"lip": points[LOWER_LIP], "teeth": lips[LIP_TOP] + (0, 0.01), "tongue": lips.mean(0)}[what]
    spot = np.full_like(mouth.residual, NONE)
    x, y = place * SIDE_PX - mouth.corner.astype(float) * PER_CELL
    cv2.circle(spot, (round(x), round(y)), 3, 228, -1)
    only = replace(detail, residual=np.full_like(detail.residual, NONE), sides=())
    others = [replace(other, residual=np.full_like(other.residual, NONE)) for other in detail.openings[2]]
    others[2] = replace(mouth, residual=spot)
    only = replace(only, openings=((), (), tuple(others), (), ()))
    p = mouth.p.copy()
    p[JAW] += 0.2
    seen = moving_detail(bundle, only, P_S).layers(p).fine.astype(np.float64)
    down, across = np.indices(seen.shape)
    middle = np.array([(seen * across).sum(), (seen * down).sum()]) / seen.sum()
    lip = relief.points(p)[LOWER_LIP]
    wanted = {"lip": lip, "teeth": place, "tongue": place + 0.2 * bundle.face_motion.drop[:2]}[what]
    np.testing.assert_allclose(middle, wanted * SIDE_PX, atol=3)
    assert (abs(middle[1] - place[1] * SIDE_PX) > 5) == (what != "teeth")


def sooner(own: float, end: float, steps: int) -> list[float]:
    """Where a jaw is looked at on its way: closer together at first."""
    return [own + (end - own) * (step / steps) ** 1.5 for step in range(1, steps + 1)]


@pytest.mark.parametrize(
    ("own", "jaws", "closed"),
    [
        ({"jaw_open": 0.05}, sooner(0.05, 0.95, 5), [0.2, 0.4, 0.6, 0.8, 1]),
        ({"jaw_open": 0.2, "blink_right": 0.6}, [0, *sooner(0.2, 0.95, 4)], [0.8, 1]),
        ({"jaw_open": 0.5, "blink_right": 0.95}, [*sooner(0.5, 0, 3), *sooner(0.5, 0.95, 2)], []),
        ({"jaw_open": 0.9, "gaze_yaw": 1.0}, sooner(0.9, 0, 5), [0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_what_is_open_is_shut_too(
    bundle: Bundle, cutout: Cutout, pivot: np.ndarray, own: dict[str, float], jaws: list[float], closed: list[float]
) -> None:
    """The mouth, an eye, and both eyes that look to where there is room."""
    relief = Relief(cutout, BUILTIN.pose(**own, blink_left=own.get("blink_right", 0.0)), bundle.face_motion, BUILTIN)
    found = find_detail(relief, lambda p: pivot)
    right, left, mouths, *_ = found.openings
    for patches, name, wanted in (
        (mouths, "jaw_open", jaws),
        (right, "blink_right", closed),
        (left, "blink_left", closed),
    ):
        np.testing.assert_allclose([patch.p[BUILTIN.index(name)] for patch in patches], wanted, atol=1e-6)
    for smiles, share in zip(found.openings[3:], (0.5, 1.0), strict=True):
        assert len(smiles) == 5 and smiles[0].p[JAW] == 0 and smiles[-1].p[JAW] == pytest.approx(0.95)
        assert all(smile.p[BUILTIN.index(side)] == share for smile in smiles for side in ("smile_left", "smile_right"))
    assert len(found.looks) == (3 if "gaze_yaw" in own else 4)


def test_a_portrait_that_smiles_has_no_other_detail_for_it(bundle: Bundle, cutout: Cutout, pivot: np.ndarray) -> None:
    smiling = Relief(cutout, BUILTIN.pose(smile_left=0.8, smile_right=0.9), bundle.face_motion, BUILTIN)
    found = find_detail(smiling, lambda p: pivot)
    assert found.openings[3:] == ((), ()) and found.openings[2]


def test_where_faces_cannot_be_moved_there_is_none(bundle: Bundle, cutout: Cutout, detail: Detail) -> None:
    still = replace(bundle, face_motion=None)
    assert relief_of(still, cutout, P_S) is None
    assert moving_detail(still, detail, P_S) is None and moving_detail(bundle, None, P_S) is None
    assert isinstance(moving_detail(bundle, detail, P_S), MovingDetail)
