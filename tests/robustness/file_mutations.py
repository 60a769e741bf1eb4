"""Damage to files and folders: cut, empty, replaced, linked in circles."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable

from distcorr.errors import Code
from tests.robustness.outcomes import RIGHT, refused, warned
from tests.robustness.pixel_mutations import plain
from tests.robustness.scene import Mutation, Scene, classic

DAMAGED = refused(Code.UNREADABLE, Code.PIXELS_UNREADABLE)
PREAMBLE = 132


def _cut_header(scene: Scene) -> None:
    path = scene.inner
    content = path.read_bytes()
    path.write_bytes(content[: scene.rng.randrange(1, len(content) // 3)])


def _cut_end(scene: Scene) -> None:
    path = scene.inner
    content = path.read_bytes()
    path.write_bytes(content[: -scene.rng.randrange(2, 30)])


def _written(name: str, content: bytes) -> Callable[[Scene], None]:
    return lambda scene: (scene.folder / name).write_bytes(content) and None


def _emptied(scene: Scene) -> None:
    scene.inner.write_bytes(b"")


def _replaced(content: bytes) -> Callable[[Scene], None]:
    return lambda scene: scene.inner.write_bytes(content) and None


def _preamble_lost(scene: Scene) -> None:
    path = scene.inner
    path.write_bytes(path.read_bytes()[PREAMBLE:])


def _preamble_filled(scene: Scene) -> None:
    """Make the file a program as well, which the standard allows."""
    path = scene.inner
    path.write_bytes(b"MZ" + os.urandom(126) + path.read_bytes()[128:])


def _trailing(scene: Scene) -> None:
    path = scene.inner
    path.write_bytes(path.read_bytes() + b"\x00" * 100 + b"trailing")


def _folder_like_file(scene: Scene) -> None:
    (scene.folder / "slice9999.dcm").mkdir()


def _instead_by_folder(scene: Scene) -> None:
    path = scene.inner
    path.unlink()
    path.mkdir()


def _loop(scene: Scene) -> None:
    (scene.folder / "loop").symlink_to("loop")
    (scene.folder / "a").symlink_to("b")
    (scene.folder / "b").symlink_to("a")


def _to_parent(scene: Scene) -> None:
    (scene.folder / "up").symlink_to(scene.folder, target_is_directory=True)
    (scene.folder / "deeper").mkdir()
    (scene.folder / "deeper" / "up").symlink_to(scene.folder, target_is_directory=True)


def _dangling(scene: Scene) -> None:
    path = scene.inner
    path.unlink()
    path.symlink_to("nowhere")


def _linked(scene: Scene) -> None:
    """Let a second name lead to one of the images."""
    (scene.folder / "again.dcm").symlink_to(scene.inner)


def _device(scene: Scene) -> None:
    for name in ("zero", "random", "full"):
        (scene.folder / f"{name}.dcm").symlink_to(f"/dev/{name}")


def _pipe(scene: Scene) -> None:
    os.mkfifo(scene.folder / "pipe.dcm")


def _sparse(scene: Scene) -> None:
    path = scene.folder / "huge.bin"
    path.touch()
    os.truncate(path, 1 << 40)


def _zipped(scene: Scene) -> None:
    with zipfile.ZipFile(scene.folder / "all.zip", "w") as archive:
        for path in scene.files:
            archive.write(path, path.name)


def _odd_names(scene: Scene) -> None:
    names = ["ünïcödé 測試", "a\nb", "-rf", "[bold]x", "a" * 250, "$(id)", "\x1b[2J"]
    for path, name in zip(scene.files, names, strict=False):
        path.rename(scene.folder / name)


def _not_utf8(scene: Scene) -> None:
    for path in (scene.files[0], scene.files[1]):
        target = os.fsencode(scene.folder) + b"/\xff\xfe" + os.fsencode(path.name)
        os.rename(os.fsencode(path), target)  # noqa: PTH104 - the name is no text


def _hidden(scene: Scene) -> None:
    path = scene.inner
    path.rename(path.with_name(f".{path.name}"))


def _no_read(scene: Scene) -> None:
    scene.inner.chmod(0)


HOLE = warned(Code.SLICES_MISSING, Code.SPACING_IRREGULAR)

TABLE: list[Mutation] = [
    Mutation("file-cut-in-header", "a file ends within its header", _cut_header,
             DAMAGED | refused(Code.NO_PIXELS), classic),
    Mutation("file-cut-in-pixels", "a file ends within its pixels", _cut_end, DAMAGED, classic),
    Mutation("file-empty", "a file of no length", _emptied, DAMAGED, classic),
    Mutation("file-is-text", "an image is replaced by text", _replaced(b"Dear reader,\n" * 50),
             HOLE, classic),
    Mutation("file-is-zeros", "an image is replaced by zeros", _replaced(bytes(4000)),
             HOLE, classic),
    Mutation("file-is-magic", "an image holds nothing but its magic word",
             _replaced(bytes(128) + b"DICM"), DAMAGED, classic),
    Mutation("file-is-folder", "a folder stands where an image was", _instead_by_folder,
             HOLE, classic),
    Mutation("preamble-lost", "a file without its preamble", _preamble_lost,
             RIGHT | DAMAGED, plain),
    Mutation("preamble-filled", "a file that is a program, too", _preamble_filled, RIGHT, classic),
    Mutation("trailing-bytes", "bytes after the end of the data set", _trailing,
             RIGHT | DAMAGED, classic),
    Mutation("text-beside", "a text file beside the images", _written("notes.txt", b"hello"),
             RIGHT),
    Mutation("empty-beside", "an empty file beside the images", _written("empty", b""), DAMAGED),
    Mutation("noise-beside", "a file of noise beside the images",
             _written("noise.dcm", bytes(range(256)) * 40), RIGHT),
    Mutation("magic-noise-beside", "noise with the magic word beside the images",
             _written("noise.dcm", bytes(128) + b"DICM" + bytes(range(256)) * 40), DAMAGED),
    Mutation("dicomdir-beside", "a damaged DICOMDIR beside the images",
             _written("DICOMDIR", bytes(128) + b"DICM" + b"\xff" * 40), RIGHT),
    Mutation("folder-beside", "a folder with the name of an image", _folder_like_file, RIGHT),
    Mutation("links-in-circles", "links that lead to themselves", _loop, RIGHT),
    Mutation("links-to-parent", "links to the folder itself", _to_parent, RIGHT),
    Mutation("link-to-nowhere", "an image is a link to nothing", _dangling, HOLE, classic),
    Mutation("link-to-image", "one image has two names", _linked, RIGHT),
    Mutation("devices", "links to devices without end", _device, RIGHT),
    Mutation("pipe", "a pipe that nobody writes to", _pipe, RIGHT),
    Mutation("sparse-terabyte", "a sparse file of a terabyte", _sparse, RIGHT),
    Mutation("zip-beside", "an archive of the images beside them", _zipped, RIGHT),
    Mutation("names-odd", "names with line breaks, markup and escape codes", _odd_names, RIGHT,
             classic),
    Mutation("names-not-utf8", "names that are no text", _not_utf8, RIGHT, classic),
    Mutation("file-hidden", "one image is a hidden file", _hidden, HOLE, classic),
    Mutation("file-forbidden", "one image may not be read", _no_read,
             DAMAGED if os.geteuid() else RIGHT, classic),
]  # fmt: skip

TABLES: tuple[list[Mutation], ...] = (TABLE,)
