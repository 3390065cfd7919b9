"""Which runtime for this machine, and why.

    tensorrt                    plans of our own                    slow to open: built once, for minutes
    onnxruntime-tensorrt-rtx    the same by a plug-in               slow to open
    onnxruntime-tensorrt        the same by a provider              slow to open
    onnxruntime-cuda            no building                         slow to open: some seconds
    openvino                    the fastest on most processors, bf16 where there is one
    onnxruntime                 runs everywhere

That is the order until they were measured; then the fastest comes first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engines.base import EngineUnavailable

GPU_LADDER = ("tensorrt", "onnxruntime-tensorrt-rtx", "onnxruntime-tensorrt", "onnxruntime-cuda")
"""Engines that need an NVIDIA GPU, best first; opening one takes from seconds to minutes."""

LADDER = ("openvino", "onnxruntime")
"""Engines that load a model file at once on any machine, best first."""

EVERY = (*GPU_LADDER, *LADDER)

CHOICES = ("auto", *EVERY, "torch")
"""What a user may ask for. `torch` runs a module that the caller builds: `engines.torch_engine.TorchEngine`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """An engine's name, one of EVERY or 'torch', and one sentence that says why it was taken."""

    engine: str
    why: str


Fault = Callable[[str], str | None]
"""Says why an engine cannot work on this machine; None when it can."""


def engine_fault(engine: str) -> str | None:
    """Why an engine cannot work on this machine, or None when it can; nothing is built for it."""
    if engine == "tensorrt":
        return _tensorrt_fault()
    if engine in GPU_LADDER:
        from engines.onnx_providers import PROVIDERS, provider_fault

        return provider_fault(PROVIDERS[engine]) or import_fault("onnxruntime")
    return import_fault(engine)


def import_fault(module: str) -> str | None:
    """Import a runtime; the reason why it does not load on this machine, or None when it does."""
    from engines.onnx_providers import load_onnxruntime

    try:
        if module == "onnxruntime":
            load_onnxruntime()
        else:
            importlib.import_module(module)
    except (ImportError, OSError) as error:
        return str(error)
    return None


def select(wanted: str = "auto", *, fault: Fault = engine_fault) -> Selection:
    """Choose the engine that opens at once.

    Args:
        wanted: One of CHOICES. A name is honoured or refused, never replaced.
        fault: See `Fault`.

    Raises:
        EngineUnavailable: The name is unknown, the named engine cannot work here, or none of the ladder can.
    """
    if wanted not in CHOICES:
        raise EngineUnavailable(f"there is no engine {wanted!r}; choose one of {', '.join(CHOICES)}")
    if wanted != "auto":
        reason = fault(wanted)
        if reason is not None:
            mend = f"; pip install {wanted}" if wanted not in GPU_LADDER else ""
            raise EngineUnavailable(f"{wanted} was asked for and does not load here ({reason}){mend}")
        return Selection(wanted, f"{wanted} was asked for.")
    reasons: list[str] = []
    for engine in LADDER:
        reason = fault(engine)
        if reason is None:
            before = f"; {', '.join(reasons)}" if reasons else ""
            return Selection(engine, f"{engine} is the best of {', '.join(LADDER)} that loads here{before}.")
        reasons.append(f"{engine} does not ({reason})")
    raise EngineUnavailable(f"no engine loads here: {', '.join(reasons)}; pip install openvino")


def ranked(engines: Sequence[str], times_ms: Mapping[str, float]) -> list[str]:
    """Engines in the order in which they should serve: those measured by their time, those not where EVERY has them.

    An engine that was not measured comes before the first measured one that EVERY puts behind it.
    """
    measured = sorted((engine for engine in engines if engine in times_ms), key=lambda engine: times_ms[engine])
    order = list(measured)
    for engine in (each for each in EVERY if each in engines and each not in times_ms):
        behind = [i for i, other in enumerate(order) if EVERY.index(other) > EVERY.index(engine)]
        order.insert(behind[0] if behind else len(order), engine)
    return order


def explained(engines: Sequence[str], times_ms: Mapping[str, float]) -> Selection:
    """The engine that `ranked` puts first, and why."""
    first, *others = ranked(engines, times_ms)
    if first not in times_ms:
        return Selection(
            first, f"{first} is the best of {', '.join(EVERY)} that can work here; it was not measured yet"
        )
    slower = [f"{other} {times_ms[other]:.1f} ms" for other in others if other in times_ms]
    against = f", against {', '.join(slower)}" if slower else "; no other was measured"
    return Selection(first, f"{first} is the fastest here: {times_ms[first]:.1f} ms a portrait{against}")


def _tensorrt_fault() -> str | None:
    from engines.cuda import load_driver
    from engines.tensorrt_build import load_tensorrt

    try:
        load_driver()
        load_tensorrt()
    except EngineUnavailable as error:
        return str(error)
    return None
