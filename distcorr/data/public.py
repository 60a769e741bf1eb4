"""The list of public data, ``public_data.toml``: sources, licences and hashes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from distcorr.correction.records import Digest
from distcorr.errors import Code, DistcorrError

LIST = files("distcorr.data") / "public_data.toml"
"""The list as it is installed with the package."""

Text = Annotated[str, Field(min_length=1)]
_PLAIN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = rf"^{_PLAIN}$"
_PATH = rf"^{_PLAIN}(/{_PLAIN})*$"


class Licence(StrEnum):
    """SPDX identifiers of licences that let everybody use and pass on the data."""

    APACHE_2 = "Apache-2.0"
    BSD_2 = "BSD-2-Clause"
    BSD_3 = "BSD-3-Clause"
    CC0_1 = "CC0-1.0"
    CC_BY_4 = "CC-BY-4.0"
    MIT = "MIT"


class Packing(StrEnum):
    """How each file is packed as distributed."""

    GZIP = "gzip"


_SUFFIXES = {Packing.GZIP: ".gz"}


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataFile(_Row):
    """A file as distributed."""

    name: str = Field(pattern=_NAME)
    bytes: int = Field(gt=0, strict=True)
    sha256: Digest


class DataFolder(_Row):
    """Files of one folder that one commit of a repository holds."""

    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    path: str = Field(pattern=_PATH)
    files: tuple[DataFile, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name


class Dataset(_Row):
    """A public dataset.

    Attributes
    ----------
    name : str
        By which it is fetched, and of the folder it is fetched to.
    repository : str
        Address on GitHub.
    licence : Licence
    credit : str
        Who acquired it.
    shows, checks : str
        What there is to see, and what of this project is checked with it.
    command : str
        That looks at it, to be run in the dataset's folder.
    packing : Packing, optional
        How each file is packed as distributed.
    folder : tuple of DataFolder
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    repository: str = Field(pattern=rf"^https://github\.com/{_PLAIN}/{_PLAIN}$")
    licence: Licence
    credit: Text
    shows: Text
    checks: Text
    command: Text
    packing: Packing | None = None
    folder: tuple[DataFolder, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        places = [piece_place(self, folder, file) for folder, file in self.members]
        if len({place.lower() for place in places}) < len(places):
            raise ValueError("two files would be stored under one name")
        suffix = "" if self.packing is None else _SUFFIXES[self.packing]
        if not all(file.name.endswith(suffix) for _, file in self.members):
            raise ValueError(f"files of packing {self.packing} have names that end in {suffix}")
        return self

    @property
    def members(self) -> tuple[tuple[DataFolder, DataFile], ...]:
        """All files, each with its folder."""
        return tuple((folder, file) for folder in self.folder for file in folder.files)

    @property
    def bytes(self) -> int:
        """Size of all files as distributed."""
        return sum(file.bytes for _, file in self.members)

    def address(self, host: str, folder: DataFolder, file: DataFile) -> str:
        """Return the URL of a file at a host of GitHub's raw files."""
        owner_and_name = self.repository.removeprefix("https://github.com/")
        return f"{host}/{owner_and_name}/{folder.commit}/{quote(f'{folder.path}/{file.name}')}"

    def unpacked_name(self, file: DataFile) -> str:
        """Name a file as it is when unpacked."""
        return file.name if self.packing is None else file.name[: -len(_SUFFIXES[self.packing])]


def piece_place(dataset: Dataset, folder: DataFolder, file: DataFile) -> str:
    """Name the place of an unpacked file within the dataset's folder."""
    return f"{folder.name}/{dataset.unpacked_name(file)}"


class _PublicData(_Row):
    dataset: tuple[Dataset, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [dataset.name for dataset in self.dataset]
        if len(set(names)) < len(names):
            raise ValueError("two datasets have one name")
        return self


def parse_datasets(text: str) -> tuple[Dataset, ...]:
    """Read a list of public data.

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` with the key at fault.
    """
    try:
        return _PublicData.model_validate(tomllib.loads(text)).dataset
    except tomllib.TOMLDecodeError as error:
        evidence = str(error)
        raise DistcorrError(Code.MANIFEST_INVALID, "the list is no TOML", evidence) from error
    except ValidationError as error:
        evidence = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise DistcorrError(
            Code.MANIFEST_INVALID, "the list of public data is invalid", evidence
        ) from error


def public_datasets() -> tuple[Dataset, ...]:
    """Read the list of public data that the package brings."""
    return parse_datasets(LIST.read_text(encoding="utf-8"))


def choose(datasets: Sequence[Dataset], names: Sequence[str]) -> tuple[Dataset, ...]:
    """Choose datasets by name, all if none is named.

    Raises
    ------
    DistcorrError
        ``not-found`` for a name that is not listed.
    """
    known = {dataset.name: dataset for dataset in datasets}
    for name in names:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            raise DistcorrError(
                Code.NOT_FOUND,
                f"no dataset is named {name!r}",
                f"there are {', '.join(known)}",
                f"did you mean {near[0]}?" if near else "see distcorr data list",
            )
    return tuple(known[name] for name in dict.fromkeys(names or known))
