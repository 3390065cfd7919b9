"""Weights averaged over branches of a training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from disc_pool import LAYOUT

from export.average_states import average_states, main
from export.to_onnx import load_generator
from export.training import save_weights, write_json
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator


def state(folder: Path, seed: int, layout: GeneratorLayout = LAYOUT) -> Path:
    """A state folder of a generator with random weights."""
    torch.manual_seed(seed)
    for name in ("generator", "averaged"):
        save_weights(Generator(layout), folder / f"{name}.safetensors")
    write_json(
        folder / "state.json", {"layout": layout.to_json(), "pictures": 100 * seed, "resolution": layout.resolution}
    )
    return folder


def test_the_mean_is_weighted_and_a_state_again(tmp_path: Path) -> None:
    first, second = state(tmp_path / "a", 1), state(tmp_path / "b", 2)
    main([str(first), str(second), "--weights", "3", "1", "--out", str(tmp_path / "mean")])
    a, b, mean = (load_generator(folder).state_dict() for folder in (first, second, tmp_path / "mean"))
    for name in a:
        torch.testing.assert_close(mean[name], 0.75 * a[name] + 0.25 * b[name], atol=2e-3, rtol=2e-3)
    assert json.loads((tmp_path / "mean" / "state.json").read_text())["pictures"] == 200


def test_what_does_not_fit_together_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    first, other = state(tmp_path / "a", 1), state(tmp_path / "b", 2, replace(LAYOUT, w_dim=32))
    for states, weights, reason in (
        ([first, other], [1, 1], "different layouts"),
        ([first], [1], "two or more states"),
        ([first, first], [1], "a weight above 0 for each"),
        ([first, first], [1, -1], "a weight above 0 for each"),
        ([first, tmp_path / "none"], [1, 1], "should hold a trainer's state"),
    ):
        with pytest.raises(ValueError, match=reason):
            average_states(states, weights, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
    with pytest.raises(SystemExit, match="choose another --out folder"):
        main([str(first), str(first), "--out", str(other)])
