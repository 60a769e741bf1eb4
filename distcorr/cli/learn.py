"""The command ``distcorr learn``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from distcorr.batch import Cohort, read_cohort
from distcorr.batch.learning import Material, learn_from, load_material, pack
from distcorr.batch.learning_room import require_room
from distcorr.cli.memory import MaxMemoryOption
from distcorr.cli.progress import share_progress
from distcorr.cli.report import see_references
from distcorr.cli.statements import ForceLearningOption, OverwriteOption, tell
from distcorr.cli.validated import with_separation, with_validation
from distcorr.correction import Correction, Figures
from distcorr.errors import Code, DistcorrError, in_order_of_harm
from distcorr.learn import FitResult, FitSettings
from distcorr.learn.validate import separation_of_fit
from distcorr.learn.validate import validate as validate_fit
from distcorr.memory import Allowance
from distcorr.outputs import refuse_existing

DEFAULTS = FitSettings()
DegreeOption = Annotated[
    int, typer.Option("--degree", min=2, max=15, help="Largest degree of the harmonics.")
]
ValidateOption = Annotated[
    bool,
    typer.Option(
        "--validate", help="Also leave one subject out at a time, a fit each; the report shows it."
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print refusals and warnings.")]


def learn(
    cohort: Annotated[Path, typer.Argument(help="Manifest of the references, cohort.toml.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Correction file to write.")],
    degree: DegreeOption = DEFAULTS.max_degree,
    sd_limit: Annotated[
        float,
        typer.Option(
            "--sd-limit",
            min=0.01,
            max=20.0,
            help="Standard deviation, mm, at which the correction starts to fade out.",
        ),
    ] = DEFAULTS.sd_limit_mm,
    validate: ValidateOption = False,
    max_memory: MaxMemoryOption = None,
    force: ForceLearningOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn a scanner's correction from reference pairs or points; the report lands beside it."""
    page = out.with_name(out.name + ".html")
    for path in (out, page):
        refuse_existing(path, overwrite=overwrite)
    settings = FitSettings(max_degree=degree, sd_limit_mm=sd_limit)
    material = load_and_tell(read_cohort(cohort), settings, Allowance.of(max_memory))
    if validate:
        require_references(material, cohort)
    target = Target(out, page, overwrite, force)
    correction = learn_and_write(material, settings, target, validated=validate, quiet=quiet)
    if not quiet:
        for line in summary(correction):
            typer.echo(line)
        typer.echo(f"{out}\n{page}")


def load_and_tell(cohort: Cohort, settings: FitSettings, allowance: Allowance) -> Material:
    """Load what a manifest names to learn from and print what was found on the way."""
    require_room(cohort, allowance, settings.max_degree)
    material = load_material(cohort)
    for name, findings in material.findings:
        tell(in_order_of_harm(findings), name)
    return material


@dataclass(frozen=True, slots=True)
class Target:
    """Where a correction and its page are written.

    Attributes
    ----------
    out, page : Path
    overwrite : bool
        Whether existing files may be replaced.
    force_reason : str, optional
        Why a correction is to be stored whose fit is in doubt.
    """

    out: Path
    page: Path
    overwrite: bool = False
    force_reason: str | None = None


def require_references(material: Material, cohort: Path) -> None:
    """Refuse to validate without scans of subjects."""
    if not material.references:
        raise DistcorrError(
            Code.TOO_FEW_REFERENCES, "validation compares scans of subjects", f"{cohort} names none"
        )


def learn_and_write(
    material: Material,
    settings: FitSettings,
    target: Target,
    *,
    validated: bool,
    quiet: bool,
) -> Correction:
    """Fit, try the fit on what was left out if wanted, and write correction and report."""
    from distcorr.report import write_report  # it draws, for which much is imported

    with share_progress("learning", quiet=quiet) as progress:
        result = learn_from(material, settings, progress)
    tell(in_order_of_harm(result.findings), "fit")
    correction = pack(result, material, settings, target.force_reason)
    tell(result.doubts, "fit")
    figures = correction.figures
    if len({one.id for one in material.references}) > 1:
        figures = with_separation(figures, separation_of_fit(material.pairs, result))
    if validated:
        figures = _validated(figures, material, result, quiet=quiet)
    correction = replace(correction, figures=figures)
    correction.save(target.out, overwrite=target.overwrite)
    seen, shapes = see_references(material.references, correction)
    try:
        write_report(correction, target.page, seen, shapes, overwrite=target.overwrite)
    except DistcorrError as failure:
        found = failure.finding
        remedy = f"{target.out} is complete; write its page with distcorr report"
        raise DistcorrError(found.code, found.what, found.evidence, remedy) from failure
    return correction


def _validated(figures: Figures, material: Material, full: FitResult, *, quiet: bool) -> Figures:
    """Add what leaving out tells; a refusal there is told and noted, the fit remains."""
    try:
        with share_progress("validating", quiet=quiet) as progress:
            found = validate_fit(
                material.pairs, full.settings, progress, material.point_pairs, full
            )
    except DistcorrError as refusal:
        tell((refusal.finding,), "validation")
        note = f"It could not be tried on what was left out: {refusal.finding}"
        return figures.model_copy(update={"notes": (*figures.notes, note)})
    return with_validation(figures, found)


def summary(correction: Correction) -> list[str]:
    """Say in a few lines what was learned."""
    figures = correction.figures
    lines = [f"scanner    {correction.scanner}"]
    lines += [row.text for row in figures.revealed]
    for shell in figures.shells:
        if shell.supported > 0:
            lines.append(
                f"{shell.inner_mm:3.0f}-{shell.outer_mm:3.0f} mm from the isocentre: distortion "
                f"{shell.mean_mm:5.2f} mm (95 % below {shell.p95_mm:5.2f}), standard deviation "
                f"{shell.sd_mm:.2f} mm, {shell.supported:.0%} supported"
            )
    for one in figures.references:
        left = (
            ""
            if one.residual_mm is None
            else f"; what is left corresponds to {one.residual_mm:.2f} mm"
        )
        lines.append(
            f"{one.id}: unexplained part of the local contrast {one.residual_before:.0%} before, "
            f"{one.residual_after:.0%} after{left}"
        )
    lines += [
        f"{one.left_out}, left out: unexplained part {one.residual_before:.0%} before, "
        f"{one.residual_after:.0%} after; the field changes by {one.field_change_mean_mm:.2f} mm"
        for one in figures.leave_one_out
    ]
    lines += [row.text for row in figures.left]
    lines.append(f"smallest Jacobian {figures.min_jacobian:.2f} (folding would be below 0)")
    return lines
