"""Judges avatars of portraits: is it them, and does it hold together when it moves? A Markdown table, JSON and sheets.

`python export/evaluate_portraits.py --portraits FOLDER --out FOLDER` enrols every picture of a folder, turns it, opens
its mouth and closes its eyes with the avatar's own engine, and measures what is seen; see `export.portrait_judge`. With
`--data-dir` avatars are kept, and a second run measures what is there. `--beside FOLDER`, the output of another run,
writes both runs' sheets side by side. The sheets show the portraits: they are for looking, not for giving away.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from engines import open_engine
from engines.base import EngineError
from export.portrait_judge import Eyes, Numbers, frames, numbers
from export.portrait_sheet import compare, sheet
from export.portrait_sweep import PIVOT, label, sweep
from puppet.avatar import Avatar, avatar_path, load_avatar
from puppet.errors import AvatarError, PictureError, PuppetError, SinkError
from puppet.parts import Parts
from puppet.pose import PoseReader
from puppet.settings import CompositorSettings, Look, Settings
from puppet.stills import ENDINGS, read_content, read_still
from puppet.tracker import Tracker

COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "s": (("seconds", ".0f"),),
    "MB": (("megabytes", ".1f"),),
    "PSNR person / face, detail": (("psnr_person", ".1f"), ("psnr_face", ".1f"), ("detail", ".2f")),
    "generator alone": (("plain_psnr_person", ".1f"), ("plain_psnr_face", ".1f"), ("plain_detail", ".2f")),
    "found": (("found", ".0%"),),
    **{f"{name} error, gain": ((f"{name}_error", ".1f"), (f"{name}_gain", ".2f")) for name in ("yaw", "pitch", "roll")},
    **{
        f"{what}, right steps, read": (
            (f"{what}_first", ".2f"), (f"{what}_last", ".2f"), (f"{what}_steps", ".0%"), (f"{what}_read", ".2f"),
        )
        for what in ("mouth", "eye")
    },
    "turned sharpness, mean / least": (("sharpness_mean", ".2f"), ("sharpness_least", ".2f")),
    "similarity pivot / mean / least": (
        ("similarity_pivot", ".2f"), ("similarity_mean", ".2f"), ("similarity_least", ".2f"),
    ),
}  # fmt: skip
"""Heads of the table, and the measures below each with their formats."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One portrait's row.

    Attributes:
        name: Its file's name.
        scores: The measures; empty where it was refused.
        frames: The measures of every picture, by motion.
        refused: Why it could not be enrolled, as a sentence.
    """

    name: str
    scores: Numbers
    frames: Mapping[str, Numbers]
    refused: str | None = None


def judge(parts: Parts, settings: Settings, eyes: Eyes, portrait: Path, out: Path) -> Judged:
    """Enrol one portrait, or take the avatar that is there, judge it, and write its sheet.

    Raises:
        EngineError: An engine failed.
        AvatarError: The avatar cannot be made or stored.
        SinkError: The sheet cannot be written.
    """
    try:
        avatar, seconds = _enrolled(parts, portrait, settings.look)
    except PictureError as error:
        return Judged(portrait.name, {}, {}, str(error))
    bundle, space = parts.bundle, parts.bundle.pose_space
    shots = list(sweep(space, parts.scene(settings, avatar), (bundle.num_ws, bundle.w_dim)))
    painted = {label(motion): shot for motion, shot in shots}
    seen = [eyes.look(avatar, motion, shot.rgb) for motion, shot in shots]
    stored = sum(file.stat().st_size for file in avatar_path(parts.avatars, avatar).iterdir())
    scores: Numbers = {"seconds": seconds, "megabytes": stored / 1e6}
    scores |= eyes.fidelity(avatar, painted[PIVOT]) | numbers(space, avatar, seen)
    picture = sheet(avatar.crop, {name: shot.rgb for name, shot in painted.items()})
    _write(_sheet_path(out, portrait), picture)
    return Judged(portrait.name, scores, frames(space, avatar, seen))


def _enrolled(parts: Parts, portrait: Path, look: Look) -> tuple[Avatar, float | None]:
    """The avatar, and how many seconds its enrolment took; None where it was there."""
    sha256 = hashlib.sha256(read_content(portrait)).hexdigest()
    try:
        known = load_avatar(parts.avatars, sha256, parts.bundle, look) is not None
    except AvatarError:
        known = False
    began = time.monotonic()
    avatar = parts.enrolment().avatar_of(portrait, look)
    return avatar, None if known else time.monotonic() - began


def _sheet_path(out: Path, portrait: Path) -> Path:
    return out / f"{portrait.stem}.png"


def table(judged: Sequence[Judged]) -> str:
    """A row for each portrait, and the medians."""
    rows = [one for one in judged if one.refused is None]
    lines = [f"| portrait | {' | '.join(COLUMNS)} |", f"| --- |{' --: |' * len(COLUMNS)}"]
    lines += [_row(one.name, one.scores) for one in rows]
    if rows:
        lines.append(_row("median", medians(rows)))
    return "\n".join([*lines, *(f"\nrefused: {one.refused}" for one in judged if one.refused is not None)])


def medians(rows: Sequence[Judged]) -> Numbers:
    """Of every measure over the portraits that have it."""
    names = {name for one in rows for name in one.scores}
    values = {name: [value for one in rows if (value := one.scores.get(name)) is not None] for name in names}
    return {name: float(np.median(had)) if had else None for name, had in values.items()}


def _row(name: str, scores: Numbers) -> str:
    def text(measure: str, form: str) -> str:
        value = scores.get(measure)
        return "–" if value is None else format(value, form)

    return f"| {name} | {' | '.join(', '.join(text(*cell) for cell in cells) for cells in COLUMNS.values())} |"


def as_json(judged: Sequence[Judged], settings: Settings, parts: Parts) -> str:
    """All numbers, those of every picture too, and the scale on which similarity is meant."""
    scale = parts.bundle.identity
    content = {
        "look": settings.look,
        "bundle": parts.bundle.sha256,
        "identity": None if scale is None else {"strangers": scale.strangers, "same": scale.same},
        "portraits": [
            {"name": one.name, "refused": one.refused, "scores": one.scores, "frames": one.frames} for one in judged
        ],
        "medians": medians([one for one in judged if one.refused is None]),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def portraits_of(wanted: Sequence[Path], limit: int | None) -> list[Path]:
    """The pictures that are meant: files, and all of a folder by name.

    Raises:
        PictureError: There are none.
    """
    found: list[Path] = []
    for path in wanted:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [file for file in inside if file.suffix.lower() in ENDINGS]
    if not found:
        raise PictureError(f"expected portraits ({', '.join(ENDINGS)}), got none in {', '.join(map(str, wanted))}")
    return found[:limit]


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Parts, Eyes]]:
    with ExitStack() as stack:
        parts = stack.enter_context(closing(Parts(settings)))
        bundle = parts.bundle
        reader = stack.enter_context(closing(open_engine(bundle.pose_path, settings.engine, precision="f32")))
        tracker = stack.enter_context(closing(Tracker(still=True)))
        identity = None
        if bundle.identity_path is not None:
            identity = stack.enter_context(closing(open_engine(bundle.identity_path, settings.engine, precision="f32")))
        yield parts, Eyes(tracker, PoseReader(reader, bundle.lips), identity)


def run(settings: Settings, portraits: Sequence[Path], out: Path, beside: Path | None) -> None:
    """Judge all portraits; after each one the table and JSON are written anew.

    Args:
        settings: Bundle, look and where avatars are kept.
        portraits: Picture files.
        out: Folder for everything that is written.
        beside: What another run wrote, to put its sheets beside these.

    Raises:
        PuppetError: The bundle or an avatar fails, or a sheet cannot be written.
        EngineError: An engine failed.
        OSError: The numbers cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _opened(settings) as (parts, eyes):
        r = parts.bundle.resolution
        small = replace(settings, compositor=CompositorSettings(size_wh=(r, r)))
        judged: list[Judged] = []
        for portrait in portraits:
            judged.append(judge(parts, small, eyes, portrait, out))
            print(f"{portrait.name}: {judged[-1].refused or 'judged'}", file=sys.stderr)
            (out / "scores.json").write_text(as_json(judged, settings, parts))
            (out / "scores.md").write_text(table(judged) + "\n")
        scale = parts.bundle.identity
    print(table(judged))
    if scale is not None:
        print(f"\nsimilarity: strangers {scale.strangers:.2f}, the same person on another day {scale.same:.2f}")
    if beside is not None:
        for portrait in portraits:
            _write_both(beside, out, portrait)


def _write_both(beside: Path, out: Path, portrait: Path) -> None:
    paths = [_sheet_path(folder, portrait) for folder in (beside, out)]
    if all(path.is_file() for path in paths):
        _write(out / f"{portrait.stem}-compare.png", compare(*(read_still(path) for path in paths)))


def _write(path: Path, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
    if not cv2.imwrite(str(path), rgb[..., ::-1]):
        raise SinkError(f"expected a writable file for the sheet, got {path}")


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, nargs="+", required=True, help="folders and picture files")
    parser.add_argument("--look", choices=("avatar", "photo"), default="photo", help="default: %(default)s")
    parser.add_argument("--bundle", type=Path, default=usual.bundle, help="default: the built-in one")
    parser.add_argument("--out", type=Path, default=Path("out/portraits"), help="default: %(default)s")
    parser.add_argument("--data-dir", type=Path, help="keeps avatars here (default: they are thrown away)")
    parser.add_argument("--beside", type=Path, help="the output of another run, to compare sheets with")
    parser.add_argument("--limit", type=int, help="only so many portraits")
    options = parser.parse_args(arguments)
    try:
        portraits = portraits_of(options.portraits, options.limit)
        with tempfile.TemporaryDirectory() as scratch:
            data = options.data_dir or Path(scratch)
            settings = replace(usual, bundle=options.bundle, data_dir=data, look=options.look)
            run(settings, portraits, options.out, options.beside)
    except (PuppetError, EngineError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
