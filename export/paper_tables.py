"""The paper's tables, measured for this generator on the fixed benchmark, with the paper's figures in the last rows.

    1   self- and cross-reenactment          the bundle's P, and every matrix that was trained
    2   without L_id and L_per                synthetic pairs of generated heads
    3   without L_eye and L_mouth             the same
    4   synthetic, mixed, paired              self-reenactment
    5   without and with optimisation of G    self-reenactment

Source: paper, section 4 (arXiv:2202.00046).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from export.ablations import MIXED, NO_DISTANCES, NO_LIKENESS, PAIRED, SYNTHETIC, VARIANTS
from export.benchmark import SOURCE, TARGET, Benchmark, Task
from export.direction_scores import Directions
from export.direction_state import TrainedMatrix, load_matrix
from export.reenactment import Pictures, Reenactor
from export.table_judges import Judges, Seen, blurred, csim, expression_error, pose_error
from export.table_measures import Estimate, frechet_estimate, mean_estimate, nme, psnr, ssim
from export.tables import ABLATION, FORMATS, Row, Table, paper_row
from puppet.pose_space import BUILTIN

ALL = tuple(FORMATS)
DOMAINS = (
    "The paper's rows are for photographs of VoxCeleb at 256 px, judged by ArcFace, DECA and FAN; ours for rendered "
    "heads at 128 px, posed at random over the whole range, not as in one video, judged by networks of the workshop: "
    "they show an order of magnitude, not who is better."
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Pictures and what the judges see in them."""

    pictures: Pictures
    seen: Seen


class Tables:
    """Measures all tables.

    Args:
        benchmark: The fixed set.
        reenactor: Paints.
        judges: Judge.
        matrices: Folder with the state folders of `export.ablations`; those that are there are judged.
    """

    def __init__(self, benchmark: Benchmark, reenactor: Reenactor, judges: Judges, matrices: Path) -> None:
        self._benchmark = benchmark
        self._reenactor = reenactor
        self._judges = judges
        there = (name for name in VARIANTS if (matrices / name / "state.json").is_file())
        self._matrices: dict[str, TrainedMatrix] = {name: load_matrix(matrices / name) for name in there}
        self._basis = Directions(reenactor.heads.trained.generator.pose_basis)

    def _look(self, pictures: UInt8[np.ndarray, "n r r channels"]) -> Judged:
        rgb = np.ascontiguousarray(pictures[..., :3])
        return Judged(rgb, self._judges.look(rgb))

    def _likeness(self, name: str, output: Judged, truth: Judged, person: Judged, steps: str = "") -> Row:
        """All measures: CSIM against `person`, the others against the truth."""
        x, y = output.pictures, truth.pictures
        a, b = output.seen, truth.seen
        values = {
            "CSIM": csim(a, person.seen),
            "LPIPS": self._judges.perceptual(x, y),
            "NME": nme(a.faces.landmarks, b.faces.landmarks),
            **_motion(a, b),
            "PSNR": psnr(x, y),
            "SSIM": ssim(x, y),
            "found": np.isfinite(a.faces.landmarks[:, 0, 0]).astype(np.float64),
        }
        measures = {measure: mean_estimate(each) for measure, each in values.items()}
        measures["FD"] = frechet_estimate(a.features, b.features)
        return Row(name, measures, steps)

    def first(self) -> list[Table]:
        """Table 1."""
        bench = self._benchmark
        source = self._look(bench.self_task.source)
        own = Table(
            "Table 1, self-reenactment", ALL, [
                *self._methods(bench.self_task, source, cross=False),
                paper_row("*paper, VoxCeleb*", CSIM=0.66, LPIPS=0.11, FD=35.0, NME=14.1, Pose=1.1, Exp=0.8),
            ],
            ["All measures are taken between output and target.", DOMAINS],
        )  # fmt: skip
        other = Table(
            "Table 1, cross-reenactment", ALL, [
                *self._methods(bench.cross_task, source, cross=True),
                paper_row("*paper, VoxCeleb*", CSIM=0.63, Pose=1.4, Exp=1.2),
            ],
            ["CSIM is taken between output and source, everything else between output and the rendered truth."],
        )  # fmt: skip
        return [own, other]

    def _methods(self, task: Task, source: Judged, *, cross: bool) -> list[Row]:
        truth = self._look(task.truth)
        person = source if cross else truth
        pictures, driver = source.pictures, np.ascontiguousarray(task.driver[..., :3])
        poses = {"P, as the program drives": self._poses(driver), "P, driven by Net3D": self._reenactor.poses(driver)}
        rows = []
        for name, p_scaled in poses.items():
            painted = self._reenactor.driven(self._basis, pictures, p_scaled)
            rows.append(self._likeness(name, self._look(painted), truth, person))
        methods: dict[str, tuple[Directions, str]] = {"P, Eq. 2": (self._basis, "")}
        methods |= {f"A, {name}": (self._matrices[name].directions, self._steps(name)) for name in self._modes()}
        for name, (by, steps) in methods.items():
            painted = self._reenactor.moved(by, pictures, driver)
            rows.append(self._likeness(name, self._look(painted), truth, person, steps))
        rows.append(self._likeness("*source, not moved*", source, truth, person))
        rows.append(self._likeness("*truth, blurred σ = 1 px*", self._look(blurred(truth.pictures)), truth, person))
        return rows

    def _poses(self, driver: Pictures) -> Float[np.ndarray, "n pose_dim"]:
        """What the program reads; at rest where it finds no face."""
        p_scaled = self._judges.faces.read(driver).p_scaled
        return np.where(np.isfinite(p_scaled), p_scaled, BUILTIN.scale(BUILTIN.rest))

    def _modes(self) -> list[str]:
        return [name for name in (SYNTHETIC, MIXED, PAIRED) if name in self._matrices]

    def _steps(self, name: str) -> str:
        matrix = self._matrices[name]
        return f"{matrix.before} + {matrix.steps}" if matrix.before else str(matrix.steps)

    def second_and_third(self) -> list[Table]:
        """Tables 2 and 3: generated heads take over the poses of others; CSIM between source and output."""
        heads, z, p = self._reenactor.heads, self._benchmark.z, self._benchmark.p
        size = self._benchmark.self_task.source.shape[1]
        s, t = self._codes(z, p[:, SOURCE]), self._codes(np.roll(z, -1, 0), np.roll(p[:, TARGET], -1, 0))
        source, target = (self._look(self._reenactor.generated(ws, size)) for ws in (s, t))

        def row(title: str, name: str) -> Row:
            change = [heads.look(heads.signals(one.pictures)).p_scaled for one in (target, source)]
            ws = self._matrices[name].directions.move(s, change[0] - change[1])
            output = self._look(self._reenactor.generated(ws, size))
            measures = _ablation(output.seen, source.seen, target.seen)
            return Row(title, measures, self._steps(name))

        tables = []
        for number, without, title, figures in (
            (2, NO_LIKENESS, "L_id + L_per", ((0.52, 2.4, 1.4), (0.42, 2.5, 1.4))),
            (3, NO_DISTANCES, "L_eye + L_mouth", ((0.52, 2.4, 1.4), (0.52, 2.6, 1.8))),
        ):
            if SYNTHETIC in self._matrices and without in self._matrices:
                rows = [row(f"with {title}", SYNTHETIC), row(f"without {title}", without)]
                rows += [_paper("*paper, with*", figures[0]), _paper("*paper, without*", figures[1])]
                heading = f"Table {number}, {len(z)} pairs of generated heads (paper: 5,000)"
                tables.append(Table(heading, ABLATION, rows))
        return tables

    def _codes(self, z: Float[np.ndarray, "n z_dim"], p: Float[np.ndarray, "n pose_dim"]) -> torch.Tensor:
        device, scaled = self._reenactor.heads.device, BUILTIN.scale(p).astype(np.float32)
        z_t, p_t = (torch.from_numpy(np.array(values)).to(device) for values in (z, scaled))
        with torch.no_grad():
            return self._reenactor.heads.trained.generator.codes(z_t, p_t)

    def fourth(self, first: Table) -> list[Table]:
        """Table 4, out of Table 1's rows; none where no matrix was trained."""
        rows = [row for row in first.rows if row.name.startswith("A, ")]
        if not rows:
            return []
        figures = ((SYNTHETIC, (0.60, 1.7, 1.1)), (MIXED, (0.63, 1.6, 1.1)), (PAIRED, (0.66, 1.1, 0.8)))
        rows += [_paper(f"*paper, {name}*", each) for name, each in figures]
        return [Table("Table 4, self-reenactment by mode of training", ABLATION, rows)]

    def fifth(self, identities: int, steps: int) -> Table:
        """Table 5: G as it is, and optimised on each source.

        Args:
            identities: The first of the benchmark.
            steps: Of the optimisation, at most.
        """
        task = self._benchmark.self_task
        source, driver = (
            np.ascontiguousarray(pictures[:identities, ..., :3]) for pictures in (task.source, task.driver)
        )
        truth = self._look(driver)
        matrices: Mapping[str, Directions] = {"P": self._basis} | {
            f"A, {name}": self._matrices[name].directions for name in self._modes()[-1:]
        }
        painted: dict[str, list[Pictures]] = {name: [] for name in matrices}
        for i in range(identities):
            tuned = self._reenactor.tuned(task.source[i], steps)
            for name, by in matrices.items():
                painted[name].append(self._reenactor.moved(by, source[i : i + 1], driver[i : i + 1], tuned))
        rows = []
        for name, by in matrices.items():
            outputs = {"without": self._reenactor.moved(by, source, driver), "with": np.concatenate(painted[name])}
            for what, pictures in outputs.items():
                measures = _ablation(self._look(pictures).seen, truth.seen, truth.seen)
                rows.append(Row(f"{name}, {what} optimisation", measures, str(steps) if what == "with" else "0"))
        rows += [_paper("*paper, without*", (0.45, 1.4, 1.0)), _paper("*paper, with*", (0.66, 1.1, 0.8))]
        title = f"Table 5, self-reenactment of {identities} people, G optimised for at most so many steps"
        return Table(title, ABLATION, rows)

    def references(self) -> dict[str, Estimate]:
        """What the CSIM judge gives one person in two renders, and strangers; how the others err on renders' labels."""
        bench = self._benchmark
        source, target = (self._look(pictures).seen for pictures in (bench.self_task.source, bench.self_task.truth))
        strangers = (source.people * np.roll(target.people, -1, 0)).sum(1)
        labels = BUILTIN.scale(bench.p[:, TARGET])
        always = np.tile(labels.mean(0), (len(labels), 1))
        read = {"Net3D": target.p_scaled, "landmarks": target.faces.p_scaled}
        errors = {"Exp of always the mean": expression_error(always, labels)}
        for name, p_scaled in read.items():
            errors[f"Pose of renders by {name}"] = pose_error(p_scaled, labels)
            errors[f"Exp of renders by {name}"] = expression_error(p_scaled, labels)
        similar = {"CSIM of the same person": csim(source, target), "CSIM of strangers": strangers}
        return {name: mean_estimate(values) for name, values in (similar | errors).items()}


def _ablation(output: Seen, person: Seen, truth: Seen) -> dict[str, Estimate]:
    values = {"CSIM": csim(output, person)} | _motion(output, truth)
    return {name: mean_estimate(each) for name, each in values.items()}


def _motion(output: Seen, truth: Seen) -> dict[str, Float[np.ndarray, "n"]]:
    """Pose and Exp by the second Net3D, and by landmarks."""
    return {
        "Pose": pose_error(output.p_scaled, truth.p_scaled),
        "Exp": expression_error(output.p_scaled, truth.p_scaled),
        "Pose†": pose_error(output.faces.p_scaled, truth.faces.p_scaled),
        "Exp†": expression_error(output.faces.p_scaled, truth.faces.p_scaled),
    }


def _paper(name: str, figures: tuple[float, float, float]) -> Row:
    return paper_row(name, **dict(zip(("CSIM", "Pose", "Exp"), figures, strict=True)))
