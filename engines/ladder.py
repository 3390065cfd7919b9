"""Engines above one another: the best that is ready serves, better ones are built meanwhile, a failure ends nothing.

    best    rung ── slow: built by `climb` on a thread of its own, compared with the reference, timed, offered
            rung
            rung ── quick: serves from the start                        reference
    worst   rung ── quick: the last resort

Between two calls an engine that was offered takes over; the one before stays open below it. When the one that serves
fails, the call is done again by the next below that works: one slow call, and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from engines.base import Engine, EngineError, EngineRunError, EngineUnavailable, TensorSpec, check_inputs
from engines.times import Times, measure_ms

AGREE_DB = 35.0
"""The least PSNR between an engine's outputs and the reference's; bf16 has 40 dB and more, a wrong graph 10 to 20."""

FAULTS = (EngineError, MemoryError)
"""How an engine fails; anything else is a mistake of this program's."""

Inputs = Mapping[str, np.ndarray]

Tell = Callable[[str], None]
"""Hears, in a sentence, what changed; on the thread on which it did."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One engine that may serve.

    Attributes:
        name: As the user may ask for it.
        open: Opens it; raises EngineError where it cannot serve here.
        slow: Opening it takes so long that nobody should wait.
    """

    name: str
    open: Callable[[], Engine]
    slow: bool = False


class Ladder:
    """An engine made of several; see `engines.base.Engine`. `climb` may run beside `run`, on one other thread."""

    def __init__(self, rungs: Sequence[Rung], probes: Sequence[Inputs], tell: Tell, times: Times) -> None:
        """Open the best quick rung that works.

        Args:
            rungs: Best first.
            probes: Inputs on which engines are compared, and timed; at least one.
            tell: Hears what changed.
            times: What engines took before; one that was built is timed, and remembered here.

        Raises:
            EngineUnavailable: None of the quick ones works.
        """
        self._rungs, self._probes, self._tell, self._times = tuple(rungs), tuple(probes), tell, times
        self._failed: set[int] = set()
        self._standby: dict[int, Engine] = {}
        """Open below the one that serves."""
        self._offered: tuple[int, Engine] | None = None
        self._closed = False
        self._serving, self._place, self._reference = self._first()

    @property
    def name(self) -> str:
        """The engine that serves now."""
        return self._serving.name

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` takes, in order."""
        return self._serving.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` returns, in order."""
        return self._serving.outputs

    def run(self, inputs: Inputs) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name, on the best engine that is ready; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, every engine failed, or this one is closed.
        """
        if self._closed:
            raise EngineRunError("this ladder of engines is closed; make a new one")
        check_inputs(self.inputs, inputs)
        if self._offered is not None:
            self._take_over(*self._offered)
        while True:
            try:
                return self._serving.run(inputs)
            except FAULTS as error:
                self._step_down(error)

    def climb(self) -> None:
        """Open the slow rungs above the one that serves, best first, until one agrees and is faster, and offer it.

        Its owner calls this once, on a thread that may take minutes, and closes the ladder only after it has returned.
        """
        for i, rung in enumerate(self._rungs[: self._place]):
            if not rung.slow or self._closed:
                continue
            try:
                engine = rung.open()
            except FAULTS as error:
                self._give_up(i, error)
                continue
            try:
                self._compare(engine)
                self._time(rung.name, engine)
            except FAULTS as error:
                engine.close()
                self._give_up(i, error)
                continue
            self._offered = (i, engine)
            return

    def close(self) -> None:
        """Free every engine. A second call does nothing."""
        self._closed = True
        for engine in (self._serving, *self._standby.values(), *([self._offered[1]] if self._offered else [])):
            engine.close()
        self._standby.clear()
        self._offered = None

    def _first(self) -> tuple[Engine, int, list[dict[str, np.ndarray]]]:
        """The best quick engine, its place, and what it makes of the probes."""
        reasons = []
        for i, rung in enumerate(self._rungs):
            if rung.slow:
                continue
            try:
                engine = rung.open()
            except FAULTS as error:
                reasons.append(f"{rung.name}: {_words(error)}")
                self._give_up(i, error)
                continue
            try:
                return engine, i, [_copied(engine.run(probe)) for probe in self._probes]
            except FAULTS as error:
                engine.close()
                reasons.append(f"{rung.name}: {_words(error)}")
                self._give_up(i, error)
        raise EngineUnavailable(f"no engine works here ({'; '.join(reasons) or 'there is none'})")

    def _take_over(self, place: int, engine: Engine) -> None:
        """Let an engine that was offered serve; the one before stands by."""
        self._offered = None
        self._standby[self._place] = self._serving
        before, self._serving, self._place = self._serving.name, engine, place
        self._tell(f"{engine.name} takes over from {before}")

    def _step_down(self, error: Exception) -> None:
        """Let the next engine below serve that works.

        Raises:
            EngineRunError: There is none left.
        """
        with suppress(*FAULTS):  # a GPU that is gone takes nothing back
            self._serving.close()
        self._failed.add(self._place)
        failed = self._serving.name
        for i in range(self._place + 1, len(self._rungs)):
            if i in self._failed or self._rungs[i].slow:
                continue
            try:
                engine = self._standby.pop(i, None) or self._rungs[i].open()
            except FAULTS as other:
                self._give_up(i, other)
                continue
            self._serving, self._place = engine, i
            self._tell(f"{failed} failed ({_words(error)}); {engine.name} goes on")
            return
        raise EngineRunError(f"{failed} failed ({_words(error)}), and no other engine is left") from error

    def _compare(self, engine: Engine) -> None:
        """Run the probes.

        Raises:
            EngineError: It fails, has other tensors, or does not agree with the reference.
        """
        if set(engine.inputs) != set(self.inputs) or set(engine.outputs) != set(self.outputs):
            raise EngineRunError(f"{engine.name} has other tensors: {engine.inputs}, {engine.outputs}")
        for probe, reference in zip(self._probes, self._reference, strict=True):
            found = engine.run(probe)
            worst_db = min(psnr_db(found[name], wanted) for name, wanted in reference.items())
            if not worst_db >= AGREE_DB:
                raise EngineRunError(
                    f"{engine.name} computes something else: {worst_db:.1f} dB, where {AGREE_DB:g} are needed"
                )

    def _time(self, name: str, engine: Engine) -> None:
        """Time an engine, once for this machine.

        Raises:
            EngineError: It fails, or is slower than the one that serves.
        """
        time_ms = measure_ms({name: engine}, self._probes[0])[name]
        self._times.keep(name, time_ms)
        serving = self._rungs[self._place].name
        serving_ms = self._times.recall().get(serving, np.inf)
        if time_ms > serving_ms:
            raise EngineRunError(f"it takes {time_ms:.1f} ms, and {serving} only {serving_ms:.1f} ms")

    def _give_up(self, place: int, error: Exception) -> None:
        self._failed.add(place)
        self._tell(f"{self._rungs[place].name} is not used: {_words(error)}")


def psnr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    """How close two outputs are; bytes against 255, numbers against the largest wanted. NaN where one is no number."""
    peak = 255.0 if wanted.dtype == np.uint8 else float(np.abs(wanted).max(initial=0.0)) or 1.0
    error = float(np.mean((found.astype(np.float64) - wanted) ** 2))
    return float(10.0 * np.log10(peak**2 / error)) if error else np.inf


def _copied(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in outputs.items()}


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
