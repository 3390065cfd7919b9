"""What the program wants of puppet.watchdog, in words, and where that is noted for the next program."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from puppet.lock import Lock

NOTE = ".camera.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What the program wants.

    Attributes:
        memory: The mailbox's file.
        size_wh: Width and height of the pictures in pixels.
        fps: Pictures a second, about.
        backend: A name that pyvirtualcam knows; None takes the first that works.
        locks: Folder for the mark that a device is in use, and for the note.
        silence_s: See `puppet.settings.WatchdogSettings`, as the others.
        repeat_s: As there.
        linger_s: As there.
    """

    memory: Path
    size_wh: tuple[int, int]
    fps: float
    backend: str | None
    locks: Path
    silence_s: float
    repeat_s: float
    linger_s: float

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The inverse.

        Raises:
            ValueError: It is no order.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            width, height = values.pop("size_wh")
            memory, locks = Path(values.pop("memory")), Path(values.pop("locks"))
            return cls(memory=memory, locks=locks, size_wh=(width, height), **values)
        except (TypeError, AttributeError, KeyError, RecursionError) as error:
            raise ValueError("no order") from error


def note_path(locks: Path, device: str) -> Path:
    """Where the order of the watchdog that owns a device is noted."""
    return Lock.path(locks, device).with_suffix(NOTE)
