"""Everything that is asked in a dialog of the system's own, and where files go by default."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QStandardPaths
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QColorDialog, QFileDialog, QWidget

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm")


def ask_picture(parent: QWidget, title: str) -> Path | None:
    """A picture file that the user chooses, or None."""
    return _ask_file(parent, title, "Pictures", PICTURES)


def ask_video(parent: QWidget) -> Path | None:
    """A video file that the user chooses, or None."""
    return _ask_file(parent, "Choose a video with a face", "Videos", VIDEOS)


def ask_colour(parent: QWidget, current: str) -> str | None:
    """A colour `#rrggbb` that the user chooses, or None.

    Args:
        parent: The window.
        current: The dialog begins here, where it is a colour.
    """
    chosen = QColorDialog.getColor(QColor(current if current.startswith("#") else "#ffffff"), parent, "Backdrop")
    return chosen.name() if chosen.isValid() else None


def recording_path(now: datetime) -> Path:
    """Where a recording that begins now is written: the user's folder for videos, named by date and time."""
    videos = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    folder = Path(videos) if videos and Path(videos).is_dir() else Path.home()
    return folder / f"puppet {now:%Y-%m-%d %H-%M-%S}.mp4"


def _ask_file(parent: QWidget, title: str, kind: str, suffixes: tuple[str, ...]) -> Path | None:
    patterns = " ".join(f"*{suffix}" for suffix in suffixes)
    chosen, _ = QFileDialog.getOpenFileName(parent, title, "", f"{kind} ({patterns})")
    return Path(chosen) if chosen else None
