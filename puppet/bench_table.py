"""What was measured, as a table for people."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from puppet.bench import Bench, Series


def bench_table(bench: Bench) -> Group:
    """The machine, what the program does on it, and what each stage takes."""
    runs = bench.real_time
    cores = runs["resources"]["cores"]
    engines = ", ".join(f"{part} in {name}" for part, name in bench.engines.items())
    head = (
        f"{bench.hardware}\npuppet {bench.version}, {bench.bundle}: {engines}\n"
        f"{bench.clip} for {bench.clip_s:g} s, {bench.size_wh[0]} x {bench.size_wh[1]}"
    )
    whole = Table("the program", "", box=None, pad_edge=False)
    for output, series in bench.capacity_fps.items():
        whole.add_row(f"capacity into {output}", _spread(series, "pictures a second"))
    latency = runs["sinks"][0]["latency"]
    whole.add_row("in real time", f"{runs['frames_out'] / runs['elapsed_s']:.1f} pictures a second")
    whole.add_row("capture to send", f"median {latency['median_ms']:.1f} ms, p95 {latency['p95_ms']:.1f} ms")
    whole.add_row("dropped", f"{runs['dropped']} of {runs['frames_in']} frames")
    whole.add_row("processor", f"{100 * runs['resources']['cpu_share']:.0f} % of {cores} cores, in real time")
    whole.add_row("memory", _memory(runs["resources"]))
    whole.add_row("first picture", _spread(bench.first_picture_s, "s after the start"))
    return Group(Text(head), Text(), whole, Text(), _stages(runs))


def _stages(runs: dict[str, Any]) -> Table:
    table = Table("stage, in real time", box=None, pad_edge=False)
    table.add_column("median", justify="right")
    table.add_column("p95", justify="right")
    for name, span in runs["stages"].items():
        table.add_row(name, f"{span['median_ms']:.2f} ms", f"{span['p95_ms']:.2f} ms")
    return table


def _memory(resources: dict[str, Any]) -> str:
    peak = f"{resources['peak_mb']:.0f} MB at most"
    return peak if resources["steady_mb"] is None else f"{resources['steady_mb']:.0f} MB at the end, {peak}"


def _spread(series: Series, unit: str) -> str:
    """Median, and the span of the runs where there are several."""
    spread = f" ({min(series.runs):.1f} to {max(series.runs):.1f} in {len(series.runs)} runs)"
    return f"{series.median:.1f} {unit}{spread if len(series.runs) > 1 else ''}"
