"""The tables from the command line, with tiny networks and four rendered heads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_world import EDGE, LAYOUT
from tiny_states import write_states

from export.ablations import VARIANTS
from export.ablations import main as train_ablations
from export.benchmark import DRIVER, make_benchmark
from export.direction_samples import Heads
from export.direction_scores import Directions
from export.evaluate import main
from export.generator_state import TrainedGenerator, load_trained_generator
from export.head_pool import POSES, SHARD_IDENTITIES, HeadPool
from export.inverted import Inverter
from export.reenactment import Reenactor
from export.render_heads import Z_DIM, HeadRenderer
from export.shape_model import load_shape_model
from export.table_judges import blurred, expression_error, pose_error
from export.train_encoder import load_encoder
from export.train_shape_regressor import load_shape_regressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

PEOPLE = 4


@pytest.fixture(scope="module")
def renderer(data_folder: Path) -> HeadRenderer:
    return HeadRenderer(load_shape_model(data_folder / "ict_facekit"), EDGE)


@pytest.fixture(scope="module")
def states(renderer: HeadRenderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny networks, four rendered heads that are held out, and a shard of noise to train on."""
    folder = tmp_path_factory.mktemp("states")
    write_states(folder, Z_DIM)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((PEOPLE, Z_DIM)).astype(np.float32)
    p = rng.uniform(0.5 * BUILTIN.lower, 0.5 * BUILTIN.upper, (PEOPLE, POSES, BUILTIN.dim)).astype(np.float32)
    pictures = [[renderer.paint(renderer.person(z[i]), p[i, j]) for j in range(POSES)] for i in range(PEOPLE)]
    rgba, regions = (
        np.array([[getattr(one, name) for one in row] for row in pictures]) for name in ("rgba", "regions")
    )
    write_shard(folder / "pool" / "shard_00000", rgba, regions, z, p)
    noise = rng.integers(0, 256, (SHARD_IDENTITIES, POSES, EDGE, EDGE, 4), np.uint8)
    z, p = np.zeros((SHARD_IDENTITIES, Z_DIM), np.float32), np.zeros((SHARD_IDENTITIES, POSES, BUILTIN.dim), np.float32)
    write_shard(folder / "pool" / "shard_00001", noise, noise[..., 0] % 7, z, p)
    return folder


def write_shard(shard: Path, rgba: np.ndarray, regions: np.ndarray, z: np.ndarray, p: np.ndarray) -> None:
    shard.mkdir(parents=True)
    for name, values in (("rgba", rgba), ("regions", regions), ("z", z), ("p", p)):
        np.save(shard / f"{name}.npy", values)


@pytest.fixture(scope="module")
def reenactor(states: Path) -> Reenactor:
    cpu = torch.device("cpu")
    heads = Heads(load_trained_generator(states / "generator", cpu), load_shape_regressor(states / "net3d", cpu))
    return Reenactor(heads, Inverter(heads.trained, load_encoder(states / "encoder")))


def test_truths_of_cross_reenactment_are_rendered(states: Path, renderer: HeadRenderer) -> None:
    pool = HeadPool(states / "pool")
    benchmark = make_benchmark(pool, renderer, PEOPLE)
    held_out = pool.held_out()
    # Person 3 in the pose 2 of person 0.
    truth = renderer.paint(renderer.person(held_out.z[3]), held_out.p[0, DRIVER]).rgba
    assert np.array_equal(benchmark.cross_task.truth[3], truth)
    assert np.array_equal(benchmark.cross_task.driver[3], held_out.rgba[0, DRIVER])
    assert np.array_equal(benchmark.self_task.truth, held_out.rgba[:, 1])
    assert not np.array_equal(benchmark.cross_task.truth, benchmark.cross_task.driver)


def test_a_pool_that_does_not_fit_is_refused(states: Path, renderer: HeadRenderer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 200 held-out people"):
        make_benchmark(HeadPool(states / "pool"), renderer)
    held_out = HeadPool(states / "pool").held_out()
    write_shard(tmp_path / "shard_00000", 255 - held_out.rgba, held_out.regions, held_out.z, held_out.p)
    with pytest.raises(ValueError, match="by another renderer"):
        make_benchmark(HeadPool(tmp_path), renderer, PEOPLE)


def test_reenacted_pictures_follow_the_directions(reenactor: Reenactor, states: Path) -> None:
    held_out = HeadPool(states / "pool").held_out()
    source, driver = held_out.rgba[:, 0, ..., :3], held_out.rgba[:, 1, ..., :3]
    still = Directions(torch.zeros(LAYOUT.pose_rows, LAYOUT.w_dim, BUILTIN.dim))
    A = Directions(torch.randn(LAYOUT.pose_rows, LAYOUT.w_dim, BUILTIN.dim))
    stands = reenactor.moved(still, source, driver)
    again = reenactor.generated(reenactor.inverter.codes(reenactor.heads.signals(source)), EDGE)
    assert np.array_equal(stands, again)
    assert not np.array_equal(stands, reenactor.moved(A, source, driver))
    assert np.array_equal(reenactor.moved(A, source, source), stands)
    at_rest = reenactor.driven(A, source, np.zeros((PEOPLE, BUILTIN.dim), np.float32))
    assert np.array_equal(at_rest, reenactor.driven(still, source, np.ones((PEOPLE, BUILTIN.dim), np.float32)))


def test_an_optimised_generator_paints_its_source_better(reenactor: Reenactor, states: Path) -> None:
    source = HeadPool(states / "pool").held_out().rgba[0, 0].copy()
    still = Directions(torch.zeros(LAYOUT.pose_rows, LAYOUT.w_dim, BUILTIN.dim))
    before = {name: value.clone() for name, value in reenactor.heads.trained.generator.state_dict().items()}
    tuned = reenactor.tuned(source, 8)
    rgb = np.ascontiguousarray(source[None, ..., :3])
    errors = [np.abs(reenactor.moved(still, rgb, rgb, by).astype(int) - rgb).mean() for by in (None, tuned)]
    assert errors[1] < errors[0]
    assert all(
        torch.equal(value, before[name]) for name, value in reenactor.heads.trained.generator.state_dict().items()
    )


def test_a_generator_that_paints_larger_pictures_is_optimised_too(reenactor: Reenactor, states: Path) -> None:
    """It was compared with the pool's pictures as they are, which have another size."""
    layout = reenactor.heads.trained.generator.layout
    generator = Generator(replace(layout, resolution=2 * EDGE, channels=(*layout.channels, layout.channels[-1])))
    heads = Heads(TrainedGenerator(generator.eval().requires_grad_(False), 2 * EDGE, 0), reenactor.heads.net3d)
    larger = Reenactor(heads, Inverter(heads.trained, load_encoder(states / "encoder")))
    source = HeadPool(states / "pool").held_out().rgba[0, 0].copy()
    codes = larger.inverter.codes(heads.signals(source[None, ..., :3]))
    truth = heads.signals(source[None, ..., :3])
    errors = [(one.paint(codes, EDGE) - truth).abs().mean() for one in (heads.trained, larger.tuned(source, 8))]
    assert errors[1] < errors[0]


def test_errors_are_in_degrees_and_in_ranges_of_width_12() -> None:
    a, b = np.zeros((2, 1, BUILTIN.dim), np.float32)
    b[0, BUILTIN.index("yaw")] = 3.0  # half of 40°
    b[0, BUILTIN.index("jaw_open")] = 6.0
    assert pose_error(a, b)[0] == pytest.approx(20 / 3)
    assert expression_error(a, b)[0] == pytest.approx(6 / 12)


def test_blurring_takes_edges_away() -> None:
    picture = np.zeros((1, 16, 16, 3), np.uint8)
    picture[:, :, 8:] = 200
    assert 0 < blurred(picture)[0, 8, 7, 0] < blurred(picture)[0, 8, 8, 0] < 200


def test_all_tables_from_the_command_line(
    states: Path, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = ["--shape-model", str(data_folder / "ict_facekit")]
    networks = [text for name in ("generator", "net3d", "encoder") for text in (f"--{name}", str(states / name))]
    pool, matrices = ["--data", str(states / "pool")], tmp_path / "matrices"
    training = [*pool, *shape, *networks, "--identity", str(states / "identity"), "--batch", "2", "--statistics", "4"]
    train_ablations(["--out", str(matrices), "--steps", "1", "--budget", "60", "--", *training])
    assert {folder.name for folder in matrices.iterdir()} == set(VARIANTS)
    capsys.readouterr()

    judges = ["--judge-net3d", str(states / "net3d"), "--judge-identity", str(states / "identity")]
    numbers, small = tmp_path / "numbers.json", ["--identities", str(PEOPLE), "--tuned", "1", "--tuning-steps", "1"]
    evaluate = [*pool, "--days", str(states / "pool"), *shape, *networks, *judges, "--matrices", str(matrices)]
    assert main([*evaluate, *small, "--json", str(numbers)]) == 0
    printed = capsys.readouterr().out
    for text in ("does NOT count", "CSIM of strangers", "blurred σ = 1 px", "*paper, VoxCeleb* |  | 0.66 |", "1 + 1"):
        assert text in printed
    content = json.loads(numbers.read_text())
    assert [table["title"][:7] for table in content["tables"]] == [f"Table {number}" for number in (1, 1, 2, 3, 4, 5)]
    first = {row["method"]: row["measures"] for row in content["tables"][0]["rows"]}
    unmoved, blurred_truth = first["*source, not moved*"], first["*truth, blurred σ = 1 px*"]
    assert blurred_truth["PSNR"]["value"] > unmoved["PSNR"]["value"]
    assert blurred_truth["SSIM"]["value"] > unmoved["SSIM"]["value"]
    assert blurred_truth["LPIPS"]["value"] < unmoved["LPIPS"]["value"]


def test_what_the_tables_need_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", "pool"])
    assert "--judge-net3d" in capsys.readouterr().err


def test_a_missing_state_is_one_sentence(states: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ("data", "days", "generator", "encoder", "net3d", "judge-net3d", "judge-identity")
    nowhere = [text for name in named for text in (f"--{name}", str(states / "nowhere"))]
    assert main([*nowhere, "--shape-model", str(data_folder / "ict_facekit")]) == 1
    assert "train it with" in capsys.readouterr().err
