"""The command line: words -> Settings. Knows no parts; puppet.cli builds them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from puppet.bundle import builtin_bundle_path
from puppet.devices import names_file
from puppet.settings import CameraSettings, CompositorSettings, DirectionsSettings, Settings, SinkSettings

EXAMPLES = """\
examples:
  puppet --source me.png --camera clip.mp4 --every-frame --headless --output out.mp4
  puppet --source me.png --camera clip.mp4 --headless --report report.json --backdrop '#204060'
"""

ENGINES = ("auto", "openvino", "onnxruntime")

LARGEST_PX = 7680
FASTEST_FPS = 240.0


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asked for.

    Attributes:
        settings: The run.
        dry_run: Only print the settings.
        list_cameras: Only print the cameras of this machine.
    """

    settings: Settings
    dry_run: bool
    list_cameras: bool


def parse(arguments: Sequence[str]) -> Command:
    """Read the command line; prints help and ends the program with exit code 2 where it is wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.headless and not options.list_cameras:
        parser.error("there is no window yet: add --headless")
    outputs = tuple(path for path in options.output if str(path) != "none")
    for path in outputs:
        if path.suffix.lower() != ".mp4":
            parser.error(f"argument --output: expected `none` or a path ending in .mp4, got {path}")
    clip = Path(options.camera) if options.camera and names_file(options.camera) else None
    if options.every_frame and clip is None:
        parser.error("--every-frame needs a video file: --camera clip.mp4")
    files = [path.resolve() for path in (options.source, clip, options.report, *outputs) if path]
    if len(set(files)) < len(files):
        parser.error("--source, --camera, --report and each --output must be different files")
    settings = Settings(
        source=options.source,
        camera=CameraSettings(options.camera, options.every_frame, options.camera_size, options.camera_codec),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        headless=options.headless,
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size, options.backdrop),
        sinks=SinkSettings(outputs, options.fps, options.report),
    )
    return Command(settings, options.dry_run, options.list_cameras)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="puppet",
        description="Move a portrait with your face.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(parser.add_argument_group("what moves what"))
    _add_outputs(parser.add_argument_group("where it goes"))
    _add_machine(parser.add_argument_group("the program"))
    return parser


# fmt: off
def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--source", type=Path, default=None, metavar="PICTURE",
                       help="the portrait to move: PNG, JPEG or WebP (default: the last one, else the shipped one)")
    group.add_argument("--camera", default=None, metavar="WHAT",
                       help="what moves it: a camera's number, its name or a part of it, or a video file "
                       "(default: the first camera)")
    group.add_argument("--camera-size", type=_size, default=CameraSettings().size_wh, metavar="WxH",
                       help="size to ask a camera for (default: 640x480)")
    group.add_argument("--camera-codec", choices=("mjpg", "raw"), default=CameraSettings().codec,
                       help="what to ask a camera for (default: %(default)s)")
    group.add_argument("--every-frame", action="store_true",
                       help="use every frame of the file, as fast as it goes; else it plays in real time")
    group.add_argument("--motion", choices=("relative", "absolute"), default=DirectionsSettings().motion,
                       help="add your motion to the portrait's own pose, or copy your pose (default: %(default)s)")


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--output", type=Path, action="append", default=[], metavar="FILE.mp4",
                       help="`none` or a video file; may be given several times (default: none)")
    group.add_argument("--headless", action="store_true",
                       help="no window")
    group.add_argument("--report", type=Path, default=None, metavar="FILE.json",
                       help="write counts and times at the end")
    group.add_argument("--size", type=_size, default=CompositorSettings().size_wh, metavar="WxH",
                       help="size of the pictures (default: 1280x720)")
    group.add_argument("--fps", type=_fps, default=SinkSettings().fps, metavar="N",
                       help="most pictures a second in real time (default: %(default)g)")
    group.add_argument("--backdrop", default=CompositorSettings().backdrop, metavar="WHAT",
                       help="`portrait` for its own border colour, #rrggbb, or a picture (default: %(default)s)")


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--bundle", type=Path, default=builtin_bundle_path(), metavar="FOLDER",
                       help="the model (default: the built-in one)")
    group.add_argument("--engine", choices=ENGINES, default="auto",
                       help="what computes (default: %(default)s)")
    group.add_argument("--data-dir", type=Path, default=None, metavar="FOLDER",
                       help="where avatars are kept (default: your own folder for data)")
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


def _fps(text: str) -> float:
    try:
        fps = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not 1.0 <= fps <= FASTEST_FPS:
        raise argparse.ArgumentTypeError(f"expected 1 to {FASTEST_FPS:g}, got {text!r}")
    return fps
