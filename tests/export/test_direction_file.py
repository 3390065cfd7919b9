"""Direction matrices of both kinds, told apart by what the files hold."""

from pathlib import Path

import pytest
import torch
from authors_checkpoints import ROWS, a_matrix
from safetensors.torch import save_file

from export.authors_pose import VOXCELEB
from export.checkpoint_error import CheckpointError
from export.direction_file import read_direction_file
from export.direction_scores import Directions, write_directions
from puppet.pose_space import BUILTIN


def test_the_authors_and_our_own(tmp_path: Path) -> None:
    torch.save(a_matrix(), tmp_path / "theirs")
    theirs = read_direction_file(tmp_path / "theirs", VOXCELEB)
    assert theirs.space is VOXCELEB and theirs.A.shape == (ROWS, 512, 15) and theirs.bias is not None
    A = torch.randn(8, 4, BUILTIN.dim)
    for bias in (None, torch.randn(8, 4)):
        write_directions(tmp_path / "ours", Directions(A, bias), "A", {})
        ours = read_direction_file(tmp_path / "ours", VOXCELEB)
        assert ours.space is BUILTIN and torch.equal(ours.A, A)
        assert ours.bias is None if bias is None else torch.equal(ours.bias, bias)


@pytest.mark.parametrize(
    ("tensors", "metadata", "says"),
    [
        ({"A": torch.ones(8, 4, 15)}, None, "for the pose 'builtin'; the file is for None"),
        ({"A": torch.ones(8, 4)}, {"pose": "builtin"}, "expected a direction matrix"),
        ({"A": torch.ones(8, 4, 14)}, {"pose": "builtin"}, r"A \[8, 4, 14\] instead of \[8, 4, 15\]"),
        ({"A": torch.ones(8, 4, 15), "bias": torch.ones(8)}, {"pose": "builtin"}, "bias"),
        ({"A": torch.full((8, 4, 15), torch.nan)}, {"pose": "builtin"}, "no finite numbers in A"),
    ],
)
def test_others_are_refused(tensors, metadata, says: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "A.safetensors", metadata)
    with pytest.raises(CheckpointError, match=f"A.safetensors cannot be used: .*{says}"):
        read_direction_file(tmp_path / "A.safetensors", VOXCELEB)


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    write_directions(tmp_path / "A", Directions(torch.ones(8, 4, 15)), "A", {})
    (tmp_path / "A").write_bytes((tmp_path / "A").read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="damaged safetensors"):
        read_direction_file(tmp_path / "A", VOXCELEB)
