"""Everything that is asked in a dialog of the system's own, and where files go by default."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QStandardPaths, Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QColorDialog, QFileDialog, QMessageBox, QWidget

from puppet.settings import MOV
from puppet.stills import ENDINGS

VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm")


def ask_picture(parent: QWidget, title: str) -> Path | None:
    """A picture file that the user chooses, or None."""
    return _ask_file(parent, title, "Pictures", ENDINGS)


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


def confirm_removal(parent: QWidget, name: str) -> bool:
    """Whether the user really wants to remove a portrait."""
    box = QMessageBox(parent)
    box.setWindowTitle("Remove a portrait")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Remove “{name}” from the gallery?")
    box.setInformativeText("What puppet stored of it is deleted. Your own picture file stays where it is.")
    remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole))
    box.exec()
    confirmed = box.clickedButton() is remove
    box.deleteLater()
    return confirmed


def recording_path(now: datetime, *, transparent: bool = False) -> Path:
    """Where a recording that begins now is written: the user's folder for videos, named by date and time.

    Args:
        now: When it begins.
        transparent: It has to carry transparency.
    """
    videos = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    folder = Path(videos) if videos and Path(videos).is_dir() else Path.home()
    return folder / f"puppet {now:%Y-%m-%d %H-%M-%S}{MOV if transparent else '.mp4'}"


def _ask_file(parent: QWidget, title: str, kind: str, suffixes: tuple[str, ...]) -> Path | None:
    patterns = " ".join(f"*{suffix}" for suffix in suffixes)
    chosen, _ = QFileDialog.getOpenFileName(parent, title, "", f"{kind} ({patterns})")
    return Path(chosen) if chosen else None
