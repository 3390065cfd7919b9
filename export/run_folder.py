"""A trainer's run: its folder, locked and with the settings that reproduce it, its processes, and its time.

`settings.json` lists the runs of a folder, one entry each: the command line, the seed, what every option was resolved
to, the version and a hash of the code, a hash of everything that was read, torch's version and the hardware. A run that
goes on from a state adds an entry.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import math
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.checkpoint_error import CheckpointError
from export.ranks import ALONE, Ranks, processes
from export.training import Budget, TrainingError, write_json
from puppet.errors import PuppetError
from puppet.lock import Lock
from puppet.report import hardware_line

SETTINGS = "settings.json"

_ENDS = 2**16
"""Bytes at a file's beginning and at its end that count in a fingerprint."""

_MOST_FILES = 1000
"""Files of a folder that are looked into; of the others names and sizes count."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a training runs in.

    Attributes:
        folder: Of the state, locked.
        budget: How long.
        ranks: Which process of how many.
        device: This process's, as torch names it.
    """

    folder: Path
    budget: Budget
    ranks: Ranks = ALONE
    device: str = "cpu"


@contextmanager
def open_run(script: str, arguments: Sequence[str] | None, options: argparse.Namespace) -> Iterator[Run]:
    """Everything around a training; what goes wrong in it ends the program with one sentence.

    Args:
        script: The trainer's file name.
        arguments: Of the command line, if it is not the program's own.
        options: What they were resolved to; `out`, `budget` and `device` must be there.

    Raises:
        SystemExit: Something could not be read, written or shared; the code is 1.
    """
    ranks = ALONE
    try:
        with processes(options.device) as (ranks, device), _locked(options.out, ranks):
            command = ["python", f"export/{script}", *(sys.argv[1:] if arguments is None else arguments)]
            ranks.alone(lambda: record(options, shlex.join(command), ranks.count))
            budget = Budget(options.budget)
            budget.catch_signals()
            yield Run(options.out, budget, ranks, device)
    except (TrainingError, CheckpointError, PuppetError, ValueError, OSError) as error:
        if isinstance(error, TrainingError) and not ranks.first:
            raise SystemExit(1) from error  # the first process says it
        raise SystemExit(sentence(error)) from error


def sentence(error: Exception) -> str:
    """What a user reads; errors of the system are given their file and what to do."""
    if isinstance(error, OSError) and error.strerror:
        what = error.filename or "a file"
        return f"{what} could not be read or written ({error.strerror}); the last good state was kept"
    return str(error)


@contextmanager
def _locked(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Keep other trainings out of a run folder."""
    locks: list[Lock] = []

    def take() -> None:
        lock = Lock.take(folder, "training")
        if lock is None:
            raise TrainingError(
                f"expected {folder} for this training alone, but another one has it; choose another --out"
            )
        locks.append(lock)

    ranks.alone(take)
    try:
        yield
    finally:
        for lock in locks:
            lock.release()


def record(options: argparse.Namespace, command: str, count: int) -> None:
    """Add a run to the folder's `settings.json`.

    Raises:
        ValueError: The file is damaged.
        OSError: It cannot be written.
    """
    path = options.out / SETTINGS
    try:
        runs = list(json.loads(path.read_text(encoding="utf-8"))["runs"]) if path.exists() else []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected a list of runs in {path}, which is damaged ({error}); move it away") from error
    write_json(path, {"runs": [*runs, _entry(vars(options), command, count)]})


def _entry(options: Mapping[str, Any], command: str, count: int) -> dict[str, Any]:
    on_gpu = str(options["device"]).startswith("cuda")
    read = {name: value for name, value in options.items() if isinstance(value, Path) and name != "out"}
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": options["seed"],
        "settings": {name: value if _plain(value) else str(value) for name, value in options.items()},
        "read": {name: fingerprint(path) for name, path in read.items() if path.exists()},
        "code": {"puppet": _version(), "sha256": _code_hash()},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "hardware": hardware_line() + (f", {torch.cuda.get_device_name(options['device'])}" if on_gpu else ""),
        "processes": count,
        "threads": torch.get_num_threads(),
    }


def _plain(value: object) -> bool:
    """Whether JSON has it: no path, and no time without end."""
    return not isinstance(value, Path) and value != math.inf


def fingerprint(path: Path) -> dict[str, Any]:
    """What tells a file, or a folder of pictures, shards or weights, from another: number, bytes and a hash.

    The hash is of all names and sizes, and of what stands at the beginning and the end of files.
    """
    inside = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    files = [file for file in inside if not any(part.startswith(".") for part in file.relative_to(path.parent).parts)]
    code, total = hashlib.sha256(), 0
    for number, file in enumerate(files):
        size = file.stat().st_size
        total += size
        code.update(f"{file.relative_to(path)} {size}\n".encode())
        if number % -(-len(files) // _MOST_FILES) == 0:
            with file.open("rb") as content:
                code.update(content.read(_ENDS))
                content.seek(max(size - _ENDS, 0))
                code.update(content.read())
    return {"files": len(files), "bytes": total, "sha256": code.hexdigest()}


def _version() -> str:
    try:
        return importlib.metadata.version("puppet")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _code_hash() -> str:
    """Of the workshop and of the networks that it trains."""
    root = Path(__file__).parents[1]
    code = hashlib.sha256()
    for folder in (root / "export", root / "puppet" / "networks"):
        for path in sorted(folder.glob("*.py")):
            code.update(path.read_bytes())
    return code.hexdigest()
