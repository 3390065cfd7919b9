"""Slow calls: one after another, elsewhere, and answered here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import sleep

import pytest
from pytestqt.qtbot import QtBot

from puppet.errors import CameraError
from ui.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.finish()


def test_answers_come_back_on_this_thread(background: Background, qtbot: QtBot) -> None:
    here = threading.get_ident()
    answers: list[tuple[int, int]] = []
    background.ask("who", threading.get_ident, lambda there: answers.append((there, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(answers))
    there, back = answers[0]
    assert there != here
    assert back == here


def test_one_after_another_and_the_newest_of_a_name(background: Background, qtbot: QtBot) -> None:
    done: list[str] = []
    at_once = []

    def work(words: str) -> None:
        at_once.append(words)
        assert len(at_once) == 1
        sleep(0.01)
        at_once.clear()
        done.append(words)

    for name, words in (("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("b", "b2")):
        background.ask(name, lambda words=words: work(words))
    qtbot.waitUntil(lambda: not background.names)
    assert done == ["a1", "a2", "c1", "b2"]


@pytest.mark.parametrize("error", [CameraError("camera 0 is busy"), ValueError("camera 0 is busy")])
def test_a_failure_is_told_and_work_goes_on(background: Background, qtbot: QtBot, error: Exception) -> None:
    told: list[tuple[str, str]] = []
    done: list[object] = []
    background.failed.connect(lambda name, sentence: told.append((name, sentence)))

    def fail() -> None:
        raise error

    background.ask("start", fail, done.append)
    background.ask("next", lambda: 7, done.append)
    qtbot.waitUntil(lambda: not background.names)
    assert told == [("start", "camera 0 is busy")]
    assert done == [7]


def test_an_answer_that_goes_wrong_holds_nothing_up(background: Background, qtbot: QtBot) -> None:
    done: list[object] = []

    def surprise(answer: object) -> None:
        raise ValueError(answer)

    with qtbot.captureExceptions() as surprises:
        background.ask("first", lambda: 1, surprise)
        background.ask("next", lambda: 7, done.append)
        qtbot.waitUntil(lambda: not background.names)
    assert [str(error) for _, error, _ in surprises] == ["1"]
    assert done == [7]


def test_finish_waits_and_forgets(background: Background, qtbot: QtBot) -> None:
    done: list[object] = []
    ran = threading.Event()

    def slow() -> None:
        ran.set()
        sleep(0.1)
        done.append("slow")

    background.ask("slow", slow, done.append)
    background.ask("never", lambda: done.append("never"))
    assert ran.wait(5)
    background.finish()
    qtbot.wait(20)
    assert done == ["slow"]
