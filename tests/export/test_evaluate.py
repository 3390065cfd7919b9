import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from export.evaluate import as_json, judge, main, table
from export.judge import Agreement, Verdict
from puppet.errors import CameraError

NOTHING = float("nan")
VERDICT = Verdict(
    90, 1.0, 0.9, 2, {"yaw": Agreement(30, True, 0.97, 1.2, 0.9), "eye": Agreement(0, False, NOTHING, 0.01, NOTHING)}
)


def write_grey(path: Path, rate: int, frames: int = 12) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), format="rgb24"))
            )
        container.mux(stream.encode())
    return path


def test_the_table_puts_what_does_not_count_in_brackets() -> None:
    lines = table({("a.mp4", "b.mp4"): VERDICT}).splitlines()
    assert "| yaw | 30 | 0.970 | 1.2 | 0.90 |" in lines[2]
    assert "| (eye) |" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_json_has_null_where_there_is_no_number() -> None:
    pair = json.loads(as_json({("a.mp4", "b.mp4"): VERDICT}))["pairs"][0]
    assert pair["measures"]["eye"]["correlation"] is None
    assert pair["measures"]["yaw"]["gain"] == 0.9 and pair["lag"] == 2


def test_clips_without_faces_are_judged_as_that(tmp_path: Path) -> None:
    clip = write_grey(tmp_path / "grey.mp4", 30)
    verdict = judge(clip, clip)
    assert verdict.frames == 12 and verdict.found_driver == 0 and verdict.measures == {}
    assert "too few faces" in table({("a", "b"): verdict})


def test_clips_of_different_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="30 and 15 fps"):
        judge(write_grey(tmp_path / "a.mp4", 30), write_grey(tmp_path / "b.mp4", 15))


def test_the_command_writes_numbers_and_names_a_missing_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, numbers = write_grey(tmp_path / "grey.mp4", 30), tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["evaluate", "--pair", str(clip), str(clip), "--json", str(numbers)])
    assert main() == 0
    assert json.loads(numbers.read_text())["pairs"][0]["frames"] == 12
    monkeypatch.setattr(sys, "argv", ["evaluate", "--pair", str(clip), str(tmp_path / "none.mp4")])
    assert main() == 1
    assert "none.mp4" in capsys.readouterr().err
