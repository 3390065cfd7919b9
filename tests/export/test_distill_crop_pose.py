"""The student of a pose network: its units, its errors, and what it learns from."""

import numpy as np
import pytest
import torch

from engines.base import TensorSpec
from engines.fake import FakeEngine
from export.distill_crop_pose import EDGE, Student, errors, main, strayed, table, train
from export.face_views import STRAYS, Views, collect, media_of
from export.training import Budget
from puppet.face_square import SquareRule
from puppet.pose_space import PoseSpace

SPACE = PoseSpace(
    ("yaw", "jaw"), np.array([-40, 0], np.float32), np.array([40, 1], np.float32), np.zeros(2, np.float32)
)


def views(count=40):
    """Grey pictures; p is their brightness."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 256, count)
    pictures = np.broadcast_to(level[:, None, None, None], (count, EDGE, EDGE, 3)).astype(np.uint8)
    p = np.stack([80 * level / 255 - 40, level / 255], 1).astype(np.float32)
    return Views(pictures, p, np.arange(count) % 5 == 4)


def student_of(seen):
    torch.manual_seed(0)
    return Student(SPACE, SPACE.scale(seen.p[~seen.held_out]))


def test_a_student_that_says_nothing_says_the_mean():
    seen = views()
    student = student_of(seen)
    trained = seen.p[~seen.held_out]
    np.testing.assert_allclose(student.restore(torch.zeros(1, 2))[0], trained.mean(0), rtol=1e-4)
    np.testing.assert_allclose(student.deviation, trained.std(0), rtol=1e-4)


def test_errors_are_those_of_what_was_held_out():
    seen = views()
    student = student_of(seen)
    with torch.no_grad():
        for parameter in student.network.head[-1].parameters():
            parameter.zero_()
    error, r2 = errors(student, seen)
    wanted = seen.p[seen.held_out]
    np.testing.assert_allclose(error, np.abs(wanted - seen.p[~seen.held_out].mean(0)).mean(0), rtol=1e-4)
    assert (r2 <= 0).all()
    assert table(SPACE, error, r2).count("\n") == 3


def test_it_learns():
    seen = views()
    student = student_of(seen)
    before, _ = errors(student, seen)
    train(student, seen, Budget(6.0), 6.0)
    after, _ = errors(student, seen)
    assert (after < before).all()


def test_light_and_noise_stray_but_not_the_teacher():
    pictures = torch.full((8, 4, 4, 3), 128, dtype=torch.uint8)
    lit = strayed(pictures, torch.Generator().manual_seed(0))
    assert lit.shape == (8, 3, 4, 4) and lit.min() >= 0 and lit.max() <= 1 and lit.std() > 0.03


def test_faces_are_looked_at_in_squares_that_stray(portrait, tmp_path):
    def read(inputs, outputs):
        outputs["p"][:] = inputs["picture"].mean()

    teacher = FakeEngine([TensorSpec("picture", (1, 32, 32, 3), "uint8")], [TensorSpec("p", (1, 2), "float32")], read)
    for i in range(5):
        (tmp_path / f"{i}.jpg").write_bytes(portrait.read_bytes())
    rule = SquareRule((10, 152, 234, 454), "mean", 1.4, 0.0)
    seen = collect(media_of([tmp_path]), teacher, rule, EDGE, 60.0)
    assert len(seen.p) == 5 * (1 + STRAYS) and seen.held_out.sum() == 1 + STRAYS
    assert (seen.p[:: 1 + STRAYS, 0] == seen.p[0, 0]).all(), "the square itself does not stray"
    assert len(set(seen.p[:, 0].tolist())) > 10


def test_media_without_faces_and_without_files(tmp_path, faceless_clip):
    teacher = FakeEngine([TensorSpec("picture", (1, 8, 8, 3), "uint8")], [], lambda inputs, outputs: None)
    with pytest.raises(ValueError, match="expected faces"):
        collect([faceless_clip], teacher, SquareRule((1, 2), "mean", 1.0, 0.0), EDGE, 5.0)
    with pytest.raises(FileNotFoundError, match="there are none"):
        media_of([tmp_path])


def test_a_bundle_that_reads_landmarks_needs_no_student(bundle_folder, faceless_clip, tmp_path, capsys):
    words = ["--bundle", bundle_folder, "--data", faceless_clip, "--output", tmp_path / "x", "--budget", "1"]
    assert main([str(word) for word in words]) == 1
    assert "from landmarks already" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
