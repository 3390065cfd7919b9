"""The command line: words -> Settings. Knows no parts; puppet.cli builds them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from puppet.addresses import LOOPBACK, names_sender, read_address
from puppet.commands import (
    Action,
    Command,
    parse_bench,
    parse_bundles,
    parse_doctor,
    parse_edit,
    parse_enrol,
    parse_licences,
    parse_token,
    parse_verify,
)
from puppet.devices import names_file
from puppet.option_groups import (
    VIRTUAL_CAMERA,
    add_inputs,
    add_machine,
    add_others,
    add_outputs,
    check_transparency,
)
from puppet.settings import (
    MOV,
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

`puppet enrol me.png` prepares a portrait beforehand, `puppet edit` paints it in a pose, `puppet doctor` says what is
missing on this machine, `puppet bench` measures it, `puppet bundles` lists the models, `puppet verify` says whether a
file was made by puppet, and `puppet licences` whose work it is made of; each of them has a --help of its own.
"""

COMMANDS = {
    "enrol": parse_enrol,
    "edit": parse_edit,
    "bench": parse_bench,
    "bundles": parse_bundles,
    "doctor": parse_doctor,
    "token": parse_token,
    "verify": parse_verify,
    "licences": parse_licences,
}


def parse(arguments: Sequence[str], remembered: Mapping[str, object] = MappingProxyType({})) -> Command:
    """Read the command line; prints help and ends the program with exit code 2 where it is wrong.

    The first word decides: `enrol` prepares a portrait, `edit` paints it in a pose, `bench` measures the program,
    `doctor` looks at the machine, `bundles` lists the models, `token` prints what remote control needs, `verify` looks
    for the mark in a file, `licences` says whose work it is made of, anything else streams.

    Args:
        arguments: The command line without the program's name.
        remembered: Values that replace the usual ones of options which are not given.
    """
    command = COMMANDS.get(arguments[0]) if arguments else None
    return _parse_stream(arguments, remembered) if command is None else command(arguments[1:])


def _parse_stream(arguments: Sequence[str], remembered: Mapping[str, object]) -> Command:
    parser = _parser()
    options = parser.parse_args(arguments, argparse.Namespace(**remembered))
    action: Action = "list cameras" if options.list_cameras else "print settings" if options.dry_run else "stream"
    if action == "stream" and not options.headless and (options.every_frame or options.report):
        parser.error("--every-frame and --report need --headless")
    sinks = _sinks(parser, options)
    if options.headless:
        check_transparency(parser, options.backdrop, sinks.outputs, (MOV,))
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
        tuning=options.tuning,
        api=options.api,
        pose=PoseSettings(mirrored=options.mirror_motion),
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size, options.backdrop, options.mark),
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
        elif Path(word).suffix.lower() in {".mp4", MOV}:
            files.append(Path(word))
        elif word != "none":
            parser.error(
                f"argument --output: expected `{VIRTUAL_CAMERA}`, `none` or a path ending in .mp4 or {MOV}, got {word}"
            )
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
    add_inputs(parser.add_argument_group("what moves what"))
    add_outputs(parser.add_argument_group("where it goes"))
    program = parser.add_argument_group("the program")
    add_machine(program)
    add_others(program)
    return parser
