"""Tables as Markdown and JSON: rows of measures with their intervals, and the paper's figures beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from export.table_measures import Estimate

FORMATS: Mapping[str, tuple[str, str]] = {
    "CSIM": ("CSIM ↑", ".2f"),
    "LPIPS": ("LPIPS* ↓", ".2f"),
    "FD": ("FD* ↓", ".1f"),
    "NME": ("NME ↓", ".1f"),
    "Pose": ("Pose ↓", ".1f"),
    "Exp": ("Exp ↓", ".2f"),
    "Pose†": ("Pose† ↓", ".1f"),
    "Exp†": ("Exp† ↓", ".2f"),
    "PSNR": ("PSNR ↑", ".1f"),
    "SSIM": ("SSIM ↑", ".2f"),
    "found": ("found", ".0%"),
}
"""Heads and formats of the measures, in their order."""

ABLATION = ("CSIM", "Pose", "Exp", "Pose†", "Exp†")


@dataclass(frozen=True, slots=True)
class Row:
    """One method's row.

    Attributes:
        name: The method.
        measures: By name; a measure that is not there is a dash.
        steps: Training of its matrix, in words.
        paper: Whether the figures are the paper's, which come without intervals.
    """

    name: str
    measures: Mapping[str, Estimate]
    steps: str = ""
    paper: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: Its number and what it shows.
        columns: Names of measures.
        rows: From the first to the last.
        notes: Sentences below it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())


def paper_row(name: str, **figures: float) -> Row:
    """A row of the paper."""
    measures = {measure: Estimate(value, math.nan, math.nan, 0) for measure, value in figures.items()}
    return Row(name, measures, paper=True)


def markdown(table: Table) -> str:
    """The table in Markdown; ± is half of the 95 % interval."""
    heads = ["method", "steps", *(FORMATS[column][0] for column in table.columns)]
    lines = [f"**{table.title}**", "", f"| {' | '.join(heads)} |", f"| --- | --- |{' --: |' * len(table.columns)}"]
    for row in table.rows:
        cells = [_cell(row.measures.get(column), FORMATS[column][1]) for column in table.columns]
        lines.append(f"| {' | '.join([row.name, row.steps, *cells])} |")
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def _cell(estimate: Estimate | None, form: str) -> str:
    if estimate is None or math.isnan(estimate.value):
        return "–"
    value = format(estimate.value, form)
    if math.isnan(estimate.low):
        return value
    return f"{value} ± {format((estimate.high - estimate.low) / 2, form)}"


def as_json(table: Table) -> dict[str, Any]:
    """The table as plain values; what is not known is null."""
    rows = [
        {
            "method": row.name,
            "steps": row.steps,
            "paper": row.paper,
            "measures": {name: _values(estimate) for name, estimate in row.measures.items()},
        }
        for row in table.rows
    ]
    return {"title": table.title, "rows": rows, "notes": list(table.notes)}


def _values(estimate: Estimate) -> dict[str, float | int | None]:
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    finite = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
    return finite | {"identities": estimate.count}
