"""How Sphinx builds the guides and both references into one site: ``make docs``."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.ext.autodoc.mock import mock

if TYPE_CHECKING:
    from collections.abc import Callable

    from docutils.nodes import Element, TextElement
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

sys.path.insert(0, str(Path(__file__).parent))

import bicross

project = "bicross"
author = "the bicross developers"
release = version = bicross.__version__
html_title = "bicross"
html_theme = "furo"
html_show_sphinx = False
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["*.py"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

PUBLIC = (
    "index",
    "index.staging",
    "retrieval",
    "rerank",
    "rerank.readers",
    "pipelines",
    "pipelines.cluster",
    "pipelines.training",
    "pipelines.training.pair_tasks",
    "pipelines.cluster.sharding",
    "pipelines.integrations.beir",
    "pipelines.integrations.haystack",
    "pipelines.integrations.lancedb",
    "pipelines.integrations.langchain",
    "pipelines.integrations.llama_index",
    "pipelines.integrations.mcp",
    "pipelines.integrations.mteb",
    "pipelines.integrations.opensearch",
    "pipelines.integrations.pyterrier",
    "pipelines.integrations.qdrant",
    "pipelines.integrations.stores",
    "training",
    "training.rerankers",
    "training.encoders",
    "training.pairs",
    "training.readers",
    "inference",
    "errors",
)

FRAMEWORKS = [
    "haystack",
    "lancedb",
    "langchain_core",
    "llama_index",
    "mteb",
    "opensearchpy",
    "pyterrier",
]
"""What adapters import: the pages need none of it, and it takes seconds to load. Types of qdrant_client are needed."""
autodoc_mock_imports = FRAMEWORKS

autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_use_admonition_for_examples = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False

# Types of other projects are shown by name, without a link: the build needs no network. Those of this project that are
# not public appear in annotations only.
nitpick_ignore_regex = [
    (r"py:.*", pattern) for pattern in (r"(?!bicross\.).*", r"bicross\.\w+\.[a-z_]\w*\..*", r".*\._\w+")
]


def public_names() -> dict[str, str]:
    """Where each public object is documented, by the module that defines it and its name there."""
    names: dict[str, str] = {}
    for name in PUBLIC:
        package = importlib.import_module(f"bicross.{name}")
        for exported in package.__all__:
            # Some packages load their names on demand; autodoc sees only what is there.
            value = vars(package).setdefault(exported, getattr(package, exported))
            if inspect.isclass(value) or inspect.isroutine(value):
                names[f"{value.__module__}.{value.__qualname__}"] = f"{package.__name__}.{exported}"
    return names


def link_to_public(app: "Sphinx", env: "BuildEnvironment", node: "Element", content: "TextElement") -> "Element | None":
    """Link a type that an annotation names by its defining module to the package that exports it."""
    target = PUBLIC_NAMES.get(str(node.get("reftarget")))
    if node.get("refdomain") != "py" or target is None:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, content)


def link_to_files(app: "Sphinx", name: str, source: list[str]) -> None:
    """Turn links to pages of the repository that are not part of the site into links to copies of them."""
    source[0] = re.sub(r"\]\((\.\./[^)]+\.md)\)", r"](path:\1)", source[0])


class Undecorated:
    """The decorator of Haystack's components, which leaves a class as it is."""

    def __call__(self, component: type) -> type:
        """Return the class."""
        return component

    def output_types(self, **_: object) -> "Callable[[Callable[..., object]], Callable[..., object]]":
        """Return a decorator that leaves a method as it is."""
        return lambda method: method


PUBLIC_NAMES: dict[str, str] = {}


def setup(app: "Sphinx") -> None:
    """Called by Sphinx."""
    with mock(FRAMEWORKS):
        importlib.import_module("haystack").component = Undecorated()  # a mock of it would take the place of the class
        PUBLIC_NAMES.update(public_names())
    app.connect("source-read", link_to_files)
    app.connect("missing-reference", link_to_public)
