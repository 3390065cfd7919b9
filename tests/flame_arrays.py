"""Arrays of FLAME's shapes, made up: the real ones may not be passed on."""

from __future__ import annotations

import numpy as np

VERTICES, TRIANGLES, JOINTS = 5023, 9976, 5
PARENTS = (-1, 0, 1, 1, 1)


def model() -> dict[str, np.ndarray]:
    rng = np.random.RandomState(0)
    regressor, weights = rng.random((JOINTS, VERTICES)), rng.random((VERTICES, JOINTS)) ** 4
    return {
        "v_template": rng.normal(0, 0.08, (VERTICES, 3)),
        "shapedirs": rng.normal(0, 0.002, (VERTICES, 3, 400)),
        "posedirs": rng.normal(0, 0.002, (VERTICES, 3, 36)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(JOINTS)], np.int64),
        "f": rng.randint(0, VERTICES, (TRIANGLES, 3)).astype(np.uint32),
    }


def embedding() -> dict[str, np.ndarray]:
    rng = np.random.RandomState(1)
    arrays = {}
    for name, shape in {"static": (51,), "dynamic": (79, 17), "full": (1, 68)}.items():
        arrays[f"{name}_lmk_faces_idx"] = rng.randint(0, TRIANGLES, shape)
        arrays[f"{name}_lmk_bary_coords"] = rng.dirichlet((1, 1, 1), shape)
    return arrays
