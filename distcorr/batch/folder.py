"""The output folder of a run: one run at a time, and outputs that appear complete.

The folder ``.distcorr`` inside holds what this takes::

    run.lock       locked by the run as long as it lives
    commit.lock    locked by whoever moves outputs into place, for milliseconds
    run            number of the present run, random; absent between runs
    receipts.json  what earlier runs found, see :mod:`distcorr.batch.receipts`
    staged/*/      outputs of one scan that are being written

A worker writes the outputs of a scan into a staged folder, forces them to the
disk, lists them in ``commit.json``, and moves them into place under the commit
lock, the record last. A staged folder with ``commit.json`` is complete: if its run
was killed between two moves, the next run makes the remaining ones. Every other
staged folder is a leftover, and removed.

Workers can outlive their run, on another machine or for moments after a kill.
They commit only while ``run`` still names their own run.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from distcorr.batch.locking import locked
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import unwritable, whole_output

STATE = ".distcorr"
_COMMIT = "commit.json"
_REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one run to write into a folder; sent to its workers.

    Attributes
    ----------
    directory : Path
        Absolute.
    run : str
        Random number of the run.
    """

    directory: Path
    run: str

    def require_current(self) -> None:
        """Refuse to work for a run that has ended.

        Raises
        ------
        DistcorrError
            ``output-in-use``.
        """
        try:
            current = (self.directory / STATE / "run").read_text(encoding="ascii")
        except FileNotFoundError:
            current = ""
        if current != self.run:
            raise DistcorrError(
                Code.OUTPUT_IN_USE, "the run of this worker has ended", str(self.directory)
            )

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Keep all workers from moving outputs into place."""
        with locked(self.directory / STATE / "commit.lock", wait=True):
            yield

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Give an empty folder for the outputs of one scan; it is removed at the end.

        Raises
        ------
        DistcorrError
            ``disk-full`` or ``output-unwritable``.
        """
        folder = self.directory / STATE / "staged" / uuid.uuid4().hex
        try:
            folder.mkdir()
        except OSError as error:
            raise unwritable(self.directory, error) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, folder: Path, outputs: Sequence[str]) -> None:
        """Move complete outputs into place, replacing what is there.

        Parameters
        ----------
        folder : Path
            From :meth:`staged`.
        outputs : sequence of str
            Names of the files and folders in it, the record last.

        Raises
        ------
        DistcorrError
            ``disk-full``, ``output-unwritable``, or ``output-in-use`` if the run has ended.
        """
        try:
            _force_to_disk(folder)
            with whole_output(folder / _COMMIT) as temporary:
                temporary.write_text(json.dumps(list(outputs)), encoding="utf-8")
                _force_file(temporary)
            with self.undisturbed():
                self.require_current()
                _move(folder, self.directory)
        except OSError as error:
            raise unwritable(self.directory, error) from error


@contextmanager
def claimed(directory: Path) -> Iterator[Claim]:
    """Claim a folder for a run and put in order what a killed one left.

    Parameters
    ----------
    directory : Path
        Created if absent.

    Yields
    ------
    Claim

    Raises
    ------
    DistcorrError
        ``output-in-use`` if another run holds it, ``disk-full``, ``output-unwritable``.
    """
    directory = directory.absolute()
    state = directory / STATE
    claim = Claim(directory, uuid.uuid4().hex)
    try:
        (state / "staged").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from error
    with _run_lock(state / "run.lock", directory):
        try:
            with claim.undisturbed():
                _put_in_order(directory)
                _replace_text(state / "run", claim.run)
        except OSError as error:
            raise unwritable(directory, error) from error
        try:
            yield claim
        finally:
            # Whoever still works for this run must not commit any more.
            with suppress(OSError), claim.undisturbed():
                (state / "run").unlink(missing_ok=True)
                _put_in_order(directory)


@contextmanager
def _run_lock(path: Path, directory: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, wait=False))
        except BlockingIOError as error:
            raise DistcorrError(
                Code.OUTPUT_IN_USE, "another run writes into the output folder", str(directory)
            ) from error
        except OSError as error:
            raise unwritable(path, error) from error
        yield


def _put_in_order(directory: Path) -> None:
    """Complete what was being moved, remove what was being written."""
    for folder in (directory / STATE / "staged").iterdir():
        if (folder / _COMMIT).is_file():
            _move(folder, directory)
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, directory: Path) -> None:
    """Make the moves that have not been made yet; the old record goes first."""
    outputs = json.loads((folder / _COMMIT).read_text(encoding="utf-8"))
    record = outputs[-1]
    if (folder / record).exists():
        (directory / record).unlink(missing_ok=True)
    for name in outputs:
        source, target = folder / name, directory / name
        if not source.exists():
            continue
        if target.is_dir():
            # A folder with content can't be replaced in one step.
            (folder / _REPLACED).mkdir(exist_ok=True)
            target.rename(folder / _REPLACED / name)
        source.replace(target)


def _replace_text(path: Path, text: str) -> None:
    with whole_output(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="ascii")


def _force_to_disk(folder: Path) -> None:
    """Files have to be on the disk before their names are: a machine may lose power.

    The moves themselves may be lost, but file systems keep their order.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _force_file(path)


def _force_file(path: Path) -> None:
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
