"""Facial editing in the window."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from ui.controller import Controller
from ui.panels.gain_slider import PER_ONE, STEPS
from ui.window import Window


def offsets(session) -> list[object]:
    return [values for name, *values in session.calls if name == "offset"]


def test_sliders_add_to_the_pose_while_the_panel_is_open(
    controller: Controller, window: Window, session, qtbot: QtBot
) -> None:
    panel = window.pose
    assert not panel.sliders["yaw"].isVisible() and panel.offset == ()
    panel.toggle.click()
    assert panel.sliders["yaw"].isVisible() and panel.toggle.text() == "Close"
    assert not panel.reset.isEnabled()
    panel.sliders["yaw"].setValue(PER_ONE + PER_ONE // 2)
    panel.sliders["jaw_open"].setValue(STEPS)
    assert panel.offset == (("yaw", 20.0), ("jaw_open", 1.0))
    qtbot.waitUntil(lambda: not controller.busy)
    assert offsets(session)[-1] == [(("yaw", 20.0), ("jaw_open", 1.0))]
    panel.reset.click()
    qtbot.waitUntil(lambda: not controller.busy)
    assert panel.offset == () and offsets(session)[-1] == [()]
    panel.sliders["yaw"].setValue(0)
    panel.toggle.click()
    qtbot.waitUntil(lambda: not controller.busy)
    assert panel.offset == () and offsets(session)[-1] == [()]
    assert not panel.sliders["yaw"].isVisible()


def test_closing_a_panel_that_changed_nothing_says_nothing(
    controller: Controller, window: Window, session, qtbot: QtBot
) -> None:
    window.pose.toggle.click()
    window.pose.toggle.click()
    qtbot.waitUntil(lambda: not controller.busy)
    assert offsets(session) == []
