"""The comparison as a section of the benchmarks' page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pages import Section, Table

from peers.methods import PEERS, TITLES, Method
from peers.reduction import MEANING
from peers.trials import CohortKey, Errors, Figures, MotionSource, Trial

CLAIMED_FACTOR = 5.0
"""How many times lower distcorr's error on the new subject is claimed to be."""

HEADER = (
    "method",
    "references: mean",
    "p95",
    "max",
    "new subject: mean",
    "p95",
    "max (mm)",
    "wall s",
    "CPU s",
    "peak MB",
    "averaged",
)

Results = Mapping[Method, Figures | None]
"""By method; None where the tool is not installed."""


def row(method: Method, figures: Figures | None) -> tuple[str, ...]:
    """One line of the table; a tool that is absent or refuses says so."""
    title = TITLES[method]
    if figures is None:
        package = PEERS[method].distribution
        return (f"{title}: not installed ({package})", *("" for _ in HEADER[1:]))
    if figures.refusal is not None:
        return (f"{title}: {figures.refusal}", *("" for _ in HEADER[1:]))
    return (
        title,
        *_cells(figures.references),
        *_cells(figures.new),
        f"{figures.wall_s:.1f}",
        f"{figures.cpu_s:.1f}",
        f"{figures.peak_mb:.0f}",
        "" if figures.reduction is None else str(figures.reduction),
    )


def _cells(errors: Errors | None) -> tuple[str, str, str]:
    if errors is None:
        return ("", "", "")
    return (f"{errors.mean:.3f}", f"{errors.p95:.3f}", f"{errors.max:.2f}")


def verdict(results: Results) -> str:
    """Compare distcorr with the peer that left least on the new subject."""
    left = {
        method: figures.new
        for method, figures in results.items()
        if method in PEERS and figures is not None and figures.new is not None
    }
    ours = results.get(Method.DISTCORR_TWO)
    if not left or ours is None or ours.new is None:
        return "No verdict: it takes distcorr with two references and at least one peer."
    best = min(left, key=lambda method: left[method].mean)
    factor = left[best].mean / ours.new.mean
    tail = min(errors.p95 for errors in left.values()) / ours.new.p95
    met = "met" if factor >= CLAIMED_FACTOR else "MISSED"
    return (
        f"Best peer on the new subject: {TITLES[best]}, {left[best].mean:.3f} mm; distcorr with "
        f"two references {ours.new.mean:.3f} mm, {factor:.1f} times lower in the mean "
        f"(target {CLAIMED_FACTOR:g}: {met}), {tail:.1f} times lower in p95 than the best p95."
    )


def section(command: str, groups: Sequence[tuple[CohortKey, Results]], trial: Trial) -> Section:
    """Write the section.

    Parameters
    ----------
    command : str
        As it was typed.
    groups : sequence of (CohortKey, Results)
    trial : Trial
        Any of them, for what all have in common.
    """
    parts: list[str | Table] = [_method(trial)]
    for cohort, results in groups:
        rows = tuple(row(method, figures) for method, figures in results.items())
        parts += [f"### {cohort.text()}", Table(HEADER, rows), verdict(results)]
    parts.append(_PHANTOM)
    packages = tuple(dict.fromkeys(peer.distribution for peer in PEERS.values()))
    return Section("Other registration tools", command, packages, tuple(parts))


def _method(trial: Trial) -> str:
    motion = (
        "The tools are given each pair's true rigid motion, which no user has; distcorr "
        "estimates it."
        if trial.motion is MotionSource.KNOWN
        else "Each pair's rigid motion is estimated for the tools by SimpleITK from the "
        "body within 100 mm of the isocentre; distcorr estimates its own."
    )
    ways = "; ".join(f"*{how}*: {meaning}" for how, meaning in MEANING.items())
    return (
        "Two simulated references, scanned axially and coronally, and a new subject, "
        "scanned coronally, all in one known field. Every tool registers each pair, axial "
        "scan fixed, within a mask of the body and 10 mm around it; for mutual information "
        "N4 takes the receive fields out of both scans first; ANTs SyN, which compares small "
        "neighbourhoods, did better without, and so its kind goes without. "
        f"{motion} The two displacement fields are averaged in the scanner frame and undone "
        "on the new subject's scan. They are averaged in four ways, and each tool is shown "
        f"with the one that leaves it the least mean error on the new subject: {ways}.\n\n"
        "Errors are distances from the truth at the same points for every method, inside the "
        "body, within 200 mm of the isocentre; on the references each pair's own field is "
        "judged. *A registration without fault* takes every point exactly where the other "
        "scan shows it: what it leaves on the new subject is the axial scan's own error, and "
        "what averaging costs. The row *nothing* tells the memory that the process takes "
        "without any method.\n\n"
        "The tools' settings stand in `benchmarks/peers`. They were sought "
        "on the first reference of the legs, ND, in the default field of seed 0 and voxels of "
        "4 mm, against the truth that no user has, which favours the tools there. "
        f"Every method has a process of its own with {trial.threads} "
        f"thread{'s' if trial.threads > 1 else ''}; times are of both pairs. "
        "Compare the processor time; wall time also holds what else the machine did. distcorr "
        "knows what no registration tool can: that all displacements come from one smooth field "
        "of the scanner, and what each scan's vendor correction leaves of it. The table tells "
        "what that is worth, not how well the tools register two scans."
    )


_PHANTOM = (
    "The phantom's DICOM series of the public marker data is a single axial scan: there is no "
    "second scan to register it with, so registration tools have nothing to say of it, and no "
    "pair was invented for them. Learning from its markers is compared with other fits of "
    "markers elsewhere."
)
