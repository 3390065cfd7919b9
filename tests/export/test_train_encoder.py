"""A small pool of discs teaches the encoder; what it learned goes through ONNX into codes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engines import open_engine
from export.augmentation import MILD
from export.encoder_to_onnx import DOUBT, doubt
from export.encoder_to_onnx import main as to_onnx
from export.generator_state import load_trained_generator
from export.head_factors import IDENTITY_MODES, NAMES, Z_DIM, entry, read_factors
from export.head_pool import SHARD_IDENTITIES, HeadBatch, HeadPool
from export.regression import RegressionTrainer, Settings, most_frontal
from export.run_folder import Run
from export.train_encoder import FACTORS, GROUPS, encoder_task, load_encoder, main
from export.train_shape_regressor import load_shape_regressor, shape_targets
from export.train_shape_regressor import main as train_shape_regressor
from export.training import Budget, save_weights, write_json
from puppet.networks.encoder import CodeEncoder, Encoder
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

EDGE = 32
SKIN = entry("skin_tone")


def discs(rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
    """Discs over grey: skin tone is their brightness, yaw moves them sideways."""
    z = rng.standard_normal((identities, Z_DIM)).astype(np.float32)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (identities, poses, BUILTIN.dim)).astype(np.float32)
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    inside = (np.hypot(x - p[..., :1, None] / 6, y) < 9)[..., None]
    rgb = np.where(inside, 128 + 60 * np.tanh(z[:, None, None, None, SKIN : SKIN + 1]), 127.5).repeat(3, -1)
    rgba = np.concatenate([rgb, 255 * inside], -1).astype(np.uint8)
    return HeadBatch(rgba, inside[..., 0].astype(np.uint8), z, p)


@pytest.fixture(scope="module")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for number in range(2):
        shard = folder / f"shard_{number:05d}"
        shard.mkdir()
        batch = discs(np.random.default_rng(number), SHARD_IDENTITIES, 4)
        for name in ("rgba", "regions", "z", "p"):
            np.save(shard / f"{name}.npy", getattr(batch, name))
    return folder


@pytest.fixture(scope="module")
def generator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generator")
    layout = GeneratorLayout(
        resolution=EDGE,
        channels=(4, 4, 4, 4),
        img_channels=4,
        z_dim=Z_DIM,
        w_dim=16,
        mapping_layers=2,
        mapping_lr_multiplier=1.0,
        normalize_z=False,
        use_noise=False,
        pose_dim=BUILTIN.dim,
    )
    torch.manual_seed(0)
    save_weights(Generator(layout), folder / "averaged.safetensors")
    write_json(folder / "state.json", {"layout": layout.to_json(), "resolution": EDGE, "pictures": 7})
    return folder


def test_what_shows_is_learned_and_what_does_not_is_not(pool_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainer = RegressionTrainer(
        Settings(tmp_path, 1.0, 32, "cpu"),
        encoder_task(EDGE, None),
        HeadPool(pool_folder),
        Encoder(EDGE, FACTORS, BUILTIN.dim),
    )
    for _ in range(120):
        trainer.step()
    scores = trainer.r_squared(MILD)
    assert scores["skin_tone"] > 0.2
    assert scores["hair_length"] < 0.1
    # What shows has the smaller learned variance.
    log_variance = dict(zip(trainer.task.names, trainer.network.log_variance.tolist(), strict=True))
    assert log_variance["skin_tone"] < log_variance["hair_length"] - 0.1


def test_the_most_frontal_picture_of_each_identity_is_found() -> None:
    batch = discs(np.random.default_rng(3), 5, 4)
    frontal = most_frontal(batch)
    assert frontal.rgba.shape == (5, 1, EDGE, EDGE, 4)
    turned = np.square(batch.p[..., :3] / (40, 25, 25)).sum(2)
    for i, best in enumerate(turned.argmin(1)):
        assert np.array_equal(frontal.p[i, 0], batch.p[i, best])
        assert np.array_equal(frontal.rgba[i, 0], batch.rgba[i, best])


def test_every_target_has_a_name_and_every_factor_a_group() -> None:
    names = encoder_task(EDGE, None).names
    assert len(names) == FACTORS + BUILTIN.dim
    firsts = tuple(first for group in GROUPS.values() for first in group)
    assert all(name.startswith(firsts) for name in names)


def test_a_run_is_resumed_and_another_network_is_refused(pool_folder: Path, tmp_path: Path) -> None:
    main(["--data", str(pool_folder), "--out", str(tmp_path), "--budget", "0.5", "--batch", "8"])
    first = load_encoder(tmp_path)
    pool, settings = HeadPool(pool_folder), Settings(tmp_path, 1.0, 8, "cpu")
    again = RegressionTrainer(settings, encoder_task(EDGE, None), pool, Encoder(EDGE, FACTORS, BUILTIN.dim))
    assert again.pictures > 0
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.averaged.module.state_dict().values(), strict=True)
    )
    with pytest.raises(ValueError, match="choose another --out"):
        RegressionTrainer(settings, encoder_task(64, None), pool, Encoder(64, FACTORS, BUILTIN.dim))


def test_the_onnx_encoder_gives_the_codes_of_the_torch_one_which_doubts_beards(
    pool_folder: Path, generator_folder: Path, tmp_path: Path
) -> None:
    state, path = tmp_path / "encoder", tmp_path / "encoder.onnx"
    generator = ["--generator", str(generator_folder)]
    main(["--data", str(pool_folder), "--out", str(state), "--budget", "0.5", "--batch", "8", *generator])
    to_onnx(["--encoder", str(state), *generator, "--out", str(path)])
    picture = np.ascontiguousarray(discs(np.random.default_rng(5), 1, 1).rgba[0, :, :, :, :3])
    trained = load_trained_generator(generator_folder, torch.device("cpu")).generator
    encoder, seen = load_encoder(state), torch.from_numpy(picture).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        believed = encoder(seen)
        doubt(encoder)
        believed -= encoder(seen)
        wanted = CodeEncoder(encoder, trained)(torch.from_numpy(picture)).numpy()
    expected = [DOUBT.get(name, 0) for name in NAMES]
    np.testing.assert_allclose(believed[0, IDENTITY_MODES:FACTORS], expected, atol=1e-5)
    engine = open_engine(path, "onnxruntime", precision="f32")
    np.testing.assert_allclose(engine.run({"picture": picture})["c"], wanted, atol=1e-3)
    engine.close()


def test_net3d_is_trained_from_the_command_line(
    pool_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_arguments = ["--data", str(pool_folder), "--out", str(tmp_path), "--budget", "0.5", "--batch", "8"]
    train_shape_regressor(main_arguments)
    assert "R² on held-out heads: p_i[0]" in capsys.readouterr().out
    net3d = load_shape_regressor(tmp_path, torch.device("cpu"))
    assert net3d.resolution == EDGE
    assert not any(parameter.requires_grad for parameter in net3d.parameters())


def test_net3d_learns_the_coefficients_that_the_renderer_uses() -> None:
    batch = discs(np.random.default_rng(2), 3, 2)
    targets = shape_targets(batch)
    assert np.allclose(targets[3, :IDENTITY_MODES], read_factors(batch.z[1]).identity)
    assert np.allclose(6 * targets[3, IDENTITY_MODES:], BUILTIN.scale(batch.p[1, 1]), atol=1e-5)


def test_states_that_are_not_there_say_how_to_make_them(tmp_path: Path) -> None:
    for load in (load_encoder, lambda folder: load_shape_regressor(folder, torch.device("cpu"))):
        with pytest.raises(FileNotFoundError, match=r"train it with `python export/train_"):
            load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"export/train_generator\.py"):
        load_trained_generator(tmp_path, torch.device("cpu"))


def test_a_spent_budget_still_saves(pool_folder: Path, tmp_path: Path) -> None:
    settings = Settings(tmp_path, 0.0, 8, "cpu")
    pool = HeadPool(pool_folder)
    trainer = RegressionTrainer(settings, encoder_task(EDGE, None), pool, Encoder(EDGE, FACTORS, BUILTIN.dim))
    trainer.run(Run(tmp_path, Budget(0.0)))
    assert load_encoder(tmp_path).factors == FACTORS
