"""Averages the weights of generators that one training has branched into, as a new state folder.

    python export/average_states.py state/a state/b state/c --weights 2 2 1 --out state/averaged

Branches that went on from the same weights lie in one valley, and their mean is better than each of them on people that
none has seen: what each learned stays, what each got wrong in its own way does not. Without --weights all count alike.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", ICML 2022.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from export.generator_state import write_finished
from export.to_onnx import load_generator
from export.training import check_new, read_json
from puppet.networks.stylegan2 import Generator


def averaged(generators: Sequence[Generator], weights: Sequence[float]) -> Generator:
    """A generator with the mean of the others' weights.

    Args:
        generators: Of one layout; the first one is changed.
        weights: How much each counts, above 0.

    Raises:
        ValueError: There are less than two, another number of weights, or layouts differ.
    """
    if len(generators) < 2 or len(weights) != len(generators) or min(weights) <= 0:
        raise ValueError(
            f"expected two or more states and a weight above 0 for each; got {len(generators)} states and the weights "
            f"{', '.join(f'{weight:g}' for weight in weights)}"
        )
    if any(generator.layout != generators[0].layout for generator in generators):
        raise ValueError("the states hold generators of different layouts; average branches of one training")
    shares = [
        (weight / sum(weights), generator.state_dict()) for weight, generator in zip(weights, generators, strict=True)
    ]
    mean = {name: sum(share * state[name] for share, state in shares) for name in shares[0][1]}
    generators[0].load_state_dict(mean)
    return generators[0]


def average_states(states: Sequence[Path], weights: Sequence[float], out: Path) -> None:
    """Write the state folder `out`, from which training may go on with a new optimiser.

    Raises:
        FileExistsError: There is a state already.
        ValueError: A folder holds no finished state, or they do not fit together.
    """
    check_new(out, "--out")
    mean = averaged([load_generator(state) for state in states], weights)
    pictures = max(int(read_json(state / "state.json", "pictures")["pictures"]) for state in states)
    write_finished(mean, pictures, out)


def main(arguments: list[str] | None = None) -> None:
    """Average from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("states", type=Path, nargs="+", help="state folders of export/train_generator.py")
    parser.add_argument("--weights", type=float, nargs="+", help="how much each counts (default: all alike)")
    parser.add_argument("--out", type=Path, required=True, help="state folder to write")
    options = parser.parse_args(arguments)
    try:
        average_states(options.states, options.weights or [1.0] * len(options.states), options.out)
    except (FileExistsError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
