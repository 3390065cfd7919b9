"""What TensorBoard shows of a run: numbers and sheets over pictures or steps, in the run folder's `events/`.

A run that goes on from an earlier state goes on along its axis: what had been written beyond that state is not shown.
Written at once and by no thread of its own, so that a full disk is an error where it happens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar

FOLDER = "events"


class EventFile:
    """One run's file of events.

    Args:
        folder: The run folder.
        begun: Where on the axis the run begins.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, folder: Path, begun: int) -> None:
        path = folder / FOLDER / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        # What has this step or a later one in older files is not shown.
        self._write(Event(file_version="brain.Event:2", step=begun + 1))
        self._write(Event(session_log=SessionLog(status=SessionLog.START), step=begun + 1))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def add(self, values: Mapping[str, float], at: int) -> None:
        """Write numbers.

        Raises:
            OSError: The disk is full.
        """
        for name, value in values.items():
            self._write(Event(summary=scalar(name, value), step=at))  # type: ignore[no-untyped-call]

    def add_sheet(self, path: Path, at: int) -> None:
        """Write a picture that lies on the disk.

        Raises:
            OSError: The disk is full.
        """
        with Image.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
        self._write(Event(summary=image("sheet", rgb, dataformats="HWC"), step=at))  # type: ignore[no-untyped-call]

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            self._records.write(event.SerializeToString())
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file.name) from error
