"""Nothing in distcorr runs what a file says: no pickle, no eval, no shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import distcorr

FORBIDDEN_MODULES = frozenset(
    ("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code",
     "codeop", "runpy", "subprocess", "pty", "yaml", "xmlrpc")
)  # fmt: skip
FORBIDDEN_CALLS = frozenset(
    ("eval", "exec", "compile", "__import__", "breakpoint",
     "os.system", "os.popen", "os.startfile", "os.execv", "os.execve", "os.execvp", "os.spawnl",
     "os.spawnv", "os.posix_spawn", "tempfile.mktemp", "pandas.read_pickle")
)  # fmt: skip
FORBIDDEN_ARGUMENTS = {"shell": True, "allow_pickle": True}


def sources() -> list[Path]:
    return sorted(Path(distcorr.__file__).parent.rglob("*.py"))


def faults(tree: ast.AST) -> list[str]:
    """Name what a module may not do, with its line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").partition(".")[0]]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):
            names = [ast.unparse(node.func).removeprefix("builtins.")]
            found += [f"{node.lineno}: {one}" for one in _arguments(node)]
        else:
            continue
        wrong = (name for name in names if name in FORBIDDEN_MODULES | FORBIDDEN_CALLS)
        found += [f"{node.lineno}: {name}" for name in wrong]
    return found


def _arguments(call: ast.Call) -> list[str]:
    """Arguments that may only be False, and only in so many words."""
    return [
        f"{one.arg}={ast.unparse(one.value)}"
        for one in call.keywords
        if one.arg in FORBIDDEN_ARGUMENTS
        and not (isinstance(one.value, ast.Constant) and one.value.value is False)
    ]


def test_no_module_runs_what_it_reads() -> None:
    found = {
        path.name: wrong
        for path in sources()
        if (wrong := faults(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert len(sources()) > 200
    assert found == {}


def test_arrays_are_loaded_without_pickle_in_so_many_words() -> None:
    """The default of ``numpy.load`` has changed once."""
    loads = [
        call
        for path in sources()
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("np.load", "numpy.load", "np.lib.format.read_array")
    ]
    for call in loads:
        assert "allow_pickle=False" in ast.unparse(call)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import os\nos.system('x')",
        "from os import system",
        "eval('1')",
        "exec('1')",
        "import subprocess",
        "run('x', shell=True)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "import joblib.parallel",
    ],
)
def test_the_search_would_find_it(source: str) -> None:
    assert faults(ast.parse(source))
