"""The correction file: one ZIP of a JSON description and NumPy arrays.

Members, stored without compression::

    correction.json          description, below
    coefficients.npy         float64 (3, z, y, x), mm: B-spline coefficients c of D
    standard_deviation.npy   float32 (3, z, y, x), mm: one SD of D at the nodes
    support.npy              float32 (z, y, x), 0 to 1: weight at the nodes
    harmonics.npy            float64 (3, terms), mm; only if harmonics were fitted

The field, in the scanner frame (origin at the isocentre, axes along L, P, S of
a head-first supine patient) and in millimetres, is

    D(r) = sum_ijk c[:, k, j, i] b(u_x - i) b(u_y - j) b(u_z - k)
    u = (r - origin_mm) / spacing_mm

with the cubic B-spline b; node (i, j, k) sits at origin_mm + (i, j, k) *
spacing_mm. D holds where 1 <= u <= n - 2 on each axis and is zero elsewhere.
Tissue at true r appears, without vendor correction, at r + D(r).

``numpy.load(path)["coefficients"]`` opens the arrays without this package, and
so does any program that reads ZIP and NPY. Equal corrections give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from distcorr.correction.correction import Correction
from distcorr.correction.records import Digest, Figures, Finite, Provenance, Record
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Scanner
from distcorr.field import HarmonicBasis, HarmonicField, Lattice
from distcorr.field.harmonics import MAX_DEGREE
from distcorr.outputs import whole_output

FORMAT = "distcorr-correction"
SCHEMA = 1
DESCRIPTION = "correction.json"

MAX_DESCRIPTION_BYTES = 16 << 20
"""A description is some kilobytes; this bounds what a hostile file can make us parse."""

MAX_ARRAY_BYTES = 512 << 20
"""A lattice of 280 nodes a side; the bore of a scanner at 2 mm."""

NPY_HEADER_BYTES = 10_000
"""Room for the header of an NPY member; NumPy writes 128 bytes and reads up to this."""

MAX_NODES = 1024
"""Nodes along one axis."""

MAX_REACH_MM = 10_000.0
"""Distance of a node from the isocentre, and of its displacement: ten times a bore's
length, so that it hinders nobody, and far from where numbers overflow."""

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_DTYPES = {
    "coefficients.npy": "<f8",
    "standard_deviation.npy": "<f4",
    "support.npy": "<f4",
    "harmonics.npy": "<f8",
}

Size = Annotated[int, Field(ge=1, le=MAX_NODES)]
Degree = Annotated[int, Field(ge=0, le=MAX_DEGREE)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Place = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_REACH_MM, le=MAX_REACH_MM)]
Step = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_REACH_MM)]


class _ScannerRecord(Record):
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    field_strength_t: Finite | None = None
    software: str = ""


class _LatticeRecord(Record):
    origin_mm: tuple[Place, Place, Place]
    spacing_mm: tuple[Step, Step, Step]


class _HarmonicsRecord(Record):
    min_degree: Degree
    max_degree: Degree
    radius_mm: Positive


class _ArrayRecord(Record):
    dtype: str
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=4)]
    sha256: Digest


class _Description(Record):
    format: Literal["distcorr-correction"]
    schema_version: Literal[1]
    scanner: _ScannerRecord
    lattice: _LatticeRecord
    harmonics: _HarmonicsRecord | None
    arrays: dict[str, _ArrayRecord]
    provenance: Provenance
    figures: Figures


def save(correction: Correction, path: Path, *, overwrite: bool) -> None:
    """Write a correction; equal corrections give equal bytes."""
    arrays = _arrays(correction)
    with (
        whole_output(path, overwrite=overwrite) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        _add(archive, DESCRIPTION, _description(correction, arrays))
        for name, array in arrays.items():
            _add(archive, name, _npy_bytes(array))


def identifier(correction: Correction) -> str:
    """SHA-256 of the description, which holds those of the arrays."""
    return hashlib.sha256(_description(correction, _arrays(correction))).hexdigest()


def load(path: Path) -> Correction:
    """Read a correction and verify schema, checksums, shapes and values."""
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, f"there is no correction at {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _require(len(names) == len(set(names)), path, "a member occurs twice")
            description = _read_description(archive, path)
            _require(
                set(names) == {DESCRIPTION, *description.arrays},
                path,
                f"members are {sorted(names)}",
            )
            arrays = {
                name: _read_array(archive, path, name, record)
                for name, record in description.arrays.items()
            }
    except DistcorrError:
        raise
    except Exception as error:  # zipfile and its decompressors let through what they meet
        raise _invalid(path, f"{error}" or type(error).__name__) from error
    return _assemble(path, description, arrays)


def _assemble(path: Path, description: _Description, arrays: dict[str, NDArray[Any]]) -> Correction:
    """Build the object; its constructors check shapes against each other and values."""
    wanted = set(_DTYPES) if description.harmonics else set(_DTYPES) - {"harmonics.npy"}
    _require(set(arrays) == wanted, path, f"arrays are {sorted(arrays)}")
    largest = float(np.abs(arrays["coefficients.npy"]).max())
    _require(not largest > MAX_REACH_MM, path, f"the field reaches {largest:g} mm")
    try:
        lattice = Lattice(
            np.array(description.lattice.origin_mm),
            np.array(description.lattice.spacing_mm),
            arrays["coefficients.npy"],
        )
        harmonics = None
        if description.harmonics is not None:
            basis = HarmonicBasis(**description.harmonics.model_dump())
            harmonics = HarmonicField(basis, arrays["harmonics.npy"])
        return Correction(
            lattice,
            arrays["standard_deviation.npy"],
            arrays["support.npy"],
            harmonics,
            Scanner(**description.scanner.model_dump()),
            description.provenance,
            description.figures,
        )
    except (ValueError, DistcorrError) as error:
        raise _invalid(path, str(error)) from error


def _arrays(correction: Correction) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "coefficients.npy": correction.lattice.coefficients,
        "standard_deviation.npy": correction.standard_deviation,
        "support.npy": correction.support,
    }
    if correction.harmonics is not None:
        arrays["harmonics.npy"] = correction.harmonics.coefficients
    return {
        name: np.ascontiguousarray(array, dtype=_DTYPES[name]) for name, array in arrays.items()
    }


def _description(correction: Correction, arrays: dict[str, NDArray[Any]]) -> bytes:
    scanner, lattice, harmonics = correction.scanner, correction.lattice, correction.harmonics
    description = {
        "format": FORMAT,
        "schema_version": SCHEMA,
        "scanner": {name: getattr(scanner, name) for name in _ScannerRecord.model_fields},
        "lattice": {"origin_mm": lattice.origin.tolist(), "spacing_mm": lattice.spacing.tolist()},
        "harmonics": harmonics
        and {name: getattr(harmonics.basis, name) for name in _HarmonicsRecord.model_fields},
        "arrays": {
            name: {
                "dtype": array.dtype.str,
                "shape": array.shape,
                "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            }
            for name, array in arrays.items()
        },
        "provenance": correction.provenance.model_dump(mode="json"),
        "figures": correction.figures.model_dump(mode="json"),
    }
    text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode()


def _npy_bytes(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a member whose header says nothing of the moment or the machine."""
    info = zipfile.ZipInfo(name, _TIMESTAMP)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)


def _member(archive: zipfile.ZipFile, path: Path, name: str, limit: int) -> bytes:
    """Read a member of at most ``limit`` bytes, whatever its header claims."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise _invalid(path, f"{name} is missing") from None
    _require(info.file_size <= limit, path, f"{name} holds {info.file_size} bytes")
    with archive.open(info) as stream:
        content = stream.read(limit + 1)
    _require(len(content) <= limit, path, f"{name} is larger than it says")
    return content


def _read_description(archive: zipfile.ZipFile, path: Path) -> _Description:
    content = _member(archive, path, DESCRIPTION, MAX_DESCRIPTION_BYTES)
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"{DESCRIPTION} is no JSON: {error}") from error
    _require(isinstance(raw, dict) and raw.get("format") == FORMAT, path, "not a correction")
    version = raw.get("schema_version")
    if type(version) is not int or version != SCHEMA:  # true equals 1, and is no version
        raise DistcorrError(
            Code.SCHEMA_UNKNOWN,
            f"{path} has an unknown schema",
            f"schema version {version}; this distcorr reads version {SCHEMA}",
        )
    try:
        return _Description.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(path, f"{DESCRIPTION}: {where}: {first['msg']}") from error


def _read_array(
    archive: zipfile.ZipFile, path: Path, name: str, record: _ArrayRecord
) -> NDArray[Any]:
    """Read one array; nothing is allocated before its size is known to be sound."""
    dtype = _DTYPES.get(name)
    _require(dtype is not None and record.dtype == dtype, path, f"{name} is {record.dtype}")
    size = int(np.prod(record.shape, dtype=np.int64)) * np.dtype(record.dtype).itemsize
    _require(size <= MAX_ARRAY_BYTES, path, f"{name} needs {size} bytes")
    content = _member(archive, path, name, size + NPY_HEADER_BYTES)
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        shape, fortran, stored = npy.read_array_header_1_0(stream)
    except Exception as error:  # NumPy lets Python parse the header, and what it raises go
        raise _invalid(path, f"the header of {name} can't be parsed ({error})") from error
    body = content[stream.tell() :]
    _require(version == (1, 0), path, f"{name} is of another NPY version")
    sound = shape == record.shape and not fortran and stored.str == dtype and len(body) == size
    _require(sound, path, f"{name} is not as described")
    _require(hashlib.sha256(body).hexdigest() == record.sha256, path, f"checksum of {name} differs")
    return np.frombuffer(body, dtype=stored).reshape(shape)


def _require(condition: bool, path: Path, evidence: str) -> None:
    if not condition:
        raise _invalid(path, evidence)


def _invalid(path: Path, evidence: str) -> DistcorrError:
    return DistcorrError(Code.CORRECTION_INVALID, f"{path} is no intact correction", evidence)
