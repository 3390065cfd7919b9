"""A pose graph with another crop: the same pose, and the rule's square."""

from contextlib import closing

import numpy as np
import pytest

from engines import open_engine
from export.imported_parts import SQUARES
from export.landmark_pose import write_landmark_pose
from puppet.bundle import POSE, builtin_bundle_path


@pytest.mark.parametrize("rule", [SQUARES.pose, SQUARES.portrait], ids=["mean", "longest"])
def test_the_pose_stays_and_the_square_is_the_rules(rule, tmp_path):
    path = builtin_bundle_path() / POSE
    write_landmark_pose(path, rule, tmp_path / POSE)
    landmarks = np.random.default_rng(0).uniform(50, 400, (1, 478, 3)).astype(np.float32)
    read = []
    for each in (path, tmp_path / POSE):
        with closing(open_engine(each, "onnxruntime", precision="f32")) as engine:
            read.append({name: value.copy() for name, value in engine.run({"landmarks": landmarks}).items()})
    np.testing.assert_allclose(read[1]["p"], read[0]["p"], rtol=1e-5, atol=1e-5)
    square = rule.square(landmarks[0])
    np.testing.assert_allclose(read[1]["crop"][0], [square.x, square.y, square.side], rtol=1e-5)
    assert np.abs(read[1]["crop"] - read[0]["crop"]).max() > 1
