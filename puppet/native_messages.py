"""What native libraries write to the error stream, kept from the terminal: nobody asked, and nobody can act on it."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

ERRORS = 2
"""The error stream's descriptor, which Python and native code share."""

LOGGED = re.compile(rb"[IW]\d{4} |INFO: |WARNING: All log messages before absl::InitializeLog\(\)")
"""How notes and warnings of Abseil and TensorFlow Lite begin; their errors do not."""

_log = logging.getLogger(__name__)

_lock = Lock()


@contextmanager
def native_notes_logged() -> Iterator[None]:
    """Inside the block, notes and warnings of native libraries go to the log. All else is written when it ends.

    Other threads wait with their own blocks. A process without an error stream has nothing to keep from it.
    """
    with _lock, tempfile.TemporaryFile() as file:
        try:
            errors = os.dup(ERRORS)
        except OSError:
            yield
            return
        os.dup2(file.fileno(), ERRORS)
        try:
            yield
        finally:
            os.dup2(errors, ERRORS)
            os.close(errors)
            file.seek(0)
            for line in file:
                if LOGGED.match(line):
                    _log.info("%s", line.decode(errors="replace").rstrip())
                else:
                    os.write(ERRORS, line)
