"""What the window remembers from day to day, in one small file that is replaced as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import get_args

from PyQt6.QtCore import QByteArray, QSettings

from puppet.groups import PerGroup
from puppet.settings import CompositorSettings, DirectionsSettings, Look, Marking, Settings, SinkSettings
from ui.session import Plan

FILE = "window.ini"


@dataclass(frozen=True, slots=True)
class Choices:
    """All that the user chooses in the window.

    Attributes:
        plan: Camera, size and rate; an empty camera stands for the first one.
        backdrop: See `Session.set_backdrop`.
        gains: How much of the driver's motion is taken over.
        mirror_motion: Whether the driver's left moves the portrait's right.
        look: What a new portrait becomes.
        mark: When viewers see that the portrait is synthetic.
    """

    plan: Plan = field(default_factory=lambda: Plan("", CompositorSettings().size_wh, SinkSettings().fps))
    backdrop: str = field(default_factory=lambda: CompositorSettings().backdrop)
    gains: PerGroup = field(default_factory=lambda: DirectionsSettings().gains)
    mirror_motion: bool = False
    look: Look = field(default_factory=lambda: Settings().look)
    mark: Marking = field(default_factory=lambda: CompositorSettings().mark)


class Memory:
    """Reads and writes the file. What it cannot understand, it forgets."""

    def __init__(self, folder: Path) -> None:
        """Use the file in a folder; either may not exist yet."""
        self._file = QSettings(str(folder / FILE), QSettings.Format.IniFormat)

    def recall(self) -> Choices:
        """What was kept last, and the usual for the rest."""
        usual = Choices()
        return Choices(
            plan=Plan(
                camera=self._words("camera", usual.plan.camera),
                size_wh=self._size("size", usual.plan.size_wh),
                fps=self._number("fps", usual.plan.fps, 1.0, 240.0),
                camera_size_wh=self._size("camera_size", usual.plan.camera_size_wh),
                codec="raw" if self._words("camera_codec", usual.plan.codec) == "raw" else "mjpg",
            ),
            backdrop=self._words("backdrop", usual.backdrop),
            gains=PerGroup(**{name: self._number(f"gains/{name}", 1.0, 0.0, 2.0) for name in _groups()}),
            mirror_motion=self._words("mirror_motion", "no") == "yes",
            look="avatar" if self._words("look", usual.look) == "avatar" else "photo",
            mark=next((mark for mark in get_args(Marking) if mark == self._words("mark", "")), usual.mark),
        )

    def keep(self, choices: Choices) -> None:
        """Keep these from now on; written soon, or by `write` at once."""
        plan = choices.plan
        words = {
            "camera": plan.camera,
            "size": _as_words(plan.size_wh),
            "fps": f"{plan.fps:g}",
            "camera_size": _as_words(plan.camera_size_wh),
            "camera_codec": plan.codec,
            "backdrop": choices.backdrop,
            "mirror_motion": "yes" if choices.mirror_motion else "no",
            "look": choices.look,
            "mark": choices.mark,
        }
        words |= {f"gains/{name}": f"{getattr(choices.gains, name):g}" for name in _groups()}
        for key, value in words.items():
            if self._file.value(key) != value:
                self._file.setValue(key, value)

    @property
    def geometry(self) -> QByteArray | None:
        """Where the window was."""
        geometry = self._file.value("geometry")
        return geometry if isinstance(geometry, QByteArray) else None

    def keep_geometry(self, geometry: QByteArray) -> None:
        """Keep where the window is."""
        self._file.setValue("geometry", geometry)

    def write(self) -> None:
        """Write the file now."""
        self._file.sync()

    def _words(self, key: str, usual: str) -> str:
        value = self._file.value(key)
        return value if isinstance(value, str) else usual

    def _number(self, key: str, usual: float, least: float, most: float) -> float:
        try:
            number = float(self._words(key, ""))
        except ValueError:
            return usual
        return number if least <= number <= most else usual

    def _size(self, key: str, usual: tuple[int, int]) -> tuple[int, int]:
        match = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", self._words(key, ""))
        if match is None or any(int(length) % 2 for length in match.groups()):
            return usual
        return int(match[1]), int(match[2])


def _as_words(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"


def _groups() -> tuple[str, ...]:
    return tuple(group.name for group in fields(PerGroup))
