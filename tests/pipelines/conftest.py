"""What makes the many small indexes of these tests cheap, and their fakes last no longer than a test."""

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from bicross.inference import TextTokenizer, load_tokenizer, resolve_model
from bicross.pipelines.indexing.columns import tokenising
from bicross.rerank import DEFAULT_RERANKER

from bicross import pipelines


@pytest.fixture(scope="session", autouse=True)
def modules_are_loaded_before_names_are_replaced() -> None:
    """Modules load one another late: one that is first loaded while another's name is a fake would keep the fake.

    Adapters load frameworks, which takes seconds, and only their own tests need them.
    """
    for module in pkgutil.walk_packages(pipelines.__path__, "bicross.pipelines."):
        if not module.name.endswith("__main__") and ".integrations." not in module.name:
            import_module(module.name)


@pytest.fixture(scope="session", autouse=True)
def bundled_tokenizer_is_loaded_once() -> Iterator[None]:
    """To load the tokenizer of the bundled reranker takes three quarters of the time of an index of two documents."""
    once, bundled = cache(load_tokenizer), cache(resolve_model)

    def load(folder: Path) -> TextTokenizer:
        return (once if folder == bundled(DEFAULT_RERANKER) else load_tokenizer)(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenising, "load_tokenizer", load)
        yield
