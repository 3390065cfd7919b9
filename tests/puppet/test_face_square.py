import json

import numpy as np
import pytest

from engines.base import EngineRunError, TensorSpec
from engines.fake import FakeEngine
from puppet.alignment import Square, look
from puppet.face_square import FaceSquares, SquareRule
from puppet.frame import Face
from puppet.pose import PoseReader, pose_reader

RULE = SquareRule((1, 2), "longest", 2.0, 0.25)
LANDMARKS = np.zeros((478, 3), np.float32)
LANDMARKS[1], LANDMARKS[2] = (10, 20, 5), (50, 40, 9)


def test_squares_follow_their_rules():
    assert RULE.square(LANDMARKS) == Square(30.0, 30.0 - 10.0, 80.0)
    assert SquareRule((1, 2), "mean", 1.375, 0.0).square(LANDMARKS) == Square(30.0, 30.0, 1.375 * 30)
    assert RULE.square(np.zeros((478, 3), np.float32)).side == 1.0


def test_squares_of_the_authors():
    """The crop of the reference: centre and half side of 68 landmarks around two places."""
    k = np.arange(68)
    for x, y in ((500, 350), (120, 140)):
        points = np.stack([np.trunc(x + 110 * np.cos(0.31 * k)), np.trunc(y + 130 * np.sin(0.47 * k))], 1)
        face = np.zeros((478, 3), np.float32)
        face[:68, :2] = points
        square = SquareRule(tuple(range(68)), "longest", 2.0, 1 / 6).square(face)
        assert abs(square.side - 2 * 259) <= 2
        assert abs(square.x - x) <= 1 and abs(square.y - (y - 259 // 6)) <= 1


def test_through_json():
    squares = FaceSquares(RULE, SquareRule((3, 4), "mean", 1.0, 0.0))
    assert FaceSquares.from_json(json.loads(json.dumps(squares.to_json()))) == squares


GOOD = FaceSquares(RULE, RULE).to_json()["pose"] | {"points": [1, 2]}


@pytest.mark.parametrize(
    "change",
    [
        {"points": [1]}, {"points": [1, 478]}, {"points": [1, True]}, {"points": "12"}, {"length": "short"},
        {"sides": 0}, {"sides": float("nan")}, {"sides": 11}, {"up": float("inf")}, {"up": None}, {"sides": []},
        {"sides": 10**400}, {"up": "high"},
    ],
)  # fmt: skip
def test_rules_of_strangers_are_checked(change):
    assert SquareRule.from_json(GOOD) == RULE
    with pytest.raises(ValueError, match="a square"):
        SquareRule.from_json(GOOD | change)


@pytest.mark.parametrize("values", [None, {}, {"pose": GOOD}, {"pose": GOOD, "portrait": 3}, [1]])
def test_both_rules_are_needed(values):
    with pytest.raises(ValueError, match="pose and portrait"):
        FaceSquares.from_json(values)


def reader(seen):
    def read(inputs, outputs):
        seen.append(inputs["picture"].copy())
        outputs["p"][:] = inputs["picture"].mean()

    picture = TensorSpec("picture", (1, 8, 8, 3), "uint8")
    return pose_reader(FakeEngine([picture], [TensorSpec("p", (1, 3), "float32")], read), FaceSquares(RULE, RULE), None)


def test_the_pose_is_read_from_the_square_of_the_picture():
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[:, 30:] = (200, 100, 0)
    seen = []
    reading = reader(seen).read(Face(LANDMARKS, (100, 100), rgb))
    assert reading.square == RULE.square(LANDMARKS)
    assert (seen[0][0, 2:, :3] == 0).all(), "left of the edge, and beyond the picture"
    assert (seen[0][0, 3:7, 5:] == (200, 100, 0)).all()
    assert reading.p.shape == (3,)


def test_without_a_picture_or_with_landmarks_that_are_none_the_reader_fails():
    rgb = np.zeros((10, 10, 3), np.uint8)
    for face in (Face(LANDMARKS, (10, 10)), Face(LANDMARKS * np.float32(np.nan), (10, 10), rgb)):
        with pytest.raises(EngineRunError):
            reader([]).read(face)


def test_a_bundle_without_squares_reads_landmarks():
    engine = FakeEngine([TensorSpec("landmarks", (1, 478, 3), "float32")], [], lambda inputs, outputs: None)
    assert isinstance(pose_reader(engine, None, None), PoseReader)


def test_pixels_lie_where_deca_puts_them():
    """x(i) = (i + ½) s / edge + cx − s/2 − ½, bilinear, on a ramp."""
    ramp = np.tile(np.arange(200, dtype=np.uint8)[:, None], (1, 200))
    rgb = np.stack([ramp.T, ramp, ramp], -1)
    square, edge = Square(90.0, 80.0, 96.0), 32
    out = look(np.ascontiguousarray(rgb), square, np.empty((edge, edge, 3), np.uint8)).astype(float)
    i = (np.arange(edge) + 0.5) * 96 / edge - 48 - 0.5
    np.testing.assert_allclose(out[4, :, 0], 90 + i, atol=0.6)
    np.testing.assert_allclose(out[:, 4, 1], 80 + i, atol=0.6)
