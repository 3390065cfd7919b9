"""Converts the public ICT-FaceKit light release (a folder of OBJ files) to the one .npz that `shape_model` reads.

`python export/shape_model_obj.py ICT-FaceKit/FaceXModel folder/ict_facekit.npz`

The release holds `generic_neutral_mesh.obj`, `identity000.obj` to `identity099.obj` and one OBJ for each expression,
all with the same vertices in the same order; offsets are taken against the neutral mesh.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Float32

NEUTRAL = "generic_neutral_mesh"
LANDMARKS68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957,
    5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""Vertex indices of the 68 Multi-PIE landmarks in the light topology."""


def read_obj(
    path: Path,
) -> tuple[Float32[np.ndarray, "vertices 3"], list[tuple[int, int, int]], list[str]]:
    """Vertices, triangles (quads are split) and the material of each triangle.

    Raises:
        ValueError: A line is no valid `v` or `f`; the text names file and line.
    """
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    materials: list[str] = []
    material = ""
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), 1):
        kind, _, rest = line.partition(" ")
        try:
            if kind == "v":
                x, y, z = (float(value) for value in rest.split()[:3])
                vertices.append([x, y, z])
            elif kind == "usemtl":
                material = rest.strip()
            elif kind == "f":
                corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
                if len(corners) < 3 or not all(0 <= corner < len(vertices) for corner in corners):
                    raise ValueError("a face needs three known vertices or more")
                fan = [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
                triangles += fan
                materials += [material] * len(fan)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: expected a Wavefront vertex or face, got {line!r}") from error
    return np.array(vertices, np.float32), triangles, materials


def convert(release: Path, output: Path) -> None:
    """Read a release folder and write the .npz.

    Raises:
        FileNotFoundError: The neutral mesh is not there.
        ValueError: A mesh has another number of vertices, or a file is damaged.
    """
    neutral_path = release / f"{NEUTRAL}.obj"
    if not neutral_path.is_file():
        raise FileNotFoundError(f"expected {neutral_path}: name the release's folder FaceXModel")
    mean, triangles, materials = read_obj(neutral_path)
    identity, expression, names = [], [], []
    for path in sorted(release.glob("*.obj")):
        if path.stem == NEUTRAL:
            continue
        vertices = read_obj(path)[0]
        if vertices.shape != mean.shape:
            raise ValueError(f"{path}: expected {len(mean)} vertices as in {NEUTRAL}.obj, got {len(vertices)}")
        if path.stem.startswith("identity"):
            identity.append(vertices - mean)
        else:
            expression.append(vertices - mean)
            names.append(path.stem)
    material_names = list(dict.fromkeys(materials))
    partial = output.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        mean=mean,
        identity=np.array(identity, np.float16),
        expression=np.array(expression, np.float16),
        expression_names=np.array(names),
        triangles=np.array(triangles, np.int32),
        triangle_material=np.array([material_names.index(name) for name in materials], np.uint8),
        material_names=np.array(material_names),
        landmarks68=np.array(LANDMARKS68, np.int32),
    )
    partial.rename(output)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="the release's folder FaceXModel")
    parser.add_argument("output", type=Path, help="file to write, ict_facekit.npz")
    options = parser.parse_args()
    convert(options.release, options.output)
    print(f"{options.output}: written")


if __name__ == "__main__":
    main()
