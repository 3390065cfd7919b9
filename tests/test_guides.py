"""The guides' commands are commands: run, or read by the program's own parser, as the comment above each block says.

<!-- run -->                       for real, in the order of the page; `ends with 1` in its reason allows that too
<!-- parsed: why it is not run --> by the parser of the program that it names
<!-- shown: why not even that -->  only `make`'s targets are looked for
"""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import shutil
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import pytest
from conftest import write_clip

from puppet.cli import main
from puppet.options import parse

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "puppet" / "examples"
GUIDES = ("guide.md", "developing.md")

BLOCK = re.compile(r"<!-- (run|parsed|shown)(?:: ([^\n]+))? -->\n```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FRAMES = 12


@dataclass(frozen=True)
class Block:
    way: str
    reason: str
    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: str) -> list[Block]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = [Block(way, reason, *rest) for way, reason, *rest in BLOCK.findall(text)]
    assert len(found) == text.count("\n```") // 2, f"a block of {page} does not say how it is tested"
    return found


class Parsed(Exception):
    """A script has read its command line and found it right."""


def read_by_its_parser(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if words[0] == "puppet":
        parse(words[1:])
        return
    assert words[0] == "python"
    real = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *arguments: object) -> None:
        real(parser, *arguments)
        raise Parsed

    with monkeypatch.context() as patch, pytest.raises(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", words[1:])
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    if words[0] == "puppet":
        try:
            return main(words[1:])
        except SystemExit as end:
            return int(end.code or 0)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", words[1:])
        try:
            runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a portrait and a short clip, and a user who has never used puppet."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(folder)
    shutil.copy(EXAMPLES / "portrait.png", folder / "me.png")
    with av.open(str(EXAMPLES / "driver.mp4")) as container:
        write_clip(
            folder / "clip.mp4",
            [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), FRAMES)],
        )
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the user's own folders cannot be replaced")
@pytest.mark.parametrize("page", GUIDES)
def test_what_a_guide_says_is_run_works(page: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(page):
        if block.way == "run" and block.language == "python":
            exec(compile(block.text, page, "exec"), {"__name__": "guide"})
        elif block.way == "run":
            allowed = {0, 1} if "ends with 1" in block.reason else {0}
            for words in block.commands:
                assert run(words, monkeypatch) in allowed, words
    assert (place / "out.mp4").stat().st_size > 0


@pytest.mark.parametrize("page", GUIDES)
def test_what_a_guide_only_shows_has_a_reason_and_is_a_right_command(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in blocks(page):
        assert block.way == "run" or block.reason
        for words in block.commands if block.way != "run" else []:
            if block.way == "parsed":
                read_by_its_parser(words, monkeypatch)
            elif words[0] == "make":
                assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_every_command_of_the_readme_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [
        shlex.split(line, comments=True)
        for line in re.findall(r"^    ((?:puppet|python export/).*)$", text, re.MULTILINE)
    ]
    assert len(commands) > 8
    for words in commands:
        read_by_its_parser(words, monkeypatch)


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", *(f"docs/{name}" for name in (*GUIDES, "api.md"))])
def test_every_link_and_picture_of_a_page_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        if "://" in target:
            continue
        there = (ROOT / page).parent / name if name else ROOT / page
        assert there.is_file(), target
        headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in headings}
