"""The composition root: command line -> Settings -> parts -> run."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2

from engines.base import EngineError
from puppet.api_server import ApiServer
from puppet.api_token import api_token
from puppet.avatar import avatar_path
from puppet.commands import Command
from puppet.devices import camera_list, list_devices
from puppet.edit_output import write_edit
from puppet.editing import Editor, check_names, directions_of, edited_pose
from puppet.enrolment import News
from puppet.errors import PuppetError, SinkError, StuckError, VerifyError
from puppet.folders import folders
from puppet.headless import Stream
from puppet.installed import installed
from puppet.licences import licence_words
from puppet.log import log_file
from puppet.options import parse
from puppet.parts import Parts, open_camera
from puppet.preflight import Preflight
from puppet.progress_line import ProgressLine
from puppet.remote import Remote
from puppet.report import Report, check_report, hardware_line, write_report
from puppet.settings import BenchSettings, DirectionsSettings, EditSettings, Settings
from puppet.signals import on_signals
from puppet.sinks import NullSink, Sink, VideoSink
from puppet.stills import read_content
from puppet.tuning import Progress
from puppet.verify import verify
from puppet.virtual_camera import VirtualCamera
from puppet.vmc_receiver import VmcReceiver

_log = logging.getLogger(__name__)

DONE, FAILED, UNREADABLE = 0, 1, 2
"""Exit codes; 2 is for `verify` alone, and argparse's for a wrong command line."""

REHEARSAL_PX = 512
"""Sides of the video that `puppet enrol --preview` writes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code: 0 done, 1 an error, said in one sentence on stderr. `verify` has its own: 0 marked, 1 not found,
        2 the file cannot be read.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    command = parse(arguments)
    if command.action == "print settings":
        print(json.dumps(asdict(command.settings), indent=1, default=str))
        return DONE
    if command.action in ("print token", "list licences"):
        return _print(command)
    if command.action == "list cameras":
        print(camera_list(list_devices()))
        return DONE
    if command.action == "list bundles":
        print("\n\n".join(map(str, installed((folders(command.settings.data_dir).bundles, *command.places)))))
        return DONE
    cv2.setNumThreads(1)  # every stage has a thread already
    cv2.setLogLevel(0)  # what goes wrong is said in our own words
    if command.action == "examine":
        return _examine(command)
    if command.action == "verify":
        return _verify(*command.places, as_json=command.as_json)
    with log_file(folders(command.settings.data_dir).logs) as trouble:
        if trouble is not None:
            print(f"puppet: nothing is logged ({trouble})", file=sys.stderr)
        return _act(command, arguments)


def _act(command: Command, arguments: Sequence[str]) -> int:
    """Do what takes parts, and say how it ended; the exit code."""
    act = _act_of(command, arguments)
    _log.info("puppet %s: %s", version("puppet"), command.action)
    try:
        with on_signals(signal.default_int_handler), ExitStack() as stack:
            sentence = act(command.settings, stack)
    except (PuppetError, EngineError) as error:
        _log.error("%s", error)
        print(f"puppet: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        _log.info("interrupted")
        print("puppet: interrupted; nothing was kept", file=sys.stderr)
        return FAILED
    if sentence:
        print(sentence)
    return DONE


def _act_of(command: Command, arguments: Sequence[str]) -> Callable[[Settings, ExitStack], str]:
    if command.action == "enrol":
        return _enrol
    if command.edit is not None:
        return partial(_edit, command.edit)
    if command.action == "bench":
        return partial(_bench, command.bench)
    return _stream if command.settings.headless else partial(_show, arguments)


def _print(command: Command) -> int:
    """Print what is asked for; the exit code."""
    try:
        if command.action == "print token":
            print(api_token(folders(command.settings.data_dir).config))
        else:
            print(licence_words(command.names), flush=True)
    except BrokenPipeError:  # whoever read it, such as a pager, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except PuppetError as error:
        print(f"puppet: {error}", file=sys.stderr)
        return FAILED
    return DONE


def _examine(command: Command) -> int:
    """Print what was found; the exit code. Writes no log: it changes nothing."""
    from puppet.doctor import can_stream, examine, to_json, verdict

    findings = []
    try:
        for finding in examine(command.settings, os.environ):
            findings.append(finding)
            if not command.as_json:
                print(finding, flush=True)
    except KeyboardInterrupt:
        print("puppet: interrupted", file=sys.stderr)
        return FAILED
    print(to_json(findings) if command.as_json else f"\n{verdict(findings)}")
    return DONE if can_stream(findings) else FAILED


def _verify(file: Path, *, as_json: bool) -> int:
    """Print whether a file has the mark; the exit code."""
    try:
        verdict = verify(file)
    except VerifyError as error:
        print(f"puppet: {error}", file=sys.stderr)
        return UNREADABLE
    print(verdict.to_json() if as_json else verdict)
    return DONE if verdict.marked else FAILED


def _bench(wanted: BenchSettings, settings: Settings, stack: ExitStack) -> str:
    """Measure, and show a table. Nothing more to say."""
    from rich.console import Console

    from puppet.bench import measure
    from puppet.bench_table import bench_table

    if wanted.json is not None:
        check_report(wanted.json)
    with Console(stderr=True).status("") as progress:
        bench = measure(settings, wanted, progress.update)
    if wanted.json is not None:
        write_report(bench.to_json(), wanted.json)
    Console(highlight=False).print(bench_table(bench))
    return ""


def _enrol(settings: Settings, stack: ExitStack) -> str:
    """Enrol the portrait, print its scores, and perhaps film the avatar; one sentence."""
    fps = settings.sinks.fps
    films = [VideoSink(path) for path in settings.sinks.outputs]
    for film in films:
        stack.callback(film.abort)
        film.open((REHEARSAL_PX, REHEARSAL_PX), Fraction(fps))
    parts = stack.enter_context(closing(Parts(settings)))
    with closing(ProgressLine()) as line:

        def hear(news: News) -> None:
            if isinstance(news, Progress):
                line.tell(news)
            elif isinstance(news, Preflight):
                print(f"{news}\n", flush=True)

        avatar = parts.avatar(settings.source, settings.look, hear)
    for film in films:
        for picture in parts.enrolment().rehearse(avatar, REHEARSAL_PX, fps):
            film.send(picture)
        film.close()
    alike = "" if avatar.likeness is None else f" ({avatar.likeness})"
    return f"{settings.source} is enrolled: {avatar_path(parts.avatars, avatar)}{alike}"


def _edit(wanted: EditSettings, settings: Settings, stack: ExitStack) -> str:
    """Paint the portrait in a pose, or along its directions; one sentence."""
    if settings.source is not None:
        read_content(settings.source)
    parts = stack.enter_context(closing(Parts(settings)))
    bundle, space = parts.bundle, parts.bundle.pose_space
    names = directions_of(space, wanted.directions)
    check_names(space, dict(wanted.pose))
    with closing(ProgressLine()) as line:
        avatar = parts.avatar(settings.source, settings.look, line.hear)
    p = edited_pose(space, avatar.p_s, dict(wanted.pose), settings.directions.motion)
    scene = parts.scene(replace(settings, directions=DirectionsSettings("absolute")), avatar)
    write_edit(Editor(space, scene, (bundle.num_ws, bundle.w_dim), p), names, wanted.output)
    return f"{avatar.name} is in {wanted.output}"


def _stream(settings: Settings, stack: ExitStack) -> str:
    """Build the parts, cheap checks first, run to the end, and keep the results; `stack` closes what was opened.

    Returns:
        What was done, as one sentence.
    """
    if settings.sinks.report is not None:
        check_report(settings.sinks.report)
    if settings.source is not None:
        read_content(settings.source)
    every_frame = settings.camera.every_frame
    camera = stack.enter_context(closing(open_camera(settings.camera, settings.sinks.fps)))
    rate = Fraction(settings.sinks.fps) if isinstance(camera, VmcReceiver) or not every_frame else camera.rate
    sinks = _open_sinks(settings, rate, stack)
    parts = stack.enter_context(closing(Parts(settings)))
    listeners = [stack.enter_context(closing(listener)) for listener in parts.listeners(settings)]
    stream = Stream(settings, parts, camera, sinks, listeners, partial(_open_api, settings, stack))
    try:
        with on_signals(stream.stop):
            status, resources = stream.run()
    except StuckError:
        stack.pop_all()  # nothing may be closed under a thread that goes on; the process's end does it
        raise
    for sink in sinks:
        sink.close()
    report = Report(
        status=status,
        every_frame=every_frame,
        engines=parts.engines,
        bundle=f"{parts.bundle.name} {parts.bundle.version}",
        version=version("puppet"),
        hardware=hardware_line(),
        resources=resources,
    )
    if settings.sinks.report is not None:
        write_report(report.to_json(), settings.sinks.report)
    _log.info("%s", report.to_line())
    return report.to_line()


def _open_api(settings: Settings, stack: ExitStack, remote: Remote) -> None:
    """Let other programs control the run, where the user wants that."""
    if settings.api is not None:
        token = api_token(folders(settings.data_dir).config)
        stack.enter_context(closing(ApiServer(settings.api, token, remote)))


def _show(arguments: Sequence[str], settings: Settings, stack: ExitStack) -> str:
    """Open the window; options that are not given are as they were left there. Nothing to say."""
    try:
        from ui.app import remembered, run
    except ImportError as error:
        raise PuppetError(f"there is no window ({error}); install what it needs, or add --headless") from error
    known = parse(arguments, remembered(folders(settings.data_dir).config)).settings
    run(known, start=settings.camera.source is not None)
    return ""


def _open_sinks(settings: Settings, rate: Fraction, stack: ExitStack) -> list[Sink]:
    """Opened sinks; `stack` gives up those that were not closed."""
    wanted, size_wh = settings.sinks, settings.compositor.size_wh
    sinks: list[Sink] = [VideoSink(path) for path in wanted.outputs]
    for sink in sinks:
        stack.callback(sink.abort)
        sink.open(size_wh, rate)
    if wanted.virtual_camera != "no":
        camera = VirtualCamera(wanted.backend, folders(settings.data_dir).locks, wanted.watchdog)
        stack.callback(camera.abort)
        try:
            camera.open(size_wh, rate)
            sinks.append(camera)
        except SinkError as error:
            if wanted.virtual_camera == "required":
                raise
            print(f"puppet: {error}", file=sys.stderr)
            _log.warning("%s", error)
    if not sinks:
        sinks.append(NullSink())
        sinks[0].open(size_wh, rate)
    return sinks
