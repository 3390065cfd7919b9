from pathlib import Path

import numpy as np
import pytest
import torch

from engines import open_engine
from export.distill_pose import Score, distil, table
from export.face_parts import MIRROR, face_parts, mirror_order
from export.facemesh_samples import POSES, READINGS, FaceMeshSamples, driver_poses
from export.judge import eye_aspect, mouth_opening, rigid_rotation, rotation_angles
from export.pose_graph import LANDMARKS, RIGID, HeadFrame
from export.pose_tasks import all_views, askew, fit_template
from export.shape_model import CAMERA_FROM_HEAD, head_rotation
from puppet.file_camera import FileCamera
from puppet.pose_space import BUILTIN
from puppet.tracker import Tracker

MIDDLE = (6, 8, 9, 10, 151, 168, 195, 197)
RIGID_PAIRS = (
    (21, 251), (33, 263), (54, 284), (67, 297), (103, 332), (109, 338), (127, 356), (133, 362), (162, 389), (234, 454),
)  # fmt: skip
SHIPPED = Path(__file__).parents[2] / "puppet" / "bundles" / "builtin" / "pose.onnx"


def even_face(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A made-up face on a grid, and which point mirrors which; the rigid points mirror each other as FaceMesh's do."""
    others = [i for i in range(LANDMARKS) if i not in MIDDLE and i not in RIGID]
    pairs = np.array([*RIGID_PAIRS, *zip(others[::2], others[1::2], strict=True)])
    grid = np.stack(np.meshgrid(np.arange(0.06, 1, 0.12), np.arange(-1, 1.5, 0.25), [-0.4, 0, 0.4]), -1).reshape(-1, 3)
    face, order = np.zeros((LANDMARKS, 3), np.float32), np.arange(LANDMARKS)
    face[pairs[:, 0]] = rng.permutation(grid)[: len(pairs)]
    face[pairs[:, 1]] = face[pairs[:, 0]] * MIRROR
    face[list(MIDDLE), 1] = np.linspace(-1.2, 1.4, len(MIDDLE))
    order[pairs[:, 0]], order[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    return face, order


def made_up_samples(people: int) -> FaceMeshSamples:
    """Faces whose landmarks follow p linearly, but for place, size and rotation."""
    rng = np.random.default_rng(5)
    template, order = even_face(rng)
    fields = rng.normal(0, 0.08, (BUILTIN.dim, LANDMARKS, 3))
    fields[:3] = 0
    # What p's mirror image does is the mirror image of what p does.
    mirrored = np.tensordot(BUILTIN.mirror(np.eye(BUILTIN.dim, dtype=np.float32)), fields, 1)[:, order] * MIRROR
    fields = (fields + mirrored) / 2
    p = driver_poses(rng, people).reshape(-1, BUILTIN.dim)
    person = np.repeat(np.arange(people, dtype=np.int32), POSES)
    own = rng.normal(0, 0.01, (people, LANDMARKS, 3))[person]
    landmarks, crop = np.empty((len(p), READINGS, LANDMARKS, 3), np.float32), np.empty((len(p), 3), np.float32)
    for i, pose in enumerate(p):
        rotation = CAMERA_FROM_HEAD @ head_rotation(pose) @ CAMERA_FROM_HEAD.T
        size, place = rng.uniform(60, 90), np.array([*rng.uniform(150, 250, 2), 0])
        face = template + own[i] + np.tensordot(pose, fields, 1)
        landmarks[i] = size * face @ rotation.T + place + rng.normal(0, 0.1, (READINGS, LANDMARKS, 3))
        crop[i] = (*place[:2], 3.5 * size)
    return FaceMeshSamples(landmarks, p, crop, person, np.zeros(len(p), bool))


def test_mirrored_landmarks_find_each_other() -> None:
    face, order = even_face(np.random.default_rng(0))
    assert np.array_equal(mirror_order(face), order)
    with pytest.raises(ValueError, match="frontal"):
        mirror_order(np.random.default_rng(1).normal(0, 1, (LANDMARKS, 3)).astype(np.float32))


def test_every_entry_of_the_pose_is_read_from_exactly_one_part() -> None:
    parts = face_parts(even_face(np.random.default_rng(0))[0])
    assert sorted(entry for part in parts.values() for entry in part.entries) == sorted(BUILTIN.names)
    irises = set(range(468, 478))
    assert irises <= set(parts["eyes"].points)
    assert not irises & {i for name, part in parts.items() if name != "eyes" for i in part.points}


def test_a_graph_distilled_from_made_up_faces_reads_unseen_ones() -> None:
    torch.set_num_threads(1)
    samples = made_up_samples(90)
    graph, scores = distil(samples)
    assert set(BUILTIN.names) < set(scores)
    assert scores["yaw"].r2 > 0.98 and scores["roll"].r2 > 0.98
    for name in ("jaw_open", "blink_left", "gaze_yaw", "mouth_shift"):
        assert scores[name].r2 > 0.7, name
        assert 0.75 < scores[name].gain < 1.25, name

    with torch.inference_mode():
        p, crop = graph(torch.from_numpy(samples.landmarks[:40, 0]))
        mirrored = samples.landmarks[:40, 0][:, even_face(np.random.default_rng(5))[1]] * MIRROR
        p_mirrored, _ = graph(torch.from_numpy(mirrored.astype(np.float32)))
    assert np.abs(crop.numpy() - samples.crop[:40]).mean() < 10 < samples.crop[:40, :2].std()
    assert np.abs(BUILTIN.mirror(p.numpy()) - p_mirrored.numpy())[:, 3:].mean() < 0.1


def test_faces_that_lie_askew_are_found() -> None:
    def found(samples: FaceMeshSamples) -> np.ndarray:
        return askew(all_views(HeadFrame(fit_template(samples)), samples, even_face(np.random.default_rng(5))[1]))

    before, samples = found(made_up_samples(60)), made_up_samples(60)
    samples.landmarks[[0, 50]] @= head_rotation(np.float32([25, -20, *[0] * 13])).astype(np.float32)
    samples.crop[110, :2] += 200
    assert np.flatnonzero(found(samples) & ~before).tolist() == [0, 50, 110]


def test_the_table_has_a_row_for_each_number() -> None:
    lines = table({"yaw": Score(0.987, 0.99, 1.04, 0.95), "square_x": Score(0.9, 0.8, 0.05, 1.0)}).splitlines()
    assert lines[2:] == ["| yaw | 0.99 | 0.99 | 1.04 | 0.95 |", "| square_x | 0.90 | 0.80 | 0.05 | 1.00 |"]


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no built-in bundle yet")
def test_the_shipped_graph_reads_a_real_face(data_folder: Path) -> None:
    camera = FileCamera(data_folder / "real" / "driving_d9.mp4", real_time=False, fps=1)
    tracker, engine = Tracker(), open_engine(SHIPPED, "onnxruntime", threads=1, precision="f32")
    width, height = camera.size_wh
    rgb = np.empty((height, width, 3), np.uint8)
    faces = []
    while camera.read(rgb) is not None:
        if (face := tracker.find(rgb)) is not None:
            faces.append(face.landmarks_px)
    p = np.array([engine.run({"landmarks": face[None]})["p"][0].copy() for face in faces])
    angles = np.array([rotation_angles(rigid_rotation(faces[0], face)) for face in faces])

    def likeness(name: str, other: np.ndarray) -> float:
        return float(np.corrcoef(p[:, BUILTIN.index(name)], other)[0, 1])

    assert all(likeness(name, angles[:, i]) > 0.9 for i, name in enumerate(("yaw", "pitch", "roll")))
    aspect = np.array([eye_aspect(face) for face in faces])
    assert likeness("blink_left", aspect) < -0.85 and likeness("blink_right", aspect) < -0.85
    assert likeness("jaw_open", np.array([mouth_opening(face) for face in faces])) > 0.5
