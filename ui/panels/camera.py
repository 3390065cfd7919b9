"""Which camera drives the portrait and what it is asked for, and the size and rate of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFormLayout, QLabel, QWidget

from puppet.addresses import USUAL_SENDER, names_sender
from puppet.devices import names_file
from puppet.settings import CompositorSettings, SinkSettings
from ui.panels.card import Card
from ui.panels.choice import Choice
from ui.session import CameraCard, Plan

T = TypeVar("T")

SIZES_WH = ((1920, 1080), (1280, 720), (960, 540), (640, 480), (640, 360))
CAMERA_SIZES_WH = ((640, 480), (1280, 720), (1920, 1080))
CODECS = (("MJPG", "mjpg"), ("Raw", "raw"))
RATES_FPS = (60.0, 30.0, 24.0, 15.0)

FILE = "file"
"""What the list carries for `A video file …`."""


class CameraPanel(Card):
    """Everything that is fixed while the portrait is driven."""

    changed = pyqtSignal(object)
    """The Plan that the user chose."""

    file_asked = pyqtSignal()
    """The user wants to choose a video file."""

    list_asked = pyqtSignal()
    """The list of cameras is about to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the panel without any camera."""
        super().__init__("Camera", parent=parent)
        self._plan = Plan("", CompositorSettings().size_wh, SinkSettings().fps)
        self._cards: tuple[CameraCard, ...] = ()
        self.camera, self.camera_size, self.codec, self.size_choice, self.rate = (Choice() for _ in range(5))
        self.camera.setToolTip("The camera that sees you. Its picture never leaves this computer.")
        self.camera.setAccessibleName("Camera")
        self.camera_size.setToolTip("Width and height that the camera is asked for; a larger frame costs time")
        self.codec.setToolTip("MJPG arrives at full rate through any cable; Raw is what the camera gives by itself")
        self.size_choice.setToolTip("Width and height of the pictures that are sent")
        self.rate.setToolTip("Pictures a second")
        self.column.addWidget(self.camera)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        rows = (
            ("Camera size", self.camera_size),
            ("Format", self.codec),
            ("Picture size", self.size_choice),
            ("Rate", self.rate),
        )
        for name, choice in rows:
            label = QLabel(name)
            label.setProperty("role", "quiet")
            label.setMinimumHeight(36)
            label.setBuddy(choice)
            form.addRow(label, choice)
        self.column.addLayout(form)
        self.camera.opened.connect(self.list_asked)
        self.camera.chosen.connect(self._choose_camera)
        self.camera_size.chosen.connect(lambda size_wh: self._choose(replace(self._plan, camera_size_wh=size_wh)))
        self.codec.chosen.connect(lambda codec: self._choose(replace(self._plan, codec=codec)))
        self.size_choice.chosen.connect(lambda size_wh: self._choose(replace(self._plan, size_wh=size_wh)))
        self.rate.chosen.connect(lambda fps: self._choose(replace(self._plan, fps=fps)))
        self.show_plan(self._plan)

    @property
    def plan(self) -> Plan:
        """What is chosen; its camera is empty while there is none."""
        return self._plan

    @property
    def tab_order(self) -> tuple[QWidget, ...]:
        """From top to bottom."""
        return self.camera, self.camera_size, self.codec, self.size_choice, self.rate

    def show_cameras(self, cards: Sequence[CameraCard]) -> None:
        """Offer these cameras; the first becomes the choice where there was none."""
        self._cards = tuple(cards)
        if not self._plan.camera and cards:
            self._plan = replace(self._plan, camera=cards[0].key)
        self.show_plan(self._plan)

    def show_plan(self, plan: Plan) -> None:
        """Show a plan, silently."""
        self._plan = plan
        cameras = [(card.name, card.key) for card in self._cards]
        if plan.camera not in [key for _, key in cameras]:
            cameras.insert(0, (_name(plan.camera), plan.camera))
        if not names_sender(plan.camera):
            cameras.append((_name(USUAL_SENDER), USUAL_SENDER))
        cameras.append(("A video file …", FILE))
        self.camera.fill(cameras, plan.camera)
        self.camera_size.fill(_sizes(CAMERA_SIZES_WH, plan.camera_size_wh), plan.camera_size_wh)
        self.codec.fill([*CODECS], plan.codec)
        for choice in (self.camera_size, self.codec):
            choice.setEnabled(not names_file(plan.camera) and not names_sender(plan.camera))
        self.size_choice.fill(_sizes(SIZES_WH, plan.size_wh), plan.size_wh)
        self.rate.fill([(f"{fps:g} fps", fps) for fps in _with(RATES_FPS, plan.fps)], plan.fps)

    def _choose_camera(self, key: str) -> None:
        if key == FILE:
            self.show_plan(self._plan)
            self.file_asked.emit()
        elif key:
            self._choose(replace(self._plan, camera=key))

    def _choose(self, plan: Plan) -> None:
        if plan != self._plan:
            self.show_plan(plan)
            self.changed.emit(plan)


def _sizes(usual: tuple[tuple[int, int], ...], current: tuple[int, int]) -> list[tuple[str, tuple[int, int]]]:
    return [(f"{width} × {height}", (width, height)) for width, height in _with(usual, current)]


def _with(usual: tuple[T, ...], current: T) -> tuple[T, ...]:
    return usual if current in usual else (current, *usual)


def _name(camera: str) -> str:
    """What the user reads for a camera that is not in the list."""
    if not camera:
        return "No camera found"
    if names_sender(camera):
        return f"A tracker at {camera}"
    return f"Camera {camera}" if camera.isdigit() else Path(camera).name
