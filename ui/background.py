"""The one place where the window leaves its thread: slow calls, one after another, their answers back on Qt's thread.

ask ──> [ waiting, one for each name, the newest wins ] ──> a thread ──> answer or error, on Qt's thread
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QObject, QThreadPool, pyqtSignal

LOG = logging.getLogger(f"puppet.{__name__}")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One slow call.

    Attributes:
        name: What it does; of several waiting tasks with the same name only the newest is done.
        call: Runs on the other thread.
        then: Gets its answer, on Qt's thread.
    """

    name: str
    call: Callable[[], Any]
    then: Callable[[Any], None]


class Background(QObject):
    """Does tasks one after another. All methods belong to Qt's thread; whoever makes one calls `finish` at the end."""

    changed = pyqtSignal()
    """Another task runs, or none."""

    failed = pyqtSignal(str, str)
    """Name of the task that failed, and why, as a sentence."""

    _ended = pyqtSignal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Start nothing yet."""
        super().__init__(parent)
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(1)
        self._waiting: dict[str, Task] = {}
        self._running: Task | None = None
        self._finished = False
        self._ended.connect(self._answer)

    @property
    def names(self) -> tuple[str, ...]:
        """The task that runs, then those that wait."""
        running = (self._running.name,) if self._running else ()
        return running + tuple(self._waiting)

    def ask(self, name: str, call: Callable[[], Any], then: Callable[[Any], None] = lambda answer: None) -> None:
        """Do a task as soon as those before it are done; see `Task`."""
        self._waiting.pop(name, None)
        self._waiting[name] = Task(name, call, then)
        self._go_on()

    def forget(self, name: str) -> bool:
        """Do not do what waits under this name; whether anything did."""
        return self._waiting.pop(name, None) is not None

    def finish(self) -> None:
        """Forget what waits, and wait for what runs; its answer does not matter any more. The last call."""
        self._finished = True
        self._waiting.clear()
        self._pool.waitForDone()
        self._running = None

    def _go_on(self) -> None:
        if self._running is None and self._waiting:
            name = next(iter(self._waiting))
            task = self._running = self._waiting.pop(name)
            self._pool.start(lambda: self._do(task))
        self.changed.emit()

    def _do(self, task: Task) -> None:
        """The other thread's outermost frame."""
        answer, failure = None, None
        try:
            answer = task.call()
        except Exception as error:  # noqa: BLE001 (shown by Qt's thread)
            failure = error
        self._ended.emit(task, answer, failure)

    def _answer(self, task: Task, answer: object, error: Exception | None) -> None:
        if self._finished:
            return
        self._running = None
        try:
            if error is None:
                task.then(answer)
            else:
                LOG.error("%s failed", task.name, exc_info=error)
                self.failed.emit(task.name, str(error) or type(error).__name__)
        finally:
            self._go_on()
