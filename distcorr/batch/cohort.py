"""The manifest ``cohort.toml``: which scans belong together, and what is known of them.

    [[reference]]                   # a subject scanned twice
    id = "ref01"
    axial = "ref01/axial"           # relative to the manifest
    coronal = "ref01/coronal"
    # optional: axial_state, coronal_state = "ND" | "DIS2D" | "DIS3D" | "trusted"
    #           isocentre_lps = [x, y, z], patient_position = "HFS", mask = "...",
    #           head = "..."

    [[scan]]                        # a scan to correct
    id = "sub07"
    path = "sub07/coronal"
    # optional: state, isocentre_lps, patient_position, and what was drawn on it:
    #           labels = ["seg.nrrd"], points = ["marks.mrk.json"], meshes = ["bone.stl"],
    #           mesh_space = "LPS" | "RAS"

    [[points]]                      # markers or landmarks: true and shown places
    id = "phantom"
    pairs = "phantom/markers.csv"   # or: true = "ct.mrk.json", shown = "mr.mrk.json"
    shown_state = "ND"
    patient_position = "HFS"
    isocentre_lps = [0, 0, 0]
    # optional: normal (of the slices; DIS2D needs it), sd_mm,
    #           pairing = "label" | "order", placement, calibration = "free" | "known"

    [scanner]                       # whose field it is, where no DICOM file tells
    # optional: manufacturer, model, serial, field_strength_t

Unknown keys are errors.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from distcorr.batch.load import Statement
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Scanner, VendorState
from distcorr.points import Pairing
from distcorr.space import FileAxes, PatientPosition

MAX_MANIFEST_BYTES = 16 << 20
"""A manifest of 100,000 scans; a larger file was given by mistake."""

MAX_LINE = 20_000
"""Characters of a line; the time to read a key grows with the square of its parts."""

_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_RESERVED = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))}


def _safe_as_file_name(value: str) -> str:
    if value.endswith(".") or value.split(".")[0].lower() in _RESERVED:
        raise ValueError(f"{value!r} is not safe as a file name")
    return value


Id = Annotated[str, Field(pattern=_ID_PATTERN), AfterValidator(_safe_as_file_name)]
Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Point = tuple[Number, Number, Number]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_PATH = "DICOM folder or file, NRRD or NIfTI volume, relative to the manifest"
_STATE = "vendor correction of the scan; replaces what its header says"
_ISOCENTRE = "place of the isocentre in patient LPS, mm; replaces what the header says"
_POSITION = "patient position; replaces what the header says"
_PART = "which of several volumes of the folder, as distcorr inspect names them"
_DRAWN = "drawn on the scan as acquired, corrected along with it"
_MASK = "NRRD or NIfTI volume, not 0 where the fit may look"
_HEAD = (
    "label map or mesh of the femoral heads, drawn on the coronal scan as acquired; the report "
    "measures their roundness before and after, and nothing is learned from it"
)


class CohortReference(_Entry):
    """A subject scanned axially and coronally; paths as written."""

    id: Id = Field(description="pseudonym; it is written into the correction")
    axial: Text | Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description=f"{_PATH}; a list of them for several stations of the table"
    )
    coronal: Text = Field(description=_PATH)
    axial_state: VendorState | None = Field(None, description=_STATE)
    coronal_state: VendorState | None = Field(None, description=_STATE)
    axial_part: Text | None = Field(None, description=_PART)
    coronal_part: Text | None = Field(None, description=_PART)
    isocentre_lps: Point | None = Field(None, description=_ISOCENTRE)
    patient_position: PatientPosition | None = Field(None, description=_POSITION)
    mask: Text | None = Field(None, description=_MASK)
    head: Text | None = Field(None, description=_HEAD)

    @property
    def axials(self) -> tuple[str, ...]:
        """Paths of the axial scans, one for each station of the table."""
        return (self.axial,) if isinstance(self.axial, str) else self.axial

    @model_validator(mode="after")
    def _one_isocentre(self) -> Self:
        if len(self.axials) > 1 and self.isocentre_lps is not None:
            raise ValueError(
                "isocentre_lps holds for one position of the table, not for several stations"
            )
        return self

    def statement(self, source: str, state: VendorState | None) -> Statement:
        """Say what the manifest states about one of its scans."""
        return Statement(source, state, self.patient_position, self.isocentre_lps)


class CohortScan(_Entry):
    """A scan to correct; path as written."""

    id: Id = Field(description="stem of the output files")
    path: Text = Field(description=_PATH)
    part: Text | None = Field(None, description=_PART)
    state: VendorState | None = Field(None, description=_STATE)
    isocentre_lps: Point | None = Field(None, description=_ISOCENTRE)
    patient_position: PatientPosition | None = Field(None, description=_POSITION)
    labels: tuple[Text, ...] = Field((), description=f"label maps {_DRAWN}: NRRD or NIfTI")
    points: tuple[Text, ...] = Field(
        (), description=f"landmarks {_DRAWN}: .mrk.json, .fcsv, .csv or .tsv"
    )
    meshes: tuple[Text, ...] = Field(
        (), description=f"surfaces {_DRAWN}: .stl, .ply, .vtk, .vtp or .obj"
    )
    mesh_space: FileAxes | None = Field(
        None, description="axes of the meshes, where their files do not state them"
    )

    def statement(self, source: str) -> Statement:
        """Say what the manifest states about the scan."""
        return Statement(source, self.state, self.patient_position, self.isocentre_lps)


class Nuisance(StrEnum):
    """Whether something that is not the field's is estimated beside it."""

    FREE = "free"
    KNOWN = "known"


_PAIRS = "table of pairs: true_x to shown_z, or x_gt to z_gnl; patient LPS, mm"
_LIST = "list of points: .mrk.json, .fcsv, or .csv with x, y, z (LPS, mm)"
_PLACEMENT = "whether a rigid motion from the true to the shown places is estimated"
_CALIBRATION = "whether a linear error (voxel size) and an offset of the shown places are estimated"


class CohortPoints(_Entry):
    """Markers or landmarks whose true and shown places are known; paths as written."""

    id: Id = Field(description="pseudonym; it is written into the correction")
    pairs: Text | None = Field(None, description=_PAIRS)
    true: Text | None = Field(None, description=_LIST)
    shown: Text | None = Field(None, description=_LIST)
    pairing: Pairing = Field(Pairing.LABEL, description="how the two lists belong together")
    shown_state: VendorState = Field(description="vendor correction of the scan that shows them")
    patient_position: PatientPosition = Field(description="of the scan that shows them")
    isocentre_lps: Point = Field(
        description="place of the isocentre in patient LPS of the scan that shows them, mm"
    )
    normal: Point | None = Field(None, description="slice normal, patient LPS; DIS2D needs it")
    sd_mm: Annotated[Number, Field(gt=0, le=20)] | None = Field(
        None, description="standard deviation of one coordinate of a localised point, mm"
    )
    placement: Nuisance = Field(Nuisance.FREE, description=_PLACEMENT)
    calibration: Nuisance = Field(Nuisance.FREE, description=_CALIBRATION)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.true is None) != (self.shown is None) or (self.pairs is None) == (
            self.true is None
        ):
            raise ValueError("give either pairs, or true and shown")
        if self.pairs is not None and "pairing" in self.model_fields_set:
            raise ValueError("pairing is for two lists, and pairs is one table")
        if (self.normal is None) == (self.shown_state is VendorState.DIS2D):
            raise ValueError("normal is needed for DIS2D, and for nothing else")
        if self.normal is not None and not any(self.normal):
            raise ValueError("normal has no length")
        return self


class CohortScanner(_Entry):
    """Identity of the scanner, where no DICOM file tells it."""

    manufacturer: str = Field("", description="as DICOM writes it, for example SIEMENS")
    model: str = Field("", description="ManufacturerModelName")
    serial: str = Field("", description="DeviceSerialNumber")
    field_strength_t: Annotated[Number, Field(gt=0, le=30)] | None = Field(
        None, description="MagneticFieldStrength, T"
    )

    def scanner(self) -> Scanner:
        """Return it as the facts hold it."""
        return Scanner(self.manufacturer, self.model, self.serial, self.field_strength_t)


class _Manifest(_Entry):
    """Which scans belong together, and what is known of them."""

    reference: tuple[CohortReference, ...] = Field(
        (), description="subjects scanned twice, to learn from; one table [[reference]] each"
    )
    scan: tuple[CohortScan, ...] = Field(
        (), description="scans to correct; one table [[scan]] each"
    )
    points: tuple[CohortPoints, ...] = Field(
        (), description="markers or landmarks to learn from; one table [[points]] for each set"
    )
    scanner: CohortScanner | None = Field(
        None, description="whose field it is, where no DICOM file tells"
    )


@dataclass(frozen=True)
class Cohort:
    """A manifest that was read.

    Attributes
    ----------
    path : Path
        Of the manifest.
    references : tuple of CohortReference
    scans : tuple of CohortScan
    points : tuple of CohortPoints
    scanner : CohortScanner or None
        As stated.
    """

    path: Path
    references: tuple[CohortReference, ...]
    scans: tuple[CohortScan, ...]
    points: tuple[CohortPoints, ...] = ()
    scanner: CohortScanner | None = None

    def resolve(self, written: str) -> Path:
        """Path of an entry; relative ones are relative to the manifest.

        Raises
        ------
        DistcorrError
            ``not-found`` if no file can have this name.
        """
        try:
            path = self.path.parent / Path(written).expanduser()
            path.exists()  # the system refuses names that are too long
        except (OSError, RuntimeError) as error:
            raise DistcorrError(
                Code.NOT_FOUND, f"no file can have a name that {self.path} gives",
                f"{written[:80]!r}: {error.strerror if isinstance(error, OSError) else error}",
            ) from error  # fmt: skip
        return path


def read_cohort(path: Path) -> Cohort:
    """Read a manifest.

    Raises
    ------
    DistcorrError
        ``not-found``, ``too-large``, or ``manifest-invalid`` with file and key.
    """
    path = Path(path)
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, "there is no such manifest", str(path))
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise DistcorrError(Code.TOO_LARGE, "this is too large for a manifest", str(path))
    try:
        text = path.read_text(encoding="utf-8")
        longest = max(map(len, text.splitlines()), default=0)
        if longest > MAX_LINE:
            raise _invalid(path, f"it has a line of {longest} characters, the limit is {MAX_LINE}")
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # neither text nor TOML, or nested without end
        raise _invalid(path, f"it is not valid TOML: {error}") from error
    try:
        manifest = _Manifest.model_validate(raw)
    except ValidationError as error:
        raise _invalid(path, "; ".join(_explain(one) for one in error.errors())) from error
    cohort = Cohort(path, manifest.reference, manifest.scan, manifest.points, manifest.scanner)
    _require_unique_ids(cohort)
    return cohort


def manifest_schema() -> dict[str, Any]:
    """Describe the manifest as JSON Schema, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_Manifest.model_json_schema(),
        "title": "cohort.toml",
    }


def _require_unique_ids(cohort: Cohort) -> None:
    """Ids name output files, and some file systems do not tell case apart."""
    seen: dict[str, str] = {}
    named = [(f"reference[{n}].id", entry.id) for n, entry in enumerate(cohort.references, 1)]
    named += [(f"scan[{n}].id", entry.id) for n, entry in enumerate(cohort.scans, 1)]
    named += [(f"points[{n}].id", entry.id) for n, entry in enumerate(cohort.points, 1)]
    for where, name in named:
        first = seen.setdefault(name.lower(), where)
        if first != where:
            raise _invalid(cohort.path, f"{where}: {name!r} is also {first}")


_TABLES: dict[str, type[BaseModel]] = {
    "reference": CohortReference,
    "scan": CohortScan,
    "points": CohortPoints,
    "scanner": CohortScanner,
}


def _explain(error: Any) -> str:
    """Name the key of a pydantic error as the manifest counts: reference[1].axial."""
    where = ""
    for part in error["loc"]:
        where += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    key = where.removeprefix(".")
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg'].removeprefix('Value error, ').lower()}"
    table = _TABLES.get(error["loc"][0], _Manifest) if len(error["loc"]) > 1 else _Manifest
    guesses = get_close_matches(str(error["loc"][-1]), list(table.model_fields), n=1)
    return f"{key}: unknown key" + (f", did you mean {guesses[0]}?" if guesses else "")


def _invalid(path: Path, evidence: str) -> DistcorrError:
    return DistcorrError(Code.MANIFEST_INVALID, f"{path} is no valid manifest", evidence)
