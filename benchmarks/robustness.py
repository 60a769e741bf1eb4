"""Damage series, correction files and manifests, and count what comes of it.

Run as ``python benchmarks/robustness.py --cases 5000 --seed 0``; ``--only N`` repeats
one case. The folder with the real series is that of the environment variable
DISTCORR_DATA; without it the simulated series are damaged alone. Exit status 1 if any
case failed: a traceback, a hang, a blow-up of memory, a changed input, a wrong
geometry without a word.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.conftest import data_folder
from tests.robustness.outcomes import Ending, Verdict
from tests.robustness.worker import Workers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="repeat one case, given by its number")
    options = parser.parse_args()
    indices = range(options.cases) if options.only is None else [options.only]
    start = time.perf_counter()
    found: list[tuple[int, str, Verdict]] = []
    with tempfile.TemporaryDirectory() as scratch, Workers(data_folder(), Path(scratch)) as workers:
        try:
            for index, name, verdict in workers.run(indices, options.seed):
                found.append((index, name, verdict))
                if verdict.ending is Ending.FAILED or options.only is not None:
                    print(f"{index} {name}: {verdict.ending} {verdict.code} {verdict.why}")
                elif sys.stderr.isatty():
                    print(f"\r{index + 1} of {options.cases}", end="", file=sys.stderr)
        except KeyboardInterrupt:
            print("interrupted: what follows counts the cases until then")
    print(summary(found, options.seed))
    print(f"{time.perf_counter() - start:.0f} s")
    return int(any(verdict.ending is Ending.FAILED for _, _, verdict in found))


def summary(found: list[tuple[int, str, Verdict]], seed: int) -> str:
    """Count the cases by how they ended, and name what can't be detected."""
    endings = Counter(verdict.ending for _, _, verdict in found)
    damages = {name.split(" on ")[0].split("/")[0] for _, name, _ in found}
    lines = [f"{len(found)} cases of {len(damages)} named ways to damage, seed {seed}"]
    lines += [f"{endings[ending]:6} {ending}" for ending in Ending if ending is not Ending.FAILED]
    for ending in (Ending.REFUSED, Ending.WARNED):
        codes = Counter(verdict.code for _, _, verdict in found if verdict.ending is ending)
        lines.append(f"{ending}: " + ", ".join(f"{code} {n}" for code, n in codes.most_common()))
    blind = {
        name.split(" on ")[0]: verdict.why
        for _, name, verdict in found
        if verdict.ending is Ending.UNDETECTABLE
    }
    lines += [f"{Ending.UNDETECTABLE}: {name}: {why}" for name, why in sorted(blind.items())]
    failed = [(index, name) for index, name, v in found if v.ending is Ending.FAILED]
    lines += [f"FAILED {name}: --seed {seed} --only {index}" for index, name in failed]
    return "\n".join([*lines, f"failures={len(failed)}"])


if __name__ == "__main__":
    sys.exit(main())
