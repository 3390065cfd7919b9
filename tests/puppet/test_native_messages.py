"""What native code writes to the error stream: notes go to the log, all else is still written, in order."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from puppet.native_messages import ERRORS, native_notes_logged

NOTES = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"W0000 00:00:1752489634.411665  129360 projection.cc:186] Using \xff\n",
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
)
OTHERS = (b"F0000 00:00:1752489634.411665  129360 graph.cc:7] Check failed\n", b"puppet: no face\n", b"no end of line")


def test_notes_are_logged_and_all_else_is_written(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "puppet"), native_notes_logged():
        for line in (line for pair in zip(NOTES, OTHERS, strict=True) for line in pair):
            os.write(ERRORS, line)
    os.write(ERRORS, b"\nafterwards\n")
    assert capfd.readouterr().err == b"".join(OTHERS).decode() + "\nafterwards\n"
    assert [record.getMessage() for record in caplog.records] == [
        note.decode(errors="replace").rstrip() for note in NOTES
    ]


def test_the_stream_comes_back_after_a_mistake_and_from_every_thread(capfd: pytest.CaptureFixture[str]) -> None:
    def write(i: int) -> None:
        with pytest.raises(ValueError, match="wrong"), native_notes_logged():
            os.write(ERRORS, b"%d\n" % i)
            raise ValueError("wrong")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(40)))
    os.write(ERRORS, b"afterwards\n")
    *lines, last = capfd.readouterr().err.splitlines()
    assert sorted(map(int, lines)) == list(range(40)) and last == "afterwards"
