"""The log file: what happened, in words; never a picture."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE = "puppet.log"

LARGEST_BYTES = 1 << 20
KEPT = 3
"""Older files beside the newest one."""

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Handler(RotatingFileHandler):
    """Writes lines; a full disk loses lines and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: there is no better place to say it."""


@contextmanager
def log_file(folder: Path) -> Iterator[OSError | None]:
    """Everything that the program logs inside the block goes into a file in this folder.

    Args:
        folder: Made when it is missing.

    Yields:
        Why nothing can be logged there, or None.
    """
    logger = logging.getLogger("puppet")
    level = logger.level
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = _Handler(folder / FILE, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError as error:
        yield error
        return
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
