"""A run folder belongs to one training, says how it came about, and keeps its last good state."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_pool import DiscPool
from event_reader import events_of
from full_disk import disk

from export.event_file import EventFile
from export.regression import RegressionTrainer, Settings
from export.run_folder import SETTINGS, Run, fingerprint, open_run
from export.train_identity import identity_task
from export.train_shape_regressor import main
from export.training import Budget, TrainingError
from puppet.networks.identity import IdentityNetwork

ROOT = Path(__file__).parents[2]
EDGE = 32


def options(folder: Path, **more: object) -> argparse.Namespace:
    return argparse.Namespace(out=folder / "run", budget=1.0, device="cpu", seed=3, **more)


def trainer_in(folder: Path) -> RegressionTrainer:
    torch.manual_seed(0)
    settings = Settings(folder, 1.0, 8, "cpu")
    return RegressionTrainer(settings, identity_task(EDGE), DiscPool(), IdentityNetwork(EDGE))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_every_run_adds_what_reproduces_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "picture.png").write_bytes(b"pixels")
    for rate in (0.1, 0.2):
        with open_run("train_x.py", ["--rate", str(rate)], options(tmp_path, data=data, rate=rate)) as run:
            assert run.folder == tmp_path / "run"
    first, second = json.loads((tmp_path / "run" / SETTINGS).read_text())["runs"]
    assert first["command"] == "python export/train_x.py --rate 0.1" and first["settings"]["rate"] == 0.1
    assert second["command"] == "python export/train_x.py --rate 0.2" and second["settings"]["rate"] == 0.2
    assert first["seed"] == 3 and first["processes"] == 1 and first["versions"]["torch"] == torch.__version__
    assert first["read"] == second["read"] == {"data": fingerprint(data)}
    assert len(first["code"]["sha256"]) == 64 and "cores" in first["hardware"]


def test_a_fingerprint_knows_names_sizes_and_both_ends(tmp_path: Path) -> None:
    def seen(name: str, content: bytes) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / name).write_bytes(content)
        (folder / ".partial").write_bytes(content)
        found = fingerprint(folder)
        assert (found["files"], found["bytes"]) == (1, len(content))
        return str(found["sha256"])

    long = bytes(300_000)
    assert seen("a", long) == seen("a", long)
    others = [seen("b", long), seen("a", long[1:]), seen("a", b"1" + long[1:]), seen("a", long[1:] + b"1")]
    assert len({seen("a", long), *others}) == 5


def test_a_second_training_is_turned_away(tmp_path: Path) -> None:
    with open_run("train_x.py", [], options(tmp_path)):
        before = content(tmp_path / "run")
        with (
            pytest.raises(
                SystemExit, match=r"run for this training alone, but another one has it; choose another --out$"
            ),
            open_run("train_x.py", [], options(tmp_path)),
        ):
            pass
        assert content(tmp_path / "run") == before
    with open_run("train_x.py", [], options(tmp_path)):
        pass


def test_a_damaged_list_of_runs_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / SETTINGS).write_text("[")
    with pytest.raises(SystemExit, match=r"which is damaged .* move it away"), open_run("x.py", [], options(tmp_path)):
        pass
    assert (tmp_path / "run" / SETTINGS).read_text() == "["


@pytest.mark.parametrize(
    "error", [TrainingError("why"), ValueError("why"), FileNotFoundError("why"), OSError(28, "why", "file")]
)
def test_what_a_user_can_mend_is_one_sentence(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(SystemExit) as end, open_run("x.py", [], options(tmp_path)):
        raise error
    assert "why" in str(end.value.code) and "\n" not in str(end.value.code)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    wanted = options(tmp_path)
    wanted.device = "cuda"
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit, match="expected a GPU for --device cuda"), open_run("x.py", [], wanted):
        pass


def test_a_full_disk_keeps_the_last_state_whole(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    trainer.step()
    trainer.save()
    before = content(tmp_path)
    # The first file fits and the second does not: neither takes its place.
    trainer.step()
    trainer.network.more = torch.nn.Parameter(torch.zeros(5000))
    room = len(before["averaged.safetensors"]) + 1000
    with disk(room), pytest.raises(OSError, match=r"File too large.*regressor\.safetensors"):
        trainer.save()
    assert content(tmp_path) == before


def test_a_full_disk_ends_the_events_with_a_sentence(tmp_path: Path) -> None:
    with EventFile(tmp_path, 0) as events, disk(2000), pytest.raises(OSError, match=r"File too large.*tfevents"):
        for step in range(100):
            events.add({"loss": 1.0}, step)


def test_weights_that_are_not_finite_replace_nothing(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    trainer.save()
    before = content(tmp_path)
    with torch.no_grad():
        trainer.network.log_variance[0] = torch.nan
    with pytest.raises(ValueError, match="those of log_variance are not"):
        trainer.save()
    assert content(tmp_path) == before


def test_a_loss_that_is_not_finite_is_named_with_its_batch(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    trainer.save()
    before = content(tmp_path)
    with torch.no_grad():
        for parameter in trainer.network.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(TrainingError, match="loss is nan in batch 1 of the run that began at 0 pictures"):
        trainer.run(Run(tmp_path, Budget(0.2)))
    assert {name: content(tmp_path)[name] for name in before} == before


@pytest.mark.parametrize("name", ["averaged.safetensors", "regressor.safetensors", "state.json"])
def test_a_damaged_state_is_named(tmp_path: Path, name: str) -> None:
    trainer_in(tmp_path).save()
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match=rf"{name} is .*damaged .*choose another folder$"):
        trainer_in(tmp_path)


def test_the_axis_goes_on_from_the_state_that_was_kept(tmp_path: Path) -> None:
    with EventFile(tmp_path, 0) as events:
        for at in (8, 16, 24):
            events.add({"loss": 1.0}, at)
    with EventFile(tmp_path, 16) as events:
        events.add({"loss": 2.0}, 24)
    assert [(event.step, event.value) for event in events_of(tmp_path).Scalars("loss")] == [(8, 1), (16, 1), (24, 2)]


def shards(folder: Path) -> Path:
    batch = DiscPool().sample(np.random.default_rng(0), 250, 4)
    z = np.random.default_rng(0).standard_normal((250, 96)).astype(np.float32)
    for number in range(2):
        shard = folder / f"shard_{number:05d}"
        shard.mkdir(parents=True)
        for name, values in (("rgba", batch.rgba), ("regions", batch.regions), ("z", z), ("p", batch.p)):
            np.save(shard / f"{name}.npy", values)
    return folder


def test_two_processes_under_torchrun_write_and_print_once(tmp_path: Path) -> None:
    pool, out = shards(tmp_path / "pool"), tmp_path / "out"
    words = ["export/train_shape_regressor.py", "--data", str(pool), "--out", str(out), "--budget", "2", "--batch", "8"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, *words],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("R² on held-out heads") == 1
    (run,) = json.loads((out / SETTINGS).read_text())["runs"]
    assert run["processes"] == 2
    seen = json.loads((out / "state.json").read_text())["pictures"]
    assert seen % 8 == 0
    main([*words[1:5], "--budget", "0", "--batch", "8"])
    assert json.loads((out / "state.json").read_text())["pictures"] == seen
