"""All comparisons with other tools, as one page.

Each comparison is a command of its own that writes one section, or a page of several.
What it writes is kept as a file in a folder beside the page, named like it, and the page
is put together from these files, so that ``--only`` makes one section anew and leaves
the others as they were. A comparison that fails is named in its place, and the exit
status is 1. Usage:

    python benchmarks/compare.py --data FOLDER [--only NAME ...] -o docs/comparison.md
"""

from __future__ import annotations

import argparse
import posixpath
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pages import write_text

HEAD = """\
# Compared with other tools

The same work by distcorr and by tools that users have already, each as its careful users
call it. Every section is made by the command that it names, on the machine and with the
versions that it names; `python benchmarks/compare.py --data FOLDER -o docs/comparison.md`
makes all of them. Tools that were not installed are named as absent. Where another tool
is better, the tables say so.
"""

_RELATIVE_LINK = re.compile(r"\]\((?![a-z]+:|[#/])([^)#]+)")

LAST_WORDS = 3
"""Lines of the standard error stream that tell why a comparison failed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One section and the script in this folder that makes it."""

    name: str
    title: str
    script: str
    needs_data: bool = True


COMPARISONS = (
    Comparison("registration", "Registration tools", "compare_registration.py"),
    Comparison("markers", "Markers", "compare_markers.py"),
    Comparison("apply", "Applying a correction", "apply.py", needs_data=False),
    Comparison("loaders", "Readers of DICOM", "compare_loaders.py"),
    Comparison("scaling", "How cost grows", "scaling.py", needs_data=False),
)


def command(one: Comparison, data: Path, target: Path, scripts: Path) -> list[str]:
    """Return the command that writes a section to ``target``."""
    given = ["--data", str(data)] if one.needs_data else []
    return [sys.executable, str(scripts / one.script), *given, "--markdown", str(target)]


def make(one: Comparison, data: Path, folder: Path, scripts: Path) -> bool:
    """Make a section anew; what is kept of it tells if that failed.

    Returns
    -------
    bool
        Whether it was made.
    """
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "section.md"
        run, said = command(one, data, target, scripts), []
        with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, errors="replace") as child:
            for line in child.stderr or ():
                sys.stderr.write(line)
                said.append(line.strip())
        status = child.returncode
        made = status == 0 and target.is_file()
        text = target.read_text(encoding="utf-8") if made else _failed(one, status, said)
    write_text(folder / f"{one.name}.md", text)
    return made


def _failed(one: Comparison, status: int, said: Sequence[str]) -> str:
    words = "\n".join([line for line in said if line][-LAST_WORDS:])
    what = f"exit status {status}" if status else "no section was written"
    told = f"\n\n```text\n{words}\n```" if words else ""
    return f"## {one.title}\n\nFailed on {date.today().isoformat()}: {what}.{told}\n"


def assemble(page: Path, folder: Path) -> None:
    """Put the page together from the sections that are kept."""
    sections = []
    for one in COMPARISONS:
        kept = folder / f"{one.name}.md"
        sections.append(
            moved_up(kept.read_text(encoding="utf-8"), folder.name)
            if kept.is_file()
            else f"## {one.title}\n\nNot run yet: `--only {one.name}`.\n"
        )
    write_text(page, "\n".join(text.rstrip() + "\n" for text in (HEAD, *map(below, sections))))


def moved_up(text: str, folder: str) -> str:
    """Let relative links of a section lead on from the page beside its folder."""

    def link(found: re.Match[str]) -> str:
        return f"]({posixpath.normpath(f'{folder}/{found[1]}')}"

    return _RELATIVE_LINK.sub(link, text)


def below(text: str) -> str:
    """Lower the headings of a page with a title of its own, so that it becomes a section."""
    if not text.startswith("# "):
        return text
    lines, fenced = [], False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not fenced else line)
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for and write the page; 1 if anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the test data")
    names = [one.name for one in COMPARISONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("-o", "--out", type=Path, required=True, help="page, such as PAGE.md")
    chosen = parser.parse_args()
    folder: Path = chosen.out.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for one in COMPARISONS:
        if one.name in chosen.only:
            print(f"{one.name} ...", file=sys.stderr, flush=True)
            if not make(one, chosen.data, folder, Path(__file__).parent):
                failed.append(one.name)
            assemble(chosen.out, folder)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
