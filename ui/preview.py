"""The live portrait, as in a mirror.

A picture is scaled, mirrored and converted only when it is painted, into memory that is made anew only when the size on
the screen changes; pictures that nobody sees cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from jaxtyping import UInt8
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPen, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ui.theme import colour

RADIUS_PX = 14.0
MARGIN_PX = 14
EMPTY_ASPECT = 16 / 9


@dataclass(frozen=True, slots=True)
class Badge:
    """A word over the corner of the preview; never in a picture that is sent.

    Attributes:
        words: What it says.
        light: Whether the recording light stands before it.
    """

    words: str
    light: bool = False


class Canvas:
    """The memory between pictures of one size and one size on the screen."""

    def __init__(self, picture_shape: tuple[int, ...], width_px: int, height_px: int) -> None:
        """Make all buffers.

        Args:
            picture_shape: Height, width, and 3.
            width_px: On the screen, in device pixels.
            height_px: The same.
        """
        self.picture_shape = picture_shape
        self.image = QImage(width_px, height_px, QImage.Format.Format_RGB32)
        self._bgra = np.empty((*picture_shape[:2], 4), np.uint8)
        self._scaled = np.empty((height_px, width_px, 4), np.uint8)
        memory = self.image.bits()
        assert memory is not None
        memory.setsize(self.image.sizeInBytes())
        pixels = np.frombuffer(cast(memoryview, memory), np.uint8)  # a voidptr is a buffer, though its type is silent
        self._mirrored = pixels.reshape(self._scaled.shape)
        self._method = cv2.INTER_AREA if 2 * width_px < picture_shape[1] else cv2.INTER_LINEAR

    def fits(self, picture_shape: tuple[int, ...], width_px: int, height_px: int) -> bool:
        """Whether it is made for these sizes."""
        return (self.picture_shape, self.image.width(), self.image.height()) == (picture_shape, width_px, height_px)

    def write(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Convert, scale, and mirror a picture into the image.

        The conversion comes first for speed: it uses wide vector registers and leaves them clean. While a widget is
        painted they are not, and scaling, which uses narrow ones, would then take six times as long.
        """
        cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA, dst=self._bgra)
        cv2.resize(self._bgra, self._scaled.shape[1::-1], dst=self._scaled, interpolation=self._method)
        cv2.flip(self._scaled, 1, dst=self._mirrored)


class Preview(QWidget):
    """Shows pictures as large as they fit, with round corners, and cards over the lower edge."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Make the empty preview."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(384, 216)
        self.setAccessibleName("The live portrait")
        self.setToolTip("You see yourself as in a mirror; everybody else sees the portrait the right way round.")
        self._rgb: UInt8[np.ndarray, "height width 3"] | None = None
        self._changed = False
        self._canvas: Canvas | None = None
        self._badges: tuple[Badge, ...] = ()
        self._words = ""
        self._inviting = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        self._column.setSpacing(8)
        self._column.addStretch()

    def add_card(self, card: QWidget) -> None:
        """Put a card over the lower edge."""
        self._column.addWidget(card)

    def show_picture(self, rgb: UInt8[np.ndarray, "height width 3"] | None) -> None:
        """Show a picture; it is read until the next call. None: nothing but words."""
        frame, self._rgb = self.frame(), rgb
        self._changed = True
        if frame != self.frame():
            self._keep_cards_inside()
        self.update()

    def show_words(self, words: str) -> None:
        """What stands in the middle while there is no picture."""
        self._words = words
        self.update()

    def show_badges(self, badges: tuple[Badge, ...]) -> None:
        """Show other badges; they stand over a picture only."""
        if badges != self._badges:
            self._badges = badges
            self.update()

    def invite(self, on: bool) -> None:
        """Whether a portrait is held over the window, ready to be dropped."""
        self._inviting = on
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the cards where the picture is."""
        super().resizeEvent(event)
        self._keep_cards_inside()

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(800, 450)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the picture or the words, then what lies over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = self.frame()
        if self._rgb is None:
            self._paint_words(painter, frame)
        else:
            self._paint_picture(painter, frame, self._rgb)
            self._paint_badges(painter, frame)
        if self._inviting:
            self._paint_invitation(painter, frame)

    def frame(self) -> QRectF:
        """Where the picture is: as large as fits, in the middle."""
        width, height = float(self.width()), float(self.height())
        aspect = EMPTY_ASPECT if self._rgb is None else self._rgb.shape[1] / self._rgb.shape[0]
        fitted_width, fitted_height = min(width, height * aspect), min(height, width / aspect)
        scale = self.devicePixelRatioF()  # whole device pixels stay sharp
        left, top, fitted_width, fitted_height = (
            round(length * scale) / scale
            for length in ((width - fitted_width) / 2, (height - fitted_height) / 2, fitted_width, fitted_height)
        )
        return QRectF(left, top, fitted_width, fitted_height)

    def _keep_cards_inside(self) -> None:
        frame = self.frame()
        sides, below = round(frame.left()) + MARGIN_PX, round(self.height() - frame.bottom()) + MARGIN_PX
        self._column.setContentsMargins(sides, MARGIN_PX, sides, below)

    def _paint_picture(self, painter: QPainter, frame: QRectF, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        scale = self.devicePixelRatioF()
        width_px, height_px = max(1, round(frame.width() * scale)), max(1, round(frame.height() * scale))
        canvas = self._canvas
        if canvas is None or not canvas.fits(rgb.shape, width_px, height_px):
            canvas = self._canvas = Canvas(rgb.shape, width_px, height_px)
            self._changed = True
        if self._changed:
            canvas.write(rgb)
            self._changed = False
        painter.drawImage(frame, canvas.image)
        painter.fillPath(_corners(frame), colour(QPalette.ColorRole.Window))

    def _paint_words(self, painter: QPainter, frame: QRectF) -> None:
        painter.setPen(QPen(colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(colour(QPalette.ColorRole.Base))
        painter.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)
        painter.setPen(colour(QPalette.ColorRole.PlaceholderText))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(frame.adjusted(40, 20, -40, -20), flags, self._words)

    def _paint_badges(self, painter: QPainter, frame: QRectF) -> None:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        left = frame.left() + 12
        for badge in self._badges:
            lead = 18 if badge.light else 0
            pill = QRectF(left, frame.top() + 12, metrics.horizontalAdvance(badge.words) + lead + 22, 26)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(12, 14, 16, 190))
            painter.drawRoundedRect(pill, 13, 13)
            if badge.light:
                painter.setBrush(QColor("#ff6257"))
                painter.drawEllipse(QPointF(left + 17, pill.center().y()), 4.5, 4.5)
            painter.setPen(QColor("#ffffff"))
            painter.drawText(pill.adjusted(11 + lead, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, badge.words)
            left = pill.right() + 8

    def _paint_invitation(self, painter: QPainter, frame: QRectF) -> None:
        veil = colour(QPalette.ColorRole.Base)
        veil.setAlphaF(0.86)
        painter.setPen(QPen(colour(QPalette.ColorRole.Highlight), 2, Qt.PenStyle.DashLine))
        painter.setBrush(veil)
        painter.drawRoundedRect(frame.adjusted(6, 6, -6, -6), RADIUS_PX, RADIUS_PX)
        painter.setPen(colour(QPalette.ColorRole.Highlight))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "Drop the portrait to bring it to life")


def _corners(frame: QRectF) -> QPainterPath:
    """What round corners leave out; painted over the picture, since a clip would be jagged."""
    path = QPainterPath()
    path.addRect(frame.adjusted(-1, -1, 1, 1))
    path.addRoundedRect(frame, RADIUS_PX, RADIUS_PX)
    return path
