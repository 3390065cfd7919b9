"""Counted work and the ways to paint, on the processor; `make gpu` runs them on a GPU."""

from __future__ import annotations

import pytest
import torch
from conftest import LAYOUT

from export import bench_gpu
from export.bench_gpu import Rates, Row, Work, count, engine_ways, main, rates, roofline_ms, table, torch_ways
from export.to_onnx import Painter
from puppet.networks.layout import stylegan2_layout
from puppet.networks.stylegan2 import Generator

CPU = torch.device("cpu")


@pytest.fixture
def briefly(monkeypatch):
    monkeypatch.setattr(bench_gpu, "SECONDS", 0.0)
    monkeypatch.setattr(bench_gpu, "timed_ms", lambda run, device: run() is not None and 1.0)


def test_the_paper_s_generator_computes_15_gmac():
    with torch.device("meta"):
        layout = stylegan2_layout(256, 1, 15)
        work = count(Painter(Generator(layout)).eval(), torch.zeros(1, layout.num_ws, layout.w_dim))
    assert work.flops / 2e9 == pytest.approx(15.0, rel=0.01)
    assert 20e6 < work.numbers < 100e6


def test_the_roofline_is_the_slower_of_arithmetic_and_memory():
    rate = Rates(flops=1e12, bytes=1e9)
    assert roofline_ms(Work(10**9, 0), rate, torch.float16) == pytest.approx(1.0)
    assert roofline_ms(Work(10**9, 10**6), rate, torch.float16) == pytest.approx(2.0)
    assert roofline_ms(Work(10**9, 10**6), rate, torch.float32) == pytest.approx(4.0)


def test_rates_are_measured():
    found = rates(CPU, torch.float32, side=64, copied=1 << 16)
    assert found.flops > 0 and found.bytes > 0


def test_every_way_of_torch_paints(briefly):
    ways = list(torch_ways(Generator(LAYOUT).eval(), CPU, compiled=False))
    assert [way for way, _, _ in ways] == ["torch eager f32", "torch eager fp16", "torch eager bf16"]


def test_engines_that_do_not_work_are_left_out(briefly, capsys, monkeypatch):
    monkeypatch.setattr(bench_gpu, "engine_fault", lambda name: "no GPU" if name == "tensorrt" else None)
    ways = list(engine_ways(Generator(LAYOUT).eval(), ("tensorrt", "onnxruntime")))
    assert [(way, precision) for way, precision, _ in ways] == [("onnxruntime f32", "f32")] and ways[0][2] > 0
    assert capsys.readouterr().err == "tensorrt is left out: no GPU\n"


def test_the_table_has_every_row():
    shown = table([Row("tiny", "torch eager f32", 2.0, 0.5), Row("tiny", "tensorrt fp16", 1.0, 0.5)])
    assert shown.row_count == 2 and list(shown.columns[-1].cells) == ["25 %", "50 %"]


def test_without_a_gpu_it_ends_with_one_sentence(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert main([]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("bench_gpu: ") and err.count("\n") == 1


@pytest.mark.gpu
def test_every_way_works_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU that torch can use")
    rows = bench_gpu.bench({"tiny": LAYOUT}, torch.device("cuda"), ())
    assert len(rows) == 9 and all(row.time_ms > 0 for row in rows)
