"""What every trainer needs: a budget that ends cleanly, timers, averaged weights, states that are whole on disk."""

from __future__ import annotations

import copy
import errno
import json
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

Write = Callable[[Path], None]
"""Fills a file that is not there yet."""


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is on disk."""


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
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(self._seconds - self.elapsed_s, 0.0)

    @property
    def running(self) -> bool:
        """Whether there is time left and no signal came."""
        return not self._stopped and self.left_s > 0

    def part(self, share: float) -> Callable[[], bool]:
        """Says whether less than a share of what is left at this call has passed, and no signal came."""
        until_s = self.elapsed_s + share * self.left_s
        return lambda: self.running and self.elapsed_s < until_s


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


def write_together(files: Mapping[Path, Write]) -> None:
    """Write files that belong together: each has its new content only when all could be written.

    Args:
        files: What fills each; it is given a neighbour of its place.

    Raises:
        OSError: They could not be written, as on a full disk; the old ones are there as they were.
    """
    partials = {path: path.with_name(f".{path.stem}.partial{path.suffix}") for path in files}
    try:
        for path, write in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(partials[path])
        for path, partial in partials.items():
            partial.replace(path)
    except (OSError, SafetensorError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OSError(errno.EIO, why, str(path)) from error
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def check_new(out: Path, option: str) -> None:
    """Refuse a state folder that is one already.

    Args:
        out: The folder.
        option: By which it was given.

    Raises:
        FileExistsError: There is a state already.
    """
    if (out / "state.json").exists():
        raise FileExistsError(f"{out} holds a state already; choose another {option} folder")


def write_atomic(path: Path, write: Write) -> None:
    """Let `write` fill a neighbour of `path`, then rename it: readers see the old file or the new one, whole.

    Raises:
        OSError: It could not be written.
    """
    write_together({path: write})


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON, atomically."""
    write_atomic(path, json_of(values))


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a network's state in float16 safetensors, atomically."""
    write_atomic(path, weights_of(module))


def json_of(values: Mapping[str, Any]) -> Write:
    """Plain values, for `write_together`."""
    text = json.dumps(values, indent=1) + "\n"

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def weights_of(module: nn.Module) -> Write:
    """A network's state in float16 safetensors, for `write_together`.

    Raises:
        ValueError: A weight is not finite, so what was to be replaced is better.
    """
    state = {name: tensor.detach().half().contiguous().cpu() for name, tensor in module.state_dict().items()}
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise ValueError(f"weights must be finite, but those of {name} are not; go on from what was kept before")
    return lambda path: save_file(state, path)


def exact_of(values: Mapping[str, Any]) -> Write:
    """Tensors and plain values in full precision, for `write_together`."""

    def write(path: Path) -> None:
        try:
            torch.save(dict(values), path)
        except RuntimeError as error:  # all that torch says of a disk
            raise OSError("is the disk full?") from error

    return write


def read_exact(path: Path, device: torch.device) -> dict[str, Any]:
    """What `exact_of` wrote.

    Raises:
        ValueError: The file is damaged.
    """
    damaged = f"{path} is damaged; remove it, and training goes on from the weights beside it, with new moments"
    if not is_zipfile(path):  # torch would take it for one of its files from before 2020
        raise ValueError(damaged)
    try:
        values: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError) as error:
        raise ValueError(damaged) from error
    return values


def read_json(path: Path, *needed: str) -> dict[str, Any]:
    """What `write_json` wrote.

    Args:
        path: Of the file.
        needed: Names that must be there.

    Raises:
        ValueError: The file is damaged, or something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); restore it, or choose another folder") from error
    missing = [name for name in needed if not isinstance(values, dict) or name not in values]
    if missing:
        raise ValueError(
            f"expected {', '.join(missing)} in {path}, which is that of something else; choose another folder"
        )
    return dict(values)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors that `save_weights` wrote.

    Raises:
        ValueError: The file is missing or damaged.
    """
    try:
        state: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} is missing or damaged ({error}); restore it, or choose another folder") from error
    return state


def load_weights(module: nn.Module, path: Path) -> None:
    """Read what `save_weights` wrote into a network of the same layout.

    Raises:
        ValueError: The file is missing or damaged, or its tensors are not those of the network.
    """
    try:
        module.load_state_dict(read_weights(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} holds a network of another layout; choose another --out folder ({reason})") from error


def rate_at(step: int, warm_up: int, cooldown: float = 0.0) -> float:
    """Multiplier of the learning rate: up linearly over `warm_up` steps; down to 0 as `cooldown` goes 0 to 1."""
    return min(1.0, (step + 1) / warm_up) * (1.0 - min(max(cooldown, 0.0), 1.0))
