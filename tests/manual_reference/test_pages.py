"""The reference says what the code says."""

import re
from pathlib import Path

import numpy as np
import pytest
import typer

import distcorr
from distcorr.cli.main import app
from distcorr.errors import REGISTRY
from tests.correction.examples import correction_of, example_field

WRITE = "write it: python benchmarks/manual_reference.py"


def test_no_page_is_stale(bench, docs):
    assert [str(page) for page in bench("manual_reference").stale(docs)] == [], WRITE


def test_every_section_stands_in_one_place(bench, docs):
    sections = bench("manual_sections")
    pages = [page.read_text("utf-8") for page in sections.pages_with_sections(docs)]
    found = [name for text in pages for name in sections.names_of(text)]
    assert sorted(found) == sorted(bench("manual_reference").MAKERS)


def test_a_section_is_filled_and_the_rest_stays(bench):
    sections = bench("manual_sections")
    page = "# A\n\n<!-- made: x -->\nold\n<!-- end: x -->\n\nby hand\n"
    new = sections.filled(page, {"x": lambda: "new\n"})
    assert new == "# A\n\n<!-- made: x -->\n\nnew\n\n<!-- end: x -->\n\nby hand\n"
    assert sections.filled(new, {"x": lambda: "new"}) == new
    with pytest.raises(KeyError):
        sections.filled(page, {})
    with pytest.raises(ValueError, match="no counterpart"):
        sections.names_of("<!-- made: x -->\n<!-- end: y -->\n")


def test_a_stale_and_a_missing_page_are_named(bench, tmp_path):
    reference = bench("manual_reference")
    page = tmp_path / "scanner.md"
    page.write_text("<!-- made: keys of scanner -->\nold\n<!-- end: keys of scanner -->\n")
    rooms = len(bench("manual_api").ROOMS)
    assert len(reference.stale(tmp_path)) == 1 + rooms
    for path, text in reference.made(tmp_path).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert "`serial`" in page.read_text("utf-8")
    assert reference.stale(tmp_path) == []


def test_every_code_is_explained_once(docs):
    page = (docs / "reference" / "error-codes.md").read_text("utf-8")
    found = re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE)
    assert sorted(found) == sorted(code.value for code in REGISTRY)


def commands_of(bench):
    return list(bench("manual_commands").commands())


def test_every_parameter_has_a_meaning(bench):
    commands = commands_of(bench)
    assert len({command.name for command in commands}) == len(commands) >= 13
    silent = [
        f"{command.name} {one.name}"
        for command in commands
        for one in command.parameters()
        if not one.info.help
    ]
    assert silent == []


def test_the_page_names_the_options_that_the_program_takes(bench):
    for command in commands_of(bench):
        parsed = typer.main.get_command(app)
        for word in command.name.split()[1:]:
            parsed = parsed.commands[word]
        taken = {flag for one in parsed.params for flag in (*one.opts, *one.secondary_opts)}
        told = {flag for one in command.options for flag in one.flags}
        assert {flag for flag in taken if flag.startswith("-")} - {"--help"} == told, command.name


def test_defaults_and_limits_are_told(bench):
    (learn,) = (one for one in commands_of(bench) if one.name == "distcorr learn")
    text = learn.markdown()
    assert "| `--degree` `INTEGER` | `9` | Largest degree of the harmonics. (2 to 15) |" in text
    assert "| `-o`, `--out` `PATH` | required |" in text
    (apply,) = (one for one in commands_of(bench) if one.name == "distcorr apply")
    assert "| `--report`, `--no-report` | `--report` |" in apply.markdown()
    assert "distcorr apply [OPTIONS] CORRECTION SERIES...\n" in apply.markdown()


def test_every_room_is_public_or_says_that_it_is_not(bench):
    api = bench("manual_api")
    folder = Path(distcorr.__file__).parent
    rooms = {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert rooms - {"__init__"} == set(api.ROOMS) | api.PRIVATE_ROOMS


def test_every_public_name_has_a_summary(bench, docs):
    api = bench("manual_api")
    rooms = [api.Room(name) for name in api.ROOMS]
    names = [(room.name, one) for room in rooms for one in room.names()]
    assert [f"{room}.{one.name}" for room, one in names if not one.summary] == []
    assert not any("``" in one.summary or ":class:" in one.summary for _, one in names)
    pages = {page.stem for page in (docs / "reference" / "api").iterdir()}
    assert pages == set(api.ROOMS)


def test_gains_are_those_of_the_physics(bench):
    revealed = bench("manual_revealed")
    state = revealed.VendorState

    def told(coronal, axial, move_mm=0.0):
        gain = revealed.pair_gain(coronal, axial, move_mm)
        return revealed.Row(coronal, axial, move_mm, gain).told

    assert told(state.ND, state.ND) == "nothing: refused"
    assert told(state.DIS2D, state.DIS2D) == "D_y and D_z"
    assert told(state.ND, state.DIS3D) == "all of D"
    assert told(state.ND, state.ND, revealed.TABLE_MOVE_MM) == "all of D"


def test_a_correction_opens_without_the_package(docs, tmp_path, monkeypatch):
    page = (docs / "reference" / "file-formats.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "np.load" in block)
    assert "distcorr." not in code.replace('"scanner.distcorr"', "")
    correction = correction_of(example_field())
    correction.save(tmp_path / "scanner.distcorr")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    for point in ([80.0, 0.0, 100.0], [-31.0, 22.5, -64.0]):
        expected = correction.field.displacement(point)
        assert np.linalg.norm(expected) > 0.01
        np.testing.assert_allclose(names["displacement"](point), expected, atol=1e-9)
