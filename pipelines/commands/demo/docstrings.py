"""Documents from the docstrings of the installed Python's standard library, for the demo."""

import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

from ....index import Document

MODULES = """
    builtins abc argparse array ast asyncio atexit base64 bdb binascii bisect bz2 calendar cmath cmd code codecs
    collections collections.abc colorsys compileall concurrent.futures configparser contextlib contextvars copy csv
    dataclasses datetime dbm decimal difflib dis doctest email email.message email.utils enum errno faulthandler
    filecmp fileinput fnmatch fractions ftplib functools gc getopt getpass gettext glob graphlib gzip hashlib heapq
    hmac html html.parser http http.client http.cookies http.server imaplib importlib importlib.metadata
    importlib.resources inspect io ipaddress itertools json keyword linecache locale logging logging.config
    logging.handlers lzma mailbox math mimetypes mmap multiprocessing multiprocessing.pool netrc numbers operator
    optparse os os.path pathlib pdb pickle pickletools pkgutil platform plistlib poplib pprint profile pstats queue
    quopri random re reprlib runpy sched secrets select selectors shelve shlex shutil signal smtplib socket
    socketserver sqlite3 ssl stat statistics string struct subprocess sys sysconfig tarfile tempfile textwrap
    threading time timeit token tokenize trace traceback tracemalloc types typing unicodedata unittest unittest.mock
    urllib.error urllib.parse urllib.request uuid venv warnings wave weakref webbrowser wsgiref.simple_server
    xml.dom xml.etree.ElementTree xml.sax zipapp zipfile zlib zoneinfo
"""
"""The modules whose docstrings are collected; importing them opens no file and prints nothing."""
LIMIT = 6000
DOC_CHARACTERS = 300
"""The most characters of a docstring: its first paragraphs. With the examples after them, retrieval was worse."""
FEWEST_WORDS = 3


def docstring_documents(*, limit: int = LIMIT) -> list[Document]:
    """Collect the docstrings of modules, classes, functions and methods, plainest names first.

    Args:
        limit: Documents at most. A docstring that stands under several names is taken once, under the plainest.
    """
    entries = [document for name in MODULES.split() for document in _of_module(name)]
    documents: dict[str, Document] = {}
    texts: set[str] = set()
    for document in sorted(entries, key=lambda entry: (entry.id.count("."), len(entry.id), entry.id)):
        text = document.text.partition("\n\n")[2] or document.text
        if document.id not in documents and text not in texts:
            documents[document.id] = document
            texts.add(text)
    return list(documents.values())[: max(limit, 0)]


def _of_module(name: str) -> Iterator[Document]:
    try:
        module = importlib.import_module(name)
    except ImportError:
        return  # not on this platform
    yield from _document(module, name, "module", name)
    for attribute, value in _offered(module):
        qualified = attribute if module is builtins else f"{name}.{attribute}"
        yield from _document(value, qualified, "class" if inspect.isclass(value) else "function", name)
        for method in sorted(vars(value)) if inspect.isclass(value) else ():
            member = inspect.getattr_static(value, method)
            if not method.startswith("_") and (callable(member) or isinstance(member, (staticmethod, classmethod))):
                yield from _document(getattr(value, method), f"{qualified}.{method}", "method", name)


def _offered(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the public classes and functions of a module; where it does not list them, those that it made itself."""
    listed = getattr(module, "__all__", None)
    for name in sorted(dir(module) if listed is None else listed):
        value = getattr(module, name, None)
        made_here = module is builtins or (getattr(value, "__module__", "") or "").lstrip("_") == module.__name__
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isroutine(value)) and (listed or made_here):
            yield name, value


def _document(value: object, name: str, kind: str, module: str) -> Iterator[Document]:
    """Yield the document of one docstring, unless it is too short."""
    text = inspect.getdoc(value) or ""
    if len(text.split()) >= FEWEST_WORDS:
        signature = "" if kind == "module" else _signature(value, name.removeprefix(f"{module}."))
        yield Document(name, signature + _shortened(text), name, {"kind": kind, "module": module})


def _signature(value: object, name: str) -> str:
    """Write a call with its parameters, without types; empty for C code that does not tell them."""
    try:
        signature = inspect.signature(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return ""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for number, parameter in enumerate(signature.parameters.values())
        if number or parameter.name != "self"
    ]
    written = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return f"{name}{re.sub(r' at 0x[0-9A-Fa-f]+', '', written)}\n\n"  # a memory address differs from process to process


def _shortened(text: str) -> str:
    """Keep the whole paragraphs that fit, or the whole words where the first paragraph does not."""
    if len(text) <= DOC_CHARACTERS:
        return text
    end = text.rfind("\n\n", 0, DOC_CHARACTERS)
    return text[:end] if end > 0 else f"{text[:DOC_CHARACTERS].rsplit(maxsplit=1)[0]} ..."
