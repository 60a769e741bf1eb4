"""A copy of a series to be damaged, and the tools for it."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from distcorr.dicom import Layout
from tests.robustness.outcomes import Allowed
from tests.robustness.subjects import Kind, Subject


class Extent(StrEnum):
    """How many images of a series are damaged."""

    ONE = "one"
    EVERY = "every"


class Level(StrEnum):
    """What of a multi-frame object is an image: each frame, or the object as a whole."""

    FRAME = "frame"
    OBJECT = "object"


@dataclass(frozen=True)
class Image:
    """One image as its header describes it.

    Attributes
    ----------
    root : Dataset
        The whole data set.
    frame : Dataset or None
        Its functional groups, in a multi-frame object.
    """

    root: Dataset
    frame: Dataset | None = None

    def holder(self, keyword: str) -> Dataset:
        """Find the data set that holds a tag."""
        for element in self.frame or ():
            if element.VR == "SQ" and element.value and keyword in element.value[0]:
                return element.value[0]
        return self.root

    def values(self, keyword: str) -> list[float]:
        return [float(value) for value in self.holder(keyword)[keyword].value]

    def set(self, keyword: str, value: object) -> None:
        setattr(self.holder(keyword), keyword, value)

    def remove(self, keyword: str) -> None:
        holder = self.holder(keyword)
        if keyword in holder:
            delattr(holder, keyword)

    def raw(self, keyword: str, content: bytes) -> None:
        """Write bytes that pydicom would not accept as a value."""
        put_raw(self.holder(keyword), keyword, content)


def put_raw(ds: Dataset, keyword: str, content: bytes) -> None:
    number = tag_for_keyword(keyword)
    assert number is not None
    padded = content + b" " * (len(content) % 2)
    tag = Tag(number)
    representation = dictionary_VR(tag).split(" or ")[0]
    ds._dict[tag] = RawDataElement(tag, representation, len(padded), padded, 0, False, True)


@dataclass
class Scene:
    """A copy of a subject's files in a folder of its own.

    Attributes
    ----------
    subject : Subject
    folder : Path
    files : list of Path
        In the order of the slices.
    rng : Random
    """

    subject: Subject
    folder: Path
    files: list[Path]
    rng: random.Random

    @classmethod
    def of(cls, subject: Subject, folder: Path, rng: random.Random) -> Scene:
        folder.mkdir(parents=True)
        files = [Path(shutil.copy(path, folder / path.name)) for path in subject.files]
        return cls(subject, folder, files, rng)

    @property
    def inner(self) -> Path:
        """A slice that is neither the first nor the last."""
        return self.rng.choice(self.files[1:-1] or self.files[:1])

    def edit(
        self, extent: Extent, change: Callable[[Image, random.Random], None], level: Level
    ) -> None:
        """Change one image or all of them."""
        if self.subject.kind.layout is Layout.MULTIFRAME and level is Level.FRAME:
            with editing(self.files[0]) as ds:
                frames = list(ds.PerFrameFunctionalGroupsSequence)
                for frame in [self.rng.choice(frames[1:-1])] if extent is Extent.ONE else frames:
                    change(Image(ds, frame), self.rng)
            return
        for path in [self.inner] if extent is Extent.ONE else self.files:
            with editing(path) as ds:
                change(Image(ds), self.rng)


@contextmanager
def careless() -> Iterator[None]:
    """Let pydicom write what it would refuse."""
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.writing_validation_mode = before


@contextmanager
def editing(path: Path) -> Iterator[Dataset]:
    """Read a file and write it again with what was changed in it."""
    with careless():
        ds = pydicom.dcmread(path)
        yield ds
        ds.save_as(path)


def everything(kind: Kind) -> bool:
    return True


def classic(kind: Kind) -> bool:
    return kind.layout is Layout.CLASSIC


def uncompressed(kind: Kind) -> bool:
    return not kind.compressed


@dataclass(frozen=True)
class Mutation:
    """One named way of damaging a series.

    Attributes
    ----------
    name : str
    damages : str
        What is damaged, in a few words.
    apply : callable
        Does it to a scene.
    allowed : Allowed
        What it may end in.
    fits : callable
        Which kinds of series it is meant for.
    alters_values : bool
        Whether brightness changes while places stay.
    """

    name: str
    damages: str
    apply: Callable[[Scene], None]
    allowed: Allowed
    fits: Callable[[Kind], bool] = everything
    alters_values: bool = False


Change = Callable[[Image, random.Random], None]


def on_images(
    name: str,
    damages: str,
    change: Change,
    *,
    one: Allowed | None = None,
    every: Allowed | None = None,
    fits: Callable[[Kind], bool] = everything,
    alters_values: bool = False,
    level: Level = Level.FRAME,
) -> list[Mutation]:
    """Make the mutations of one image and of all images from one change of a header."""
    wanted = {Extent.ONE: one, Extent.EVERY: every}
    return [
        Mutation(
            f"{name}/{extent}", f"{damages}, {extent} image",
            lambda scene, extent=extent: scene.edit(extent, change, level),
            allowed, fits, alters_values,
        )
        for extent, allowed in wanted.items() if allowed is not None
    ]  # fmt: skip


def on_objects(name: str, damages: str, change: Change, **options: Any) -> list[Mutation]:
    """Make the same for what is stated of a data set as a whole."""
    return on_images(name, damages, change, level=Level.OBJECT, **options)


def joined(*tables: Sequence[Mutation]) -> dict[str, Mutation]:
    """Put tables together; a name that occurs twice is a mistake."""
    found: dict[str, Mutation] = {}
    for mutation in (one for table in tables for one in table):
        if mutation.name in found:
            raise ValueError(f"two mutations are called {mutation.name}")
        found[mutation.name] = mutation
    return found
