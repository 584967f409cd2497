"""The collection of the demo: the docstrings of the standard library."""

import subprocess
import sys
from types import ModuleType

import pytest
from bicross.index import Document
from bicross.pipelines.commands.demo import docstrings
from bicross.pipelines.commands.demo.docstrings import DOC_CHARACTERS, LIMIT, docstring_documents


@pytest.fixture(scope="module")
def collection() -> dict[str, Document]:
    return {document.id: document for document in docstring_documents()}


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
        ("os.path.join", "function", "Join two or more pathname components"),
        ("shutil.copytree", "function", "Recursively copy a directory tree"),
        ("subprocess.run", "function", "Run command with arguments"),
        ("collections.Counter", "class", "counting hashable items"),
        ("pathlib.Path.glob", "method", "Path.glob(pattern"),
        ("datetime.datetime.strptime", "method", "string"),
        ("unittest.TestCase.assertEqual", "method", "TestCase.assertEqual(first, second, msg=None)"),
    ],
)
def test_well_known_names_have_their_text(collection: dict[str, Document], name: str, kind: str, words: str) -> None:
    document = collection[name]
    assert document.title == name
    assert document.metadata["kind"] == kind
    assert words in document.text


def test_documents_are_many_short_public_and_each_there_once(collection: dict[str, Document]) -> None:
    documents = docstring_documents()
    assert 2000 < len(documents) == len(collection) <= LIMIT
    assert not any(part.startswith("_") for document in documents for part in document.id.split("."))
    bodies = [document.text.partition("\n\n")[2] or document.text for document in documents]
    assert len(set(bodies)) == len(bodies)
    assert max(len(body) for body in bodies) <= DOC_CHARACTERS + len(" ...")
    assert not any(" at 0x" in document.text for document in documents)


def test_metadata_say_what_it_is_and_where(collection: dict[str, Document]) -> None:
    assert collection["round"].metadata == {"kind": "function", "module": "builtins"}
    assert collection["os.path.join"].metadata == {"kind": "function", "module": "os.path"}
    assert collection["pathlib.Path.glob"].metadata == {"kind": "method", "module": "pathlib"}


def test_inherited_and_aliased_things_stand_under_their_first_name(collection: dict[str, Document]) -> None:
    assert {"dict.get", "os.path.exists"} <= set(collection)
    assert {"collections.Counter.get", "genericpath.exists"}.isdisjoint(collection)


def test_a_long_docstring_is_cut_after_its_last_whole_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mine", "\n\n".join(f"Paragraph {number} of many. {'word ' * 20}end" for number in range(9)))

    def f() -> None: ...

    f.__doc__, f.__module__ = "word " * 200, "mine"
    monkeypatch.setitem(sys.modules, "mine", module)
    monkeypatch.setattr(module, "f", f, raising=False)
    monkeypatch.setattr(docstrings, "MODULES", "mine")
    whole, cut = docstring_documents()
    assert whole.text.startswith("Paragraph 0")
    assert whole.text.endswith("word end")
    assert whole.text.count("Paragraph") == 2
    assert cut.text.startswith("f()\n\nword word")
    assert cut.text.endswith("word ...")


def test_a_module_that_this_platform_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docstrings, "MODULES", "no_such_module keyword")
    assert {document.metadata["module"] for document in docstring_documents()} == {"keyword"}


@pytest.mark.slow
def test_a_limit_keeps_the_plainest_names(collection: dict[str, Document]) -> None:
    few = docstring_documents(limit=50)
    assert [document.id for document in few] == list(collection)[:50]
    assert all("." not in document.id for document in few)
    assert docstring_documents(limit=0) == []


@pytest.mark.slow
def test_the_same_python_gives_the_same_documents_and_prints_nothing(collection: dict[str, Document]) -> None:
    code = (
        "from bicross.pipelines.commands.demo.docstrings import docstring_documents as d\n"
        "from hashlib import sha256; print(sha256(repr(d()).encode()).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert [len(run) for run in runs] == [65]
