"""Which runtime for this machine, and why.

The ladder, first that loads wins: openvino (fastest on a CPU, bf16 where the processor has it) → onnxruntime.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from engines.base import EngineUnavailable

LADDER = ("openvino", "onnxruntime")
"""Engines that load a model file, best first."""

CHOICES = ("auto", *LADDER, "torch")
"""What a user may ask for. `torch` runs a module that the caller builds: `engines.torch_engine.TorchEngine`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """An engine's name, one of LADDER or 'torch', and one sentence that says why it was taken."""

    engine: str
    why: str


def import_fault(module: str) -> str | None:
    """Import a runtime; the reason why it does not load on this machine, or None when it does."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:
        return str(error)
    return None


def select(wanted: str = "auto", *, fault: Callable[[str], str | None] = import_fault) -> Selection:
    """Choose the engine for this machine.

    Args:
        wanted: One of CHOICES. A name is honoured or refused, never replaced.
        fault: Says why a runtime's module does not load, None when it does.

    Raises:
        EngineUnavailable: The name is unknown, the named runtime does not load, or none of the ladder does.
    """
    if wanted not in CHOICES:
        raise EngineUnavailable(f"there is no engine {wanted!r}; choose one of {', '.join(CHOICES)}")
    if wanted != "auto":
        reason = fault(wanted)
        if reason is not None:
            raise EngineUnavailable(f"{wanted} was asked for and does not load here ({reason}); pip install {wanted}")
        return Selection(wanted, f"{wanted} was asked for.")
    reasons: list[str] = []
    for engine in LADDER:
        reason = fault(engine)
        if reason is None:
            before = f"; {', '.join(reasons)}" if reasons else ""
            return Selection(engine, f"{engine} is the best of {', '.join(LADDER)} that loads here{before}.")
        reasons.append(f"{engine} does not ({reason})")
    raise EngineUnavailable(f"no engine loads here: {', '.join(reasons)}; pip install openvino")
