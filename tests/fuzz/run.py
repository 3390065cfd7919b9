"""Fuzzes every reader of files and messages from strangers, with coverage as the guide: `make fuzz`.

    python tests/fuzz/run.py --seconds 600
    python tests/fuzz/run.py --seconds 60 graph portrait

Each target (tests/fuzz/targets.py) has a process of its own with bounded memory; one input may take ten seconds. What
is found stays in --out: the corpus, from which the next run goes on, and `NAME-crash-…`, `NAME-timeout-…` and
`NAME-oom-…` files, each of which is a bug. Needs Linux, and `pip install -e '.[fuzz]'`.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

MEMORY = 6 << 30
"""Bytes of address space: what the libraries map, and room for the largest picture that is read."""

RSS_MB = 3072
"""Megabytes that one target may really use."""

INPUT_S = 10
LONGEST = 1 << 16
"""Bytes of an input."""

PACKAGES = ["puppet", "engines", "export", "PIL", "safetensors", "pickletools", "zipfile", "onnx"]
"""What is watched for coverage; C code is not."""


def main() -> int:
    """Fuzz, one target after another; 1 where one found a bug."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="which; without a name all of them")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: 600)")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="folder for what is found")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if find_spec("atheris") is None:
        print("expected the fuzzer atheris, got none; install it with: pip install -e '.[fuzz]'", file=sys.stderr)
        return 1
    if options.child:
        fuzz(options.target[0], options.out, options.seconds)
        return 0
    names = options.target or names_of_targets()
    failed = [name for name in names if not fuzzed(name, options.seconds, options.out.resolve())]
    print(
        f"{len(names)} targets, {options.seconds} s each: " + (f"bugs in {', '.join(failed)}" if failed else "no bug")
    )
    return 1 if failed else 0


def names_of_targets() -> list[str]:
    """All targets."""
    from targets import targets

    return list(targets())


def fuzzed(name: str, seconds: int, out: Path) -> bool:
    """Run one target in a child; whether nothing was found."""
    print(f"== {name}", flush=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, __file__, "--child", name, "--seconds", str(seconds), "--out", str(out)]
    try:
        return subprocess.run(command, env=environment, timeout=2 * seconds + 300, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{name} did not end", flush=True)
        return False


def fuzz(name: str, out: Path, seconds: int) -> None:
    """The child: never returns."""
    import atheris

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    corpus = out / name
    corpus.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=PACKAGES):
        from targets import once, targets

        target = targets()[name]
        for i, seed in enumerate(target.seeds()):
            once(target, seed)  # readers import what they need when they are called
            (corpus / f"seed-{i}").write_bytes(seed)
    warnings.simplefilter("error")
    limits = [f"-max_total_time={seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={RSS_MB}", f"-max_len={LONGEST}"]
    quiet = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={out}/{name}-"]
    atheris.Setup([sys.argv[0], *limits, *quiet, str(corpus)], partial(once, target))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
