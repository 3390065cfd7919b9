from pathlib import Path

import pytest
import torch

from export.generator_trainer import GeneratorTrainer, Settings
from export.start_state import start_state
from puppet.bundle import builtin_bundle_path, load_bundle


class NoPool:
    def __len__(self) -> int:
        return 0


def test_training_goes_on_from_the_shipped_bundle(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path)
    bundle = load_bundle(builtin_bundle_path())
    trainer = GeneratorTrainer(Settings(tmp_path, 0.0, bundle.resolution, 2), NoPool(), bundle.layout)
    pose_basis = trainer.generator.pose_basis.detach()
    torch.testing.assert_close(pose_basis, trainer.averaged.module.pose_basis)
    torch.testing.assert_close(pose_basis, torch.tensor(bundle.A), atol=1e-3, rtol=1e-3)
    assert trainer.pictures > 0
    with pytest.raises(FileExistsError, match="choose another"):
        start_state(builtin_bundle_path(), tmp_path)
