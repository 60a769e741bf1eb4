"""The study and the correction that all pages use, made once for all processes."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from distcorr.batch.locking import locked
from tests.cli.running import Done
from tests.manual.commands import Shell


@dataclass(frozen=True)
class Step:
    """A command whose outputs are shared.

    Attributes
    ----------
    name : str
        By which pages ask for it.
    command : str
        What pages show, to the letter.
    makes : tuple of str
        Files and folders.
    """

    name: str
    command: str
    makes: tuple[str, ...]


STEPS = (
    Step(
        "study",
        "distcorr simulate study --voxel 6 --fov 320 180 260 --axial-state DIS3D",
        ("study",),
    ),
    Step("manifest", "distcorr plan study -o cohort.toml", ("cohort.toml",)),
    Step(
        "correction",
        "distcorr learn cohort.toml -o scanner.distcorr --degree 5",
        ("scanner.distcorr", "scanner.distcorr.html"),
    ),
)
"""Each needs what the ones before it made. Coarse voxels and a low degree cost least."""


class Shared:
    """A folder in which the steps are done at most once, whoever asks first.

    Parameters
    ----------
    folder : Path
        Common to all processes of a test run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def put(self, step: Step, into: Path) -> Done:
        """Copy what a step makes into a folder; return what its command printed."""
        with locked(self._folder / "lock", wait=True):
            done = self._prepared(step)
        for name in step.makes:
            source, target = self._folder / name, into / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        return done

    def put_all_until(self, name: str, into: Path) -> None:
        """Copy what a step and those before it make, as far as it is not there."""
        for step in STEPS[: _names().index(name) + 1]:
            if not all((into / made).exists() for made in step.makes):
                self.put(step, into)

    def _prepared(self, step: Step) -> Done:
        record = self._folder / f"{step.name}.json"
        if record.exists():
            return Done(**json.loads(record.read_text(encoding="utf-8")))
        for earlier in STEPS[: STEPS.index(step)]:
            self._prepared(earlier)
        with pytest.MonkeyPatch.context() as patch, Shell() as shell:
            patch.chdir(self._folder)
            done = shell.run(step.command)
        assert done.returncode == 0, done.stderr
        record.write_text(json.dumps(asdict(done)), encoding="utf-8")
        return done


def steps_named(names: str) -> list[Step]:
    """Find steps by their names, separated by commas."""
    return [STEPS[_names().index(name.strip())] for name in names.split(",")]


def _names() -> list[str]:
    return [step.name for step in STEPS]
