from contextlib import closing

import numpy as np

from engines import open_engine
from puppet.bundle import load_bundle
from puppet.synthesis import Synthesis


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
