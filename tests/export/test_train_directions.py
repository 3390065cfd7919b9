"""In a world where pictures are linear in the code, the paper's training must find the directions that exist."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_world import EDGE, LAYOUT, MODES, QUICK, linear_world
from safetensors import safe_open
from tiny_states import write_states
from torch import nn

from export.direction_losses import LossWeights, Recognition
from export.direction_samples import AUTHORS, PAPER, Recipe
from export.direction_scores import Directions, Score, Scorer, cosines, write_directions
from export.direction_state import load_matrix, resume, save
from export.head_pool import POSES, SHARD_IDENTITIES, HeadBatch
from export.run_folder import Run
from export.shape_model import load_shape_model
from export.train_directions import _parse, main, recipe_of, train
from export.train_encoder import FACTORS
from export.training import Budget, TrainingError
from puppet.pose_space import BUILTIN


def test_starts_from_zero_and_finds_directions_that_do_what_they_say(data_folder: Path) -> None:
    trainer = linear_world(QUICK, load_shape_model(data_folder / "ict_facekit"))
    assert not trainer.directions().A.any()
    first = trainer.step()
    for step in range(400):
        last = trainer.step(cooldown=step / 400)
    assert last["shape"] < 0.1 * first["shape"]
    # What Net3D reads after a unit step along each direction.
    effect = (trainer.samples.heads.net3d.inverse @ trainer.directions().A.flatten(0, 1))[MODES:]
    own = dict(zip(BUILTIN.names, torch.diagonal(effect).tolist(), strict=True))
    # L_sh counts what moves many vertices far: the rest needs more steps than a test has.
    assert all(own[name] == pytest.approx(1, abs=0.05) for name in ("yaw", "pitch", "roll", "jaw_open"))
    assert all(own[name] > 0.25 for name in ("smile_left", "smile_right", "blink_left", "blink_right", "mouth_shift"))
    assert (effect - torch.diag(torch.diagonal(effect))).abs().mean() < 0.05


def test_measured_ranges_change_the_training_scale_not_the_meaning() -> None:
    trainer = linear_world()
    samples = trainer.samples
    samples.ranges = samples.heads.measure(100, lambda: True)
    assert (samples.ranges.half_range > 1).all()
    nn.init.normal_(trainer.shift.A)
    a, b = torch.randn(2, 4, 15)
    ws = torch.zeros(4, LAYOUT.num_ws, LAYOUT.w_dim)
    trained = trainer.shift(ws, samples.ranges.rescale(b) - samples.ranges.rescale(a))
    torch.testing.assert_close(trainer.directions().move(ws, b - a), trained, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", ["synthetic", "mixed", "paired"])
def test_every_mode_learns_and_changes_nothing_but_a(mode: str) -> None:
    recognise = Recognition("a few pixels", lambda picture: picture.flatten(1)[:, ::7])
    weights = LossWeights(pixel=10.0)
    trainer = linear_world(QUICK, mode=mode, weights=weights, recognition=recognise)
    heads = trainer.samples.heads
    before = {name: value.clone() for name, value in heads.trained.generator.state_dict().items()}
    first = [trainer.step()["shape"] for _ in range(5)]
    for _ in range(30):
        terms = trainer.step()
    last = [trainer.step()["shape"] for _ in range(5)]
    assert np.mean(last) < 0.85 * np.mean(first)
    assert set(terms) == {"shape", "eye", "mouth", "identity", "perceptual"} | (
        {"pixel"} if mode == "paired" else set()
    )
    assert all(torch.equal(value, before[name]) for name, value in heads.trained.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in heads.trained.generator.parameters())


def test_no_bias_unless_asked_for() -> None:
    assert linear_world().directions().bias is None
    trainer = linear_world(dataclasses.replace(QUICK, recipe=Recipe(bias=True, statistics=0)))
    trainer.step()
    bias = trainer.directions().bias
    assert bias is not None
    assert bias.any()


def test_cosines_are_taken_column_by_column() -> None:
    P = torch.randn(2, 8, 3)
    A = P * torch.tensor([2.0, -1.0, 0.0])
    assert cosines(A, P) == pytest.approx([1, -1, 0], abs=1e-6)


def test_the_oracle_scores_the_same_from_anywhere_and_better_than_nothing() -> None:
    heads = linear_world().samples.heads
    rng = np.random.default_rng(0)
    z = rng.standard_normal((30, MODES)).astype(np.float32)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (30, 2, 15)).astype(np.float32)
    generator = heads.trained.generator
    scaled = torch.from_numpy(BUILTIN.scale(p[:, 1]).astype(np.float32))
    painted = heads.trained.paint(generator.codes(torch.from_numpy(z), scaled), EDGE)
    rgb = (255 * painted).round().byte().permute(0, 2, 3, 1).numpy()
    rgba = np.concatenate([rgb, np.full((*rgb.shape[:3], 1), 255, np.uint8)], 3)[:, None].repeat(2, 1)
    held_out = HeadBatch(rgba, np.full((30, 2, EDGE, EDGE), 2, np.uint8), z, p)
    scorer = Scorer(heads.trained, heads.net3d, held_out)
    P = Directions(generator.pose_basis)
    still = Directions(torch.zeros_like(P.A))
    assert scorer.moved(P).face_psnr == pytest.approx(scorer.from_code(P).face_psnr, abs=0.01)
    assert scorer.moved(P).face_psnr > scorer.moved(still).face_psnr + 20
    assert scorer.moved(P).angles_deg < 0.2 < scorer.moved(still).angles_deg
    assert scorer.truth().angles_deg < 2


def test_directions_are_written_as_a_bundle_reads_them(tmp_path: Path) -> None:
    path, A = tmp_path / "directions.safetensors", torch.randn(8, 4, 15)
    write_directions(path, Directions(A, torch.zeros(8, 4)), "A", {"A moved": Score(1.0, 2.0, 3.0, 4.0, 5.0)})
    with safe_open(path, framework="np") as file:
        assert file.metadata()["directions"] == "A"
        assert '"face_psnr": 3.0' in file.metadata()["scores"]
        assert np.array_equal(file.get_tensor("A"), A.numpy())
        assert file.get_tensor("bias").dtype == np.float32


def test_a_run_goes_on_where_it_stopped_and_another_starts_from_it(tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, out=tmp_path, batch=4, recipe=Recipe(statistics=50))
    trainer = linear_world(settings)
    assert not resume(trainer, tmp_path)
    trainer.samples.ranges = trainer.samples.heads.measure(50, lambda: True)
    trainer.step()
    save(trainer)
    again = linear_world(settings)
    assert resume(again, tmp_path)
    assert again.steps == 1
    torch.testing.assert_close(again.shift.A, trainer.shift.A, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(again.directions().A, trainer.directions().A, atol=1e-5, rtol=1e-3)
    matrix = load_matrix(tmp_path)
    torch.testing.assert_close(matrix.directions.A, trainer.directions().A, atol=1e-5, rtol=1e-3)
    assert (matrix.mode, matrix.steps, matrix.before) == ("synthetic", 1, 0)
    paired = linear_world(settings, mode="paired")
    with pytest.raises(ValueError, match="of the mode synthetic"):
        resume(paired, tmp_path)
    assert resume(paired, tmp_path, steps=False)
    assert (paired.steps, paired.before) == (0, 1)
    assert paired.shift.A.any()
    with pytest.raises(ValueError, match="--statistics 50, not 0"):
        resume(linear_world(), tmp_path)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_save(tmp_path: Path) -> None:
    trainer = linear_world(dataclasses.replace(QUICK, out=tmp_path, budget_s=60.0))
    trainer.step()
    save(trainer)
    before = load_matrix(tmp_path).directions.A
    trainer.samples.heads.net3d.inverse[0, 0] = torch.nan
    with pytest.raises(TrainingError, match="shape is nan in batch 1 of the run that began at 1 steps"):
        train(trainer, Run(tmp_path, Budget(0.1)))
    assert torch.equal(load_matrix(tmp_path).directions.A, before)


def test_the_paper_is_the_default_and_the_authors_code_an_option() -> None:
    needed = [text for name in ("generator", "net3d", "shape-model", "out") for text in (f"--{name}", "x")]
    options = _parse([*needed, "--budget", "1"])
    assert recipe_of(options) == PAPER == Recipe("offset", "crossed", "inner", "source", False, 0.0, 10_000, 1.0)
    assert (options.rate, options.batch) == (1e-4, 12)
    assert recipe_of(_parse([*needed, "--budget", "1", "--recipe", "authors"])) == AUTHORS
    mixture = recipe_of(_parse([*needed, "--budget", "1", "--recipe", "authors", "--no-bias", "--psi", "1"]))
    assert mixture == dataclasses.replace(AUTHORS, bias=False, psi=1.0)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny networks with made-up weights, and a pool of noise."""
    folder = tmp_path_factory.mktemp("states")
    write_states(folder, FACTORS)
    rng = np.random.default_rng(0)
    for number, people in enumerate((6, SHARD_IDENTITIES)):
        shard = folder / "pool" / f"shard_{number:05d}"
        shard.mkdir(parents=True)
        np.save(shard / "rgba.npy", rng.integers(0, 256, (people, POSES, EDGE, EDGE, 4), np.uint8))
        np.save(shard / "regions.npy", rng.integers(0, 7, (people, POSES, EDGE, EDGE), np.uint8))
        np.save(shard / "z.npy", rng.standard_normal((people, FACTORS)).astype(np.float32))
        np.save(shard / "p.npy", np.zeros((people, POSES, 15), np.float32))
    return folder


def command(states: Path, data_folder: Path, out: Path, *more: str) -> list[str]:
    folders = [text for name in ("generator", "net3d", "identity") for text in (f"--{name}", str(states / name))]
    always = ["--data", str(states / "pool"), "--shape-model", str(data_folder / "ict_facekit"), "--out", str(out)]
    return [*folders, *always, "--budget", "60", "--iterations", "2", "--batch", "4", "--statistics", "8", *more]


def test_the_three_modes_from_the_command_line(
    states: Path, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = ("--encoder", str(states / "encoder"))
    main(command(states, data_folder, tmp_path / "synthetic"))
    printed = capsys.readouterr().out
    for text in ("rate=0.0001", "mean cosine", "mean features of Net3D", "identity network of the workshop"):
        assert text in printed
    assert "measured on 8 generated pictures" in printed
    main(command(states, data_folder, tmp_path / "mixed", "--mode", "mixed", *encoder))
    capsys.readouterr()
    start = ("--start", str(tmp_path / "mixed"))
    main(command(states, data_folder, tmp_path / "paired", "--mode", "paired", *encoder, *start))
    printed = capsys.readouterr().out
    assert "perceptual loss: features of Net3D" in printed
    assert "measured on" not in printed
    for mode in ("synthetic", "mixed", "paired"):
        with safe_open(tmp_path / mode / "directions.safetensors", framework="np") as file:
            assert file.get_tensor("A").shape == (LAYOUT.pose_rows, LAYOUT.w_dim, 15)


def test_what_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("data", "generator", "net3d", "shape-model", "out")
    arguments = [text for name in names for text in (f"--{name}", "x")] + ["--budget", "1"]
    unmoved = ["--weight-shape", "0", "--weight-eye", "0", "--weight-mouth", "0"]
    for more, text in (
        (["--batch", "7"], "--batch must be even"),
        (["--mode", "mixed"], "needs --encoder"),
        (unmoved, "must not be 0"),
    ):
        with pytest.raises(SystemExit):
            main([*arguments, *more])
        assert text in capsys.readouterr().err


def test_a_start_that_is_not_there_is_named(states: Path, data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="train it first"):
        main(command(states, data_folder, tmp_path / "out", "--start", str(tmp_path / "nothing")))
