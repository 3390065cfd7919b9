from pathlib import Path

import pytest

from puppet.options import parse
from puppet.settings import CameraSettings, Settings

MINIMAL = ["--source", "me.png", "--camera", "clip.mp4", "--headless"]


def test_the_defaults_are_those_of_the_settings():
    command = parse(MINIMAL)
    assert command.settings == Settings(Path("me.png"), CameraSettings("clip.mp4"), headless=True)
    assert not command.dry_run


def test_every_option_reaches_its_setting():
    settings = parse([
        *MINIMAL, "--every-frame", "--motion", "absolute", "--output", "a.mp4", "--output", "b.MP4",
        "--report", "r.json", "--size", "640x360", "--fps", "24", "--backdrop", "#336699",
        "--engine", "onnxruntime", "--bundle", "model", "--camera-size", "1280x720", "--camera-codec", "raw",
        "--data-dir", "kept", "--dry-run",
    ]).settings  # fmt: skip
    assert settings.camera == CameraSettings("clip.mp4", True, (1280, 720), "raw")
    assert settings.directions.motion == "absolute"
    assert settings.sinks.outputs == (Path("a.mp4"), Path("b.MP4")) and settings.sinks.report == Path("r.json")
    assert settings.compositor.size_wh == (640, 360) and settings.compositor.backdrop == "#336699"
    assert settings.sinks.fps == 24.0 and settings.engine == "onnxruntime"
    assert (settings.bundle, settings.data_dir) == (Path("model"), Path("kept"))


def test_none_is_no_output():
    assert parse([*MINIMAL, "--output", "none"]).settings.sinks.outputs == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "add --headless"),
        (MINIMAL[:4], "add --headless"),
        ([*MINIMAL, "--output", "out.avi"], "ending in .mp4, got out.avi"),
        ([*MINIMAL, "--output", "clip.mp4"], "must be different files"),
        ([*MINIMAL, "--output", "a.mp4", "--output", "./a.mp4"], "must be different files"),
        ([*MINIMAL, "--camera", "0", "--every-frame"], "--every-frame needs a video file"),
        ([*MINIMAL, "--report", "me.png"], "must be different files"),
        ([*MINIMAL, "--size", "1280"], "a size like 1280x720, got '1280'"),
        ([*MINIMAL, "--size", "1281x720"], "even numbers"),
        ([*MINIMAL, "--size", "0x0"], "even numbers"),
        ([*MINIMAL, "--size", "9999x99998"], "even numbers"),
        ([*MINIMAL, "--fps", "nan"], "expected 1 to 240"),
        ([*MINIMAL, "--fps", "many"], "expected a number, got 'many'"),
        ([*MINIMAL, "--engine", "abacus"], "invalid choice: 'abacus'"),
        ([*MINIMAL, "--motion", "sideways"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_why(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_end_with_0(option, capsys):
    with pytest.raises(SystemExit) as caught:
        parse([option])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(("usage: puppet", "puppet 0"))
