"""Engines that fail at every point: the next one serves, it is said, and every call has its outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from engines import Engine, EngineError, EngineLoadError, EngineRunError, EngineUnavailable, TensorSpec
from engines.fake import FakeEngine
from engines.ladder import Ladder, Rung, psnr_db
from engines.times import Times, measure_ms

W, RGBA = TensorSpec("w", (1, 4), "float32"), TensorSpec("rgba", (1, 8, 8, 4), "uint8")
INPUTS = {"w": np.ones((1, 4), np.float32)}
PROBES = [INPUTS, {"w": np.zeros((1, 4), np.float32)}]

FAILURES = {
    "an unknown operator": EngineLoadError("net.onnx has an operator Whirl that nobody knows"),
    "another opset": EngineLoadError("net.onnx needs opset 99"),
    "a plan from another GPU": EngineLoadError("the plan is for an incompatible device"),
    "no memory while building": MemoryError(),
    "no library": EngineUnavailable("TensorRT cannot be imported"),
}


class Named(FakeEngine):
    """A fake with a name, which counts and may paint something else."""

    def __init__(self, name: str, level: int = 100) -> None:
        self.label, self.level, self.closed, self.error = name, level, False, None
        super().__init__([W], [RGBA], self._paint)

    name = property(lambda self: self.label)

    def _paint(self, inputs, outputs):
        if self.error is not None:
            raise self.error
        outputs["rgba"][...] = self.level
        outputs["rgba"][0, 0, 0, :] = int(10 * inputs["w"][0, 0])

    def close(self):
        self.closed = True
        super().close()


@dataclass
class Steps:
    """Rungs whose engines can be reached, and what was said."""

    times: Times
    engines: dict[str, Named] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def rung(self, name: str, slow: bool = False) -> Rung:
        def open_it() -> Engine:
            if name in self.errors:
                raise self.errors[name]
            self.engines[name] = Named(name, self.levels.get(name, 100))
            return self.engines[name]

        return Rung(name, open_it, slow)

    def ladder(self, *names: str) -> Ladder:
        return self.of(*(self.rung(name.removesuffix(" slow"), name.endswith("slow")) for name in names))

    def of(self, *rungs: Rung) -> Ladder:
        return Ladder(rungs, PROBES, self.said.append, self.times)


@pytest.fixture
def steps(tmp_path, monkeypatch):
    monkeypatch.setattr("engines.ladder.measure_ms", partial(measure_ms, seconds=0))
    return Steps(Times(tmp_path, "model", "machine"))


def test_it_is_an_engine_that_serves_with_the_best_quick_rung(steps):
    ladder = steps.ladder("gpu slow", "cpu", "last")
    assert isinstance(ladder, Engine) and ladder.name == "cpu"
    assert (ladder.inputs, ladder.outputs) == ((W,), (RGBA,))
    assert list(steps.engines) == ["cpu"] and steps.said == []
    assert ladder.run(INPUTS)["rgba"][0, 1, 1, 0] == 100


def test_the_better_takes_over_between_two_calls(steps):
    ladder = steps.ladder("gpu slow", "cpu")
    steps.levels["gpu"] = 101
    ladder.run(INPUTS)
    ladder.climb()
    assert ladder.name == "cpu" and steps.said == []
    assert ladder.run(INPUTS)["rgba"][0, 1, 1, 0] == 101
    assert ladder.name == "gpu" and steps.said == ["gpu takes over from cpu"]
    assert not steps.engines["cpu"].closed


def test_while_one_builds_the_next_serves(steps):
    begun, may_end = threading.Event(), threading.Event()

    def build() -> Engine:
        begun.set()
        assert may_end.wait(20)
        return Named("gpu")

    ladder = steps.of(Rung("gpu", build, slow=True), steps.rung("cpu"))
    thread = threading.Thread(target=ladder.climb)
    thread.start()
    assert begun.wait(20)
    for _ in range(5):
        ladder.run(INPUTS)
        assert ladder.name == "cpu"
    may_end.set()
    thread.join()
    ladder.run(INPUTS)
    assert ladder.name == "gpu"


@pytest.mark.parametrize("failure", FAILURES)
def test_what_cannot_be_opened_is_said_and_the_next_serves(steps, failure):
    steps.errors = {"gpu": FAILURES[failure], "cpu": FAILURES[failure]}
    ladder = steps.ladder("gpu slow", "cpu", "last")
    ladder.climb()
    assert ladder.run(INPUTS) and ladder.name == "last"
    assert [line.partition(" is not used: ")[0] for line in steps.said] == ["cpu", "gpu"]
    assert all(len(line) > len("cpu is not used: ") for line in steps.said)


def test_the_second_best_is_built_where_the_best_cannot(steps):
    steps.errors["gpu"] = FAILURES["no library"]
    ladder = steps.ladder("gpu slow", "other slow", "cpu")
    ladder.climb()
    ladder.run(INPUTS)
    assert ladder.name == "other"


@pytest.mark.parametrize("error", [EngineRunError("CUDA_ERROR_OUT_OF_MEMORY"), MemoryError()])
def test_one_that_fails_while_it_is_compared_never_serves(steps, error):
    ladder = steps.of(Rung("gpu", lambda: failing(steps, error), slow=True), steps.rung("cpu"))
    ladder.climb()
    ladder.run(INPUTS)
    assert ladder.name == "cpu" and steps.engines["gpu"].closed and "gpu is not used" in steps.said[0]


def failing(steps: Steps, error: Exception) -> Named:
    engine = steps.engines["gpu"] = Named("gpu")
    engine.error = error
    return engine


@pytest.mark.parametrize("level", [0, 130, 255])
def test_one_that_paints_something_else_never_serves(steps, level):
    ladder = steps.ladder("gpu slow", "cpu")
    steps.levels["gpu"] = level
    ladder.climb()
    ladder.run(INPUTS)
    assert ladder.name == "cpu" and steps.engines["gpu"].closed
    assert "computes something else" in steps.said[0] and "dB" in steps.said[0]


def test_one_that_is_slower_never_serves_and_its_time_is_remembered(steps):
    ladder = steps.ladder("gpu slow", "cpu")
    steps.times.keep("cpu", 1e-6)
    ladder.climb()
    ladder.run(INPUTS)
    assert ladder.name == "cpu" and steps.engines["gpu"].closed and "cpu only" in steps.said[0]
    assert steps.times.recall()["gpu"] > 1e-6


def test_one_with_other_tensors_never_serves(steps):
    other = FakeEngine([W], [TensorSpec("rgba", (1, 4, 4, 4), "uint8")])
    ladder = steps.of(Rung("gpu", lambda: other, slow=True), steps.rung("cpu"))
    ladder.climb()
    ladder.run(INPUTS)
    assert ladder.name == "cpu" and "other tensors" in steps.said[0]


@pytest.mark.parametrize("error", [EngineRunError("CUDA_ERROR_DEVICE_UNAVAILABLE"), MemoryError()])
@pytest.mark.parametrize("closes", [True, False])
def test_a_gpu_that_disappears_costs_no_call(steps, error, closes, monkeypatch):
    ladder = steps.ladder("gpu slow", "cpu", "last")
    ladder.climb()
    ladder.run(INPUTS)
    gpu = steps.engines["gpu"]
    gpu.error = error
    if not closes:
        monkeypatch.setattr(gpu, "close", lambda: (_ for _ in ()).throw(EngineRunError("gone")))
    assert ladder.run(INPUTS)["rgba"][0, 1, 1, 0] == 100
    assert ladder.name == "cpu" and "gpu failed (" in steps.said[-1] and "cpu goes on" in steps.said[-1]
    steps.engines["cpu"].error = error
    assert ladder.run(INPUTS)["rgba"][0, 1, 1, 0] == 100
    assert ladder.name == "last"
    steps.engines["last"].error = error
    with pytest.raises(EngineRunError, match="no other engine is left"):
        ladder.run(INPUTS)


def test_wrong_inputs_are_the_caller_s_fault(steps):
    ladder = steps.ladder("cpu", "last")
    with pytest.raises(EngineRunError, match="takes the inputs"):
        ladder.run({})
    assert ladder.name == "cpu" and not steps.said


def test_nothing_works(steps):
    steps.errors = {"cpu": MemoryError(), "last": EngineLoadError("damaged")}
    with pytest.raises(EngineUnavailable, match="cpu: out of memory; last: damaged"):
        steps.ladder("gpu slow", "cpu", "last")
    assert "gpu" not in steps.engines


@pytest.mark.parametrize("offered", [True, False])
def test_closing_closes_all(steps, offered):
    ladder = steps.ladder("gpu slow", "cpu")
    ladder.climb()
    if not offered:
        ladder.run(INPUTS)
    ladder.close()
    ladder.close()
    assert all(engine.closed for engine in steps.engines.values()) and len(steps.engines) == 2
    with pytest.raises(EngineError, match="closed"):
        ladder.run(INPUTS)


def test_a_mistake_of_the_program_is_not_hidden(steps):
    ladder = steps.ladder("cpu", "last")
    steps.engines["cpu"].error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        ladder.run(INPUTS)


def test_what_is_no_number_never_agrees():
    wanted = np.ones(4, np.float32)
    assert not psnr_db(np.full(4, np.nan, np.float32), wanted) >= 0
    assert psnr_db(wanted, wanted) == np.inf and psnr_db(np.zeros(4, np.float32), np.zeros(4, np.float32)) == np.inf
    assert 19 < psnr_db(wanted * 0.9, wanted) < 21
