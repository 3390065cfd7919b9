"""The table of sizes, with a tiny generator in place of both."""

from __future__ import annotations

import pytest
from conftest import LAYOUT

from export import bench_sizes


def test_each_size_is_painted_in_both_precisions(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert (bench_sizes.SMALL.resolution, bench_sizes.LARGE.resolution) == (128, 256)
    assert bench_sizes.LARGE.channels == (256, 256, 256, 128, 64, 32, 16) and bench_sizes.LARGE.img_channels == 4
    for name in ("SMALL", "LARGE"):
        monkeypatch.setattr(bench_sizes, name, LAYOUT)
    monkeypatch.setattr(bench_sizes, "PRECISIONS", ("f32",))  # bf16 is not on every processor
    bench_sizes.main(["--seconds", "0"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("portrait")]
    assert [(row[1], row[-1]) for row in rows] == [(f"{LAYOUT.resolution}²", "f32")] * 2
    assert all(float(row[2]) >= 0 for row in rows)
