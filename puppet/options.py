"""The command line: words -> Settings. Knows no parts; puppet.cli builds them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from puppet.addresses import LOOPBACK, Address, names_sender, read_address
from puppet.bundle import builtin_bundle_path
from puppet.devices import names_file
from puppet.settings import (
    BenchSettings,
    CameraSettings,
    CompositorSettings,
    DirectionsSettings,
    PoseSettings,
    Settings,
    SinkSettings,
    VirtualCameraWish,
)

EXAMPLES = """\
examples:
  puppet --source me.png --camera 0
  puppet --source me.png --camera clip.mp4 --every-frame --headless --output out.mp4

`puppet enrol me.png` prepares a portrait beforehand, `puppet doctor` says what is missing on this machine, and
`puppet bench` measures it; each of them has a --help of its own.
"""

ENGINES = ("auto", "openvino", "onnxruntime")

VIRTUAL_CAMERA = "virtual-camera"

LARGEST_PX = 7680
FASTEST_FPS = 240.0


SHORTEST_S, LONGEST_S = 0.2, 3600.0
MOST_ROUNDS = 100

Action = Literal["stream", "enrol", "bench", "examine", "list cameras", "print settings"]


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asked for.

    Attributes:
        action: What to do.
        settings: How.
        bench: How to measure.
        as_json: The findings are printed as JSON.
    """

    action: Action
    settings: Settings
    bench: BenchSettings = field(default_factory=BenchSettings)
    as_json: bool = False


def parse(arguments: Sequence[str], remembered: Mapping[str, object] = MappingProxyType({})) -> Command:
    """Read the command line; prints help and ends the program with exit code 2 where it is wrong.

    The first word decides: `enrol` prepares a portrait, `bench` measures the program, `doctor` looks at the machine,
    anything else streams.

    Args:
        arguments: The command line without the program's name.
        remembered: Values that replace the usual ones of options which are not given.
    """
    if arguments[:1] == ["enrol"]:
        return _parse_enrol(arguments[1:])
    if arguments[:1] == ["bench"]:
        return _parse_bench(arguments[1:])
    if arguments[:1] == ["doctor"]:
        return _parse_doctor(arguments[1:])
    return _parse_stream(arguments, remembered)


def _parse_enrol(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(prog="puppet enrol", description="Prepare a portrait, so that it starts at once.")
    parser.add_argument("source", type=Path, metavar="PICTURE", help="the portrait: PNG, JPEG or WebP")
    _add_look(parser)
    _add_machine(parser)
    options = parser.parse_args(arguments)
    settings = Settings(
        options.source,
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        look=options.look,
    )
    return Command("enrol", settings)


def _parse_bench(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(prog="puppet bench", description="Measure how fast puppet is on this machine.")
    usual = BenchSettings()
    parser.add_argument("--source", type=Path, metavar="PICTURE", help="the portrait (default: the shipped one)")
    parser.add_argument("--camera", metavar="CLIP", help="the video file that moves it (default: the shipped one)")
    _add_picture(parser)
    parser.add_argument("--seconds", type=_seconds, default=usual.seconds, metavar="N",
                        help="how long each run plays the clip, again and again (default: %(default)g)")  # fmt: skip
    parser.add_argument("--rounds", type=_rounds, default=usual.rounds, metavar="N",
                        help="how often the capacity is measured (default: %(default)d)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write the numbers too")
    _add_machine(parser)
    options = parser.parse_args(arguments)
    if options.camera is not None and not names_file(options.camera):
        parser.error(f"argument --camera: expected a video file, got {options.camera}")
    settings = Settings(
        source=options.source,
        camera=CameraSettings(options.camera),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        compositor=CompositorSettings(options.size),
        sinks=SinkSettings(fps=options.fps),
    )
    return Command("bench", settings, BenchSettings(options.seconds, options.rounds, options.json))


def _parse_doctor(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(
        prog="puppet doctor",
        description="Look whether this machine has what streaming into a call needs, and say what mends it. Changes "
        "nothing. Ends with 1 when streaming cannot work.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    _add_machine(parser)
    options = parser.parse_args(arguments)
    settings = Settings(bundle=options.bundle, data_dir=options.data_dir, engine=options.engine)
    return Command("examine", settings, as_json=options.json)


def _parse_stream(arguments: Sequence[str], remembered: Mapping[str, object]) -> Command:
    parser = _parser()
    options = parser.parse_args(arguments, argparse.Namespace(**remembered))
    action: Action = "list cameras" if options.list_cameras else "print settings" if options.dry_run else "stream"
    if action == "stream" and not options.headless and (options.every_frame or options.report):
        parser.error("--every-frame and --report need --headless")
    sinks = _sinks(parser, options)
    if options.camera and names_sender(options.camera):
        _check_sender(parser, options.camera)
    clip = Path(options.camera) if options.camera and names_file(options.camera) else None
    if options.every_frame and clip is None:
        parser.error("--every-frame needs a video file: --camera clip.mp4")
    files = [path.resolve() for path in (options.source, clip, options.report, *sinks.outputs) if path]
    if len(set(files)) < len(files):
        parser.error("--source, --camera, --report and each --output must be different files")
    settings = Settings(
        source=options.source,
        camera=CameraSettings(options.camera, options.every_frame, options.camera_size, options.camera_codec),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        headless=options.headless,
        look=options.look,
        pose=PoseSettings(mirrored=options.mirror_motion),
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size, options.backdrop),
        sinks=sinks,
    )
    return Command(action, settings)


def _check_sender(parser: argparse.ArgumentParser, camera: str) -> None:
    try:
        read_address(camera, LOOPBACK)
    except ValueError as error:
        parser.error(f"argument --camera: {error}")


def _sinks(parser: argparse.ArgumentParser, options: argparse.Namespace) -> SinkSettings:
    """Sort the outputs: words, virtual cameras, files."""
    files, cameras = [], []
    for word in options.output:
        if word.partition(":")[0] == VIRTUAL_CAMERA:
            cameras.append(word.partition(":")[2] or None)
        elif Path(word).suffix.lower() == ".mp4":
            files.append(Path(word))
        elif word != "none":
            parser.error(f"argument --output: expected `{VIRTUAL_CAMERA}`, `none` or a path ending in .mp4, got {word}")
    if len(cameras) > 1:
        parser.error("argument --output: only one virtual camera can be sent to")
    if cameras and options.every_frame:
        parser.error("--every-frame is not in real time: give it a path ending in .mp4 as --output")
    silent = options.output or options.every_frame
    wish: VirtualCameraWish = "required" if cameras else "no" if silent else "if there"
    return SinkSettings(tuple(files), wish, cameras[0] if cameras else None, options.fps, options.report,
                        options.osc, options.osc_names)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="puppet",
        description="Move a portrait with your face.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(parser.add_argument_group("what moves what"))
    _add_outputs(parser.add_argument_group("where it goes"))
    program = parser.add_argument_group("the program")
    _add_machine(program)
    _add_others(program)
    return parser


# fmt: off
def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--source", type=Path, default=None, metavar="PICTURE",
                       help="the portrait to move: PNG, JPEG or WebP (default: the last one, else the shipped one)")
    _add_look(group)
    group.add_argument("--camera", default=None, metavar="WHAT",
                       help="what moves it: a camera's number, its name or a part of it, a video file, or "
                       "osc://:39539 for a tracker that sends VMC (default: the first camera)")
    group.add_argument("--camera-size", type=_size, default=CameraSettings().size_wh, metavar="WxH",
                       help="size to ask a camera for (default: 640x480)")
    group.add_argument("--camera-codec", choices=("mjpg", "raw"), default=CameraSettings().codec,
                       help="what to ask a camera for (default: %(default)s)")
    group.add_argument("--every-frame", action="store_true",
                       help="use every frame of the file, as fast as it goes; else it plays in real time")
    group.add_argument("--motion", choices=("relative", "absolute"), default=DirectionsSettings().motion,
                       help="add your motion to the portrait's own pose, or copy your pose (default: %(default)s)")
    group.add_argument("--mirror-motion", action="store_true",
                       help="move like a mirror image of you")


def _add_look(group: argparse._ActionsContainer) -> None:
    group.add_argument("--look", choices=("avatar", "photo"), default=Settings().look,
                       help="a character after the portrait, or the portrait itself, which takes a minute once "
                       "(default: %(default)s)")


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--output", action="append", default=[], metavar="WHERE",
                       help=f"`{VIRTUAL_CAMERA}`, `{VIRTUAL_CAMERA}:BACKEND`, `none`, or a video file ending in .mp4; "
                       f"may be given several times (default: {VIRTUAL_CAMERA}, if there is one)")
    group.add_argument("--headless", action="store_true",
                       help="no window")
    group.add_argument("--report", type=Path, default=None, metavar="FILE.json",
                       help="write counts and times at the end")
    group.add_argument("--osc", type=_address, default=None, metavar="HOST:PORT",
                       help="send your motion to another program too, as VMC, such as 127.0.0.1:39539")
    group.add_argument("--osc-names", choices=("arkit", "vrm"), default=SinkSettings().osc_names,
                       help="what it calls shapes: `arkit` for figures with perfect sync (default: %(default)s)")
    _add_picture(group)
    group.add_argument("--backdrop", default=CompositorSettings().backdrop, metavar="WHAT",
                       help="`own` for what is around the person in the portrait, `blur` for the same out of focus, "
                       "`portrait` for its border colour, #rrggbb, or a picture (default: %(default)s)")


def _add_picture(group: argparse._ActionsContainer) -> None:
    group.add_argument("--size", type=_size, default=CompositorSettings().size_wh, metavar="WxH",
                       help="size of the pictures (default: 1280x720)")
    group.add_argument("--fps", type=_fps, default=SinkSettings().fps, metavar="N",
                       help="most pictures a second in real time (default: %(default)g)")


def _add_machine(group: argparse._ActionsContainer) -> None:
    group.add_argument("--bundle", type=Path, default=builtin_bundle_path(), metavar="FOLDER",
                       help="the model (default: the built-in one)")
    group.add_argument("--engine", choices=ENGINES, default="auto",
                       help="what computes (default: %(default)s)")
    group.add_argument("--data-dir", type=Path, default=None, metavar="FOLDER",
                       help="where avatars and the log are kept (default: your own folders)")


def _add_others(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--list-cameras", action="store_true",
                       help="print number and name of each camera and stop")
    group.add_argument("--dry-run", action="store_true",
                       help="print the settings and stop")
    group.add_argument("--version", action="version", version=f"puppet {version('puppet')}")
# fmt: on


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size like 1280x720, got {text!r}")
    size_wh = int(match[1]), int(match[2])
    if any(length % 2 or not 16 <= length <= LARGEST_PX for length in size_wh):
        raise argparse.ArgumentTypeError(f"expected even numbers from 16 to {LARGEST_PX}, got {text!r}")
    return size_wh


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fps(text: str) -> float:
    return _number(text, 1.0, FASTEST_FPS)


def _seconds(text: str) -> float:
    return _number(text, SHORTEST_S, LONGEST_S)


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST_ROUNDS}, got {text!r}")
    return int(text)


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g}, got {text!r}")
    return number
