"""In a world where pictures are linear in the code, the paper's training must find the directions that exist."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from export.dataset import HeadBatch
from export.direction_scores import Directions, Score, Scorer, cosines, write_directions
from export.direction_trainer import DirectionSettings, DirectionTrainer, LossWeights, Ranges, perceptual_loss
from export.generator_state import TrainedGenerator
from export.posed_shape import PosedShape
from export.shape_model import ShapeModel, load_shape_model, procedural_shape_model
from export.train_directions import main, resume, save
from export.training import save_weights, write_json
from puppet.networks.layout import GeneratorLayout
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

EDGE, MODES = 32, 3
CPU = torch.device("cpu")
LAYOUT = GeneratorLayout(
    resolution=EDGE,
    channels=(4, 4, 4, 4),
    img_channels=4,
    z_dim=MODES,
    w_dim=8,
    mapping_layers=1,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=BUILTIN.dim,
)
MOVED = LAYOUT.pose_rows * LAYOUT.w_dim


class LinearSynthesis(nn.Module):
    """A picture that shows the moved rows of the code, a number a pixel."""

    def forward(self, ws: Tensor, resolution: int, dtype: torch.dtype) -> Tensor:
        picture = torch.zeros(len(ws), 4, EDGE * EDGE)
        picture[:, 0, :MOVED] = ws[:, : LAYOUT.pose_rows].flatten(1) / 20
        return picture.unflatten(2, (EDGE, EDGE))


class LinearNet3D(ShapeRegressor):
    """Reads p_i and p̃ back by the matrix that undoes P."""

    def __init__(self, inverse: Tensor) -> None:
        super().__init__(EDGE, MODES, BUILTIN.dim)
        self.inverse = inverse

    def forward(self, picture: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        w = 20 * (2 * picture[:, 0].flatten(1)[:, :MOVED] - 1)
        return w @ self.inverse.T / torch.tensor([1.0] * MODES + [6.0] * BUILTIN.dim)


def linear_world(settings: DirectionSettings, model: ShapeModel | None = None) -> DirectionTrainer:
    torch.manual_seed(0)
    generator = Generator(LAYOUT).requires_grad_(False)
    generator.pose_basis.copy_(0.1 * torch.randn(LAYOUT.pose_rows, LAYOUT.w_dim, LAYOUT.pose_dim))
    generator.mapping = nn.Linear(MODES, LAYOUT.w_dim, bias=False).requires_grad_(False)
    identity = generator.mapping.weight.repeat(LAYOUT.pose_rows, 1)
    inverse = torch.linalg.pinv(torch.cat([identity, generator.pose_basis.flatten(0, 1)], 1))
    generator.synthesis = LinearSynthesis()
    shape = PosedShape(model or procedural_shape_model(), MODES)
    return DirectionTrainer(settings, TrainedGenerator(generator, EDGE, 0), LinearNet3D(inverse), shape, CPU)


QUICK = DirectionSettings(Path(), 1.0, rate=1e-2, batch=16, weights=LossWeights(perceptual=0.0))


def test_starts_from_zero_and_finds_directions_that_do_what_they_say(data_folder: Path) -> None:
    trainer = linear_world(QUICK, load_shape_model(data_folder / "ict_facekit"))
    assert not trainer.directions().A.any()
    first = trainer.step()
    for step in range(400):
        last = trainer.step(cooldown=step / 400)
    assert last["shape"] < 0.1 * first["shape"]
    # What Net3D reads after a unit step along each direction.
    effect = (trainer.net3d.inverse @ trainer.directions().A.flatten(0, 1))[MODES:]
    own = dict(zip(BUILTIN.names, torch.diagonal(effect).tolist(), strict=True))
    # L_sh counts what moves many vertices far: the rest needs more steps than a test has.
    assert all(own[name] == pytest.approx(1, abs=0.05) for name in ("yaw", "pitch", "roll", "jaw_open"))
    assert all(own[name] > 0.25 for name in ("smile_left", "smile_right", "blink_left", "blink_right", "mouth_shift"))
    assert (effect - torch.diag(torch.diagonal(effect))).abs().mean() < 0.05


def test_half_of_the_samples_move_one_attribute_within_the_range() -> None:
    trainer = linear_world(QUICK)
    p_s, p_t = torch.full((40, 15), 5.0), torch.zeros(20, 15)
    wanted = trainer._wanted(p_s, p_t)
    assert torch.equal(wanted[:20], p_t)
    assert ((wanted[20:] != p_s[20:]).sum(1) <= 1).all()
    assert (wanted[20:] != p_s[20:]).any(1).sum() > 15
    assert wanted.abs().max() <= 6
    # By offset, half of them stop at the limit; by destination, none of them does.
    assert (wanted[20:] == 6).sum() > 3
    other = linear_world(DirectionSettings(Path(), 1.0, single="destination"))
    assert not (other._wanted(p_s, p_t)[20:] == 6).any()


def test_measured_ranges_change_the_training_scale_not_the_meaning() -> None:
    trainer = linear_world(DirectionSettings(Path(), 1.0, statistics=100))
    half_range = trainer.ranges.half_range
    assert (half_range > 1).all()
    nn.init.normal_(trainer.shift.A)
    a, b = torch.randn(2, 4, 15)
    ws = torch.zeros(4, LAYOUT.num_ws, LAYOUT.w_dim)
    trained = trainer.shift(ws, trainer.ranges.rescale(b) - trainer.ranges.rescale(a))
    torch.testing.assert_close(trainer.directions().move(ws, b - a), trained, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(trainer.ranges.restore(trainer.ranges.rescale(a)), a, atol=1e-5, rtol=1e-5)


def test_a_range_is_the_middle_and_half_of_the_width() -> None:
    ranges = Ranges(torch.tensor([1.0]), torch.tensor([2.0]))
    assert ranges.rescale(torch.tensor([[-1.0], [3.0]])).tolist() == [[-6.0], [6.0]]


def test_no_bias_unless_asked_for() -> None:
    assert linear_world(QUICK).directions().bias is None
    trainer = linear_world(DirectionSettings(Path(), 1.0, rate=1e-2, batch=4, bias=True))
    trainer.step()
    bias = trainer.directions().bias
    assert bias is not None
    assert bias.any()


def test_the_perceptual_loss_is_zero_for_equal_pictures_only() -> None:
    torch.manual_seed(0)
    net3d = ShapeRegressor(EDGE, MODES, BUILTIN.dim).requires_grad_(False)
    a, b = torch.rand(2, 2, 3, EDGE, EDGE)
    assert perceptual_loss(net3d, a, a, torch.float32) == 0
    assert perceptual_loss(net3d, a, b, torch.float32) > 2 * perceptual_loss(net3d, a, a + 0.1 * (b - a), torch.float32)


def test_cosines_are_taken_column_by_column() -> None:
    P = torch.randn(2, 8, 3)
    A = P * torch.tensor([2.0, -1.0, 0.0])
    assert cosines(A, P) == pytest.approx([1, -1, 0], abs=1e-6)


def test_the_oracle_scores_the_same_from_anywhere_and_better_than_nothing() -> None:
    trainer = linear_world(QUICK)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((30, MODES)).astype(np.float32)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (30, 2, 15)).astype(np.float32)
    generator = trainer.trained.generator
    scaled = torch.from_numpy(BUILTIN.scale(p[:, 1]).astype(np.float32))
    painted = trainer.trained.paint(generator.codes(torch.from_numpy(z), scaled), EDGE)
    rgb = (255 * painted).round().byte().permute(0, 2, 3, 1).numpy()
    rgba = np.concatenate([rgb, np.full((*rgb.shape[:3], 1), 255, np.uint8)], 3)[:, None].repeat(2, 1)
    held_out = HeadBatch(rgba, np.full((30, 2, EDGE, EDGE), 2, np.uint8), z, p)
    scorer = Scorer(trainer.trained, trainer.net3d, held_out)
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


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    settings = DirectionSettings(tmp_path, 1.0, rate=1e-2, batch=4)
    trainer = linear_world(settings)
    trainer.step()
    save(trainer)
    again = linear_world(settings)
    resume(again)
    assert again.steps == 1
    torch.testing.assert_close(again.shift.A, trainer.shift.A, atol=1e-5, rtol=1e-3)
    with pytest.raises(ValueError, match="--statistics 0, not 50"):
        resume(linear_world(DirectionSettings(tmp_path, 1.0, batch=4, statistics=50)))


def test_from_the_command_line(data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    load_shape_model(data_folder / "ict_facekit")
    generator, net3d, pool = (tmp_path / name for name in ("generator", "net3d", "pool"))
    save_weights(Generator(LAYOUT), generator / "averaged.safetensors")
    write_json(generator / "state.json", {"layout": LAYOUT.to_json(), "resolution": 16, "pictures": 7})
    save_weights(ShapeRegressor(EDGE, 40, 15), net3d / "averaged.safetensors")
    write_json(net3d / "state.json", {"network": "shape_regressor", "resolution": EDGE, "modes": 40, "pictures": 7})
    shard = pool / "shard_00000"
    shard.mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(shard / "rgba.npy", rng.integers(0, 256, (6, 2, EDGE, EDGE, 4), np.uint8))
    np.save(shard / "regions.npy", rng.integers(0, 7, (6, 2, EDGE, EDGE), np.uint8))
    np.save(shard / "z.npy", rng.standard_normal((6, MODES)).astype(np.float32))
    np.save(shard / "p.npy", np.zeros((6, 2, 15), np.float32))
    arguments = ["--data", pool, "--generator", generator, "--net3d", net3d, "--out", tmp_path / "out"]
    arguments += ["--shape-model", data_folder / "ict_facekit", "--budget", "60", "--iterations", "2", "--batch", "4"]
    main([str(argument) for argument in arguments])
    printed = capsys.readouterr().out
    assert "rate=0.0001" in printed
    assert "mean cosine" in printed
    assert (tmp_path / "out" / "directions.safetensors").is_file()


def test_an_odd_batch_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("data", "generator", "net3d", "shape-model", "out")
    arguments = [text for name in names for text in (f"--{name}", "x")]
    with pytest.raises(SystemExit):
        main([*arguments, "--budget", "1", "--batch", "7"])
    assert "--batch must be even" in capsys.readouterr().err
