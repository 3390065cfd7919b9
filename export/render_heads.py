"""Renders heads: from a latent code z and a pose vector p to RGBA with an exact matte, a region map and exact labels.

`python export/render_heads.py --shape-model FOLDER --output sheet.png` draws a contact sheet of 64 heads.

The picture is the model's canvas: `CANVAS_CM` of the plane through the face fill its height, the head turns about the
top of the neck. Colours are written over mid grey (rgb = α·c + (1 − α)·½), so that any backdrop can be put behind.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, Int64, UInt8

from export import shading
from export.complexion import complexion
from export.head_factors import Z_DIM, read_factors
from export.head_mesh import CANVAS_CM, HeadMesh
from export.lighting import light
from export.look import wrinkles_and_freckles
from export.person import Person
from export.pose_sampling import sample_poses
from export.rasteriser import Raster, project, turn_head, vertex_normals
from export.shadows import ShadowMap
from export.shape_model import ShapeModel, head_rotation, load_shape_model
from export.surfaces import surfaces
from puppet.pose_space import BUILTIN

__all__ = ["CANVAS_CM", "REGIONS", "Z_DIM", "HeadPicture", "HeadRenderer", "Lens", "Person"]

REGIONS = ("background", "hair", "skin", "brows", "mouth", "eyes", "clothes", "glasses")
"""Names of the region codes 0 to 7. Hats and headphones count as hair, beards as skin; lenses are not there."""

CANVAS_Y_CM, _FACE_Z = 0.9, 8.0
PIVOT_CM = np.array([0.0, -2.0, -1.5], np.float32)
"""The top of the neck, about which heads turn, in ICT's axes."""

_SUPERSAMPLING = 2
_CURVE = (255 * np.linspace(0, 1, 4096) ** (1 / 2.2)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Lens:
    """Where the head stands in the picture, if not in the middle of the canvas as the generator paints it.

    Attributes:
        x, y: Offset of the canvas' centre from the picture's, in picture heights (x right, y down).
        zoom: Canvas side over picture height.
    """

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True, eq=False)
class HeadPicture:
    """A rendered head.

    Attributes:
        rgba: Colour over mid grey, and coverage, [r, r, 4].
        regions: Index into `REGIONS`, [r, r].
    """

    rgba: UInt8[np.ndarray, "r r 4"]
    regions: UInt8[np.ndarray, "r r"]


class HeadRenderer:
    """Paints heads; buffers are made once, one renderer a thread.

    Args:
        shape: The shape model.
        resolution: Side of the square picture in pixels.
    """

    def __init__(self, shape: ShapeModel, resolution: int = 128) -> None:
        self.resolution = resolution
        self.mesh = HeadMesh(shape)
        size = resolution * _SUPERSAMPLING
        points = self.mesh.most_points
        self._raster = Raster(size, size)
        self._albedo, self._normal, self._colour = (np.empty((size, size, 3), np.float32) for _ in range(3))
        self._finish = np.empty((size, size, 5), np.float32)
        self._region = np.empty((size, size), np.uint8)
        self._world = np.empty((points, 3), np.float32)
        self._view = np.empty((points, 3), np.float32)
        self._normals = np.empty((points, 3), np.float32)
        self._occlusion = np.empty(points, np.float32)
        self._shadows = ShadowMap(points)
        self._triangles = np.zeros((0, 3), np.int32)

    def person(self, z: Float32[np.ndarray, "z_dim"]) -> Person:
        """The head that a latent code describes."""
        return self.mesh.person(read_factors(z))

    def paint(self, person: Person, p: Float32[np.ndarray, "pose_dim"], lens: Lens | None = None) -> HeadPicture:
        """The person in a pose (builtin's order and units); new arrays, owned by the caller."""
        mesh, lens = self.mesh, lens or Lens()
        deformed = person.neutral + mesh.expression(p)
        distance, side = person.distance_cm, CANVAS_CM / lens.zoom
        centre = np.array([lens.x * side, -lens.y * side], np.float32)
        still = person.points(deformed, mesh.torso)
        world, view = self._world[: len(still)], self._view[: len(still)]
        # The shoulders stay.
        rotation = np.ascontiguousarray(_toward_viewer(centre, distance) @ head_rotation(p), np.float32)
        turn_head(still, rotation, PIVOT_CM, len(deformed), len(deformed) + len(mesh.torso), world)
        vertex_normals(world, person.triangles, self._normals[: len(still)])

        size = self.resolution * _SUPERSAMPLING
        scale, middle = distance * size / side, (size - 1) / 2
        project(world, distance + _FACE_Z, scale, centre, CANVAS_Y_CM, middle, view)
        self._raster.draw(view, person.triangles, mesh.first_two_sided, person.fray)
        mesh.occlusion(person, deformed, self._occlusion[: len(still)])
        self._shade(person, world)
        rgba = np.empty((self.resolution, self.resolution, 4), np.uint8)
        regions = np.empty((self.resolution, self.resolution), np.uint8)
        shading.resolve(self._colour, self._region, _CURVE, rgba, regions)
        return HeadPicture(rgba, regions)

    def _shade(self, person: Person, world: Float32[np.ndarray, "points 3"]) -> None:
        """From the rasteriser's triangles to colours in linear light."""
        look, raster = person.look, self._raster
        self._triangles = person.triangles
        surfaces(
            raster.triangle, raster.weight, person.triangles, person.material, person.attributes, self._occlusion,
            self._normals, person.palette, look, self._albedo, self._normal, self._finish, self._region,
        )  # fmt: skip
        wrinkles, freckles = wrinkles_and_freckles(person.factors)
        if wrinkles > 0 or freckles > 0:
            complexion(
                raster.triangle, raster.weight, person.triangles, person.material, person.attributes,
                wrinkles, freckles, self._region, self._albedo,
            )  # fmt: skip
        toward = (look.light_x, look.light_y, look.light_z)
        self._shadows.draw(world, person.casters, person.skin_casters, toward, person.blur_cm)
        light(
            raster.triangle, raster.weight, person.triangles, self._shadows.view, self._shadows.map, self._region,
            self._albedo, self._normal, self._finish, look, self._colour,
        )  # fmt: skip

    def visible(self) -> tuple[Int64[np.ndarray, "visible"], Float32[np.ndarray, "visible 2"]]:
        """Vertices of the head that the last picture shows, and where, in its pixels."""
        drawn = np.unique(self._raster.triangle)
        vertices = np.unique(self._triangles[drawn[drawn >= 0]]).astype(np.int64)
        vertices = vertices[vertices < self.mesh.head_points]
        return vertices, self.places(vertices)

    def places(self, vertices: Int64[np.ndarray, "some"]) -> Float32[np.ndarray, "some 2"]:
        """Where the last picture has vertices of the head, seen or hidden, in its pixels."""
        return np.asarray((self._view[vertices, :2] + 0.5) / _SUPERSAMPLING - 0.5)


def _toward_viewer(centre: np.ndarray, distance: float) -> Float32[np.ndarray, "3 3"]:
    """Rotation that turns a head away from the middle of the picture until p is relative to its own viewing ray."""
    p = np.zeros(BUILTIN.dim, np.float32)
    p[:2] = [math.degrees(math.atan2(float(offset), distance)) for offset in centre]
    return head_rotation(p)


def contact_sheet(renderer: HeadRenderer, seed: int, rows: int = 8, columns: int = 8) -> UInt8[np.ndarray, "h w 3"]:
    """Different people in different poses over soft backdrops, RGB."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(rows):
        line = []
        for _ in range(columns):
            z = rng.standard_normal(Z_DIM).astype(np.float32)
            picture = renderer.paint(renderer.person(z), sample_poses(rng, 1)[0]).rgba.astype(np.float32)
            shade = np.linspace(1.08, 0.9, picture.shape[0])[:, None, None] * (
                rng.uniform(135, 205) + rng.uniform(-22, 22, 3)
            )
            alpha = picture[..., 3:] / 255
            line.append(np.clip(picture[..., :3] + (1 - alpha) * (shade - 127.5), 0, 255).astype(np.uint8))
        lines.append(np.hstack(line))
    return np.vstack(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--output", type=Path, default=Path("heads.png"), help="contact sheet (default: %(default)s)")
    parser.add_argument("--resolution", type=int, default=128, help="side of one head in pixels (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    renderer = HeadRenderer(load_shape_model(options.shape_model), options.resolution)
    sheet = contact_sheet(renderer, options.seed)
    cv2.imwrite(str(options.output), sheet[..., ::-1])
    print(f"{options.output}: 64 heads")


if __name__ == "__main__":
    main()
