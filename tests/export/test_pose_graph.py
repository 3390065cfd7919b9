from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines import open_engine
from export.pose_graph import (
    LANDMARKS,
    RIGID,
    HeadFrame,
    PoseGraph,
    Reader,
    face_features,
    mean_reader,
    write_pose_graph,
)
from export.shape_model import CAMERA_FROM_HEAD, head_rotation
from puppet.pose_space import BUILTIN

FACE = np.random.default_rng(3).normal(0, (0.7, 0.8, 0.4), (LANDMARKS, 3)).astype(np.float32)


def seen(yaw: float, pitch: float, roll: float, size_px: float = 80.0) -> np.ndarray:
    """The face in a picture, as pixels."""
    p = BUILTIN.rest.copy()
    p[:3] = yaw, pitch, roll
    rotation = CAMERA_FROM_HEAD @ head_rotation(p) @ CAMERA_FROM_HEAD.T
    return (size_px * FACE @ rotation.T + np.float32([320, 240, -15])).astype(np.float32)


@given(st.floats(-50, 50), st.floats(-40, 40), st.floats(-50, 50), st.floats(20, 400))
def test_place_size_and_rotation_come_off(yaw: float, pitch: float, roll: float, size_px: float) -> None:
    frame = HeadFrame(FACE)
    face, angles, _, size = frame(torch.from_numpy(seen(yaw, pitch, roll, size_px)[None]))
    straight = frame(torch.from_numpy(FACE[None]))[0]
    assert torch.allclose(face, straight, atol=2e-3)
    assert angles[0].tolist() == pytest.approx((yaw, pitch, roll), abs=0.1)
    assert float(size) == pytest.approx(size_px * float(frame(torch.from_numpy(FACE[None]))[3]), rel=1e-3)


def test_a_moved_expression_moves_only_the_landmarks_that_it_moves() -> None:
    frame, free = HeadFrame(FACE), [i for i in range(LANDMARKS) if i not in RIGID]
    moved = seen(10, 5, -8)
    moved[free[0]] += 7
    before, after = (frame(torch.from_numpy(points[None]))[0][0] for points in (seen(10, 5, -8), moved))
    assert set(np.flatnonzero((before - after).abs().amax(1) > 1e-4)) == {free[0]}


def reader(points: tuple[int, ...], outputs: int, seed: int = 0) -> Reader:
    torch.manual_seed(outputs + 100 * seed)
    features = 3 * len(points) + 3
    made = Reader(points, torch.zeros(features), torch.randn(features, 8) * 0.1, torch.ones(outputs), 4)
    torch.nn.init.normal_(made.bend[2].weight)
    return made


def graph() -> PoseGraph:
    readers = [reader((1, 5, 9), 3), reader((4, 61), 2)]
    return PoseGraph(HeadFrame(FACE), readers, [[0, 3, 2], [4, 1]], reader((2, 7), 3))


def test_a_mean_reader_says_the_mean() -> None:
    readers = [reader((1, 5, 9), 3, seed) for seed in range(3)]
    for other in readers[1:]:
        other.whiten.copy_(readers[0].whiten)
    features = torch.randn(7, 12)
    with torch.inference_mode():
        wanted = torch.stack([each(features) for each in readers])
        assert wanted.std(0).min() > 1e-3
        assert torch.allclose(mean_reader(readers)(features), wanted.mean(0), atol=1e-5)


def test_entries_are_put_in_the_order_of_the_pose_vector() -> None:
    made, landmarks = graph(), torch.from_numpy(seen(3, 4, 5)[None])
    face, angles, _, _ = made.frame(landmarks)
    first, second = (r(face_features(face, angles, r.points)) for r in made.readers)
    p = made(landmarks)[0][0]
    assert torch.allclose(p[[0, 3, 2]], first[0]) and torch.allclose(p[[4, 1]], second[0])


def test_the_square_follows_the_face_through_the_picture() -> None:
    made = graph()
    x, y, side = made(torch.from_numpy(seen(12, 0, 0)[None]))[1][0].tolist()
    twice = 2 * seen(12, 0, 0) + np.float32([30, -20, 4])
    assert made(torch.from_numpy(twice[None]))[1][0].tolist() == pytest.approx(
        (2 * x + 30, 2 * y - 20, 2 * side), abs=0.05
    )


def test_the_written_graph_gives_the_same_numbers_in_both_runtimes(tmp_path: Path) -> None:
    path, made = tmp_path / "pose.onnx", graph()
    write_pose_graph(made, path)
    assert path.stat().st_size < 1_000_000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pose.onnx"]
    for runtime in ("onnxruntime", "openvino"):
        engine = open_engine(path, runtime, threads=1, precision="f32")
        assert {spec.name: spec.shape for spec in engine.outputs} == {"p": (1, 5), "crop": (1, 3)}
        for pose in ((0, 0, 0), (30, -12, 9)):
            landmarks = seen(*pose)[None]
            p, crop = (tensor.detach().numpy() for tensor in made(torch.from_numpy(landmarks)))
            outputs = engine.run({"landmarks": landmarks})
            assert outputs["p"] == pytest.approx(p, abs=1e-3)
            assert outputs["crop"] == pytest.approx(crop, abs=1e-2)
        engine.close()
