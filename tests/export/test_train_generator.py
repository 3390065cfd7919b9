"""A tiny generator learns tiny heads: the loss falls, and nothing is lost between runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_pool import LAYOUT, DiscPool, same_weights
from event_reader import events_of

from export.generator_trainer import GeneratorTrainer, Settings
from export.run_folder import Run
from export.train_generator import main, train
from export.training import Budget
from puppet.networks.layout import GeneratorLayout


def trainer_in(folder: Path, resolution: int = 32, layout: GeneratorLayout = LAYOUT) -> GeneratorTrainer:
    torch.manual_seed(0)
    return GeneratorTrainer(Settings(folder, budget_s=1.0, resolution=resolution, batch=8), DiscPool(), layout)


def test_the_loss_falls(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    losses = [trainer.step().total.item() for _ in range(120)]
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])
    assert trainer.pictures == 120 * 8


def test_a_run_goes_on_exactly_where_the_last_one_stopped(tmp_path: Path) -> None:
    first = trainer_in(tmp_path)
    for _ in range(3):
        first.step()
    first.save()
    second = trainer_in(tmp_path)
    assert second.pictures == 24 and second.stage_steps == 3
    assert same_weights(first.generator, second.generator)
    assert same_weights(first.averaged.module, second.averaged.module)
    first._rng = np.random.default_rng([first.pictures, 0, 0])
    first.step(), second.step()
    assert same_weights(first.generator, second.generator)


@pytest.mark.parametrize("left", ["nothing", "an older file"])
def test_the_compact_state_is_enough_to_resume(tmp_path: Path, left: str) -> None:
    first = trainer_in(tmp_path)
    first.step()
    first.save()
    if left == "nothing":
        (tmp_path / "optimiser.pt").unlink()
    else:
        older = (tmp_path / "optimiser.pt").read_bytes()
        first.step()
        first.save()
        (tmp_path / "optimiser.pt").write_bytes(older)
    second = trainer_in(tmp_path)
    assert second.pictures == first.pictures and second.stage_steps == 0
    expected = first.generator.synthesis.const
    assert torch.equal(second.generator.synthesis.const, expected.half().float())


def test_the_next_stage_keeps_the_weights_and_warms_up_again(tmp_path: Path) -> None:
    coarse = trainer_in(tmp_path, resolution=16)
    coarse.step()
    coarse.save()
    fine = trainer_in(tmp_path, resolution=32)
    assert fine.stage_steps == 0 and fine.pictures == 8
    assert same_weights(coarse.generator, fine.generator)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    trainer_in(tmp_path).save()
    other = GeneratorLayout.from_json(LAYOUT.to_json() | {"w_dim": 8})
    with pytest.raises(ValueError, match="another layout"):
        trainer_in(tmp_path, layout=other)


def test_train_reports_saves_and_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_in(tmp_path)
    train(trainer, Run(tmp_path, Budget(0.5)))
    line = json.loads((tmp_path / "gates.jsonl").read_text().splitlines()[-1])
    assert line["pictures"] == trainer.pictures > 0 and line["resolution"] == 32
    assert 0 < line["eyes_psnr"] < 100
    assert (tmp_path / "sheets" / f"{trainer.pictures:08d}.png").exists()
    assert (tmp_path / "averaged.safetensors").stat().st_size < 15 * 2**20
    printed = capsys.readouterr().out
    assert f"pictures {trainer.pictures}" in printed and "difference" in printed and "s left" in printed
    events = events_of(tmp_path)
    assert events.Scalars("difference")[-1].step == events.Images("sheet")[-1].step == trainer.pictures
    assert events.Scalars("gates/eyes_psnr")[-1].value == pytest.approx(line["eyes_psnr"])


def test_a_loss_that_is_not_finite_stops_before_it_is_saved(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    with torch.no_grad():
        trainer.generator.pose_basis.fill_(float("nan"))
    with pytest.raises(RuntimeError, match=r"finite, but total is nan in batch 1 of the run that began at 0 pictures"):
        train(trainer, Run(tmp_path, Budget(0.2)))
    assert not (tmp_path / "state.json").exists()


def test_the_rate_goes_from_the_first_share_to_the_last(tmp_path: Path) -> None:
    settings = Settings(tmp_path, budget_s=10.0, resolution=32, batch=8, rates=(0.8, 0.2))
    assert [settings.rate(elapsed_s) for elapsed_s in (0, 5, 10, 11)] == pytest.approx([0.8, 0.5, 0.2, 0.2])
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--out", str(tmp_path), "--budget", "1", "--rates", "1", "-0.1"])


def test_an_odd_batch_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--out", str(tmp_path), "--budget", "1", "--batch", "7"])
