"""The command ``distcorr learn``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distcorr.batch import Cohort, read_cohort
from distcorr.batch.learning import Material, learn_from, load_material, pack
from distcorr.cli.progress import share_progress
from distcorr.cli.statements import OverwriteOption, tell
from distcorr.correction import Correction
from distcorr.errors import in_order_of_harm
from distcorr.learn import FitSettings
from distcorr.outputs import refuse_existing

DEFAULTS = FitSettings()
DegreeOption = Annotated[
    int, typer.Option("--degree", min=2, max=15, help="Largest degree of the harmonics.")
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
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn a scanner's correction from reference pairs or points; the report lands beside it."""
    page = out.with_name(out.name + ".html")
    for path in (out, page):
        refuse_existing(path, overwrite=overwrite)
    settings = FitSettings(max_degree=degree, sd_limit_mm=sd_limit)
    material = load_and_tell(read_cohort(cohort))
    correction = learn_and_write(material, settings, out, page, overwrite=overwrite, quiet=quiet)
    if not quiet:
        for line in summary(correction):
            typer.echo(line)
        typer.echo(f"{out}\n{page}")


def load_and_tell(cohort: Cohort) -> Material:
    """Load what a manifest names to learn from and print what was found on the way."""
    material = load_material(cohort)
    for name, findings in material.findings:
        tell(in_order_of_harm(findings), name)
    return material


def learn_and_write(
    material: Material,
    settings: FitSettings,
    out: Path,
    page: Path,
    *,
    overwrite: bool,
    quiet: bool,
) -> Correction:
    """Fit, and write the correction and its report."""
    from distcorr.report import make_pictures, write_report  # it draws, for which much is imported

    with share_progress("learning", quiet=quiet) as progress:
        result = learn_from(material, settings, progress)
    tell(result.findings, "points")
    correction = pack(result, material, settings)
    made = [
        make_pictures(one.id, one.axial, one.coronal, correction) for one in material.references
    ]
    correction.save(out, overwrite=overwrite)
    write_report(correction, page, [one for one in made if one is not None], overwrite=overwrite)
    return correction


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
    lines.append(f"smallest Jacobian {figures.min_jacobian:.2f} (folding would be below 0)")
    return lines
