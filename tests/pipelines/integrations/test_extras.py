"""Every adapter names an extra that exists, loads its framework late, and says how to install it."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from bicross.errors import MissingPackage

from bicross.lazy import lazy_names

ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
NAMED = {
    path.parent.name: match[1]
    for path in sorted((ROOT / "pipelines" / "integrations").glob("*/__init__.py"))
    if (match := re.search(r'extra="([\w-]+)"', path.read_text(encoding="utf-8")))
}


def test_every_extra_of_an_adapter_exists():
    assert {"haystack", "langchain", "llama_index", "mteb", "pyterrier"} <= NAMED.keys()
    assert set(NAMED.values()) <= EXTRAS.keys()


@pytest.mark.parametrize("room", NAMED)
def test_to_import_an_adapter_loads_nothing(room):
    module = import_module(f"bicross.pipelines.integrations.{room}")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


def test_a_package_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    (tmp_path / "a_room").mkdir()
    (tmp_path / "a_room" / "__init__.py").write_text("")
    (tmp_path / "a_room" / "part.py").write_text("import no_such_framework.core\n")
    monkeypatch.syspath_prepend(tmp_path)
    load = lazy_names("a_room", {"part": ("Name",)}, extra="framework")
    with pytest.raises(MissingPackage, match=r"a_room needs no_such_framework.*pip install 'bicross\[framework\]'"):
        load("Name")
    with pytest.raises(ModuleNotFoundError):
        lazy_names("a_room", {"part": ("Name",)})("Name")
