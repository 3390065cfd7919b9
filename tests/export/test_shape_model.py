from pathlib import Path

import numpy as np
import pytest

from export.shape_model import CAMERA_FROM_HEAD, DIRECTIONS, head_rotation, load_shape_model, procedural_shape_model
from export.shape_model_obj import convert, read_obj
from puppet.pose_space import BUILTIN


def pose(**entries: float) -> np.ndarray:
    p = np.zeros(BUILTIN.dim, np.float32)
    for name, value in entries.items():
        p[BUILTIN.index(name)] = value
    return p


@pytest.mark.parametrize(
    ("entry", "point", "axis", "sign"),
    [
        ("yaw", (0, 0, 1), 0, -1),  # the nose moves to the subject's right: negative x
        ("pitch", (0, 0, 1), 1, -1),  # the nose moves down
        ("roll", (0, 1, 0), 0, +1),  # the crown moves to the subject's left
    ],
)
def test_rotation_signs(entry: str, point: tuple[int, ...], axis: int, sign: int) -> None:
    moved = head_rotation(pose(**{entry: 20.0})) @ np.array(point, np.float32)
    assert sign * moved[axis] == pytest.approx(np.sin(np.radians(20)), abs=1e-5)


def test_rotation_is_roll_yaw_pitch_in_the_camera_frame() -> None:
    angles = {"yaw": 25.0, "pitch": -14.0, "roll": 9.0}
    whole = head_rotation(pose(**angles))
    product = head_rotation(pose(roll=9)) @ head_rotation(pose(yaw=25)) @ head_rotation(pose(pitch=-14))
    np.testing.assert_allclose(whole, product, atol=1e-6)
    assert np.linalg.det(CAMERA_FROM_HEAD) == 1


@pytest.fixture(params=["procedural", "ict"])
def shape(request: pytest.FixtureRequest):
    if request.param == "procedural":
        return procedural_shape_model()
    return load_shape_model(request.getfixturevalue("data_folder") / "ict_facekit")


def test_left_is_the_subjects_left_and_shift_follows_yaw(shape) -> None:
    def mean_x(p: np.ndarray, weight_by_motion: bool) -> float:
        offset = shape.expression(p)
        length = np.linalg.norm(offset, axis=1)
        return float(np.average(shape.mean[:, 0] if weight_by_motion else offset[:, 0], weights=length))

    for name in ("smile_left", "blink_left"):
        assert mean_x(pose(**{name: 1.0}), weight_by_motion=True) > 1
    for name in ("smile_right", "blink_right"):
        assert mean_x(pose(**{name: 1.0}), weight_by_motion=True) < -1
    assert mean_x(pose(mouth_shift=1.0), weight_by_motion=False) < 0 < mean_x(pose(mouth_shift=-1.0), False)


def test_expression_is_piecewise_linear(shape) -> None:
    p = pose(jaw_open=0.4, mouth_shift=-0.5, gaze_yaw=0.3)
    np.testing.assert_allclose(shape.expression(2 * p), 2 * shape.expression(p), atol=1e-5)
    assert shape.positive.shape[0] == len(DIRECTIONS) == BUILTIN.dim - 3


def test_person_is_linear_in_its_coefficients(shape) -> None:
    first = np.array([1.5], np.float32)
    np.testing.assert_allclose(shape.person(first) - shape.mean, 1.5 * shape.identity[0], atol=1e-5)


def test_missing_data_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="shape_model_obj"):
        load_shape_model(tmp_path)


OBJ = "# a quad\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nusemtl M_Face\nf 1/1 2/2 3/3 4/4\n"


def test_obj_release_converts(tmp_path: Path) -> None:
    (tmp_path / "generic_neutral_mesh.obj").write_text(OBJ)
    (tmp_path / "identity000.obj").write_text(OBJ.replace("v 1 1 0", "v 1 1 2"))
    (tmp_path / "jawOpen.obj").write_text(OBJ.replace("v 0 0 0", "v 0 -1 0"))
    convert(tmp_path, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as data:
        assert data["identity"][0, 2, 2] == 2
        assert data["expression"][0, 0, 1] == -1
        assert list(data["expression_names"]) == ["jawOpen"]
        assert data["triangles"].tolist() == [[0, 1, 2], [0, 2, 3]]
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("line", ["v 1 two 3", "v 1 2", "f 1 2", "f 1 2 99", "f a b c"])
def test_damaged_obj_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.obj"
    path.write_text(OBJ + line + "\n")
    with pytest.raises(ValueError, match=r"broken\.obj, line 8"):
        read_obj(path)


def test_meshes_of_another_release_are_refused(tmp_path: Path) -> None:
    (tmp_path / "generic_neutral_mesh.obj").write_text(OBJ)
    (tmp_path / "jawOpen.obj").write_text("v 0 0 0\n")
    with pytest.raises(ValueError, match=r"expected 4 vertices"):
        convert(tmp_path, tmp_path / "out.npz")


@pytest.mark.parametrize(
    "change", ["nothing of the kind", "other arrays", "few modes", "landmarks elsewhere", "a name less"]
)
def test_a_damaged_shape_model_says_how_to_make_it(data_folder: Path, tmp_path: Path, change: str) -> None:
    path = tmp_path / "ict_facekit.npz"
    with np.load(data_folder / "ict_facekit" / "ict_facekit.npz") as data:
        arrays = dict(data)
    arrays |= {
        "few modes": {"identity": arrays["identity"][:3]},
        "landmarks elsewhere": {"landmarks68": arrays["landmarks68"] + 10**6},
        "a name less": {"expression_names": arrays["expression_names"][1:]},
    }.get(change, {})
    np.savez(path, **({"other": np.zeros(3)} if change == "other arrays" else arrays))
    if change == "nothing of the kind":
        path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"ict_facekit\.npz is no shape model, or damaged .*; make it from the public"):
        load_shape_model(tmp_path)
