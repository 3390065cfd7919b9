"""One gain: how much of a part of the driver's motion is taken over."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QWheelEvent
from PyQt6.QtWidgets import QSlider, QStyle, QWidget

from ui.theme import colour

STEPS = 40
"""From 0 to 2 in steps of 0.05."""

PER_ONE = STEPS // 2

KNOB_PX = 16
TRACK_PX = 4


class GainSlider(QSlider):
    """0 to 2; a notch marks 1, where a double click brings it back."""

    origin = 0
    """The value that the coloured part of the track begins at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the slider, at 1."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, STEPS)
        self.setPageStep(PER_ONE // 4)
        self.setValue(PER_ONE)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @property
    def gain(self) -> float:
        """The value."""
        return self.value() / PER_ONE

    def set_gain(self, gain: float) -> None:
        """Show a value."""
        self.setValue(round(gain * PER_ONE))

    def sizeHint(self) -> QSize:
        """Room for the knob and its ring."""
        return QSize(120, KNOB_PX + 8)

    def minimumSizeHint(self) -> QSize:
        """As wide as is needed to aim."""
        return QSize(80, KNOB_PX + 8)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the pointer."""
        self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Follow the pointer."""
        self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Stay."""

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Go back to 1."""
        self.setValue(PER_ONE)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the column that scrolls."""
        if event is not None:
            event.ignore()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint track, notch and knob."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QPalette.ColorRole
        accent, line = colour(role.Highlight), colour(role.Mid)
        middle, knob = self.height() / 2, self._x(self.value())
        first, last, origin = self._x(0), self._x(STEPS), self._x(self.origin)
        painter.setPen(Qt.PenStyle.NoPen)
        for start, end, brush in ((first, last, line), (min(origin, knob), max(origin, knob), accent)):
            painter.setBrush(brush)
            track = QRectF(start, middle - TRACK_PX / 2, end - start, TRACK_PX)
            painter.drawRoundedRect(track, TRACK_PX / 2, TRACK_PX / 2)
        one = self._x(PER_ONE)
        painter.setPen(QPen(colour(role.PlaceholderText), 1))
        painter.drawLine(QPointF(one, middle + 6), QPointF(one, middle + 9))
        painter.setPen(QPen(accent, 2))
        painter.setBrush(colour(role.Base))
        painter.drawEllipse(QPointF(knob, middle), KNOB_PX / 2 - 2, KNOB_PX / 2 - 2)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(accent, 1))
            painter.drawEllipse(QPointF(knob, middle), KNOB_PX / 2 + 1.5, KNOB_PX / 2 + 1.5)

    def _x(self, step: int) -> float:
        """Where a value is, in pixels."""
        return KNOB_PX / 2 + 2 + step / STEPS * (self.width() - KNOB_PX - 4)

    def _follow(self, event: QMouseEvent | None) -> None:
        if event is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        pressed = round(event.position().x() - KNOB_PX / 2 - 2)
        self.setValue(QStyle.sliderValueFromPosition(0, STEPS, pressed, self.width() - KNOB_PX - 4))
