import importlib
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from bicross.index import Document
from bicross.pipelines.commands import docstrings
from bicross.pipelines.commands.docstrings import docstring_documents


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return docstring_documents()


@pytest.fixture(scope="module")
def collection(documents: list[Document]) -> dict[str, Document]:
    return {document.id: document for document in documents}


@pytest.fixture
def no_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docstrings, "_standard", list)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_standard_library: None) -> Iterator[Path]:
    """A folder on sys.path whose packages are the only ones in the collection."""
    monkeypatch.syspath_prepend(tmp_path)
    loaded = set(sys.modules)
    yield tmp_path
    assert not {name for name in set(sys.modules) - loaded if name.startswith("mine")}


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def ids_of(package: str) -> list[str]:
    return [document.id for document in docstring_documents(packages=[package])]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("round", "function", "Round a number to a given precision"),
        ("str.split", "method", "separator"),
        ("dict.get", "method", "key is in the dictionary"),
        ("math.gcd", "function", "Greatest Common Divisor"),
        ("csv", "module", "CSV"),
        ("csv.reader", "function", "iterable"),
        ("json.loads", "function", "loads(s, *, cls=None, object_hook=None"),
        ("time.sleep", "function", "seconds"),
        ("os.getpid", "function", "current process id"),
        ("os.path.join", "function", "Join two or more pathname components"),
        ("shutil.copytree", "function", "Recursively copy a directory tree"),
        ("subprocess.run", "function", "Run command with arguments"),
        ("random.randint", "function", "Return random integer in range"),
        ("collections.Counter", "class", "counting hashable items"),
        ("pathlib.Path.glob", "method", "Path.glob(pattern"),
        ("datetime.datetime.strptime", "method", "string"),
        ("threading.Thread.join", "method", "Wait until the thread terminates"),
        ("unittest.TestCase.assertEqual", "method", "TestCase.assertEqual(first, second, msg=None)"),
        ("multiprocessing.Process", "class", "separate process"),
        ("concurrent.futures.ProcessPoolExecutor", "class", "ProcessPoolExecutor instance"),
        ("asyncio.gather", "function", "coroutines"),
        ("numpy.mean", "function", "mean(a, axis=None"),
        ("rich.table.Table", "class", "console"),
    ],
)
def test_well_known_names_have_their_text(collection: dict[str, Document], name: str, kind: str, words: str) -> None:
    document = collection[name]
    assert document.title == name
    assert document.metadata["kind"] == kind
    assert words in document.text


def test_metadata(collection: dict[str, Document]) -> None:
    assert collection["round"].metadata == {"kind": "function", "module": "builtins", "package": "python"}
    assert collection["os.path.join"].metadata == {"kind": "function", "module": "os.path", "package": "python"}
    assert collection["pathlib.Path.glob"].metadata == {"kind": "method", "module": "pathlib", "package": "python"}
    assert collection["numpy.mean"].metadata == {"kind": "function", "module": "numpy", "package": "numpy"}


def test_only_public_names_each_once(documents: list[Document]) -> None:
    ids = [document.id for document in documents]
    assert len(set(ids)) == len(ids) == docstrings.LIMIT
    assert not [name for name in ids if any(part.startswith("_") for part in name.split("."))]
    hidden = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "antigravity", "this", "posixpath"}
    modules = {str(document.metadata["module"]) for document in documents}
    assert not [module for module in modules if not hidden.isdisjoint(module.split("."))]


def test_inherited_and_aliased_things_stand_under_their_first_name(collection: dict[str, Document]) -> None:
    assert {"dict.get", "OSError", "os.path.exists"} <= set(collection)
    assert {"collections.Counter.get", "IOError", "genericpath.exists"}.isdisjoint(collection)


def test_one_docstring_stands_under_its_plainest_name(site: Path) -> None:
    same = 'def {}():\n    """Does the same everywhere."""\n'
    write(site, {"mine/__init__.py": "", "mine/a.py": same.format("longer"), "mine/b.py": same.format("short")})
    assert ids_of("mine") == ["mine.b.short"]


def test_the_same_list_every_time(documents: list[Document]) -> None:
    assert docstring_documents() == documents
    assert not [document.id for document in documents if " at 0x" in document.text.partition("\n")[0]]


def test_the_standard_library_comes_first(collection: dict[str, Document]) -> None:
    packages = [document.metadata["package"] for document in collection.values()]
    standard = packages.count("python")
    assert packages[:standard] == ["python"] * standard
    assert set(packages[standard:]) == {"numpy", "rich"}
    assert standard > 3000


def test_limit(site: Path) -> None:
    functions = "".join(f'def f{number}():\n    "Gives the number {number} back."\n' for number in range(10))
    write(site, {"mine.py": functions})
    assert [document.id for document in docstring_documents(limit=3, packages=["mine"])] == [
        "mine.f0",
        "mine.f1",
        "mine.f2",
    ]
    assert docstring_documents(limit=0, packages=["mine"]) == docstring_documents(limit=-1, packages=["mine"]) == []


def test_a_long_docstring_is_cut_after_its_last_whole_paragraph(site: Path) -> None:
    paragraphs = "\n\n".join(f"Paragraph {number} of many. " + "word " * 20 for number in range(9))
    write(site, {"mine.py": f'"""{paragraphs}"""\ndef f():\n    """{"word " * 200}"""\n'})
    module, function = docstring_documents(packages=["mine"])
    assert module.text.startswith("Paragraph 0") and module.text.rstrip().endswith("word")
    assert module.text.count("Paragraph") == 2
    assert function.text.startswith("f()\n\nword word") and function.text.endswith("word ...")
    assert len(function.text) < docstrings.DOC_CHARACTERS + 20


def test_other_peoples_code_is_read_and_never_run(site: Path) -> None:
    ran = site / "ran"
    write(
        site,
        {
            "mine/__init__.py": f'"""A package that must not be imported."""\nopen({str(ran)!r}, "w").close()\n',
            "mine/broken.py": 'raise RuntimeError\ndef f(x: int = 1, *, y) -> int:\n    """Does this and that."""\n',
        },
    )
    documents = {document.id: document for document in docstring_documents(packages=["mine"])}
    assert list(documents) == ["mine", "mine.broken.f"]
    assert documents["mine.broken.f"].text == "f(x=1, *, y)\n\nDoes this and that."
    assert not ran.exists()


@pytest.mark.parametrize(
    "content",
    [
        b'"""Not UTF-8 at all: \xff\xfe."""\n',
        b'# coding: no-such-coding\n"""A docstring of many words."""\n',
        b'"""A docstring of many words."""\ndef f(:\n',
        b'"""A docstring of many words."""\n\x00\n',
        b'"""A docstring of many words."""\nx = ' + b"(" * 5000 + b")" * 5000,
    ],
    ids=["encoding", "coding", "syntax", "null", "nesting"],
)
def test_a_file_that_cannot_be_parsed_is_skipped(site: Path, content: bytes) -> None:
    good = 'def f():\n    """Can be read all right."""\n'
    write(site, {"mine/__init__.py": "", "mine/bad.py": content, "mine/good.py": good})
    assert ids_of("mine") == ["mine.good.f"]


def test_a_declared_coding_and_a_bad_escape_are_fine(site: Path) -> None:
    write(site, {"mine.py": '# coding: latin-1\n"""Größe in Metern, and a \\d."""\n'.encode("latin-1")})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (document,) = docstring_documents(packages=["mine"])
    assert document.text == "Größe in Metern, and a \\d."


def test_a_lone_surrogate_is_replaced(site: Path) -> None:
    write(site, {"mine.py": '"""Half of a pair: \\ud800."""\n'})
    assert [document.text for document in docstring_documents(packages=["mine"])] == ["Half of a pair: ?."]


def test_names_are_those_that_a_user_imports(site: Path) -> None:
    write(
        site,
        {
            "mine/__init__.py": "from ._core import *\nfrom mine.sub.deep import Given as Taken\nfrom os import path\n",
            "mine/_core/__init__.py": "from .. import sub\nfrom .things import *\nfrom .things import asked\n",
            "mine/_core/things.py": (
                '__all__ = ["shown"]\n'
                'def shown():\n    """Listed and so public."""\n'
                'def asked():\n    """Not listed but asked for."""\n'
                'def unseen():\n    """Neither listed nor asked for."""\n'
            ),
            "mine/sub/__init__.py": "",
            "mine/sub/deep.py": (
                "try:\n    import fast\nexcept ImportError:\n"
                '    class Given:\n        """A class under a condition."""\n'
                '        def method(self, x):\n            """Does it to x."""\n'
                '        def _hidden(self):\n            """Does it in secret."""\n'
                '        @property\n        def size(self):\n            """Its size in bytes."""\n'
                '        @classmethod\n        def make(cls):\n            """Makes one of them."""\n'
                'def _private():\n    """Is nobody else\'s business."""\n'
                'class Undescribed:\n    def __init__(self, n):\n        """Starts with n items."""\n'
                'def few():\n    """Too few."""\n'
            ),
            "mine/tests/test_it.py": 'def test_it():\n    """Tests this and that."""\n',
        },
    )
    documents = {document.id: document.text for document in docstring_documents(packages=["mine"])}
    assert documents == {
        "mine.asked": "asked()\n\nNot listed but asked for.",
        "mine.shown": "shown()\n\nListed and so public.",
        "mine.Taken": "A class under a condition.",
        "mine.Taken.make": "Taken.make()\n\nMakes one of them.",
        "mine.Taken.size": "Its size in bytes.",
        "mine.Taken.method": "Taken.method(x)\n\nDoes it to x.",
        "mine.sub.deep.Undescribed": "Undescribed(n)\n\nStarts with n items.",
    }


def test_a_package_that_is_not_installed_is_left_out(site: Path) -> None:
    assert docstring_documents(packages=["mine_that_is_not_there"]) == []


def test_without_sources_there_is_what_the_running_python_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path / "python.zip"))
    ids = {document.id for document in docstring_documents(packages=())}
    assert {"round", "csv.reader", "math.sqrt", "os.path.join", "pathlib.Path.glob", "collections.Counter"} <= ids


def test_a_module_that_this_platform_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def import_module(name: str) -> object:
        if name == "csv":
            raise ImportError(name)
        return original(name)

    original = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    ids = {document.id for document in docstring_documents(packages=())}
    assert "round" in ids and "csv.reader" not in ids
