"""Write a proposal as a manifest for people, and as data for programs.

Nothing that a person wrote is repeated but paths: no names, no descriptions, no
identifiers of patients.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distcorr.batch.proposal import (
    Location,
    Proposal,
    ProposedReference,
    ProposedScan,
    needs,
    target_of,
)
from distcorr.batch.survey import Candidate, Omission
from distcorr.batch.survey_pairs import Pair
from distcorr.facts import VendorState

MAX_ALTERNATIVES = 5
"""Other pairs that are listed for one reference; more hide the choice."""

MAX_OMISSIONS = 5000
"""Left-out series that are listed in a manifest, so that it stays readable."""

_HEADER = """\
# Proposed by distcorr plan from the headers of DICOM files: read it, then edit it.
# Paths are relative to this file and hold whatever people called their folders. Nothing
# else here names a patient: ids are numbers in the order of the files.
"""

_FILL_IN = {
    "state": '"ND"  # fill in: ND, DIS2D, DIS3D or trusted; the header does not say',
    "patient_position": '"HFS"  # fill in: the header does not say',
    "isocentre_lps": "[0, 0, 0]  # fill in: the header does not say; 0 if the table stayed",
}


def toml_string(text: str) -> str:
    """Write any Unicode text as a basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def as_toml(proposal: Proposal, folder: Path) -> str:
    """Write a proposal as a commented manifest.

    Parameters
    ----------
    proposal : Proposal
    folder : Path
        Where the manifest will lie.

    Returns
    -------
    str
        Ends with a line end; equal for equal proposals.
    """
    blocks = [_HEADER + _overview(proposal)]
    blocks += [_reference(proposal, one) for one in proposal.references]
    if proposal.useless:
        blocks.append(_useless(proposal))
    blocks += [_scan(proposal, one) for one in proposal.scans]
    if proposal.omissions:
        blocks.append(_omissions(proposal.omissions, folder))
    return "\n".join(blocks)


def verdict(proposal: Proposal) -> str:
    """Say what can be learned by the headers, in one sentence."""
    if proposal.shown:
        return f"The references show {', '.join(proposal.shown)}."
    if proposal.references:
        return "What the references show depends on the states to fill in."
    if proposal.useless:
        return (
            "NOTHING can be learned: both scans of every pair displace tissue alike, or are "
            "right already."
        )
    return (
        "NOTHING can be learned: no session holds an axial and a coronal scan of one subject "
        "that overlap."
    )


def to_fill_in(proposal: Proposal) -> list[str]:
    """List the keys that a person has to fill in, as ``ref01: axial_state``."""
    made = [f"{one.id}: {key}" for one in proposal.references for key in _reference_keys(one.pair)]
    return made + [f"{one.id}: {key}" for one in proposal.scans for key in needs(one.scan)]


def counted(omissions: Iterable[Omission]) -> str:
    """Count omissions by reason, the most frequent first."""
    numbers = Counter(str(one.reason) for one in omissions)
    return ", ".join(f"{count} {reason}" for reason, count in numbers.most_common())


def _overview(proposal: Proposal) -> str:
    machine = proposal.machine
    lines = [
        f"Scanner: {machine.scanner}" if machine else "Scanner: none",
        f"References: {len(proposal.references)}; scans to correct: {len(proposal.scans)}; "
        f"series left out: {len(proposal.omissions)}.",
        verdict(proposal),
    ]
    if machine is not None and machine.unsure:
        lines.append("Some of the scans do not record their scanner's serial number.")
    return "".join(_comment(line) for line in lines)


def _reference(proposal: Proposal, one: ProposedReference) -> str:
    pair = one.pair
    lines = [_comment(line) for line in _reasons(pair)]
    lines += ["[[reference]]\n", f"id = {toml_string(one.id)}\n"]
    lines += [f"{key} = {value}\n" for key, value in _paths(proposal, pair).items()]
    lines += [f"# {key} = {_FILL_IN[_fact(key)]}\n" for key in _reference_keys(pair)]
    for number, other in enumerate(one.others[:MAX_ALTERNATIVES], start=1):
        lines.append(_comment(f"Alternative {number}: " + "; ".join(_reasons(other))))
        lines += [f"# {key} = {value}\n" for key, value in _paths(proposal, other).items()]
    if len(one.others) > MAX_ALTERNATIVES:
        lines.append(_comment(f"{len(one.others) - MAX_ALTERNATIVES} more pairs of this session."))
    return "".join(lines)


def _reasons(pair: Pair) -> list[str]:
    stations = f"{len(pair.axials)} stations of the table, " if len(pair.axials) > 1 else ""
    return [
        f"{stations}{pair.axials[0].description}",
        pair.coronal.description,
        f"{_shows(pair)}; {pair.overlap:.0%} overlap; {_likeness(pair)}",
    ]


def _shows(pair: Pair) -> str:
    if pair.gains is None:
        return "a vendor state is unknown"
    return f"shows {', '.join(pair.shown) or 'nothing of the field'}"


def _likeness(pair: Pair) -> str:
    return "equal contrast" if pair.contrast < 0.1 else f"contrast unlike by {pair.contrast:.1f}"


def _paths(proposal: Proposal, pair: Pair) -> dict[str, str]:
    axials = [proposal.location(one) for one in pair.axials]
    coronal = proposal.location(pair.coronal)
    written = [toml_string(one.path) for one in axials]
    made = {"axial": written[0] if len(written) == 1 else f"[{', '.join(written)}]"}
    if axials[0].part is not None:
        made["axial_part"] = toml_string(axials[0].part)
    made["coronal"] = toml_string(coronal.path)
    if coronal.part is not None:
        made["coronal_part"] = toml_string(coronal.part)
    return made


def _reference_keys(pair: Pair) -> list[str]:
    missing = [needs(one) for one in pair.scans]
    keys = ["axial_state"] * any("state" in keys for keys in missing[:-1])
    keys += ["coronal_state"] * ("state" in missing[-1])
    return keys + [
        key for key in ("patient_position", "isocentre_lps") if any(key in keys for keys in missing)
    ]


def _fact(key: str) -> str:
    return "state" if key.endswith("_state") else key


def _useless(proposal: Proposal) -> str:
    lines = [_comment("Pairs that show nothing of the field, by their headers:")]
    for pair in proposal.useless:
        lines += [_comment("; ".join(_reasons(pair)))]
        lines += [f"# {key} = {value}\n" for key, value in _paths(proposal, pair).items()]
    return "".join(lines)


def _scan(proposal: Proposal, one: ProposedScan) -> str:
    place = proposal.location(one.scan)
    of = f"; of the subject of {one.reference}" if one.reference else ""
    known = one.scan.series.facts.isocentre_lps.known
    reach = (
        f"reaches {one.scan.reach_mm:.0f} mm from the isocentre" if known else "isocentre unknown"
    )
    part = [] if place.part is None else [f"part = {toml_string(place.part)}\n"]
    return "".join(
        [
            _comment(f"{one.scan.description}; {reach}{of}"),
            "[[scan]]\n",
            f"id = {toml_string(one.id)}\n",
            f"path = {toml_string(place.path)}\n",
            *part,
            *(f"# {key} = {_FILL_IN[key]}\n" for key in needs(one.scan)),
        ]
    )


def _omissions(omissions: tuple[Omission, ...], folder: Path) -> str:
    lines = [_comment(f"Left out: {counted(omissions)}.")]
    for one in omissions[:MAX_OMISSIONS]:
        path, part = omitted_place(one, folder)
        named = toml_string(path) + ("" if part is None else f", part {toml_string(part)}")
        lines.append(_comment(f"{named}: {one.reason} ({one.evidence})"))
    if len(omissions) > MAX_OMISSIONS:
        lines.append(_comment(f"{len(omissions) - MAX_OMISSIONS} more; --json lists all."))
    return "".join(lines)


def omitted_place(one: Omission, folder: Path) -> tuple[str, str | None]:
    """Name a left-out series for people: path and part; bytes that are no text escaped."""
    target = os.path.relpath(os.path.realpath(target_of(one.series)), os.path.realpath(folder))
    plain = Path(target).as_posix().encode("utf-8", "backslashreplace").decode()
    return plain, None if one.series.part == "all" else one.series.part


def _comment(text: str) -> str:
    """Write one line of comment; what would end or break it is shown as text."""
    return "# " + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) + "\n"


def as_data(proposal: Proposal, folder: Path) -> dict[str, Any]:
    """Turn a proposal into plain data for JSON; lengths in mm."""
    machine = proposal.machine
    return {
        "scanner": None if machine is None else str(machine.scanner),
        "shown": list(proposal.shown),
        "verdict": verdict(proposal),
        "to_fill_in": to_fill_in(proposal),
        "references": [
            {
                "id": one.id,
                **_pair_data(proposal, one.pair),
                "alternatives": [_pair_data(proposal, other) for other in one.others],
            }
            for one in proposal.references
        ],
        "useless": [_pair_data(proposal, pair) for pair in proposal.useless],
        "scans": [
            {"id": one.id, "reference": one.reference, **_scan_data(proposal, one.scan)}
            for one in proposal.scans
        ],
        "left_out": [_omission_data(one, folder) for one in proposal.omissions],
    }


def _pair_data(proposal: Proposal, pair: Pair) -> dict[str, Any]:
    return {
        "axials": [_scan_data(proposal, one) for one in pair.axials],
        "coronal": _scan_data(proposal, pair.coronal),
        "shows": list(pair.shown) if pair.gains is not None else None,
        "overlap": round(pair.overlap, 3),
        "contrast": round(pair.contrast, 3),
    }


def _scan_data(proposal: Proposal, scan: Candidate) -> dict[str, Any]:
    place: Location = proposal.location(scan)
    state: VendorState | None = scan.state
    return {
        "path": place.path,
        "part": place.part,
        "plane": str(scan.plane),
        "state": None if state is None else str(state),
        "voxel_mm": [round(float(value), 4) for value in scan.grid.spacing],
        "reach_mm": round(scan.reach_mm, 1),
        "to_fill_in": list(needs(scan)),
    }


def _omission_data(one: Omission, folder: Path) -> dict[str, Any]:
    path, part = omitted_place(one, folder)
    return {"path": path, "part": part, "reason": str(one.reason), "evidence": one.evidence}
