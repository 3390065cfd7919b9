"""Budgets, averages and files, as every trainer uses them."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from export.training import (
    Averaged,
    Budget,
    Every,
    load_weights,
    rate_at,
    save_weights,
    write_atomic,
    write_json,
)


def test_budget_ends_with_its_time() -> None:
    assert Budget(100.0).running
    assert not Budget(0.0).running
    assert not Budget(100.0).part(0.0)()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_budget_and_not_the_process(number: signal.Signals) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        budget = Budget(100.0)
        part = budget.part(0.5)
        budget.catch_signals()
        assert part()
        os.kill(os.getpid(), number)
        assert not budget.running
        assert not part()
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)


def test_every_is_due_once_a_period() -> None:
    assert not Every(100.0).due()
    always = Every(0.0)
    assert always.due() and always.due()


def test_average_goes_half_the_way_in_one_half_life() -> None:
    layer = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(layer.weight)
    averaged = Averaged(layer, half_life=64.0)
    nn.init.ones_(layer.weight)
    for _ in range(8):
        averaged.update(batch=8, pictures=1_000_000)
    assert averaged.module.weight.tolist() == [pytest.approx([0.5, 0.5])]
    assert not averaged.module.weight.requires_grad


def test_average_follows_quickly_at_first() -> None:
    layer = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(layer.weight)
    averaged = Averaged(layer, half_life=10_000.0)
    nn.init.ones_(layer.weight)
    averaged.update(batch=8, pictures=160)
    assert averaged.module.weight.tolist() == [pytest.approx([0.5, 0.5])]


@pytest.mark.parametrize(
    ("step", "cooldown", "expected"), [(0, 0.0, 0.1), (4, 0.0, 0.5), (9, 0.0, 1.0), (99, 0.75, 0.25), (99, 2.0, 0.0)]
)
def test_rate_warms_up_and_cools_down(step: int, cooldown: float, expected: float) -> None:
    assert rate_at(step, 10, cooldown) == pytest.approx(expected)


def test_weights_round_trip_in_float16(tmp_path: Path) -> None:
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    save_weights(layer, tmp_path / "new" / "layer.safetensors")
    load_weights(other, tmp_path / "new" / "layer.safetensors")
    assert torch.equal(other.weight, layer.weight.half().float())
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["layer.safetensors"]


def test_weights_of_another_layout_are_refused(tmp_path: Path) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / "layer.safetensors")
    with pytest.raises(ValueError, match="another layout"):
        load_weights(nn.Linear(2, 2), tmp_path / "layer.safetensors")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"pictures": 1})

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match=r"disk full: .*state\.json"):
        write_atomic(path, fail)
    assert '"pictures": 1' in path.read_text()
