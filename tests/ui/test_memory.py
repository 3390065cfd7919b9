"""What is remembered, and what happens to a file that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QByteArray

from puppet.groups import PerGroup
from ui.memory import FILE, Choices, Memory
from ui.session import Plan

OTHERS = Choices(
    plan=Plan("/home/me/a clip, 100 %.mp4", (640, 360), 59.94, (1280, 720), "raw"),
    backdrop="#204060",
    gains=PerGroup(head=0.0, mouth=2.0, eyes=1.35, brows=0.05),
    mirror_motion=True,
    look="photo",
    mark="always",
)


def test_nothing_remembered_is_the_usual(tmp_path: Path) -> None:
    assert Memory(tmp_path / "none").recall() == Choices()


@pytest.mark.parametrize("choices", [OTHERS, Choices()])
def test_what_is_kept_comes_back(tmp_path: Path, choices: Choices) -> None:
    memory = Memory(tmp_path / "config")
    memory.keep(OTHERS)
    memory.keep(choices)
    memory.keep_geometry(QByteArray(b"\x01\x02"))
    memory.write()
    again = Memory(tmp_path / "config")
    assert again.recall() == choices
    assert again.geometry == QByteArray(b"\x01\x02")


@pytest.mark.parametrize(
    "line",
    [
        "size=0x0",
        "size=641x361",
        "camera_size=1x1",
        "camera_codec=avi",
        "look=portrait",
        "mark=sometimes",
        "size=99999x99999",
        "fps=nan",
        "fps=0",
        "fps=",
        "gains/head=-1",
        "gains/head=1e9",
    ],
)
def test_a_value_that_makes_no_sense_is_forgotten(tmp_path: Path, line: str) -> None:
    section, _, entry = line.rpartition("/")
    (tmp_path / FILE).write_text(f"[{section or 'General'}]\n{entry}\n")
    assert Memory(tmp_path).recall() == Choices()


@given(content=st.binary(max_size=300))
def test_any_file_can_be_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("config")
    (folder / FILE).write_bytes(b"[General]\n" + content)
    choices = Memory(folder).recall()
    assert all(0.0 <= gain <= 2.0 for gain in (choices.gains.head, choices.gains.brows))
    assert 1.0 <= choices.plan.fps <= 240.0
