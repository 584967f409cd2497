"""The promises of the code about itself: sizes, public names, and who may write files."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bicross", "errors", "index", "inference", "models", "pipelines", "rerank", "retrieval", "training")
COMMANDS = ROOT / "pipelines" / "commands"
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small_and_documented(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert len(source.splitlines()) < 300
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        # The options of a command are its parameters.
        if isinstance(node, ast.FunctionDef) and COMMANDS not in path.parents:
            assert node.end_lineno - node.lineno < 50, node.name


@pytest.mark.parametrize("package", [package for package in PACKAGES if package not in ("bicross", "models")])
def test_what_a_package_exports_is_there_and_sorted(package):
    module = importlib.import_module(f"bicross.{package}")
    names = module.__all__
    assert all(hasattr(module, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def calls_and_imports(path):
    """What a module calls and imports, by the last part of its name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_only_the_filesystem_writes_an_index():
    writes = {"write_text", "write_bytes", "mkdir", "unlink", "rmtree", "rename", "replace_file", "touch", "mkdtemp"}
    for path in sorted((ROOT / "index").rglob("*.py")):
        if path.name == "filesystem.py":
            continue
        assert not writes & set(calls_and_imports(path)), path
        if path.name == "readers.py":
            continue  # it writes the report of bad rows, which is no part of an index
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "open":
                modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert all(mode in ("r", "rb") for mode in modes), path


def test_nothing_loads_pickles_or_runs_strings():
    banned = {"pickle", "marshal", "shelve", "dill", "joblib", "exec", "__import__"}
    for path in MODULES:
        assert not banned & set(calls_and_imports(path)), path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("eval", "torch.load"), path
                for keyword in node.keywords:
                    if keyword.arg in ("trust_remote_code", "allow_pickle"):
                        assert ast.unparse(keyword.value) == "False", path
