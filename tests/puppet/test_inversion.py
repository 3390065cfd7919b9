"""Tuning itself, in this process, on a tiny generator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from puppet.bundle import ALEXNET, GENERATOR, Bundle, load_bundle, write_manifest
from puppet.errors import BundleError
from puppet.inversion import BATCH, Tuner, distance, invert, open_tuner, seen_before, with_weights
from puppet.networks.firm import firm
from puppet.networks.lpips import Lpips
from puppet.networks.pivotal_tuning import PAPER
from puppet.preset_tuning import PresetTuner
from puppet.tuning import VIEWS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network is slower on several, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def bundle(stylegan_folder: Path) -> Bundle:
    return load_bundle(stylegan_folder)


@pytest.fixture
def w(bundle: Bundle) -> torch.Tensor:
    return torch.randn(2, bundle.num_ws, bundle.w_dim, generator=torch.Generator().manual_seed(1))


def tuner_of(bundle: Bundle, w: torch.Tensor) -> Tuner:
    truth = torch.zeros(len(w), bundle.channels, bundle.resolution, bundle.resolution)
    truth[:, :, 8:24, 8:24] = 0.7
    weights = torch.ones(len(w), 1, *truth.shape[2:])
    return Tuner(bundle, w, truth, weights, torch.zeros_like(truth[0, :3]), torch.device("cpu"))


@pytest.mark.parametrize("views", [1, 2, 7])
def test_the_generator_comes_to_paint_its_views(bundle: Bundle, w: torch.Tensor, views: int) -> None:
    tuner = tuner_of(bundle, w[[0]].repeat(views, 1, 1))
    losses = [tuner.step(step / 60) for step in range(60)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_coarse_levels_stay_as_they_are_and_all_others_learn(bundle: Bundle, w: torch.Tensor) -> None:
    tuner = tuner_of(bundle, w)
    before = {name: weight.clone() for name, weight in tuner.synthesis.named_parameters()}
    tuner.step(0.5)
    changed = {name for name, weight in tuner.synthesis.named_parameters() if not torch.equal(weight, before[name])}
    assert changed and not any(name.startswith(("const", "convs.0.", "to_rgbs.0.")) for name in changed)
    assert changed >= {name for name in before if name.startswith(("convs.5.", "to_rgbs.3."))}


def test_every_step_has_the_portrait_and_every_view_its_turn(bundle: Bundle, w: torch.Tensor) -> None:
    tuner = tuner_of(bundle, w[[0]].repeat(7, 1, 1))
    chosen = [tuner._choose() for _ in range(2 * 6 // (BATCH - 1))]
    assert all(views[0] == 0 and len(set(views)) == BATCH for views in chosen)
    assert sorted(view for views in chosen for view in views[1:]) == sorted([*range(1, 7)] * 2)


def test_distance_is_nothing_without_an_error_and_counts_where_the_weights_are() -> None:
    error = torch.zeros(1, 3, 16, 16)
    weights = torch.full((1, 1, 16, 16), 0.5)
    weights[..., :8] = 1.5
    assert distance(error, weights) == 0
    left, right = error.clone(), error.clone()
    left[..., 2:6, 2:6], right[..., 2:6, 10:14] = 1.0, 1.0
    assert distance(left, weights) > 2 * distance(right, weights) > 0


def test_pictures_are_seen_as_the_compositor_shows_them() -> None:
    picture = torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    behind = torch.linspace(-1, 1, 3 * 8 * 8).reshape(3, 8, 8)
    picture[:, 3, :2], picture[:, 3, 2:4] = 0.95, -0.9  # as good as opaque, and as good as nothing
    seen = seen_before(behind, picture)
    torch.testing.assert_close(seen[:, :3, :2], picture[:, :3, :2])
    torch.testing.assert_close(seen[:, :3, 2:4], picture[:, :3, 2:4] + behind[:, 2:4])
    share = (1 - firm(picture)[:, 3:]) / 2
    torch.testing.assert_close(seen[:, :3] - picture[:, :3], share * behind)
    assert torch.equal(seen[:, 3], picture[:, 3]) and torch.equal(seen_before(behind, picture[:, :3]), picture[:, :3])


def test_tuned_weights_lie_where_the_bundles_do(bundle: Bundle, w: torch.Tensor, tmp_path: Path) -> None:
    tuner = tuner_of(bundle, w)
    with torch.no_grad():
        for parameter in tuner.synthesis.parameters():
            parameter += 0.25
    content = with_weights(bundle.generator_path, tuner.synthesis.state_dict())
    (tmp_path / "tuned.safetensors").write_bytes(content)
    before, after = load_file(bundle.generator_path), load_file(tmp_path / "tuned.safetensors")
    assert len(content) == bundle.generator_path.stat().st_size and list(before) == list(after)
    for name, tensor in before.items():
        moved = 0.25 if name.startswith("synthesis.") else 0.0
        torch.testing.assert_close(after[name].float(), tensor.float() + moved, atol=4e-3, rtol=0)


def test_weights_in_another_form_are_refused(bundle: Bundle, w: torch.Tensor, tmp_path: Path) -> None:
    weights = load_file(bundle.generator_path)
    save_file(weights | {"synthesis.const": weights["synthesis.const"].float()}, tmp_path / "other.safetensors")
    with pytest.raises(BundleError, match=r"should hold synthesis\.const in float16"):
        with_weights(tmp_path / "other.safetensors", tuner_of(bundle, w).synthesis.state_dict())


@pytest.fixture
def portrait_folder(bundle: Bundle, w: torch.Tensor, tmp_path: Path) -> Path:
    r = bundle.resolution
    pictures = torch.full((2, r, r, bundle.channels), 200, dtype=torch.uint8)
    behind = torch.full((r, r, 3), 90, dtype=torch.uint8)
    save_file({"w": w, "pictures": pictures, "weights": torch.ones(2, r, r), "behind": behind}, tmp_path / VIEWS)
    return tmp_path


def portrait_tuner(bundle: Bundle, w: torch.Tensor, **changes: object) -> PresetTuner:
    truth = torch.full((1, bundle.channels, bundle.resolution, bundle.resolution), 0.5)
    return PresetTuner(bundle, replace(PAPER, **changes), w[:1], truth, torch.device("cpu"))


def test_a_preset_tunes_on_the_portrait_alone(bundle: Bundle, portrait_folder: Path) -> None:
    tuner = open_tuner(bundle, portrait_folder, "paper")
    assert (tuner.steps, tuner.limit_s) == (PAPER.steps, float("inf"))
    assert "without AlexNet" in tuner.loss and tuner.loss.endswith("by the preset paper")
    losses = [tuner.step(0.0) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert isinstance(open_tuner(bundle, portrait_folder, "views"), Tuner)


def test_a_preset_does_all_its_steps_or_ends_when_it_is_enough(bundle: Bundle, w: torch.Tensor, tmp_path: Path) -> None:
    for enough, expected in ((0.0, 5), (1e9, 1)):
        tuner, steps = portrait_tuner(bundle, w, steps=5, enough=enough), []
        step = tuner.step
        tuner.step = lambda share, step=step, steps=steps: (steps.append(share), step(share))[1]  # type: ignore[method-assign]
        invert(bundle, tuner, tmp_path, lambda share, left_s: None)
        assert len(steps) == expected and (tmp_path / GENERATOR).is_file()


def test_a_preset_that_does_not_fit_is_said(bundle: Bundle, portrait_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"a generator of 32 px has 7; take another preset"):
        open_tuner(bundle, portrait_folder, "authors")


def test_a_preset_asks_the_bundles_alexnet(bundle: Bundle, w: torch.Tensor, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle.folder, tmp_path / "bundle")
    features = {name: t.contiguous() for name, t in Lpips().state_dict().items() if name.startswith("features.")}
    save_file(features, folder / ALEXNET)
    about = {"name": "tiny", "version": "3", "licence": "CC0-1.0", "layout": bundle.layout}
    write_manifest(folder, **about, pose_space=bundle.pose_space, identity=bundle.identity, tuning="paper")
    own = load_bundle(folder)
    assert own.tuning == "paper" and own.alexnet_path == folder / ALEXNET
    tuner = portrait_tuner(own, w)
    assert tuner.loss == "LPIPS in the features of AlexNet, by the preset paper"
    assert tuner.step(0.0) > 0
