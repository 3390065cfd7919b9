"""A portrait's detail: what its pivot lacks, on the surface that its relief has."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
from usual_cutout import usual_cutout

from puppet.bundle import Bundle, builtin_bundle_path, load_bundle
from puppet.cutout import Cutout
from puppet.detail import NONE, SIDE_PX, Detail, MovingDetail, moving_detail
from puppet.face_topology import CHIN, LEFT_IRIS, RIGHT_IRIS
from puppet.pose_space import BUILTIN
from puppet.relief import Relief, relief_of
from puppet.residual import find_detail

P_S = BUILTIN.pose(yaw=3.0)
CHEEK, NOSE = 50, 4


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


@pytest.fixture(scope="module")
def pivot(truth: np.ndarray) -> np.ndarray:
    """As a generator paints that keeps no detail."""
    soft = cv2.GaussianBlur(truth, (0, 0), 3.0)
    return cv2.resize(soft, (256, 256), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


@pytest.fixture(scope="module")
def detail(relief: Relief, pivot: np.ndarray) -> Detail:
    return find_detail(relief, pivot)


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
    seen = moving_detail(bundle, replace(detail, residual=spot), P_S).layer(p).astype(np.float64) - NONE
    down, across = np.indices(seen.shape)
    middle = np.array([(seen * across).sum(), (seen * down).sum()]) / seen.sum()
    wanted = relief.paint(p, 64).points[landmark] * SIDE_PX
    np.testing.assert_allclose(middle, wanted, atol=4)


def test_where_faces_cannot_be_moved_there_is_none(bundle: Bundle, cutout: Cutout, detail: Detail) -> None:
    still = replace(bundle, face_motion=None)
    assert relief_of(still, cutout, P_S) is None
    assert moving_detail(still, detail, P_S) is None and moving_detail(bundle, None, P_S) is None
    assert isinstance(moving_detail(bundle, detail, P_S), MovingDetail)
