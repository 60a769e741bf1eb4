"""Small datasets, a server that gives them out, and studies of a few files."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np

from distcorr.data import Dataset
from distcorr.images import write_volume
from distcorr.space import Grid, Volume

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLAIN = {"a.bin": b"first", "b.bin": b"second"}
PACKED = {"c.dcm.gz": gzip.compress(b"third", mtime=0)}


def dataset(name: str = "small", packed: bool = False) -> Dataset:
    contents = PACKED if packed else PLAIN
    rows = [
        {"name": file, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for file, body in contents.items()
    ]
    row = {
        "name": name,
        "repository": "https://github.com/owner/repo",
        "licence": "MIT",
        "credit": "somebody",
        "shows": "letters",
        "checks": "fetching",
        "command": "distcorr inspect part",
        "folder": [{"commit": COMMIT, "path": "In/part", "files": rows}],
    }
    return Dataset.model_validate(row | ({"packing": "gzip"} if packed else {}))


def clone(root: Path) -> Path:
    """Write all files as a clone of the repository has them."""
    folder = root / "In" / "part"
    folder.mkdir(parents=True)
    for name, body in (PLAIN | PACKED).items():
        (folder / name).write_bytes(body)
    return root


class _Silent(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@contextmanager
def served(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on this machine; gives its address and the paths asked for."""
    asked: ClassVar[list[str]] = []
    handler = type("Handler", (_Silent,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


CORONAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Directions of rows, columns and slices, one in each column."""


def write_scan(path: Path, value: int) -> None:
    """Write a tiny volume, coronal if its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    direction = CORONAL if path.stem == "coronal" else np.eye(3)
    grid = Grid((2, 3, 4), np.zeros(3), np.array([1.0, 1.0, 2.0]), direction)
    volume = Volume(np.full(grid.shape, value, dtype=np.int16), grid)
    write_volume(volume, path, overwrite=True)


STUDY = """
[[reference]]
id = "ref01"
axial = "ref01/axial.nrrd"
coronal = "ref01/coronal.nrrd"
axial_state = "DIS3D"
coronal_state = "ND"
patient_position = "HFS"
isocentre_lps = [0.0, 0.0, 0.0]
mask = "ref01/mask.nrrd"
head = "ref01/head.stl"

[[scan]]
id = "sub01"
path = "sub01/scan.nrrd"
labels = ["sub01/labels.nrrd"]
points = ["sub01/marks.csv"]
meshes = ["sub01/bone.stl"]

[[points]]
id = "phantom"
pairs = "phantom/pairs.csv"
shown_state = "ND"
patient_position = "HFS"
isocentre_lps = [0.0, 0.0, 0.0]
"""
STUDY_FILES = (
    "cohort.toml",
    "phantom/pairs.csv",
    "ref01/axial.nrrd",
    "ref01/coronal.json",
    "ref01/coronal.nrrd",
    "ref01/head.stl",
    "ref01/mask.nrrd",
    "sub01/bone.stl",
    "sub01/labels.nrrd",
    "sub01/marks.csv",
    "sub01/scan.nrrd",
)


def write_study(folder: Path) -> Path:
    """Write a manifest and all files that it names; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(STUDY_FILES):
        if name.endswith(".nrrd"):
            write_scan(folder / name, number)
    for name in STUDY_FILES:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_text(f"content of {name}", encoding="utf-8")
    (folder / "ref01" / "coronal.json").write_text("{}", encoding="utf-8")
    pairs = "true_x,true_y,true_z,shown_x,shown_y,shown_z\n" + "".join(
        f"{n},0,0,{n}.5,0,0\n" for n in range(12)
    )
    (folder / "phantom" / "pairs.csv").write_text(pairs, encoding="utf-8")
    manifest = folder / "cohort.toml"
    manifest.write_text(STUDY, encoding="utf-8")
    return manifest
