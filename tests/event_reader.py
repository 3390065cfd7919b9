"""Reads what TensorBoard would show of a run folder."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from export.event_file import FOLDER


def events_of(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / FOLDER))
    return events.Reload()
