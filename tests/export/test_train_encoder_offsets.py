"""Discs teach the encoder offsets in front of a tiny generator; the result is resumed, scored and exported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_pool import People, same_weights
from tiny_states import write_states

from engines import open_engine
from export.augmentation import MILD
from export.e4e_losses import CodeLosses, CodeWeights
from export.encoder_gates import CodeScorer, Judges
from export.encoder_to_onnx import doubt
from export.encoder_to_onnx import main as to_onnx
from export.generator_state import TrainedGenerator, load_trained_generator
from export.head_factors import Z_DIM
from export.head_pool import POSES, SHARD_IDENTITIES, HeadBatch
from export.inverted import Inverter
from export.latent_discriminator import LatentGame
from export.offset_trainer import DISCRIMINATOR, OffsetTrainer, new_offset_encoder, rows_open, scaled
from export.regression import Settings
from export.run_folder import Run
from export.train_encoder import FACTORS, load_encoder, offset_task
from export.train_encoder_offsets import _parse, main
from export.training import Budget, TrainingError, save_weights, write_json
from puppet.networks.encoder import CodeEncoder, Encoder
from puppet.networks.offset_encoder import OffsetEncoder
from puppet.pose_space import BUILTIN

CPU = torch.device("cpu")
PICTURES = CodeWeights(identity=0.0, perceptual=0.0, adversarial=0.0)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("states")
    write_states(folder, Z_DIM)
    for number in range(2):
        shard = folder / "pool" / f"shard_{number:05d}"
        shard.mkdir(parents=True)
        batch = People().sample(np.random.default_rng(number), SHARD_IDENTITIES if number else 12, POSES)
        for name in ("rgba", "regions", "z", "p"):
            np.save(shard / f"{name}.npy", getattr(batch, name))
    return folder


@pytest.fixture(scope="module")
def trained(states: Path) -> TrainedGenerator:
    return load_trained_generator(states / "generator", CPU)


def trainer_of(
    states: Path,
    trained: TrainedGenerator,
    out: Path,
    weights: CodeWeights = PICTURES,
    turned: float = 0.5,
) -> OffsetTrainer:
    torch.manual_seed(0)
    layout = trained.generator.layout
    game = LatentGame(trained.generator.mapping, layout.z_dim, layout.w_dim)
    encoder = new_offset_encoder(load_encoder(states / "encoder"), trained)
    task = offset_task(encoder.resolution, trained.generator)
    losses = CodeLosses(weights, None, None, game)
    return OffsetTrainer(Settings(out, 1.0, 8, "cpu"), task, People(), encoder, trained, losses, turned)


@pytest.mark.parametrize(
    ("done", "rows"), [(0.0, 0), (0.0999, 0), (0.10, 1), (0.1099, 1), (0.11, 2), (0.13, 4), (0.17, 8), (1.0, 11)]
)
def test_rows_are_opened_after_a_tenth_and_then_every_hundredth(done: float, rows: int) -> None:
    assert rows_open(done, 11) == rows


def test_rows_open_as_a_run_goes_on_and_never_shut(states: Path, trained: TrainedGenerator, tmp_path: Path) -> None:
    trainer = trainer_of(states, trained, tmp_path)
    opened = []
    for done in (0.0, 0.105, 0.125, 0.5, 0.0):
        trainer.step(cooldown=2 * done - 1)
        opened.append(trainer.rows)
        assert torch.equal(trainer.shipped.opened, trainer.encoder.opened)
    assert opened == [0, 1, 3, 7, 7]
    moved = trainer.encoder.offsets(trainer.encoder.features(torch.rand(1, 3, 32, 32)))
    assert moved.abs().sum((0, 2)).gt(0).sum() == 7


class Strangers(People):
    """People who all differ from m(z) in the same way, which only offsets can say."""

    def __init__(self, trained: TrainedGenerator) -> None:
        super().__init__()
        self._trained = trained
        draw = torch.Generator().manual_seed(3)
        layout = trained.generator.layout
        self._difference = torch.randn(layout.num_ws, layout.w_dim, generator=draw)

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        batch = super().sample(rng, identities, poses)
        z = torch.from_numpy(0.1 * batch.z).repeat_interleave(poses, 0)
        p = batch.p.reshape(len(z), -1)
        with torch.no_grad():
            ws = self._trained.generator.codes(z, scaled(p, CPU)) + self._difference
            painted = self._trained.generator.synthesis(ws, 32).permute(0, 2, 3, 1)
        rgba = (127.5 * (painted + 1)).round().clamp(0, 255).byte().numpy()
        return HeadBatch(rgba.reshape(batch.rgba.shape), np.full_like(batch.regions, 2), 0.1 * batch.z, batch.p)


def test_offsets_bring_pictures_nearer_to_the_truth(states: Path, tmp_path: Path) -> None:
    vivid = load_trained_generator(states / "generator", CPU)
    for layer in vivid.generator.synthesis.to_rgbs:
        layer.weight *= 3
    pool = Strangers(vivid)
    trainer = trainer_of(states, vivid, tmp_path, CodeWeights(0.0, identity=0.0, perceptual=0.0, adversarial=0.0))
    trainer.pool = pool
    scorer = CodeScorer(vivid, Judges(None, None), pool.held_out())

    def psnr(encoder: OffsetEncoder) -> float:
        return scorer.score(scorer.predicted(encoder, MILD))["turned"].face_psnr

    before = psnr(trainer.encoder)
    for _ in range(60):
        trainer.step()
    after = psnr(trainer.encoder)
    trainer.encoder.open(0)
    assert after > before + 1
    assert after > psnr(trainer.encoder) + 0.5  # it is the offsets' doing


def test_as_many_people_are_turned_as_was_asked_for(states: Path, trained: TrainedGenerator, tmp_path: Path) -> None:
    for share in (0.0, 1.0):
        seen, wanted = trainer_of(states, trained, tmp_path, turned=share)._draw()
        assert seen.rgba.shape == wanted.rgba.shape == (8, 1, 32, 32, 4)
        assert np.array_equal(seen.z, wanted.z)
        assert (seen.p != wanted.p).any((1, 2)).all() == (share == 1)


def test_the_discriminator_is_neither_asked_nor_kept_without_its_weight(
    states: Path, trained: TrainedGenerator, tmp_path: Path
) -> None:
    for weights, there in ((PICTURES, False), (CodeWeights(identity=0.0, perceptual=0.0), True)):
        trainer = trainer_of(states, trained, tmp_path, weights)
        trainer.step()
        trainer.save()
        assert (tmp_path / DISCRIMINATOR).exists() == there


def test_a_run_is_resumed_with_its_rows_and_its_discriminator(
    states: Path, trained: TrainedGenerator, tmp_path: Path
) -> None:
    weights = CodeWeights(identity=0.0, perceptual=0.0)
    trainer = trainer_of(states, trained, tmp_path, weights)
    for _ in range(3):
        trainer.step()
    trainer.save()
    again = trainer_of(states, trained, tmp_path, weights)
    assert again.pictures == 24
    assert again.rows == trainer.rows == 7
    assert same_weights(again.encoder.half(), trainer.encoder.half())
    assert same_weights(again.shipped.half(), trainer.shipped.half())
    assert again.losses.game is not None and trainer.losses.game is not None
    assert same_weights(again.losses.game.network.half(), trainer.losses.game.network.half())


def test_a_discriminator_that_is_lost_stops_the_run(states: Path, trained: TrainedGenerator, tmp_path: Path) -> None:
    trainer = trainer_of(states, trained, tmp_path, CodeWeights(identity=0.0, perceptual=0.0))
    assert trainer.losses.game is not None
    trainer.losses.game.network.logit.weight.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="batch 1 "):
        trainer.run(Run(tmp_path, Budget(1.0)))
    assert not (tmp_path / DISCRIMINATOR).exists()


def test_exact_codes_are_those_of_the_labels(states: Path, trained: TrainedGenerator) -> None:
    held_out = People().held_out()
    scorer = CodeScorer(trained, Judges(None, None), held_out)
    exact = scorer.exact()
    generator = trained.generator
    z, p = torch.from_numpy(held_out.z), scaled(held_out.p[:, 1], CPU)
    torch.testing.assert_close(generator.posed(exact, p), generator.codes(z, p))


def test_the_graph_gives_the_codes_of_the_encoder(states: Path, trained: TrainedGenerator, tmp_path: Path) -> None:
    trainer = trainer_of(states, trained, tmp_path)
    trainer.open(trainer.encoder.most_rows)
    for head in trainer.shipped.offset_heads:
        torch.nn.init.normal_(head.last.weight)
    trainer.save()
    encoder = load_encoder(tmp_path)
    doubt(encoder)
    picture = np.ascontiguousarray(People().held_out().rgba[0, 0, :, :, :3])
    with torch.no_grad():
        wanted = CodeEncoder(encoder, trained.generator)(torch.from_numpy(picture)[None]).numpy()
    assert (wanted[0, 1:] != wanted[0, 0]).any(1).all()
    path = tmp_path / "encoder.onnx"
    to_onnx(["--encoder", str(tmp_path), "--generator", str(states / "generator"), "--out", str(path)])
    engine = open_engine(path, "onnxruntime", precision="f32")
    np.testing.assert_allclose(engine.run({"picture": picture[None]})["c"], wanted, atol=2e-2)
    engine.close()
    # Directions are trained on its codes too.
    seen = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    np.testing.assert_allclose(Inverter(trained, encoder).codes_at_rest(seen).numpy(), wanted, atol=0.2)


def test_it_is_trained_from_the_command_line(states: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"--data": "pool", "--generator": "generator", "--encoder": "encoder", "--net3d": "net3d"}
    arguments = [part for option, name in given.items() for part in (option, str(states / name))]
    main([*arguments, "--identity", str(states / "identity"), "--out", str(tmp_path), "--batch", "4", "--budget", "1"])
    said = capsys.readouterr().out
    assert "perceptual loss: features of Net3D; identity loss: the identity network of the workshop" in said
    for line in ("exact factors, as seen: ", "before, plain, turned: ", "after, hard, turned: ", "after, hard, R²: "):
        assert line in said
    assert json.loads((tmp_path / "state.json").read_text())["network"] == "offset_encoder"
    assert isinstance(load_encoder(tmp_path), OffsetEncoder)


@pytest.mark.parametrize(
    ("given", "weight"),
    [([], 0.2), (["--vgg", "f"], 0.8), (["--alexnet", "f"], 0.8), (["--weight-perceptual", "0"], 0)],
)
def test_the_perceptual_weight_depends_on_what_it_is_taken_in(given: list[str], weight: float) -> None:
    needed = [part for name in ("data", "generator", "encoder", "out") for part in (f"--{name}", "folder")]
    assert _parse([*needed, "--budget", "1", *given]).weight_perceptual == weight


def test_an_encoder_of_other_factors_and_a_missing_one_are_refused_in_words(states: Path, tmp_path: Path) -> None:
    save_weights(Encoder(32, FACTORS - 1, BUILTIN.dim), tmp_path / "old" / "averaged.safetensors")
    write_json(tmp_path / "old" / "state.json", {"resolution": 32, "factors": FACTORS - 1, "pictures": 7})
    arguments = ["--data", str(states / "pool"), "--generator", str(states / "generator"), "--budget", "0"]
    for encoder, text in (("old", f"expected an encoder of {FACTORS} factors"), ("none", "train_encoder.py --out")):
        with pytest.raises(SystemExit, match=text):
            main([*arguments, "--out", str(tmp_path / "out"), "--encoder", str(tmp_path / encoder)])


def test_without_its_weight_nothing_is_asked_of_a_network(
    states: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--data": "pool", "--generator": "generator", "--encoder": "encoder", "--identity": "identity"}
    arguments = [part for option, name in given.items() for part in (option, str(states / name))]
    main([*arguments, "--out", str(tmp_path), "--budget", "0", "--batch", "4", "--weight-identity", "0"])
    assert "perceptual loss: none; identity loss: none" in capsys.readouterr().out
