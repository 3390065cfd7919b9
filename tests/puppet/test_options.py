from pathlib import Path

import pytest

from puppet.addresses import Address
from puppet.options import EXAMPLES, parse
from puppet.settings import BenchSettings, CameraSettings, Settings

MINIMAL = ["--source", "me.png", "--camera", "clip.mp4", "--headless"]


def test_the_defaults_are_those_of_the_settings():
    command = parse(MINIMAL)
    assert command.settings == Settings(Path("me.png"), CameraSettings("clip.mp4"), headless=True)
    assert command.action == "stream"


def test_every_option_reaches_its_setting():
    settings = parse([
        *MINIMAL, "--every-frame", "--motion", "absolute", "--output", "a.mp4", "--output", "b.MP4",
        "--report", "r.json", "--size", "640x360", "--fps", "24", "--backdrop", "#336699",
        "--engine", "onnxruntime", "--bundle", "model", "--camera-size", "1280x720", "--camera-codec", "raw",
        "--data-dir", "kept", "--mirror-motion", "--look", "photo", "--tuning", "paper",
    ]).settings  # fmt: skip
    assert settings.camera == CameraSettings("clip.mp4", True, (1280, 720), "raw")
    assert settings.directions.motion == "absolute"
    assert settings.pose.mirrored and (settings.look, settings.tuning) == ("photo", "paper")
    assert settings.sinks.outputs == (Path("a.mp4"), Path("b.MP4")) and settings.sinks.report == Path("r.json")
    assert settings.compositor.size_wh == (640, 360) and settings.compositor.backdrop == "#336699"
    assert settings.sinks.fps == 24.0 and settings.engine == "onnxruntime"
    assert (settings.bundle, settings.data_dir) == (Path("model"), Path("kept"))


@pytest.mark.parametrize(
    ("words", "wish", "backend", "files"),
    [
        ([], "if there", None, ()),
        (["none"], "no", None, ()),
        (["virtual-camera"], "required", None, ()),
        (["virtual-camera:obs"], "required", "obs", ()),
        (["a.mp4"], "no", None, ("a.mp4",)),
        (["a.MOV", "b.mp4"], "no", None, ("a.MOV", "b.mp4")),
        (["a.mp4", "virtual-camera", "b.mp4"], "required", None, ("a.mp4", "b.mp4")),
    ],
)
def test_outputs_are_words_or_files(words, wish, backend, files):
    sinks = parse([*MINIMAL, *(word for each in words for word in ("--output", each))]).settings.sinks
    assert (sinks.virtual_camera, sinks.backend, sinks.outputs) == (wish, backend, tuple(map(Path, files)))


def test_another_program_may_send_and_hear_poses(capsys):
    settings = parse(["--camera", "osc://:39539", "--osc", "10.0.0.7:39540", "--osc-names", "vrm"]).settings
    assert settings.camera.source == "osc://:39539"
    assert (settings.sinks.osc, settings.sinks.osc_names) == (Address("10.0.0.7", 39540), "vrm")
    for wrong in (["--camera", "osc://39539"], ["--osc", "10.0.0.7"], ["--camera", "osc://:39539", "--every-frame"]):
        with pytest.raises(SystemExit):
            parse([*wrong, "--headless"])
        assert "expected HOST:PORT" in (said := capsys.readouterr().err) or "needs a video file" in said


def test_what_is_remembered_stands_in_for_what_is_not_given():
    remembered = {"camera": "Desk Camera", "size": (640, 360), "fps": 24.0, "backdrop": "#336699"}
    settings = parse(["--fps", "60", "--camera", "1"], remembered).settings
    assert settings.camera.source == "1" and settings.sinks.fps == 60.0
    assert settings.compositor.size_wh == (640, 360) and settings.compositor.backdrop == "#336699"
    assert not settings.headless


def test_every_frame_is_for_files_only():
    assert parse([*MINIMAL, "--every-frame"]).settings.sinks.virtual_camera == "no"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*MINIMAL[:4], "--every-frame"], "--every-frame and --report need --headless"),
        ([*MINIMAL[:4], "--report", "r.json"], "--every-frame and --report need --headless"),
        ([*MINIMAL, "--output", "out.avi"], "ending in .mp4 or .mov, got out.avi"),
        (
            [*MINIMAL, "--backdrop", "transparent", "--output", "a.mp4"],
            "needs a path ending in .mov as --output",
        ),
        ([*MINIMAL, "--output", "clip.mp4"], "must be different files"),
        ([*MINIMAL, "--output", "a.mp4", "--output", "./a.mp4"], "must be different files"),
        ([*MINIMAL, "--output", "virtual-camera", "--output", "virtual-camera:obs"], "only one virtual camera"),
        ([*MINIMAL, "--output", "virtual-camera", "--every-frame"], "--every-frame is not in real time"),
        ([*MINIMAL, "--camera", "0", "--every-frame"], "--every-frame needs a video file"),
        ([*MINIMAL, "--report", "me.png"], "must be different files"),
        ([*MINIMAL, "--size", "1280"], "a size like 1280x720, got '1280'"),
        ([*MINIMAL, "--size", "1281x720"], "even numbers"),
        ([*MINIMAL, "--size", "0x0"], "even numbers"),
        ([*MINIMAL, "--size", "9999x99998"], "even numbers"),
        ([*MINIMAL, "--fps", "nan"], "expected 1 to 240"),
        ([*MINIMAL, "--fps", "many"], "expected a number, got 'many'"),
        (["enrol"], "required: PICTURE"),
        (["enrol", "me.png", "--camera", "0"], "unrecognized arguments"),
        (["enrol", "me.png", "--preview", "me.gif"], "argument --preview: expected a path ending in .mp4, got me.gif"),
        (["me.png"], "unrecognized arguments"),
        (["doctor", "me.png"], "unrecognized arguments"),
        (["bench", "--seconds", "0"], "expected 0.2 to 3600, got '0'"),
        (["bench", "--rounds", "1.5"], "a whole number from 1 to 100, got '1.5'"),
        (["bench", "--camera", "0"], "expected a video file, got 0"),
        ([*MINIMAL, "--engine", "abacus"], "invalid choice: 'abacus'"),
        ([*MINIMAL, "--motion", "sideways"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_why(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (["--help"], "usage: puppet "),
        (["--version"], "puppet 0"),
        (["enrol", "--help"], "usage: puppet enrol "),
        (["bench", "--help"], "usage: puppet bench "),
        (["doctor", "--help"], "usage: puppet doctor "),
    ],
)
def test_help_and_version_end_with_0(words, start, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(start)


def test_every_example_of_the_help_is_a_command():
    lines = [line.split() for line in EXAMPLES.splitlines() if line.startswith("  puppet ")]
    assert len(lines) == 2
    assert all(parse(words[1:]).action == "stream" for words in lines)


def test_the_first_word_enrol_enrols():
    command = parse(["enrol", "me.png", "--data-dir", "kept", "--engine", "openvino", "--tuning", "authors"])
    assert command.action == "enrol"
    assert command.settings == Settings(Path("me.png"), data_dir=Path("kept"), engine="openvino", tuning="authors")


def test_the_first_word_doctor_looks_at_the_machine():
    command = parse(["doctor", "--json", "--data-dir", "kept"])
    assert (command.action, command.as_json, command.settings.data_dir) == ("examine", True, Path("kept"))
    assert not parse(["doctor"]).as_json


def test_the_first_word_bench_measures():
    command = parse(["bench", "--camera", "clip.mp4", "--seconds", "2.5", "--rounds", "4", "--json", "b.json",
                     "--source", "me.png", "--size", "640x360", "--fps", "24"])  # fmt: skip
    assert command.action == "bench" and command.bench == BenchSettings(2.5, 4, Path("b.json"))
    settings = command.settings
    assert (settings.source, settings.camera.source) == (Path("me.png"), "clip.mp4")
    assert (settings.compositor.size_wh, settings.sinks.fps) == ((640, 360), 24.0)
    assert parse(["bench"]).settings.camera.source is None


@pytest.mark.parametrize(("option", "action"), [("--list-cameras", "list cameras"), ("--dry-run", "print settings")])
def test_what_only_prints_needs_no_window(option, action):
    assert parse([option]).action == action
