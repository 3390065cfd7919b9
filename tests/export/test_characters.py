import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from export.characters import SEEDS, character_pose, character_tensors, character_z
from export.head_factors import Z_DIM
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.gallery import CHARACTERS, USUAL, characters
from puppet.networks.layout import builtin_layout
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN


def test_every_character_has_a_portrait_and_an_exact_code() -> None:
    generator = Generator(builtin_layout(Z_DIM, BUILTIN.dim))
    tensors = character_tensors(generator)
    for name, seed in SEEDS.items():
        key = hashlib.sha256((CHARACTERS / f"{name}.png").read_bytes()).hexdigest()
        with torch.no_grad():
            w = generator.mapping(torch.from_numpy(character_z(seed))[None])[0].numpy()
        np.testing.assert_allclose(tensors[f"{key}.code"], np.tile(w, (generator.layout.num_ws, 1)), atol=1e-2)
        np.testing.assert_allclose(tensors[f"{key}.p_s"], character_pose(), atol=1e-3)
    assert USUAL in [entry.picture for entry in characters()]


def test_the_shipped_bundle_knows_the_shipped_characters() -> None:
    bundle = load_bundle(builtin_bundle_path())
    assert set(bundle.characters) == {entry.portrait_sha256 for entry in characters()}
    assert len(bundle.characters) >= 6


def test_a_portrait_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=next(iter(SEEDS))):
        character_tensors(Generator(builtin_layout(Z_DIM, BUILTIN.dim)), tmp_path)
