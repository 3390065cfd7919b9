"""A stage that fails now and then does not end a stream: in real time failures are borne until they last.

failed once           the picture before stays
for a quarter second  it is said, and shown
for five seconds      the run ends with the sentence
"""

from __future__ import annotations

import logging
from time import perf_counter
from types import TracebackType

import cv2

from engines.base import EngineRunError
from puppet.errors import StageError

BORNE = (EngineRunError, MemoryError, RuntimeError, ValueError, cv2.error)
"""What networks and their runtimes raise; anything else is a mistake of this program's, and ends it."""

SEEN_S = 0.25
"""So long nobody notices."""

LASTING_S = 5.0

QUIET_S = 10.0
"""Failures of one stage are logged no more often than that."""

_log = logging.getLogger(__name__)


class Grace:
    """Bears the failures of one stage: `with grace: …` goes on after a block that failed. One thread uses it."""

    def __init__(self, what: str, *, bears: bool) -> None:
        """Begin without a failure.

        Args:
            what: The stage, as the user reads it.
            bears: Whether to bear anything; else every failure goes on its way.
        """
        self._what, self._bears = what, bears
        self._since_s: float | None = None
        self._logged_s = -QUIET_S
        self.count = 0
        """Failures so far."""

    @property
    def failed(self) -> bool:
        """Whether the last block failed."""
        return self._since_s is not None

    @property
    def noticed(self) -> bool:
        """Whether blocks have failed for so long that it is seen."""
        return self._since_s is not None and perf_counter() - self._since_s >= SEEN_S

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._since_s = None
            return False
        if not self._bears or not isinstance(error, BORNE):
            return False
        now_s = perf_counter()
        self.count += 1
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s >= LASTING_S:
            raise StageError(
                f"{self._what} has failed for {LASTING_S:g} s ({words(error)}); start puppet again"
            ) from error
        if now_s - self._logged_s >= QUIET_S:
            self._logged_s = now_s
            _log.warning("%s failed (%s), %d in all", self._what, words(error), self.count)
        return True


def words(error: BaseException) -> str:
    """An error in one line, also where it has no text of its own."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return " ".join(str(error).split()) or type(error).__name__
