"""The command ``distcorr inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from distcorr.cli.progress import file_progress
from distcorr.dicom import SearchResult, Series, find_series
from distcorr.dicom.explain import (
    ViewerOrigin,
    loading_verdict,
    scan_verdict,
    spacing_row,
    triple,
    viewer_origins,
)
from distcorr.errors import Code, DistcorrError, Finding, Severity, printable
from distcorr.facts import Fact

_STYLES = {
    Severity.NOTE: "dim",
    Severity.WARNING: "yellow",
    Severity.SERIOUS: "bold red",
    Severity.REFUSAL: "bold red",
}


def inspect(
    paths: Annotated[list[Path], typer.Argument(help="Folders or files with DICOM images.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Show the series found, their geometry, vendor correction, origins and warnings."""
    with file_progress("Reading headers", quiet=quiet or as_json) as progress:
        result = find_series(paths, progress)
    if not result.series and not result.findings:
        raise DistcorrError(
            Code.NOT_DICOM,
            "no DICOM image was found",
            f"{', '.join(map(str, paths))}: {_skipped(result) or 'no files'}",
        )
    if as_json:
        # As ASCII: file names need not be text that can be printed.
        typer.echo(json.dumps(as_data(result), indent=2))
        return
    console = Console(highlight=False)
    for series in result.series:
        console.print(series_view(series))
    console.print(_summary(result))


def as_data(result: SearchResult) -> dict[str, Any]:
    """Turn a search result into plain data for JSON; lengths in mm, points in LPS."""
    return {
        "series": [_series_data(series) for series in result.series],
        "skipped": {str(reason): count for reason, count in result.skipped.items()},
        "findings": [_finding_data(finding) for finding in result.findings],
    }


def _series_data(series: Series) -> dict[str, Any]:
    facts = series.facts
    data: dict[str, Any] = {
        "series_uid": series.uid,
        "study_uid": series.study_uid,
        "part": series.part,
        "description": series.description,
        "modality": series.modality,
        "patient_key": series.patient_key,
        "layout": str(series.layout),
        "files": [str(path) for path in series.files],
        "plane": None if series.plane is None else str(series.plane),
        "regularity": None if series.regularity is None else str(series.regularity),
        "scanner": {
            "manufacturer": facts.scanner.manufacturer,
            "model": facts.scanner.model,
            "serial": facts.scanner.serial,
            "field_strength_t": facts.scanner.field_strength_t,
            "software": facts.scanner.software,
        },
        "frame_of_reference": facts.frame_of_reference,
        "facts": {
            "state": _fact_data(facts.state),
            "patient_position": _fact_data(facts.patient_position),
            "isocentre_lps": _fact_data(facts.isocentre_lps),
            "dimension": _fact_data(facts.dimension),
            "phase_encode_lps": _fact_data(facts.phase_encode_lps),
            "bandwidth_per_pixel_hz": _fact_data(facts.bandwidth_per_pixel_hz),
            "corrected_by": _fact_data(facts.corrected_by),
        },
        "refusal": None if series.refusal is None else _finding_data(series.refusal.finding),
        "findings": [_finding_data(finding) for finding in series.findings],
    }
    if series.grid is not None:
        T = facts.T_scanner_patient()
        data["grid"] = {
            "size": list(series.grid.size),
            "spacing": series.grid.spacing.tolist(),
            "origin_lps": series.grid.origin_lps.tolist(),
            "direction": series.grid.direction.tolist(),
        }
        data["T_scanner_patient"] = None if T is None else T.tolist()
        data["spacing"] = spacing_row(series)
        data["origins"] = [
            {"viewers": o.viewers, "starts_at": o.starts_at, "lps": o.lps, "ras": o.ras}
            for o in viewer_origins(series)
        ]
        data["verdict"] = [loading_verdict(series), scan_verdict(series)]
    return data


def _fact_data(fact: Fact[Any]) -> dict[str, Any]:
    value = fact.value
    plain = list(value) if isinstance(value, tuple) else value
    return {"value": plain, "source": fact.source}


def _finding_data(finding: Finding) -> dict[str, str]:
    return {
        "code": str(finding.code),
        "severity": finding.severity.name.lower(),
        "what": finding.what,
        "evidence": finding.evidence,
        "message": str(finding),
    }


def series_view(series: Series) -> Group:
    """Build what the terminal shows of one series."""
    title = series.description or "(no description)"
    part = "" if series.part == "all" else f" - part: {series.part}"
    table = Table(
        title=escape(printable(f"{title}{part}")),
        title_justify="left",
        show_header=False,
        expand=False,
    )
    table.add_column("property", style="bold", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in _rows(series):
        table.add_row(name, Text(printable(value)))
    shown: list[Any] = [table]
    if series.grid is not None:
        shown.append(_origins_table(viewer_origins(series)))
        shown.append(Text(loading_verdict(series), style="green"))
        shown.append(Text(scan_verdict(series), style="cyan"))
    if series.refusal is not None:
        shown.append(Text(str(series.refusal), style="bold red"))
    shown += [
        Text(f"{f.severity.name.lower()}{f}", style=_STYLES[f.severity]) for f in series.findings
    ]
    return Group(*(Padding(item, (0, 0, 1 if item is shown[-1] else 0, 0)) for item in shown))


def _rows(series: Series) -> list[tuple[str, str]]:
    facts, grid = series.facts, series.grid
    rows = [
        ("images", f"{len(series.frames)} slices in {len(series.files)} {series.layout} files"),
        ("folder", str(series.files[0].parent)),
        ("scanner", f"{facts.scanner}, software {facts.scanner.software or 'unknown'}"),
        ("vendor correction", str(facts.state)),
        *([("corrected by", str(facts.corrected_by))] if facts.corrected_by.known else []),
        ("acquisition", str(facts.dimension)),
    ]
    if grid is not None:
        spacing = spacing_row(series)
        tags = ", ".join(
            f"{name.removesuffix('_mm')} {_mm(spacing[name])}" for name in list(spacing)[1:]
        )
        rows += [
            ("grid", " x ".join(map(str, grid.size)) + " voxels"),
            ("voxel", " x ".join(f"{v:.4g}" for v in grid.spacing) + " mm"),
            ("field of view", " x ".join(f"{v:.0f}" for v in grid.extent) + " mm"),
            ("plane", f"{series.plane}, normal LPS {_point(triple(grid.normal_lps), 4)}"),
            ("slices", f"{series.regularity}; by positions {_mm(spacing['positions_mm'])}; {tags}"),
            ("origin LPS", _point(triple(grid.origin_lps))),
            ("origin RAS", _point(triple(grid.origin_lps * [-1, -1, 1]))),
        ]
    return [
        *rows,
        ("patient position", str(facts.patient_position)),
        ("isocentre LPS", _fact_point(facts.isocentre_lps, 1)),
        ("phase encoding LPS", _fact_point(facts.phase_encode_lps, 4)),
        ("bandwidth, Hz/pixel", str(facts.bandwidth_per_pixel_hz)),
    ]


def _origins_table(origins: tuple[ViewerOrigin, ...]) -> Table:
    table = Table(
        title="One correct volume, several origins: viewers start counting at different ends",
        title_justify="left",
        title_style="",
    )
    for name in ("viewer", "starts at", "origin LPS", "origin RAS"):
        table.add_column(name, overflow="fold")
    for origin in origins:
        table.add_row(
            Text(origin.viewers), origin.starts_at, _point(origin.lps), _point(origin.ras)
        )
    return table


def _summary(result: SearchResult) -> Text:
    refused = sum(series.refusal is not None for series in result.series)
    volumes = len(result.series) - refused
    lines = [f"{volumes} volume{'' if volumes == 1 else 's'}, {refused} refused"]
    skipped = _skipped(result)
    if skipped:
        lines.append(f"skipped: {skipped}")
    lines += [str(finding) for finding in result.findings]
    return Text("\n".join(lines))


def _skipped(result: SearchResult) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(result.skipped.items()))


def _point(values: tuple[float, float, float], digits: int = 2) -> str:
    # Adding zero turns a rounded -0 into 0.
    return "(" + ", ".join(f"{round(v, digits) + 0.0:.{digits}f}" for v in values) + ")"


def _fact_point(fact: Fact[tuple[float, float, float]], digits: int) -> str:
    return "unknown" if fact.value is None else f"{_point(fact.value, digits)} ({fact.source})"


def _mm(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4g} mm"
