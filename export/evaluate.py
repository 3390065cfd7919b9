"""Judges what comes out: pairs of clips, or the method itself by the paper's tables. Markdown and JSON.

    python export/evaluate.py --pair driver.mp4 output.mp4 --pair … --json out.json
    python export/evaluate.py --data pool --days pool_days --shape-model FOLDER --generator state --encoder encoder \
        --net3d net3d --judge-net3d judge_net3d --judge-identity judge_identity --matrices matrices --json out.json

Pairs are judged by `export.judge`: how well does the face in the output follow the driver's? Make the output with
`--every-frame`, so that frame n of one belongs to frame n of the other.

Tables 1 to 5 are measured on a fixed set of 200 held-out people (`export.benchmark`), by judges that were in no loss:
train them with another `--seed`, the identity judge with `--photography mild`. `--matrices` is what
export/ablations.py has trained; what is not there is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from engines.base import EngineError
from export.evaluate_tables import NEEDED, add_table_options, judge_tables
from export.judge import Verdict, compare, watch
from puppet.errors import CameraError, PuppetError, SinkError
from puppet.file_camera import FileCamera

_SAME_RATE = 0.01


def judge(driver: Path, output: Path) -> Verdict:
    """Judge one pair of clips.

    Raises:
        CameraError: One of them cannot be read, or they run at different rates.
    """
    with ExitStack() as stack:
        clips = [stack.enter_context(closing(FileCamera(path, real_time=False, fps=1))) for path in (driver, output)]
        rates = [float(clip.rate) for clip in clips]
        if abs(rates[0] - rates[1]) > _SAME_RATE * rates[0]:
            raise CameraError(
                f"expected two clips of one frame rate, got {rates[0]:g} and {rates[1]:g} fps ({output}); "
                "make the output with --every-frame"
            )
        return compare(*(watch(_frames(clip)) for clip in clips))


def _frames(clip: FileCamera) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    width, height = clip.size_wh
    rgb = np.empty((height, width, 3), np.uint8)
    while clip.read(rgb) is not None:
        yield rgb


def table(verdicts: dict[tuple[str, str], Verdict]) -> str:
    """Verdicts by (driver, output) as Markdown; measures in brackets do not count: the driver hardly moves."""
    lines = [
        "| driver | output | frames | found | lag | measure | span | correlation | error | gain |",
        "| --- | --- | --: | --: | --: | --- | --: | --: | --: | --: |",
    ]
    for (driver, output), v in verdicts.items():
        head = f"| {driver} | {output} | {v.frames} | {100 * v.found_output:.1f} % | {v.lag} |"
        if not v.measures:
            lines.append(f"{head} too few faces | | | | |")
        for name, m in v.measures.items():
            label = name if m.counts else f"({name})"
            lines.append(f"{head} {label} | {m.span:.3g} | {m.correlation:.3f} | {m.error:.3g} | {m.gain:.2f} |")
    return "\n".join(lines)


def as_json(verdicts: dict[tuple[str, str], Verdict]) -> str:
    """Verdicts by (driver, output) as JSON; a measure that cannot be had is null."""
    pairs = [{"driver": driver, "output": output, **asdict(v)} for (driver, output), v in verdicts.items()]
    return json.dumps({"pairs": _finite(pairs)}, indent=2, allow_nan=False) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge_pairs(pairs: Sequence[tuple[Path, Path]], out: Path | None) -> None:
    """Print the table of pairs of clips, and write its numbers.

    Raises:
        PuppetError: A clip cannot be read, or the numbers not be written.
    """
    verdicts = {(driver.name, output.name): judge(driver, output) for driver, output in pairs}
    print(table(verdicts))
    if out:
        _write(out, as_json(verdicts))


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code."""
    options = _parse(arguments)
    try:
        if options.pair:
            judge_pairs(options.pair, options.json)
        else:
            content = judge_tables(options)
            if options.json:
                _write(options.json, json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")
    except (PuppetError, EngineError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--pair", nargs=2, type=Path, action="append", metavar=("DRIVER", "OUTPUT"), help="two clips")
    add("--json", type=Path, help="write the numbers here")
    add_table_options(parser)
    options = parser.parse_args(arguments)
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if getattr(options, name) is None]
    if not options.pair and missing:
        parser.error(f"give --pair, or for the tables {', '.join(missing)} too")
    return options


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise SinkError(f"expected a writable file for the numbers, got {path} ({error.strerror})") from error


if __name__ == "__main__":
    sys.exit(main())
