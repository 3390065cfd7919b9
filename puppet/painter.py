"""What paints one generator: the engine that was measured fastest here, replaced when a better one is ready.

    first start     engines that open at once are measured for half a second each, and remembered
    each start      the fastest of them serves; on a GPU an engine is built, or opened, on a thread of its own meanwhile
    building        in a child process at the lowest priority, which leaves the result in the cache for this one

See `engines.ladder` for who serves when; what changes is said in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from engines import is_built, open_engine
from engines.base import Engine, EngineError, EngineLoadError
from engines.cuda import gpu_name
from engines.ladder import Ladder, Rung
from engines.selection import GPU_LADDER, LADDER, engine_fault, explained, ranked
from engines.times import MEASURED_S, Times, measure_ms
from puppet.bundle import Bundle
from puppet.child import Child
from puppet.report import hardware_line

BUILDER = "puppet.engine_child"

PROBES = 2
"""Codes that engines are compared on."""

PATIENCE_S = 5.0
"""How long an engine that is being opened is waited for at the end; then it is left behind."""

RUNTIMES = ("openvino", "onnxruntime-gpu", "onnxruntime", "tensorrt", "onnxruntime-ep-nv-tensorrt-rtx")

_log = logging.getLogger(__name__)


class Painter:
    """An engine for a generator, and the thread on which a better one is made ready. Its owner makes and closes it."""

    def __init__(
        self, bundle: Bundle, wanted: str, cache: Path, weights: bytes | None = None, builder: str = BUILDER
    ) -> None:
        """Open what can serve at once, and begin to make ready what is better.

        Args:
            bundle: Whose generator.
            wanted: An engine's name, which is honoured however long it builds, or `auto`.
            cache: The folder for what can be made again.
            weights: Stands in for the bundle's weights.
            builder: The module that builds engines as a child; see `puppet.engine_child`.

        Raises:
            EngineError: The named engine cannot be opened, or none can.
        """
        self._path, self._cache, self._weights, self._builder = bundle.synthesis_path, cache, weights, builder
        self._child: Child | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        if wanted != "auto":
            self.engine: Engine = open_engine(self._path, wanted, weights=weights, cache=cache)
            return
        times = times_of(bundle, cache)
        remember_quick(bundle, times)
        able = [*(name for name in GPU_LADDER if engine_fault(name) is None), *LADDER]
        times_ms = times.recall()
        _log.info("%s", explained(able, times_ms).why)
        order = ranked(able, times_ms)
        rungs = [Rung(name, partial(self._open, name), slow=name in GPU_LADDER) for name in order]
        self.engine = ladder = Ladder(rungs, probes(bundle), partial(_log.warning, "%s"), times)
        if order[0] in GPU_LADDER:
            self._thread = threading.Thread(target=self._climb, args=(ladder,), name="engines", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End what is being built, and free the engines; one that hangs while it is opened is left behind."""
        self._closing = True
        if (child := self._child) is not None:
            child.kill()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            if self._thread.is_alive():
                _log.warning("an engine was still being opened and had to be left behind")
                return
        self.engine.close()

    def _climb(self, ladder: Ladder) -> None:
        try:
            ladder.climb()
        except Exception:  # noqa: BLE001 (the stream goes on with what serves)
            _log.exception("no better engine could be made ready; %s goes on", ladder.name)

    def _open(self, name: str) -> Engine:
        """Open an engine; what has to be built for it is built by a child first."""
        if name in GPU_LADDER and not is_built(self._path, name, self._cache):
            self._build(name)
        return open_engine(self._path, name, weights=self._weights, cache=self._cache)

    def _build(self, name: str) -> None:
        _log.info("%s is built, which takes minutes, once", name)
        child = self._child = Child(self._builder, str(self._path.resolve()), name, str(self._cache.resolve()))
        try:
            if self._closing:
                child.kill()
            answer = child.receive()
        finally:
            self._child = None
            said = child.end()
        if answer is None or "error" in answer:
            raise EngineLoadError(said if answer is None else answer["error"])


def times_of(bundle: Bundle, cache: Path) -> Times:
    """What a bundle's engines took on this machine, as it is now."""
    return Times(cache, bundle.sha256, f"{hardware_line()}, {gpu_name()}, {_versions()}")


def probes(bundle: Bundle) -> list[Mapping[str, np.ndarray]]:
    """Codes of the bundle's own people, or the mean code where it has none, as inputs of its generator."""
    codes = [character.code for character in list(bundle.characters.values())[:PROBES]]
    codes = codes or [np.zeros((bundle.num_ws, bundle.w_dim), np.float32)]
    return [{"w": np.ascontiguousarray(code[None])} for code in codes]


def remember_quick(bundle: Bundle, times: Times, open_one: Callable[..., Engine] = open_engine) -> None:
    """Measure the engines that open at once, unless that was done before."""
    if not times.recall().keys().isdisjoint(LADDER):
        return
    found: dict[str, Engine] = {}
    with ExitStack() as stack:
        for name in LADDER:
            try:
                engine = open_one(bundle.synthesis_path, name)
                stack.callback(engine.close)
                engine.run(probes(bundle)[0])
            except EngineError as error:
                _log.info("%s is not measured: %s", name, error)
                continue
            found[name] = engine
        if found:
            for name, time_ms in measure_ms(found, probes(bundle)[0], MEASURED_S).items():
                times.keep(name, time_ms)


def _versions() -> str:
    found = []
    for package in RUNTIMES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
