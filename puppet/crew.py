"""The threads of one run: they start together, and the end of each lets the next one end.

    capture  ── closes ──> frames       perception ── closes ──> newest p
    painting ── closes ──> portraits    composing  ── closes ──> outlets

An error in any of them stops all, and is kept. When the end is wanted, a thread that hangs, in a driver or an engine,
is left behind: what it owns may not be closed then, and the process's end frees it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from engines.base import EngineError
from puppet.errors import PuppetError, StageError
from puppet.grace import words
from puppet.outlet import LEAVE_S, PATIENCE_S, Outlet

_log = logging.getLogger(__name__)


class Closing(Protocol):
    """What comes after a thread: a handoff, or an outlet."""

    def close(self) -> None:
        """No more will come."""


class Stopping(Protocol):
    """Whether the end is wanted."""

    def is_set(self) -> bool:
        """Whether it is."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most so many seconds; whether it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One thread.

    Attributes:
        name: What it does.
        loop: Its work; returns soon when the end is wanted, or when there is nothing more to do.
        after: Closed when the loop has ended.
        leave_s: How long it may go on after the end is wanted.
        harmless: Whether it may be left behind without a word.
    """

    name: str
    loop: Callable[[Stopping], None]
    after: Sequence[Closing]
    leave_s: float
    harmless: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class Crew:
    """All of them, and the outlets at their end. `stop` and `fail` may be called by any thread."""

    def __init__(
        self, members: Sequence[Member], outlets: Sequence[Outlet], outlet_failed: Callable[[Exception], None]
    ) -> None:
        """Start nothing yet.

        Args:
            members: In the order in which they end.
            outlets: They end last.
            outlet_failed: Called on an outlet's thread when its sink has failed.
        """
        self._members, self._outlets, self._outlet_failed = members, outlets, outlet_failed
        self._started = False
        self._stopped_s: float | None = None
        self.stopping = threading.Event()
        self.error: Exception | None = None

    @property
    def running(self) -> bool:
        """Whether any thread runs."""
        return self._started and any(not member.ended.is_set() for member in self._members)

    def start(self) -> None:
        """Start all threads."""
        self._started = True
        for outlet in self._outlets:
            outlet.start(self._outlet_failed)
        for member in self._members:
            threading.Thread(target=self._guarded, args=(member,), name=member.name, daemon=True).start()

    def stop(self) -> None:
        """End soon. Also for signal handlers."""
        if self._stopped_s is None:
            self._stopped_s = perf_counter()
        self.stopping.set()

    def fail(self, error: Exception) -> None:
        """End at once, with an error; the first one counts."""
        self.error = self.error or error
        _log.error("%s", error)
        self.halt()

    def halt(self) -> None:
        """End every loop after what it is doing now."""
        self.stop()
        for member in self._members:
            for each in member.after:
                each.close()

    def join(self) -> list[str]:
        """Wait for all threads; unlike `Thread.join`, a signal handler may raise in between without harm.

        Returns:
            Who goes on though the end is wanted; what they use must not be closed.
        """
        stuck: list[str] = []
        for member in self._members if self._started else ():
            if not self._await(member.ended, member.leave_s):
                for each in member.after:
                    each.close()
                stuck += [] if member.harmless else [member.name]
                _log.warning("%s hangs and is left behind", member.name)
        for outlet in self._outlets:
            outlet.close()
            if not self._await(outlet.ended, LEAVE_S):
                stuck.append(outlet.status().name)
        return stuck

    def _await(self, ended: threading.Event, leave_s: float) -> bool:
        """Whether a thread has ended, before the patience that it has after a stop is over."""
        while not ended.wait(PATIENCE_S):
            if self._stopped_s is not None and perf_counter() - self._stopped_s > leave_s:
                return False
        return True

    def _guarded(self, member: Member) -> None:
        """A thread's outermost frame."""
        try:
            member.loop(self.stopping)
        except Exception as error:  # noqa: BLE001 (raised again by the pipeline)
            self.fail(_sentence(member.name, error))
        finally:
            for each in member.after:
                each.close()
            member.ended.set()


def _sentence(name: str, error: Exception) -> Exception:
    """An error that a user can read; what nobody foresaw goes into the log with all that is known of it."""
    if isinstance(error, PuppetError | EngineError):
        return error
    _log.error("%s failed", name, exc_info=error)
    sentence = StageError(f"{name} failed ({words(error)}); start puppet again; the log file says more")
    sentence.__cause__ = error
    return sentence
