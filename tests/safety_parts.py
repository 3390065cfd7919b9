"""Stages, engines and sinks that fail when they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np


class Faulty:
    """Stands before a stage or an engine; `does` is called first, and may raise, wait, or change what goes in."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.does: Callable[..., None] = lambda *given: None
        self.then: Callable[..., object] = lambda result: result

    def __getattr__(self, name: str) -> object:
        real = getattr(self._real, name)
        if name not in ("run", "find", "read", "move", "compose", "send"):
            return real

        def call(*given, **named):
            self.does(*given, *named.values())
            return self.then(real(*given, **named))

        return call


def failing(error: Exception) -> Callable[..., None]:
    """Raises an error."""

    def fail(*given):
        raise error

    return fail


class Gallery:
    """A sink that keeps every picture; while `free` is not set, it blocks."""

    name = "gallery"
    carries_transparency = False
    standby_s = None

    def __init__(self, fail_at: int | None = None, error: Exception | None = None) -> None:
        self.pictures: list[np.ndarray] = []
        self.fail_at, self.error = fail_at, error
        self.free = threading.Event()
        self.free.set()
        self.closed = 0

    def open(self, size_wh, rate) -> None: ...

    def send(self, picture) -> None:
        self.free.wait(60)
        if len(self.pictures) == self.fail_at:
            raise self.error
        self.pictures.append(picture.rgb.copy())

    def stand_by(self) -> None: ...

    def close(self) -> None:
        self.closed += 1

    def abort(self) -> None: ...
