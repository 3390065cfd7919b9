from contextlib import ExitStack, closing

import numpy as np
import pytest

from engines import EngineUnavailable, open_engine
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.synthesis import Synthesis

POSES = 2
"""Of each character."""


def test_a_code_becomes_a_portrait_and_another_code_another_one(bundle_folder):
    bundle = load_bundle(bundle_folder)
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(2, bundle.num_ws, bundle.w_dim)).astype(np.float32)
    with closing(open_engine(bundle.synthesis_path, threads=1)) as engine:
        synthesis = Synthesis(engine)
        first, second = synthesis.paint(codes[0]).copy(), synthesis.paint(codes[1]).copy()
        again = synthesis.paint(codes[0])
        assert first.shape == (32, 32, 4) and first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)
        assert np.abs(first.astype(int) - second).mean() > 5


def test_the_shipped_characters_in_bf16_are_those_in_f32_but_for_40_db():
    bundle, rng = load_bundle(builtin_bundle_path()), np.random.default_rng(0)
    space = bundle.pose_space
    with ExitStack() as stack:
        try:
            rough, exact = (
                Synthesis(
                    stack.enter_context(
                        closing(open_engine(bundle.synthesis_path, "openvino", threads=1, precision=precision))
                    )
                )
                for precision in ("bf16", "f32")
            )
        except EngineUnavailable:
            pytest.skip("this processor has no bf16")
        for character in bundle.characters.values():
            for _ in range(POSES):
                w = character.code.copy()
                w[: len(bundle.A)] += bundle.A @ space.scale(rng.uniform(space.lower, space.upper).astype(np.float32))
                difference = rough.paint(w).astype(float) - exact.paint(w)
                assert difference.any() and 10 * np.log10(255**2 / np.mean(difference**2)) >= 40
