"""Carry out cases in processes that are bounded in memory and time.

Run as ``python -m tests.robustness.worker``, it reads one case per line of its
standard input (index and seed) and answers each by two lines of JSON: the name of the
case before it begins, so that one that never ends can be named, and its verdict.
"""

from __future__ import annotations

import json
import os
import random
import resource
import selectors
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from tests.robustness.cases import plan_case, run_case
from tests.robustness.outcomes import RIGHT, Ending, Verdict, judge
from tests.robustness.scene import Mutation
from tests.robustness.series_cases import carry_through
from tests.robustness.subjects import Subject, Ward

ADDRESS_SPACE_BYTES = 3 << 30
"""Memory that a case may ask for beyond what the libraries have taken."""

GROWTH_BYTES = 300 << 20
"""Memory that a case may fill. The largest volumes here have 256 x 256 x 4 voxels."""

SECONDS = 60.0
"""Time for one case, on a loaded machine; none needs one."""

SECONDS_TO_BEGIN = 600.0
"""Time for a process to import, and to compile what no earlier run has."""

ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """One process at a time, replaced when it dies or does not answer.

    Parameters
    ----------
    data : Path or None
        Folder of the real series.
    scratch : Path
    """

    def __init__(self, data: Path | None, scratch: Path) -> None:
        self._data, self._scratch, self._born = data, scratch, 0
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, indices: Iterable[int], seed: int) -> Iterator[tuple[int, str, Verdict]]:
        """Carry out cases; yields index, name and verdict of each."""
        for index in indices:
            yield index, *self._run(index, seed)

    def _run(self, index: int, seed: int) -> tuple[str, Verdict]:
        name = f"case {index}"
        try:
            process = self._process or self._begin()
            assert process.stdin is not None
            process.stdin.write(f"{index} {seed}\n".encode())
            name = self._answer(process, SECONDS)["name"]
            told = self._answer(process, SECONDS)
        except (TimeoutError, EOFError, BrokenPipeError) as failure:
            self._end()
            return name, Verdict(Ending.FAILED, "", f"{type(failure).__name__}: {failure}")
        return name, Verdict(Ending(told["ending"]), told["code"], told["why"])

    def _answer(self, process: subprocess.Popen[bytes], seconds: float) -> dict[str, str]:
        """Read one line; raises TimeoutError, or EOFError if the process ended."""
        assert process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not ready.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError(f"no answer within {seconds:g} s")
                part = os.read(process.stdout.fileno(), 1 << 16)
                if not part:
                    raise EOFError(f"the process ended with {process.wait()}")
                self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, str] = json.loads(line)
        return answer

    def _begin(self) -> subprocess.Popen[bytes]:
        self._born, self._unread = self._born + 1, b""
        folder = self._scratch / f"worker{self._born}"
        folder.mkdir()
        command = [sys.executable, "-m", "tests.robustness.worker", str(folder)]
        command += [] if self._data is None else [str(self._data)]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                bufsize=0,
            )  # fmt: skip
        self._answer(self._process, SECONDS_TO_BEGIN)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def main() -> None:
    """Answer cases until the input ends."""
    folder = Path(sys.argv[1])
    data = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    # What is printed by mistake must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("error")
    ward = Ward(folder / "ward", data)
    for kind in ward.kinds:
        warm_up(ward.subject(kind), folder / "warm")
    limit_memory()
    answers.write("{}\n")
    for line in sys.stdin:
        index, seed = map(int, line.split())
        answers.write(json.dumps({"name": plan_case(index, seed, ward).name}) + "\n")
        before = _largest()
        verdict = run_case(index, seed, ward, folder / f"case{index}").verdict
        grown = _largest() - before
        if grown > GROWTH_BYTES:
            verdict = Verdict(Ending.FAILED, "", f"filled {grown >> 20} MiB of memory")
        answers.write(json.dumps(asdict(verdict)) + "\n")


def warm_up(subject: Subject, folder: Path) -> None:
    """Import and compile what the cases need, which takes memory and time of its own."""
    harmless = Mutation("none", "nothing", lambda scene: None, RIGHT)
    verdict = judge(carry_through(subject, harmless, folder, random.Random(0)), RIGHT)
    shutil.rmtree(folder)
    if verdict.ending is not Ending.RIGHT:
        raise RuntimeError(f"the undamaged {subject.kind.name} fails: {verdict}")


def limit_memory() -> None:
    """Bound the address space of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ADDRESS_SPACE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _largest() -> int:
    """Return the largest resident size so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
