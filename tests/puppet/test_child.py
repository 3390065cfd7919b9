from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from puppet.child import Child, run_tool

Start = Callable[[str], Child]

SETUP = "import os, time\nfrom puppet.child import Parent\nparent = Parent()\n"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a child whose module has this text."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    children = []

    def make(text: str) -> Child:
        (tmp_path / "module_of_a_child.py").write_text(SETUP + text)
        children.append(Child("module_of_a_child"))
        return children[-1]

    yield make
    for child in children:
        child.end(patience_s=0.0)


def test_a_child_answers_until_its_input_ends(start: Start) -> None:
    child = start("for message in parent.messages():\n    parent.tell({'twice': 2 * message['number']})")
    child.send({"number": 4})
    assert child.receive() == {"twice": 8}
    child.end()
    assert not child.running


def test_what_a_library_prints_is_no_message(start: Start) -> None:
    child = start("print('noise', flush=True)\nos.system('echo more noise')\nparent.tell({'done': True})")
    assert child.receive() == {"done": True}


def test_a_child_that_breaks_leaves_its_last_words(start: Start) -> None:
    child = start("raise RuntimeError('no such thing')")
    assert child.receive() is None
    assert child.end() == "RuntimeError: no such thing"


def test_a_child_that_will_not_end_is_killed(start: Start) -> None:
    child = start("parent.tell({'busy': True})\ntime.sleep(600)")
    assert child.receive() == {"busy": True}
    child.end(patience_s=0.1)
    assert not child.running


def test_a_child_that_is_killed_ends_the_waiting(start: Start) -> None:
    child = start("parent.tell({'busy': True})\ntime.sleep(600)")
    assert child.receive() == {"busy": True}
    os.kill(child.pid, signal.SIGTERM)
    assert child.receive() is None


def test_whoever_speaks_to_a_child_that_has_ended_is_told(start: Start) -> None:
    child = start("")
    assert child.receive() is None
    while child.running:  # its output ends a little before its input
        time.sleep(0.01)
    with pytest.raises(BrokenPipeError):
        child.send({"number": 1})


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("print('all is well')", ""),
        ("import sys; print('first'); sys.exit('no such device')", "no such device"),
        ("import sys; sys.exit(3)", "it ended with code 3"),
    ],
)
def test_a_tool_says_why_it_failed(script: str, trouble: str) -> None:
    assert run_tool([sys.executable, "-c", script], 30.0) == trouble


def test_a_tool_that_hangs_is_killed_and_one_that_is_missing_is_an_error() -> None:
    with pytest.raises(TimeoutError, match="did not end within"):
        run_tool([sys.executable, "-c", "import time; time.sleep(600)"], 0.2)
    with pytest.raises(FileNotFoundError):
        run_tool(["/no/such/tool"], 1.0)
