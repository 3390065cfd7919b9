"""The preview: mirrored, sharp, and without new memory for every picture."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PyQt6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from ui.preview import Badge, Canvas, Preview


@pytest.fixture
def preview(qtbot: QtBot) -> Preview:
    preview = Preview()
    qtbot.addWidget(preview)
    preview.resize(640, 400)
    with qtbot.waitExposed(preview):
        preview.show()
    return preview


def halves(width: int = 320, height: int = 180) -> np.ndarray:
    """Red at the left, blue at the right."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2, 0] = 255
    rgb[:, width // 2 :, 2] = 255
    return rgb


def colour_at(image: QImage, x: float, y: float) -> tuple[int, int, int]:
    colour = QColor(image.pixel(round(x), round(y)))
    return colour.red(), colour.green(), colour.blue()


def test_the_picture_is_mirrored(preview: Preview) -> None:
    preview.show_picture(halves())
    shown = preview.grab().toImage()
    assert colour_at(shown, 100, 200) == (0, 0, 255)
    assert colour_at(shown, 540, 200) == (255, 0, 0)


def test_the_picture_fits_and_keeps_its_aspect(preview: Preview) -> None:
    preview.show_picture(halves())
    frame = preview.frame()
    assert (frame.x(), frame.y(), frame.width(), frame.height()) == (0, 20, 640, 360)
    preview.show_picture(halves(100, 200))
    frame = preview.frame()
    assert (frame.width(), frame.height()) == (200, 400)


def test_a_picture_may_change_in_place(preview: Preview) -> None:
    rgb = halves()
    preview.show_picture(rgb)
    preview.grab()
    rgb[:] = (0, 255, 0)
    preview.show_picture(rgb)
    assert colour_at(preview.grab().toImage(), 320, 200) == (0, 255, 0)


def count_writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every picture that is converted."""
    written: list[int] = []
    write = Canvas.write

    def counted(canvas: Canvas, rgb: np.ndarray) -> None:
        written.append(1)
        write(canvas, rgb)

    monkeypatch.setattr(Canvas, "write", counted)
    return written


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 2.5])
def test_the_canvas_scales(scale: float) -> None:
    width, height = round(320 * scale), round(180 * scale)
    rgb = halves()
    canvas = Canvas(rgb.shape, width, height)
    canvas.write(rgb)
    assert colour_at(canvas.image, 2, 2) == (0, 0, 255)
    assert colour_at(canvas.image, width - 3, height - 3) == (255, 0, 0)


def test_no_memory_for_a_repaint(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    written = count_writes(monkeypatch)
    pictures = [halves(1280, 720), halves(1280, 720)[:, ::-1].copy()]
    for rgb in pictures:
        preview.show_picture(rgb)
        preview.repaint()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(5):
            for rgb in pictures:
                preview.show_picture(rgb)
                preview.repaint()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 64 << 10
    assert len(written) == 12


def test_pictures_that_nobody_sees_cost_nothing(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    written = count_writes(monkeypatch)
    for _ in range(10):
        preview.show_picture(halves())
    assert not written
    preview.grab()
    preview.grab()
    assert len(written) == 1


def test_words_badges_and_invitation_are_painted(preview: Preview) -> None:
    plain = preview.grab().toImage()
    preview.show_words("One moment …")
    words = preview.grab().toImage()
    preview.show_badges((Badge("00:12", light=True), Badge("Paused")))
    assert preview.grab().toImage() == words  # there is no picture to say it of
    preview.show_badges(())
    preview.show_picture(halves())
    picture = preview.grab().toImage()
    preview.show_badges((Badge("00:12", light=True), Badge("Paused")))
    marked = preview.grab().toImage()
    preview.invite(True)
    invited = preview.grab().toImage()
    for before, after in ((plain, words), (picture, marked), (marked, invited)):
        assert before != after
