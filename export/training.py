"""What every trainer needs: a budget that ends cleanly, timers, averaged weights, small files written atomically."""

from __future__ import annotations

import copy
import json
import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is on disk."""


def check_finite(losses: Sequence[float], last_batch: int, pictures: int) -> None:
    """Stop when a loss is not finite any more.

    Args:
        losses: Of the batches up to `last_batch`, in order.
        last_batch: Its number, from 1, in this run.
        pictures: Seen when the run began, which is the seed that its batches are drawn with.

    Raises:
        TrainingError: The first loss that is not finite, by the number of its batch.
    """
    for number, loss in enumerate(losses, last_batch - len(losses) + 1):
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss must stay finite, but is {loss} in batch {number} of the run that began at {pictures} "
                "pictures; the last good state was kept, start again from it"
            )


def means_line(noted: Mapping[str, Sequence[float]]) -> str:
    """The mean of each of some numbers, by name, as trainers print it."""
    return "  ".join(f"{name} {sum(values) / len(values):.4f}" for name, values in noted.items())


class Budget:
    """Seconds to train, ended early and cleanly by SIGTERM or SIGINT.

    Args:
        seconds: How long `running` stays true, from now.
    """

    def __init__(self, seconds: float) -> None:
        self._start_s = time.monotonic()
        self._seconds = seconds
        self._stopped = False

    def catch_signals(self) -> None:
        """Let SIGTERM and SIGINT end the budget instead of the process; call once, in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether a signal came."""
        return self._stopped

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start_s

    @property
    def running(self) -> bool:
        """Whether there is time left and no signal came."""
        return not self._stopped and self.elapsed_s < self._seconds


class Every:
    """Says when another `seconds` have passed.

    Args:
        seconds: The period; the first one starts now.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last_s = time.monotonic()

    def due(self) -> bool:
        """True once a period; the next one starts at this call."""
        now = time.monotonic()
        if now - self._last_s < self._seconds:
            return False
        self._last_s = now
        return True


class Averaged(Generic[Network]):
    """A slow copy of a network: the exponential moving average of its weights.

    Args:
        module: The network in training.
        half_life: Pictures after which an old weight counts half; shorter at first (a twentieth of those seen).
    """

    def __init__(self, module: Network, half_life: float) -> None:
        self.module: Network = copy.deepcopy(module)
        self.module.eval().requires_grad_(False)
        self._half_life = half_life
        self._slow: list[Tensor] = list(self.module.parameters())
        self._fast: list[Tensor] = list(module.parameters())

    @torch.no_grad()
    def update(self, batch: int, pictures: int) -> None:
        """Move towards the network, after a step over `batch` pictures, `pictures` in all."""
        half_life = min(self._half_life, max(0.05 * pictures, 1.0))
        torch._foreach_lerp_(self._slow, self._fast, 1.0 - 0.5 ** (batch / half_life))


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a neighbour of `path`, then rename it: readers see the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON, atomically."""
    text = json.dumps(values, indent=1) + "\n"
    write_atomic(path, lambda partial: _write_text(partial, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a network's state in float16 safetensors, atomically."""
    state = {name: tensor.detach().half().contiguous().cpu() for name, tensor in module.state_dict().items()}
    write_atomic(path, lambda partial: save_file(state, partial))


def load_weights(module: nn.Module, path: Path) -> None:
    """Read what `save_weights` wrote into a network of the same layout.

    Raises:
        ValueError: The file's tensors are not those of the network.
    """
    state: dict[str, Tensor] = load_file(path)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path} holds a network of another layout; choose another --out folder ({error})") from error


def rate_at(step: int, warm_up: int, cooldown: float) -> float:
    """Multiplier of the learning rate: up linearly over `warm_up` steps; down to 0 as `cooldown` goes 0 to 1."""
    return min(1.0, (step + 1) / warm_up) * (1.0 - min(max(cooldown, 0.0), 1.0))
