"""Trains the identity network on rendered people, each seen on several days: other pose, light, clothes, backdrop.

    python export/dataset.py --shape-model FOLDER --out pool_days --identities 6000 --other-days
    python export/train_identity.py --data pool_days --out identity --budget 2400

    L = −log softmax_j s · (cos θ_ij − m [i = j])        θ_ij: between picture 1 of person i and picture 2 of person j

An additive margin, with the other picture of each person in the batch in place of a learned centre: people are seen too
seldom for centres to settle. The margin is on the cosine, not on the angle as in ArcFace, whose gradient has no bound
where all pictures look alike, as they do to a new network. Source: Wang et al., "CosFace: Large Margin Cosine Loss for
Deep Face Recognition", CVPR 2018, arXiv:1801.09414, Eq. 4.

With `--photography mild` pictures stray less, in pose, light, clothes and backdrop alone: such a network sees no
photographs, and tells rendered people better apart, as a judge must (`--seed` makes it another than that of a loss).

Prints, on held-out people, the mean similarity of one person and of strangers, and the equal error rate; writes
`identity.onnx` and `scores.json` into the state folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from export.augmentation import MILD, STRONG, Photographer, Photography
from export.head_pool import HeadBatch, HeadPool, Pool
from export.regression import CHUNK, RegressionTrainer, Task, read_state
from export.regression_options import command_line, settings_of
from export.run_folder import open_run
from export.to_onnx import export_network
from export.training import load_weights, write_json
from puppet.bundle import IDENTITY
from puppet.networks.identity import DIMENSIONS, IdentityNetwork, PictureIdentity

SCALE = 20.0
MARGIN = 0.2
"""s and m."""

SCORES = "scores.json"

PHOTOGRAPHY: Mapping[str, Photography] = {"strong": STRONG, "mild": replace(MILD, busy=0.5)}
"""How far training and held-out pictures stray."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How well people are told apart.

    Attributes:
        same: Mean similarity of two pictures of one person.
        strangers: Mean similarity of pictures of two people.
        equal_error_rate: Where as many strangers are taken for one person as the other way round.
    """

    same: float
    strangers: float
    equal_error_rate: float


def margin_loss(prediction: Float[Tensor, "pictures dimensions"], truth: Tensor) -> Float[Tensor, ""]:
    """L, both ways round; the two pictures of each person follow one another, which is all the truth needed."""
    first, second = prediction.reshape(-1, 2, prediction.shape[1]).unbind(1)
    cosine = first @ second.T
    logits = SCALE * (cosine - MARGIN * torch.eye(len(cosine), device=cosine.device))
    people = torch.arange(len(cosine), device=cosine.device)
    return (F.cross_entropy(logits, people) + F.cross_entropy(logits.T, people)) / 2


def identity_task(resolution: int, photography: Photography = STRONG) -> Task:
    """What the identity network learns."""
    names = tuple(f"identity[{i}]" for i in range(DIMENSIONS))
    description = {"network": "identity", "resolution": resolution}
    return Task(_people, names, photography, description, poses=2, loss=margin_loss)


def _people(batch: HeadBatch) -> Float32[np.ndarray, "pictures 1"]:
    """The number of the person in each picture."""
    return np.repeat(np.arange(len(batch.z), dtype=np.float32), batch.p.shape[1])[:, None]


def load_identity(folder: Path) -> IdentityNetwork:
    """The averaged network of a state folder, in evaluation mode.

    Raises:
        FileNotFoundError: There is no state; the text says how to train one.
    """
    network = IdentityNetwork(int(read_state(folder, "train_identity.py")["resolution"]))
    load_weights(network, folder / "averaged.safetensors")
    return network.eval().requires_grad_(False)


def verify(network: IdentityNetwork, pool: Pool, photography: Photography = STRONG, *, seed: int = 0) -> Verification:
    """Compare all held-out pictures with one another, photographed as in training."""
    batch = pool.held_out()
    poses = batch.rgba.shape[1]
    photographer = Photographer(photography, np.random.default_rng(seed))
    heads = batch.rgba.reshape(-1, *batch.rgba.shape[2:])
    found = []
    with torch.inference_mode():
        for start in range(0, len(heads), CHUNK):
            picture = torch.from_numpy(photographer.shoot(heads[start : start + CHUNK]))
            found.append(network(picture.permute(0, 3, 1, 2).float() / 255.0).numpy())
    identities = np.concatenate(found)
    person = np.arange(len(identities)) // poses
    first, second = np.triu_indices(len(identities), 1)
    similarity = (identities @ identities.T)[first, second]
    same = person[first] == person[second]
    return Verification(
        float(similarity[same].mean()), float(similarity[~same].mean()), equal_error_rate(similarity, same)
    )


def equal_error_rate(similarity: Float32[np.ndarray, "pairs"], same: np.ndarray) -> float:
    """The share of wrong answers on either side, at the threshold that makes both shares equal."""
    order = np.argsort(similarity)
    refused = np.cumsum(same[order]) / max(same.sum(), 1)  # one person below the threshold
    accepted = 1 - np.cumsum(~same[order]) / max((~same).sum(), 1)  # strangers above it
    at = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[at] + accepted[at]) / 2)


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = command_line(__doc__, "pool folder of export/dataset.py --other-days", 96)
    parser.add_argument(
        "--photography", choices=tuple(PHOTOGRAPHY), default="strong",
        help="how far pictures stray; mild makes a judge of renders (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    with open_run(Path(__file__).name, arguments, options) as run:
        pool = HeadPool(options.data)
        resolution = pool.held_out().rgba.shape[2]
        settings, photography = settings_of(options, run), PHOTOGRAPHY[options.photography]
        task = identity_task(resolution, photography)
        RegressionTrainer(settings, task, pool, IdentityNetwork(resolution), run.ranks).run(run)
        if run.ranks.first:
            _finish(options.out, resolution, pool, photography)


def _finish(out: Path, resolution: int, pool: HeadPool, photography: Photography) -> None:
    """Score the averaged network, and write its graph."""
    network = load_identity(out)
    scores = verify(network, pool, photography)
    write_json(out / SCORES, asdict(scores))
    picture = torch.zeros(1, resolution, resolution, 3, dtype=torch.uint8)
    export_network(PictureIdentity(network), {"picture": picture}, ["identity"], out / IDENTITY)
    print(
        f"one person {scores.same:.3f}, strangers {scores.strangers:.3f}, equal error rate "
        f"{100 * scores.equal_error_rate:.2f} % on {len(pool.held_out().z)} held-out people"
    )


if __name__ == "__main__":
    main()
