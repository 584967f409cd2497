"""The promises of the code about itself: sizes, rooms, imports, public names, the wheel, and who may write files."""

import ast
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bicross", "errors", "index", "inference", "models", "pipelines", "rerank", "retrieval", "training")
COMMANDS = ROOT / "pipelines" / "commands"
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ROOMS = sorted({path.parent for path in MODULES})
ADAPTERS = ROOT / "pipelines" / "integrations"
MOST_MODULES = 12

every_room = pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.relative_to(ROOT)))


def dotted(room: Path) -> str:
    parts = room.relative_to(ROOT).parts
    return ".".join(parts if parts[0] == "bicross" else ("bicross", *parts))


def lines_of_docstring(function: ast.FunctionDef) -> int:
    """Its parameters stand there one a line, which makes no function harder to follow."""
    if ast.get_docstring(function) is None:
        return 0
    return function.body[0].end_lineno - function.body[0].lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small_and_documented(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert len(source.splitlines()) < 300
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        # The options of a command are its parameters.
        if isinstance(node, ast.FunctionDef) and COMMANDS not in path.parents:
            assert node.end_lineno - node.lineno - lines_of_docstring(node) < 50, node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_function_returns_is_not_taken_for_a_type(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        docstring = (isinstance(node, ast.FunctionDef) and ast.get_docstring(node)) or ""
        for line in re.findall(r"^(?:Returns|Yields):\n +(.*)", docstring, re.MULTILINE):
            assert ":" not in re.sub("``.*?``", "", line), (
                f"{node.name}: Sphinx takes what is before the colon as a type"
            )


@pytest.mark.parametrize("room", [*ROOMS, ROOT / "benchmarks" / "parts"], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_holds_at_most_a_dozen_modules(room):
    modules = [path.name for path in room.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert len(modules) <= MOST_MODULES, modules
    assert (room / "__init__.py").is_file()


def imports_of(path: Path):
    """The relative imports of a module as (the folder that the dots name, the parts after it)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield path.parents[node.level - 1], (node.module or "").split(".")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_are_imported_through_their_init(path):
    """A module names its neighbours, and other rooms as a whole: nobody reaches into a room for one of its modules."""
    for folder, parts in imports_of(path):
        if len(parts) > 1:
            assert folder.joinpath(*parts).is_dir(), f"{path.relative_to(ROOT)} imports {'.'.join(parts)}"


@every_room
def test_what_a_room_exports_can_be_imported_and_is_documented(room):
    module = importlib.import_module(dotted(room))
    names = getattr(module, "__all__", [])
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in names if room.parent != ADAPTERS else ():  # those load frameworks, and their own tests load them
        value = getattr(module, name)
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("bicross."):
            assert inspect.getdoc(value), name
    own = {name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert own - {"lazy_names", "version", "TYPE_CHECKING"} <= set(names)


@pytest.mark.parametrize("room", [room for room in ROOMS if room.name not in ("errors", "models")], ids=dotted)
def test_what_a_type_checker_sees_of_a_room_is_what_it_exports(room):
    """Names that are imported when they are asked for stand three times in their ``__init__``: they must agree."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    visible = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    module = importlib.import_module(dotted(room))
    assert visible == set(getattr(module, "__all__", ())) - {"__version__"}


@every_room
def test_a_name_that_a_room_lacks_is_an_attribute_error(room):
    """Also where names are loaded when they are first used (``bicross.lazy``)."""
    with pytest.raises(AttributeError, match=rf"module '{dotted(room)}' has no attribute 'no_such_name'"):
        _ = importlib.import_module(dotted(room)).no_such_name


def test_importing_bicross_costs_nothing():
    program = (
        "import sys; before = set(sys.modules); import bicross; "
        "print(*sorted(name for name in set(sys.modules) - before if name.split('.')[0] in sys.argv[1:]))"
    )
    heavy = ("numpy", "torch", "faiss", "pyarrow", "transformers", "sentence_transformers", "pydantic")
    run = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.slow
def test_the_wheel_has_every_file_of_every_package(tmp_path):
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    built = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    named = (path if path.parts[0] == "bicross" else "bicross" / path for path in files)
    expected = {path.as_posix() for path in named if "__pycache__" not in path.parts}
    assert built == expected


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
    modules = sorted((ROOT / "index").rglob("*.py"))
    assert ROOT / "index" / "files" / "filesystem.py" in modules
    for path in modules:
        if path.name in ("filesystem.py", "error_log.py", "standard_input.py"):
            continue  # the last two write lists of bad rows and copies of standard input, which are no part of an index
        assert not writes & set(calls_and_imports(path)), path
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
