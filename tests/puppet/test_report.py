import json
import time
from dataclasses import replace

import pytest

from puppet.errors import SinkError
from puppet.report import Report, check_report, hardware_line, write_report
from puppet.resources import Resources
from puppet.state import LIVE, STARTING, Change, State
from puppet.timing import SpanTiming
from puppet.values import SinkStatus, Status

SPAN = SpanTiming("send", 90, 1.23456, 2.0)
TAKEN = Resources(3.0, 1.5, 2, 300.0, 400.0)
STATUS = Status(
    *(100, 90, 10, 3, 3.0, (SpanTiming("camera", 100, 0.5, 0.75),), (SinkStatus("none", 90, 0, SPAN, SPAN),)),
    pictures={State.LIVE: 87, State.HOLDING: 3},
    changes=(Change(0.0, STARTING), Change(0.02, LIVE)),
)


def report(every_frame, status=STATUS):
    return Report(status, every_frame, {"pose": "fake"}, "tiny 1", "0.1", "a machine", TAKEN)


def test_the_report_says_what_happened(tmp_path):
    write_report(report(True).to_json(), tmp_path / "r.json")
    values = json.loads((tmp_path / "r.json").read_text())
    assert (values["frames_in"], values["frames_out"], values["dropped"], values["faces_lost"]) == (100, 90, 10, 3)
    assert values["stages"] == {"camera": {"median_ms": 0.5, "p95_ms": 0.75}}
    assert values["states"] == {"live": 87, "holding": 3}
    assert values["changes"] == [
        {"time_s": 0.0, "state": "slate", "reason": "starting"},
        {"time_s": 0.02, "state": "live", "reason": ""},
    ]
    assert values["capacity_fps"] == 30.0
    assert values["sinks"][0]["send"]["median_ms"] == 1.235
    assert values["resources"] == {
        "wall_s": 3.0, "cpu_s": 1.5, "cores": 2, "steady_mb": 300.0, "peak_mb": 400.0, "cpu_share": 0.25
    }  # fmt: skip


def test_the_first_picture_is_told_by_the_time_of_day():
    now_s, sink = time.perf_counter(), STATUS.sinks[0]
    for first_s, said in ((now_s - 5.0, pytest.approx(time.time() - 5.0, abs=1.0)), (0.0, None)):
        values = json.loads(report(True, replace(STATUS, sinks=(replace(sink, first_s=first_s),))).to_json())
        assert values["sinks"][0]["first_unix_s"] == said


def test_capacity_only_with_every_frame_and_latency_only_without():
    fast, live = json.loads(report(True).to_json()), json.loads(report(False).to_json())
    assert fast["capacity_fps"] and "latency" not in fast["sinks"][0]
    assert live["capacity_fps"] is None and live["sinks"][0]["latency"]["p95_ms"] == 2.0


def test_the_line_is_one_line():
    assert report(True).to_line() == "100 frames in, 90 pictures out, 30.0 a second; 10 dropped, 3 without a face"


def test_frames_that_were_left_out_are_said():
    status = replace(STATUS, left_out=8)
    assert "; 10 dropped (8 left out: the machine was busy), 3 without" in report(False, status).to_line()
    assert json.loads(report(False, status).to_json())["left_out"] == 8


@pytest.mark.parametrize("name", [".", "absent/r.json", "file/r.json"])
def test_a_report_that_cannot_be_written_is_known_early_and_late(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        check_report(tmp_path / name)
    with pytest.raises(SinkError, match="cannot be written"):
        write_report(report(True).to_json(), tmp_path / name)


def test_the_hardware_line_names_cores_and_system():
    assert " cores, " in hardware_line() and "\n" not in hardware_line()
