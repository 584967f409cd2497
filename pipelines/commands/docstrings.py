"""Documents from the docstrings of this Python and of installed packages. Knows no index and no model.

Source files are parsed and never run. What is written in C has its docstrings only at run time: for that, a fixed list
of modules of the standard library is imported and inspected. The same installation gives the same documents.
"""

import ast
import builtins
import importlib
import inspect
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from ...index import Document

# All of the standard library and the plainest names of two packages: 299,000 tokens (CPython 3.11), or 43 seconds for a
# demo where all-MiniLM-L6-v2 reads 7,000 a second. The first paragraphs of a docstring say what something is for; with
# 500 characters, parameters and examples among them, retrieval was worse (MRR 0.50 against 0.57 on 44 questions).
LIMIT = 6000
DOC_CHARACTERS = 300
SIGNATURE_CHARACTERS = 120
FEWEST_WORDS = 3

# Tests, programs and leftovers; the implementations of os and os.path, which have their public names there; and tkinter
# and turtle, which many Pythons come without and which would be an eighth of the standard library.
SKIPPED = """
    antigravity conftest distutils encodings ensurepip genericpath idlelib lib2to3 nt ntpath nturl2path posix posixpath
    pydoc_data sre_compile sre_constants sre_parse test testing tests this tkinter turtle turtledemo
"""

# Modules that are written in C at least in part, or whose names or docstrings are put together at import.
INSPECTED = """
    builtins abc argparse array asyncio atexit binascii bisect bz2 cmath codecs collections collections.abc
    concurrent.futures contextvars csv datetime decimal faulthandler fcntl functools gc grp hashlib heapq hmac io
    itertools locale lzma marshal math mmap multiprocessing operator os os.path pathlib pickle pwd queue random re
    resource select signal socket sqlite3 ssl string struct sys syslog termios threading time tracemalloc types
    unicodedata warnings weakref zlib zoneinfo
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Entry:
    """One docstring, under the name that a user would import."""

    name: str
    kind: str
    module: str
    signature: str
    doc: str


def docstring_documents(*, limit: int = LIMIT, packages: Sequence[str] = ("numpy", "rich")) -> list[Document]:
    """At most ``limit`` documents, plainest names first: of the standard library, then of installed ``packages``."""
    documents: list[Document] = []
    seen: set[str] = set()
    for entries in (_standard(), [entry for package in packages for entry in _parsed(package)]):
        # One docstring often stands under many names (inherited, re-exported, wrapped): the plainest keeps it.
        for entry in sorted(entries, key=lambda entry: (entry.name.count("."), len(entry.name), entry.name)):
            if seen.isdisjoint((entry.name, entry.doc)):
                documents.append(_document(entry))
                seen.update((entry.name, entry.doc))
    return documents[: max(limit, 0)]


def _standard() -> list[Entry]:
    """The standard library's entries. Where a name comes twice, the first is the one from the source."""
    names = sorted(name for name in sys.stdlib_module_names if _is_public(name) and name not in SKIPPED.split())
    return [*(entry for name in names for entry in _parsed(name, sysconfig.get_path("stdlib"))), *_inspected()]


def _document(entry: Entry) -> Document:
    text = _shortened(entry.doc, DOC_CHARACTERS)
    if entry.signature:
        text = f"{_shortened(entry.signature, SIGNATURE_CHARACTERS)}\n\n{text}"
    top = entry.module.partition(".")[0]
    package = "python" if top in sys.stdlib_module_names else top
    return Document(entry.name, text, entry.name, {"kind": entry.kind, "module": entry.module, "package": package})


def _shortened(text: str, length: int) -> str:
    """The whole paragraphs that fit, or the whole words where the first paragraph does not."""
    if len(text) <= length:
        return text
    end = text.rfind("\n\n", 0, length)
    return text[:end] if end > 0 else f"{text[:length].rsplit(maxsplit=1)[0]} ..."


def _entry(name: str, kind: str, *, module: str, doc: str | None, parameters: str | None = None) -> Iterator[Entry]:
    """The entry, unless its docstring says next to nothing. ``parameters`` is None where there are none to show."""
    # A lone surrogate in somebody's docstring becomes a question mark: no index could hold it.
    doc = (doc or "").encode("utf-8", "replace").decode("utf-8")
    signature = ""
    if parameters is not None:
        # As one calls it: without the module, and without the object that stands before the dot.
        parameters = re.sub(r"^(self|cls)(, /)?(, |$)", "", parameters)
        signature = f"{name.removeprefix(f'{module}.')}({parameters})"
    if len(doc.split()) >= FEWEST_WORDS:
        yield Entry(name, kind, module, signature, doc)


def _is_public(dotted: str) -> bool:
    return not any(part.startswith("_") for part in dotted.split("."))


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed module: its package for relative imports, and its ``__all__`` where that is one literal, else None."""

    doc: str | None
    package: list[str]
    statements: list[ast.AST]
    listed: frozenset[object] | None

    def offers(self, name: str) -> bool:
        """Whether the module means this name for its users."""
        return _is_public(name) and (self.listed is None or name in self.listed)

    def imported(self, node: ast.ImportFrom) -> str:
        """The absolute name of the module that a ``from`` import reads."""
        around = self.package[: len(self.package) + 1 - node.level] if node.level else []
        return ".".join(filter(None, (*around, node.module)))


def _parsed(package: str, folder: str | None = None) -> Iterator[Entry]:
    """The entries of a package or of a single module, looked for in ``folder``, else in ``sys.path``."""
    sources = dict(_sources(package, folder))
    public = _public_names(sources)
    for module, source in sources.items():
        if _is_public(module):
            yield from _entry(module, "module", module=module, doc=source.doc)
        for node in source.statements:
            if isinstance(node, Definition) and (name := public.get(f"{module}.{node.name}")):
                yield from _defined(node, name, module=name.rpartition(".")[0])


def _sources(package: str, folder: str | None) -> Iterator[tuple[str, Source]]:
    """Every module that can be read, private ones too: what they define may be public elsewhere."""
    spec = PathFinder.find_spec(package, folder and [folder])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    origin = Path(spec.origin)
    is_folder = origin.name == "__init__.py"
    root = origin.parent.parent if is_folder else origin.parent
    for path in sorted(origin.parent.rglob("*.py")) if is_folder else [origin]:
        *around, stem = path.relative_to(root).with_suffix("").parts
        name = around if stem == "__init__" else [*around, stem]
        if not any(part in SKIPPED.split() for part in name[1:]) and (tree := _parse(path)):
            statements = list(_statements(tree))
            yield ".".join(name), Source(ast.get_docstring(tree), around, statements, _listed(statements))


def _parse(path: Path) -> ast.Module | None:
    with warnings.catch_warnings():
        # Bad escapes in other people's strings; a DeprecationWarning before Python 3.12.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements of a module or a class, with those inside of ``if`` and ``try``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.Try | ast.ExceptHandler):
            yield from _statements(child)
        else:
            yield child


def _listed(statements: Iterable[ast.AST]) -> frozenset[object] | None:
    others = [node for node in statements if not isinstance(node, Definition)]
    touching = [n for n in others if any(isinstance(p, ast.Name) and p.id == "__all__" for p in ast.walk(n))]
    value = touching[0].value if len(touching) == 1 and isinstance(touching[0], ast.Assign) else None
    if isinstance(value, ast.List | ast.Tuple):
        return frozenset(item.value for item in value.elts if isinstance(item, ast.Constant))
    return None


def _public_names(sources: Mapping[str, Source]) -> dict[str, str]:
    """Where something is defined (``unittest.case.TestCase``), to its outermost public name (``unittest.TestCase``)."""
    tables: dict[str, dict[str, str]] = {}
    public: dict[str, str] = {}
    for module in sorted(filter(_is_public, sources), key=lambda module: module.count(".")):
        for name, origin in _bound(module, sources, tables).items():
            if sources[module].offers(name) and origin.startswith(f"{module}."):
                public.setdefault(origin, f"{module}.{name}")
    return public


def _bound(module: str, sources: Mapping[str, Source], tables: dict[str, dict[str, str]]) -> dict[str, str]:
    """The names that a module binds, to where they are defined; ``tables`` keeps what is known already."""
    if module in tables:
        return tables[module]
    table = tables[module] = {}  # before it is filled: modules import each other in circles
    for node in sources[module].statements:
        if isinstance(node, Definition):
            table[node.name] = f"{module}.{node.name}"
        elif isinstance(node, ast.ImportFrom) and (origin := sources[module].imported(node)) in sources:
            bound = _bound(origin, sources, tables)
            for alias in node.names:
                if alias.name == "*":
                    table.update({name: place for name, place in bound.items() if sources[origin].offers(name)})
                elif alias.name in bound:
                    table[alias.asname or alias.name] = bound[alias.name]
    return table


def _defined(node: Definition, name: str, *, module: str, kind: str = "function") -> Iterator[Entry]:
    """The entry of a function or a method, or those of a class and its methods."""
    doc = ast.get_docstring(node)
    if not isinstance(node, ast.ClassDef):
        is_property = any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list)
        yield from _entry(name, kind, module=module, doc=doc, parameters=None if is_property else _written(node))
        return
    methods = [method for method in _statements(node) if isinstance(method, Function)]
    start = next((method for method in methods if method.name == "__init__"), None)
    doc = doc or (start and ast.get_docstring(start))
    yield from _entry(name, "class", module=module, doc=doc, parameters=start and _written(start))
    for method in methods:
        if _is_public(method.name):
            yield from _defined(method, f"{name}.{method.name}", module=module, kind="method")


def _written(node: Function) -> str:
    """A function's parameters without their types, which a search has no use for."""
    for part in ast.walk(node.args):
        if isinstance(part, ast.arg):
            part.annotation = None
    return ast.unparse(node.args)


def _inspected() -> list[Entry]:
    entries: list[Entry] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in INSPECTED.split():
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue  # not on this platform, or not in this version
            entries.extend(_entry(name, "module", module=name, doc=inspect.getdoc(module)))
            for attribute, value in _offered(module):
                qualified = attribute if module is builtins else f"{name}.{attribute}"
                entries.extend(_living(value, qualified, module=name))
    return entries


def _offered(module: ModuleType) -> Iterator[tuple[str, object]]:
    """A module's public classes and functions; where it does not list them, those that it made itself."""
    listed: Iterable[str] | None = getattr(module, "__all__", None)
    for name in sorted(dir(module) if listed is None else listed):
        value = getattr(module, name, None)
        if _is_public(name) and (inspect.isclass(value) or inspect.isroutine(value)):
            made_here = module is builtins or (value.__module__ or "").lstrip("_") == module.__name__
            if listed is not None or (made_here and value.__name__ == name):
                yield name, value


def _living(value: object, name: str, *, module: str, kind: str = "function") -> Iterator[Entry]:
    """The entry of a function or a method, or those of a class and its methods."""
    doc = inspect.getdoc(value)
    if not isinstance(value, type):
        yield from _entry(name, kind, module=module, doc=doc, parameters=_introspected(value))
        return
    if not value.__doc__ and inspect.isfunction(start := vars(value).get("__init__")):
        doc = inspect.getdoc(start) or doc  # its own, which says more of it than what it inherits
    yield from _entry(name, "class", module=module, doc=doc, parameters=_introspected(value))
    # What a class has from a private base, users know as its own.
    bases = [base for base in value.__mro__ if base is value or not _is_public(f"{base.__module__}.{base.__name__}")]
    for attribute in sorted({attribute for base in bases for attribute in vars(base) if _is_public(attribute)}):
        method = getattr(value, attribute, None)
        if inspect.isroutine(method) or inspect.isdatadescriptor(method):
            yield from _living(method, f"{name}.{attribute}", module=module, kind="method")


def _introspected(value: object) -> str | None:
    """Parameters without types; None for a property, and for C code that tells them only in its docstring."""
    if not callable(value):
        return None
    try:
        signature = inspect.signature(value)
    except (AttributeError, NameError, TypeError, ValueError):
        return None
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text)[1:-1]  # an address is another one in every process
