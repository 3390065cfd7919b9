"""StyleGAN2 on tiny pictures: it trains, resumes exactly, starts from a trained generator, and says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from disc_pool import same_weights
from jaxtyping import UInt8
from PIL import Image

from export.discriminators import ResidualDiscriminator, with_deviation
from export.run_folder import Run
from export.stylegan_trainer import Settings, StyleGanTrainer
from export.train_stylegan import layout_of, main, train
from export.training import Budget, TrainingError

LAYOUT = layout_of(32, 16)


class Blobs:
    """Coloured squares on grey."""

    def sample(self, rng: np.random.Generator, count: int) -> UInt8[np.ndarray, "count 32 32 3"]:
        pictures = np.full((count, 32, 32, 3), 128, np.uint8)
        pictures[:, 8:24, 8:24] = rng.integers(0, 256, (count, 1, 1, 3))
        return pictures


def trainer_in(folder: Path, start: dict[str, torch.Tensor] | None = None) -> StyleGanTrainer:
    torch.manual_seed(0)
    return StyleGanTrainer(Settings(folder, batch=8, gamma=0.01), Blobs(), LAYOUT, start)


def test_a_run_goes_on_exactly_where_the_last_one_stopped(tmp_path: Path) -> None:
    first = trainer_in(tmp_path)
    for _ in range(5):
        first.step()
    first.save()
    second = trainer_in(tmp_path)
    assert (second.steps, second.pictures, second.path.mean) == (5, 40, first.path.mean)
    first._start_drawing()
    for _ in range(4):
        assert first.step() == second.step()
    assert same_weights(first.generator, second.generator)
    assert same_weights(first.averaged.module, second.averaged.module)
    assert same_weights(first.discriminator, second.discriminator)


def test_the_discriminator_learns_alone_when_the_generator_knows_something(tmp_path: Path) -> None:
    known = trainer_in(tmp_path / "known").generator
    trainer = trainer_in(tmp_path / "new", dict(known.state_dict()))
    before = {name: tensor.clone() for name, tensor in trainer.discriminator.state_dict().items()}
    trainer.step()
    assert same_weights(trainer.generator, known) and trainer.pictures == 0
    assert not torch.equal(trainer.discriminator.state_dict()["logit.weight"], before["logit.weight"])


def test_the_discriminator_is_sure_of_pictures_that_it_has_learned(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    trainer.alone = 1000
    for _ in range(40):
        noted = trainer.step()
    assert noted["sure"] > 0.5 and trainer.adaptive.p > 0


def test_the_deviation_is_that_of_each_group() -> None:
    x = torch.zeros(8, 2, 4, 4)
    x[::2, :, :, :] = torch.arange(4.0)[:, None, None, None]
    y = with_deviation(x)[:, 2]
    # Groups take every second picture: 0 to 3 in one, nothing but 0 in the other.
    assert torch.allclose(y[::2], torch.tensor(1.25).sqrt().expand(4, 4, 4))
    assert y[1::2].abs().max() < 1e-3


def test_the_residual_discriminator_can_be_differentiated_twice() -> None:
    discriminator = ResidualDiscriminator(LAYOUT)
    x = torch.randn(4, 3, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(parameter.grad is not None for name, parameter in discriminator.named_parameters() if "weight" in name)


def test_a_loss_that_is_not_finite_stops_and_names_its_batch(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    with torch.no_grad():
        trainer.generator.mapping.layers[0].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"batch 1 of the run that began at 0 pictures"):
        train(trainer, Run(tmp_path, Budget(0.1)), 300.0)
    assert not (tmp_path / "state.json").exists()


def test_from_a_folder_of_pictures_and_on_from_its_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number, picture in enumerate(Blobs().sample(np.random.default_rng(0), 4)):
        Image.fromarray(picture).resize((40, 24)).save(data / f"{number}.png")
    words = ["--data", str(data), "--budget", "0.3", "--resolution", "32", "--batch", "4", "--widest", "8"]
    main([*words, "--out", str(tmp_path / "one")])
    assert "sheet" in capsys.readouterr().out
    assert list((tmp_path / "one" / "sheets").glob("*.png"))
    main([*words, "--out", str(tmp_path / "two"), "--from", str(tmp_path / "one")])
    with pytest.raises(SystemExit, match="expected --resolution 32"):
        main([*words, "--out", str(tmp_path / "one"), "--resolution", "64"])
    with pytest.raises(SystemExit, match="expected a pool or a folder with"):
        main([*words, "--out", str(tmp_path / "three"), "--data", str(tmp_path / "three")])
    (data / "broken.png").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match=r"broken\.png should be a picture"):
        main([*words, "--out", str(tmp_path / "three")])
