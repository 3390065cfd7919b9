"""The pictograms on buttons, as paths in a square from 0 to 1: sharp at every scale, in the colour of the text."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF, QTransform

STROKE_PX = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Glyph:
    """A pictogram.

    Attributes:
        path: In a square from 0 to 1.
        filled: Filled, not only drawn along the path.
    """

    path: QPainterPath
    filled: bool

    def paint(self, painter: QPainter, box: QRectF, colour: QColor) -> None:
        """Paint it into a square box."""
        to_box = QTransform.fromTranslate(box.x(), box.y()).scale(box.width(), box.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.filled:
            painter.fillPath(to_box.map(self.path), colour)
        else:
            round_ends = (Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            pen = QPen(colour, STROKE_PX, Qt.PenStyle.SolidLine, *round_ends)
            painter.strokePath(to_box.map(self.path), pen)
        painter.restore()


def _lines(*lines: tuple[tuple[float, float], ...]) -> QPainterPath:
    path = QPainterPath()
    for line in lines:
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in line]))
    return path


def _start() -> QPainterPath:
    path = _lines(((0.24, 0.12), (0.88, 0.50), (0.24, 0.88)))
    path.closeSubpath()
    return path


def _stop() -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(0.18, 0.18, 0.64, 0.64), 0.1, 0.1)
    return path


def _pause() -> QPainterPath:
    path = QPainterPath()
    for left in (0.2, 0.6):
        path.addRoundedRect(QRectF(left, 0.14, 0.2, 0.72), 0.06, 0.06)
    return path


def _recentre() -> QPainterPath:
    path = _lines(*(((0.5, a), (0.5, b)) for a, b in ((0.0, 0.22), (0.78, 1.0))))
    path.addPath(_lines(*(((a, 0.5), (b, 0.5)) for a, b in ((0.0, 0.22), (0.78, 1.0)))))
    path.addEllipse(QPointF(0.5, 0.5), 0.3, 0.3)
    return path


def _mirror() -> QPainterPath:
    path = _lines(((0.5, 0.02), (0.5, 0.98)))
    for side in (-1, 1):
        triangle = _lines(tuple((0.5 + side * x, y) for x, y in ((0.18, 0.2), (0.18, 0.8), (0.5, 0.8), (0.18, 0.2))))
        path.addPath(triangle)
    return path


def _record() -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(0.5, 0.5), 0.36, 0.36)
    return path


def _copy() -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(0.34, 0.34, 0.58, 0.58), 0.1, 0.1)
    path.addPath(_lines(((0.2, 0.66), (0.08, 0.66), (0.08, 0.08), (0.66, 0.08), (0.66, 0.2))))
    return path


def _about() -> QPainterPath:
    path = _lines(((0.5, 0.46), (0.5, 0.74)), ((0.5, 0.27), (0.5, 0.28)))
    path.addEllipse(QPointF(0.5, 0.5), 0.46, 0.46)
    return path


START = Glyph(_start(), True)
STOP = Glyph(_stop(), True)
PAUSE = Glyph(_pause(), True)
RECENTRE = Glyph(_recentre(), False)
MIRROR = Glyph(_mirror(), False)
RECORD = Glyph(_record(), True)
COPY = Glyph(_copy(), False)
ABOUT = Glyph(_about(), False)
PLUS = Glyph(_lines(((0.5, 0.1), (0.5, 0.9)), ((0.1, 0.5), (0.9, 0.5))), False)
CLOSE = Glyph(_lines(((0.2, 0.2), (0.8, 0.8)), ((0.8, 0.2), (0.2, 0.8))), False)
CHEVRON = Glyph(_lines(((0.2, 0.36), (0.5, 0.66), (0.8, 0.36))), False)
