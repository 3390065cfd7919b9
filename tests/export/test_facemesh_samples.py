from pathlib import Path

import numpy as np
import pytest

from export.facemesh_samples import FaceMeshSamples, Finder, collect, driver_poses, render_chunk
from export.grimaces import Grimaces
from export.render_heads import HeadRenderer
from export.shape_model import ShapeModel, load_shape_model
from puppet.pose_space import BUILTIN


def test_every_person_has_one_pose_at_rest() -> None:
    p = driver_poses(np.random.default_rng(0), 200)
    assert p.shape == (200, 4, BUILTIN.dim)
    assert ((p >= BUILTIN.lower) & (p <= BUILTIN.upper)).all()
    assert np.abs(p[:, 0, 3:]).max() < 0.6 < np.abs(p[:, 2:, 3:]).max()
    assert p[:, 0, 3:12].max() <= 0.15


@pytest.fixture(scope="module")
def shape(data_folder: Path) -> ShapeModel:
    return load_shape_model(data_folder / "ict_facekit")


@pytest.fixture(scope="module")
def renderer(shape: ShapeModel) -> HeadRenderer:
    return HeadRenderer(shape, 256)


@pytest.fixture(scope="module")
def grimaces(shape: ShapeModel) -> Grimaces:
    return Grimaces(shape)


def test_landmarks_lie_where_the_labels_say(renderer: HeadRenderer, grimaces: Grimaces) -> None:
    finder = Finder()
    samples = render_chunk(renderer, grimaces, finder, 6, people=2)
    again = render_chunk(renderer, grimaces, finder, 6, people=2)
    finder.close()
    assert len(samples) == 8 and not samples.missed.any()
    assert np.array_equal(samples.p, again.p) and np.allclose(samples.landmarks, again.landmarks, atol=3)
    # The bridge of the nose is above the middle of the canvas, the face about half as high as it.
    offset = (samples.landmarks[:, :, 6, :2] - samples.crop[:, None, :2]) / samples.crop[:, None, 2:]
    assert np.abs(offset[..., 0]).max() < 0.35 and offset[..., 1].min() > -0.4 and offset[..., 1].max() < 0.05
    height = np.ptp(samples.landmarks[..., 1], axis=2) / samples.crop[:, None, 2]
    assert height.min() > 0.3 and height.max() < 0.8


def test_chunks_are_rendered_once_and_pictures_without_a_face_left_out(
    renderer: HeadRenderer, grimaces: Grimaces, tmp_path: Path
) -> None:
    first = collect(renderer, grimaces, tmp_path, samples=8, budget_s=60, people=1)
    assert len(list(tmp_path.iterdir())) == 2 and set(first.person) == {0, 1}
    path = tmp_path / "chunk_00001.npz"
    arrays = dict(np.load(path))
    arrays["missed"][0] = True
    np.savez(path, **arrays)
    assert len(collect(renderer, grimaces, tmp_path, samples=8, budget_s=0, people=1)) == len(first) - 1
    with pytest.raises(ValueError, match="two chunks"):
        collect(renderer, grimaces, tmp_path / "empty", samples=8, budget_s=-1)


def test_rows_can_be_chosen_and_joined() -> None:
    n = 4
    samples = FaceMeshSamples(
        np.zeros((n, 2, 478, 3), np.float32), np.zeros((n, BUILTIN.dim), np.float32), np.zeros((n, 3), np.float32),
        np.arange(n, dtype=np.int32), np.zeros(n, bool),
    )  # fmt: skip
    part = samples.only(np.array([3, 1]))
    assert FaceMeshSamples.join([part, samples]).person.tolist() == [3, 1, 0, 1, 2, 3]
