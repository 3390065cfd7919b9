import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines import open_engine
from export.encoder_to_onnx import doubt
from export.generator_state import load_trained_generator
from export.generator_trainer import GeneratorTrainer, Settings
from export.head_factors import Z_DIM
from export.head_pool import HeadBatch
from export.offset_trainer import new_offset_encoder
from export.start_state import start_encoder, start_identity, start_state
from export.to_onnx import export_network
from export.train_encoder import load_encoder
from export.train_identity import SCORES, load_identity
from puppet.bundle import ENCODER, IDENTITY, builtin_bundle_path, load_bundle, write_manifest
from puppet.networks.encoder import CodeEncoder
from puppet.networks.identity import PictureIdentity
from puppet.pose_space import BUILTIN


class NoPool:
    def __len__(self) -> int:
        return 0

    def held_out(self) -> HeadBatch:
        z, p = np.zeros((1, Z_DIM), np.float32), np.zeros((1, 1, 15), np.float32)
        return HeadBatch(np.zeros((1, 1, 256, 256, 4), np.uint8), np.zeros((1, 1, 256, 256), np.uint8), z, p)


def test_training_goes_on_from_the_shipped_bundle(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path)
    bundle = load_bundle(builtin_bundle_path())
    trained = replace(bundle.layout, sharpness=0.0)
    trainer = GeneratorTrainer(Settings(tmp_path, 0.0, bundle.resolution, 2), NoPool(), trained)
    pose_basis = trainer.generator.pose_basis.detach()
    torch.testing.assert_close(pose_basis, trainer.averaged.module.pose_basis)
    torch.testing.assert_close(pose_basis, torch.tensor(bundle.A), atol=1e-3, rtol=1e-3)
    assert trainer.pictures > 0
    with pytest.raises(FileExistsError, match="choose another"):
        start_state(builtin_bundle_path(), tmp_path)


def test_the_encoder_is_taken_out_of_the_shipped_graph(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path / "generator")
    start_encoder(builtin_bundle_path(), tmp_path / "encoder")
    bundle = load_bundle(builtin_bundle_path())
    generator = load_trained_generator(tmp_path / "generator", torch.device("cpu")).generator
    engine = open_engine(bundle.encoder_path, "onnxruntime", precision="f32")
    picture = np.random.default_rng(0).integers(0, 256, engine.inputs[0].shape, np.uint8)
    encoder = load_encoder(tmp_path / "encoder")
    doubt(encoder)  # once, as when it is exported again
    with torch.no_grad():
        wanted = CodeEncoder(encoder, generator)(torch.from_numpy(picture)).numpy()
    np.testing.assert_allclose(engine.run({"picture": picture})["c"], wanted, atol=1e-2)
    engine.close()
    with pytest.raises(FileExistsError, match="choose another"):
        start_encoder(builtin_bundle_path(), tmp_path / "encoder")


def test_the_identity_network_is_taken_out_of_the_shipped_graph(tmp_path: Path) -> None:
    start_identity(builtin_bundle_path(), tmp_path / "identity")
    bundle = load_bundle(builtin_bundle_path())
    assert bundle.identity_path
    engine = open_engine(bundle.identity_path, "onnxruntime", precision="f32")
    picture = np.random.default_rng(0).integers(0, 256, engine.inputs[0].shape, np.uint8)
    with torch.no_grad():
        wanted = PictureIdentity(load_identity(tmp_path / "identity"))(torch.from_numpy(picture)).numpy()
    np.testing.assert_allclose(engine.run({"picture": picture})["identity"], wanted, atol=1e-4)
    engine.close()
    assert json.loads((tmp_path / "identity" / SCORES).read_text()) == asdict(bundle.identity)
    with pytest.raises(FileExistsError, match="choose another"):
        start_identity(builtin_bundle_path(), tmp_path / "identity")


def test_a_bundle_without_an_identity_network_gives_none(tmp_path: Path) -> None:
    bundle = load_bundle(builtin_bundle_path())
    shutil.copytree(bundle.folder, tmp_path / "bundle", ignore=shutil.ignore_patterns(IDENTITY))
    write_manifest(
        tmp_path / "bundle", name="test", version="1", licence="MIT", layout=bundle.layout, pose_space=BUILTIN
    )
    with pytest.raises(ValueError, match="leave --identity away"):
        start_identity(tmp_path / "bundle", tmp_path / "identity")
    assert not (tmp_path / "identity").exists()


def test_an_encoder_with_offsets_keeps_them(tmp_path: Path) -> None:
    start_state(builtin_bundle_path(), tmp_path / "generator")
    start_encoder(builtin_bundle_path(), tmp_path / "encoder")
    trained = load_trained_generator(tmp_path / "generator", torch.device("cpu"))
    encoder = new_offset_encoder(load_encoder(tmp_path / "encoder"), trained)
    encoder.open(5)
    for head in encoder.offset_heads:
        torch.nn.init.normal_(head.last.bias)
    doubt(encoder)  # as when it is exported
    bundle = tmp_path / "bundle"
    shutil.copytree(builtin_bundle_path(), bundle, ignore=shutil.ignore_patterns(IDENTITY))
    picture = torch.zeros(1, encoder.resolution, encoder.resolution, 3, dtype=torch.uint8)
    export_network(CodeEncoder(encoder, trained.generator), {"picture": picture}, ["c"], bundle / ENCODER)
    write_manifest(bundle, name="test", version="1", licence="MIT", layout=trained.generator.layout, pose_space=BUILTIN)

    start_encoder(bundle, tmp_path / "again")
    again = load_encoder(tmp_path / "again")
    doubt(again)
    with torch.no_grad():
        a, b = (CodeEncoder(each, trained.generator)(picture) for each in (encoder, again))
    torch.testing.assert_close(a, b, atol=5e-2, rtol=1e-2)
    assert b[0, 3:6].sub(b[0, 0]).abs().mean() > 1
    assert json.loads((tmp_path / "again" / "state.json").read_text())["network"] == "offset_encoder"
