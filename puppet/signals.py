"""Ctrl-C and SIGTERM, which end the program: gently at first, at once the second time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = signal.SIGINT, signal.SIGTERM


@contextmanager
def on_signals(first: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `first` inside the block; the second of them interrupts at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.default_int_handler)
        first(number, frame)

    previous = {number: signal.signal(number, handle) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block, which is short.

    For code that calls back into Python and drops what is raised there, as FFmpeg does when it writes.
    """
    heard: list[int] = []
    try:
        previous = {number: signal.signal(number, lambda number, _: heard.append(number)) for number in NUMBERS}
    except ValueError:  # only the main thread has handlers, and is interrupted by them
        yield
        return
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for late in heard:
            signal.raise_signal(late)
