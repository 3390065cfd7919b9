"""Trains a `PictureRegressor` on the pool: rendered heads made into pictures, exact labels, a likelihood loss.

    L = mean(e² / σ² + log σ²) / 2 (+ what the caller adds, or a loss of its own)

Matrices and convolutions learn by Muon, all else by Adam; the rates fall to 0 over the second half of a run's budget. A
state folder holds `averaged.safetensors` (what is used), `regressor.safetensors` (to go on from) and `state.json`
(pictures seen, and whatever describes the network). In several processes each takes its own people of every batch, and
the loss of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from export.augmentation import Photographer, Photography
from export.head_pool import POSES, HeadBatch, Pool, refresh
from export.progress import Progress, steps
from export.ranks import ALONE, Ranks
from export.run_folder import Run
from export.training import (
    Averaged,
    Write,
    json_of,
    load_weights,
    rate_at,
    read_json,
    read_weights,
    weights_of,
    write_together,
)
from puppet.networks.muon import Muon
from puppet.networks.residual import PictureRegressor, likelihood_loss
from puppet.networks.speed import fast_dtype
from puppet.pose_space import BUILTIN

MUON_RATE, MOMENTUM = 3e-4, 0.95
"""Of weights. In 200 s from zero Net3D comes to an R² of 0.78 for the jaw, 0.69 for blinks and 0.18 for the first ten
modes of identity; by Adam it comes to 0.35, 0.22 and 0.08. At 1.5e-4 and 5e-4 it learns less, at 1e-3 hardly any."""

RATE = 1.5e-3
LOG_VARIANCE_RATE = 2e-2
BETAS = (0.9, 0.99)
"""Of Adam."""

WARM_UP_STEPS = 100
HALF_LIFE = 10_000
SAVE_S = 120.0
CHUNK = 50
_ANGLES = 3

Loss = Callable[[Tensor, Tensor], Tensor]
"""From prediction and truth [batch, targets] to a scalar."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line chose.

    Attributes:
        out: Folder of the state.
        budget_s: Seconds to train.
        batch: Pictures a step.
        device: As torch names it.
        seed: Of new weights and of the order of pictures.
    """

    out: Path
    budget_s: float
    batch: int
    device: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What is read from which pictures.

    Attributes:
        targets: Labels of a batch, [identities · poses, targets].
        names: One name a target.
        photography: How far training pictures stray.
        description: What rebuilds the network, for `state.json`.
        extra: Added to the likelihood loss.
        frontal: Share of batches that show each identity in the most frontal of its poses.
        poses: Pictures of each identity in a batch, which follow one another.
        loss: Takes the place of the likelihood loss.
    """

    targets: Callable[[HeadBatch], Float32[np.ndarray, "pictures targets"]]
    names: tuple[str, ...]
    photography: Photography
    description: Mapping[str, Any]
    extra: Loss | None = None
    frontal: float = 0.0
    poses: int = 1
    loss: Loss | None = None


class RegressionTrainer:
    """A network, its average and its optimiser, over a pool.

    Args:
        settings: What the command line chose.
        task: What is learned.
        pool: Where pictures come from.
        network: To be trained; in place.
        ranks: Which process of how many.

    Raises:
        ValueError: The state folder holds another network, or the processes cannot share a batch evenly.
    """

    def __init__(
        self, settings: Settings, task: Task, pool: Pool, network: PictureRegressor, ranks: Ranks = ALONE
    ) -> None:
        self.settings = settings
        self.ranks = ranks
        self._own = ranks.rows(settings.batch // task.poses)
        self.task = task
        self.pool = pool
        self.device = torch.device(settings.device)
        self.dtype = fast_dtype(self.device)
        self.network = network.to(self.device)
        self.averaged = Averaged(self.network, HALF_LIFE)
        self.pictures = 0
        self.steps = 0
        if (settings.out / "state.json").exists():
            self._resume()
        ranks.check_same("state and pool", self.pictures, len(pool))
        ranks.share_weights(self.network, self.averaged.module)
        self.optimisers = self._optimisers()
        self._rng = np.random.default_rng([1, self.pictures, settings.seed])
        self._photographer = Photographer(task.photography, self._rng)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        """What moves the network's weights; every group says its full `rate`."""
        log_variance = self.network.log_variance
        matrices = [parameter for parameter in self.network.parameters() if parameter.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim == 1 and p is not log_variance]
        muon = Muon([{"params": matrices, "rate": MUON_RATE}], MUON_RATE, MOMENTUM, self.dtype)
        groups = [{"params": vectors, "rate": RATE}, {"params": [log_variance], "rate": LOG_VARIANCE_RATE}]
        return [muon, torch.optim.Adam(groups, betas=BETAS, fused=True)]

    def start_from(self, folder: Path) -> None:
        """Take over what another regressor of the same layout has learned to see, all but its last layers.

        Raises:
            ValueError: It is damaged, or its layers have other shapes.
        """
        theirs = read_weights(folder / "averaged.safetensors")
        seen = {name: value.float() for name, value in theirs.items() if name.startswith(("stem.", "stages."))}
        for module in (self.network, self.averaged.module):
            try:
                module.load_state_dict(seen, strict=False)
            except RuntimeError as error:
                raise ValueError(f"{folder} holds a network of another layout ({error})") from error

    def step(self, cooldown: float = 0.0) -> dict[str, Tensor]:
        """One optimiser step on one batch; returns its loss, and whatever else is to be said of it, by name.

        Args:
            cooldown: From 0 to 1, lowers the rate to 0.
        """
        frontal = self._rng.random() < self.task.frontal
        batch = self.pool.sample(
            self._rng, self.settings.batch // self.task.poses, POSES if frontal else self.task.poses
        )
        if frontal:
            batch = most_frontal(batch)
        poses = batch.rgba.shape[1]
        heads = batch.rgba.reshape(-1, *batch.rgba.shape[2:])
        own = np.arange(len(heads)).reshape(-1, poses)[self._own].ravel()
        picture = signals(self._photographer.shoot(heads, own), self.device)
        truth = torch.from_numpy(self.task.targets(batch)).to(self.device)
        prediction = self.network(picture, self.dtype).unflatten(0, (-1, poses))
        loss = self._loss(self.ranks.gather(prediction).flatten(0, 1), truth)
        self._descend(loss, len(truth), cooldown)
        return {"loss": loss.detach()}

    def _descend(self, loss: Tensor, pictures: int, cooldown: float) -> None:
        """Move the network and its average down the loss of so many pictures."""
        factor = rate_at(self.steps, WARM_UP_STEPS, cooldown)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * factor
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.ranks.average_gradients(self.network.parameters())
        for optimiser in self.optimisers:
            optimiser.step()
        self.pictures += pictures
        self.steps += 1
        self.averaged.update(pictures, self.pictures)

    def _loss(self, prediction: Tensor, truth: Tensor) -> Tensor:
        if self.task.loss is not None:
            return self.task.loss(prediction, truth)
        loss = likelihood_loss(prediction - truth, self.network.log_variance)
        return loss if self.task.extra is None else loss + self.task.extra(prediction, truth)

    def save(self) -> None:
        """Write the state folder, all of it or nothing.

        Raises:
            OSError: It cannot be written.
            ValueError: A weight is not finite.
        """
        write_together(self._files())

    def _files(self) -> dict[Path, Write]:
        out = self.settings.out
        return {
            out / "averaged.safetensors": weights_of(self.averaged.module),
            out / "regressor.safetensors": weights_of(self.network),
            out / "state.json": json_of(dict(self.task.description) | {"pictures": self.pictures}),
        }

    def _resume(self) -> None:
        out = self.settings.out
        state = read_json(out / "state.json", "pictures")
        self.pictures = int(state.pop("pictures"))
        if state != self.task.description:
            raise ValueError(
                f"{out} holds the network {state}, not {dict(self.task.description)}; choose another --out"
            )
        load_weights(self.network, out / "regressor.safetensors")
        load_weights(self.averaged.module, out / "averaged.safetensors")

    def r_squared(self, photography: Photography, *, frontal: bool = False) -> dict[str, float]:
        """1 − error / variance of every target on held-out identities, by the averaged network.

        Args:
            photography: How far the pictures stray.
            frontal: Only the most frontal picture of each identity.
        """
        batch = self.pool.held_out()
        if frontal:
            batch = most_frontal(batch)
        truth = self.task.targets(batch)
        heads = batch.rgba.reshape(-1, *batch.rgba.shape[2:])
        photographer = Photographer(photography, np.random.default_rng(0))
        predictions = []
        with torch.inference_mode():
            for start in range(0, len(heads), CHUNK):
                picture = signals(photographer.shoot(heads[start : start + CHUNK]), self.device)
                predictions.append(self.averaged.module(picture).cpu().numpy())
        error = np.square(np.concatenate(predictions) - truth).mean(0)
        return dict(zip(self.task.names, (1 - error / truth.var(0)).tolist(), strict=True))

    def run(self, run: Run) -> None:
        """Step until the budget ends, reporting and saving on the way.

        Raises:
            TrainingError: The loss is not finite any more; the last save is intact.
            OSError: The disk is full; the last save is intact.
        """
        cv2.setNumThreads(1)
        with Progress(run, self.pictures, self.settings.batch) as progress:
            for due in steps(run, SAVE_S):
                progress.add(self.step(2 * due.elapsed_s / self.settings.budget_s - 1))
                if due.report or due.save:
                    progress.report(self.pictures)
                if due.refresh:
                    refresh(self.pool, self.ranks)
                if due.save:
                    self.ranks.alone(self.save)
            progress.report(self.pictures)
            self.ranks.alone(self.save)


def signals(pictures: UInt8[np.ndarray, "n r r channels"], device: torch.device) -> Float[Tensor, "n channels r r"]:
    """Pictures in [0, 1], as networks take them."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255.0


def read_state(folder: Path, trainer: str, *needed: str) -> dict[str, Any]:
    """What a trained network's state folder says of it.

    Args:
        folder: The state folder.
        trainer: The script that makes it, such as `train_encoder.py`.
        needed: What the state of its networks says, besides their resolution.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
        ValueError: It is damaged, or that of another network.
    """
    path = folder / "state.json"
    if not path.is_file():
        raise FileNotFoundError(f"expected a state {path}; train it with `python export/{trainer} --out {folder}`")
    return read_json(path, "resolution", *needed)


def most_frontal(batch: HeadBatch) -> HeadBatch:
    """Of every identity the pose in which the head is turned least."""
    return batch.only(least_turned(batch))


def least_turned(batch: HeadBatch) -> Int64[np.ndarray, "identities"]:
    """The number of the pose in which each head is turned least."""
    which: np.ndarray = np.square(BUILTIN.scale(batch.p)[..., :_ANGLES]).sum(2).argmin(1)
    return which


def grouped(values: Mapping[str, float], groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Mean of the values of every group; a group lists names or their first words."""
    return {
        group: float(np.mean([value for name, value in values.items() if name.startswith(tuple(firsts))]))
        for group, firsts in groups.items()
    }
