"""A small pool of coloured discs teaches the identity network who is who."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engines import open_engine
from export.head_factors import NAMES, VARYING, Z_DIM, read_factors
from export.head_pool import SHARD_IDENTITIES, HeadBatch, HeadPool
from export.regression import RegressionTrainer, Settings
from export.train_identity import equal_error_rate, identity_task, load_identity, main, margin_loss
from puppet.bundle import IDENTITY
from puppet.networks.identity import IdentityNetwork
from puppet.pose_space import BUILTIN

EDGE = 32
STEPS = 60


def people(rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
    """Discs: the colour is the person, the place the pose."""
    z = rng.standard_normal((identities, Z_DIM)).astype(np.float32)
    p = np.zeros((identities, poses, BUILTIN.dim), np.float32)
    colour = rng.uniform(0, 255, (identities, 1, 1, 1, 3))
    offset = rng.uniform(-4, 4, (identities, poses, 1, 1))
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    inside = (np.hypot(x - offset, y) < 11)[..., None]
    rgb = np.where(inside, colour, 127.5)
    rgba = np.concatenate([rgb, 255 * inside], -1).astype(np.uint8)
    return HeadBatch(rgba, inside[..., 0].astype(np.uint8), z, p)


@pytest.fixture(scope="module")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for number in range(2):
        batch = people(np.random.default_rng(number), SHARD_IDENTITIES, 4)
        shard = folder / f"shard_{number:05d}"
        shard.mkdir()
        for name in ("rgba", "regions", "z", "p"):
            np.save(shard / f"{name}.npy", getattr(batch, name))
    return folder


def test_people_are_told_apart_and_the_graph_says_the_same(pool_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings, network = Settings(tmp_path, 60.0, 32, "cpu"), IdentityNetwork(EDGE)
    trainer = RegressionTrainer(settings, identity_task(EDGE), HeadPool(pool_folder), network)
    for _ in range(STEPS):
        trainer.step()
    trainer.save()
    main(["--data", str(pool_folder), "--out", str(tmp_path), "--budget", "0", "--batch", "32"])
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["same"] > scores["strangers"] + 0.2
    assert scores["equal_error_rate"] < 0.4
    picture = np.ascontiguousarray(people(np.random.default_rng(5), 1, 1).rgba[0, :, :, :, :3])
    engine = open_engine(tmp_path / IDENTITY, "onnxruntime", precision="f32")
    identity = engine.run({"picture": picture})["identity"][0].copy()
    engine.close()
    with torch.no_grad():
        wanted = load_identity(tmp_path)(torch.from_numpy(picture).permute(0, 3, 1, 2) / 255.0)[0].numpy()
    np.testing.assert_allclose(identity, wanted, atol=2e-3)
    assert np.linalg.norm(identity) == pytest.approx(1.0, abs=1e-3)


def test_the_loss_falls_as_people_come_together() -> None:
    apart = torch.nn.functional.normalize(torch.eye(8)[[0, 1, 2, 3, 4, 5, 6, 7]])
    together = torch.eye(8)[[0, 0, 2, 2, 4, 4, 6, 6]]
    nobody = torch.zeros(8, 1)
    assert margin_loss(together, nobody) < 0.1 < margin_loss(apart, nobody)
    alike = torch.nn.functional.normalize(torch.ones(8, 8)).requires_grad_()
    margin_loss(alike, nobody).backward()
    assert torch.isfinite(alike.grad).all()


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 2**32 - 1))
@examples(max_examples=50, deadline=None)
def test_the_equal_error_rate_of_clear_and_of_no_answers(same: int, strangers: int, seed: int) -> None:
    truth = np.arange(same + strangers) < same
    noise = np.random.default_rng(seed).uniform(0.0, 0.1, len(truth)).astype(np.float32)
    assert equal_error_rate(truth + noise, truth) < 0.5 / min(same, strangers) + 1e-6
    assert equal_error_rate(noise - truth, truth) > 1 - 0.5 / min(same, strangers) - 1e-6


def test_light_and_what_is_worn_vary_and_the_person_stays() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(Z_DIM).astype(np.float32)
    other = np.where(VARYING, rng.standard_normal(Z_DIM), z).astype(np.float32)
    one, two = read_factors(z), read_factors(other)
    np.testing.assert_array_equal(one.identity, two.identity)
    changed = {name for name in NAMES if one.amount[name] != two.amount[name]}
    assert changed == {name for name in NAMES if name.startswith(("light_", "lens", "cloth_", "glasses", "headwear"))}
