"""The one place where the window leaves its thread: slow calls, one after another, their answers back on Qt's thread.

ask ──> [ waiting, one for each name, the newest wins ] ──> a thread ──> answer or error, on Qt's thread
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QObject, QRunnable, QThreadPool, pyqtBoundSignal, pyqtSignal

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
    """Does tasks one after another. All methods belong to Qt's thread."""

    changed = pyqtSignal()
    """Another task runs, or none."""

    failed = pyqtSignal(str, str)
    """Name of the task that failed, and why, as a sentence."""

    _ended = pyqtSignal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Start nothing yet."""
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._waiting: dict[str, Task] = {}
        self._running: Task | None = None
        self._run: _Run | None = None
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
        """Forget what waits, and wait for what runs; its answer does not matter any more."""
        self._waiting.clear()
        self._ended.disconnect(self._answer)
        self._pool.waitForDone()
        self._running = None

    def _go_on(self) -> None:
        if self._running is None and self._waiting:
            name = next(iter(self._waiting))
            self._running = self._waiting.pop(name)
            self._run = _Run(self._running, self._ended)
            self._run.setAutoDelete(False)  # the pool would free it while Python still holds it
            self._pool.start(self._run)
        self.changed.emit()

    def _answer(self, task: Task, answer: object, error: Exception | None) -> None:
        self._running = None
        if error is None:
            task.then(answer)
        else:
            LOG.error("%s failed", task.name, exc_info=error)
            self.failed.emit(task.name, str(error) or type(error).__name__)
        self._go_on()


class _Run(QRunnable):
    """The other thread's outermost frame."""

    def __init__(self, task: Task, ended: pyqtBoundSignal) -> None:
        super().__init__()
        self._task = task
        self._ended = ended

    def run(self) -> None:
        answer, failure = None, None
        try:
            answer = self._task.call()
        except Exception as error:  # noqa: BLE001 (shown by Qt's thread)
            failure = error
        self._ended.emit(self._task, answer, failure)
