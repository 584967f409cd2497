"""What the pages say of the project is there: commands, links, folders, make's targets; and the README stays short."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("reference/*.md"))]
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


@pytest.fixture(scope="module")
def reference():
    """The script that writes the command reference."""
    spec = importlib.util.spec_from_file_location("make_commands", DOCS / "make_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_reference_is_what_help_prints(reference):
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run: make docs"


def test_every_command_is_in_a_guide_and_every_command_in_a_guide_exists(reference):
    existing = {words for words in reference.commands() if words}
    guides = [page for page in PAGES if page.name != "commands.md"]
    code = "\n".join(match for page in guides for match in CODE.findall(page.read_text(encoding="utf-8")))
    for words in existing:
        assert re.search(rf"\bbicross {' '.join(words)}\b", code), f"no guide mentions bicross {' '.join(words)}"
    for first in re.findall(r"^(?:`|)bicross ([a-z-]+)", code, re.MULTILINE):
        assert (first,) in existing, first


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_of_a_page_resolves(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http:", "https:")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, link


def test_every_guide_is_in_the_table_of_the_first_page():
    first = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        if page.name != "index.md":
            assert f"({page.name})" in first, page.name


def test_every_public_package_has_a_page_in_the_reference():
    spec = importlib.util.spec_from_file_location("conf", DOCS / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    pages = {path.stem for path in DOCS.glob("reference/bicross.*.md")}
    assert pages == {f"bicross.{name}" for name in conf.PUBLIC}
    for name in pages:
        assert f".. automodule:: {name}\n" in (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def test_the_readme_stays_short():
    assert len(README.splitlines()) <= 150


def test_every_folder_of_the_readme_is_there_and_every_folder_is_in_it():
    rows = re.findall(r"^\| (`[^|]+/`) \|", README, re.MULTILINE)
    folders = {name for row in rows for name in re.findall(r"`([\w.]+)/`", row)}
    assert all((ROOT / folder).is_dir() for folder in folders)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= folders


def test_every_target_of_make_that_a_page_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
        for line in re.findall(r"^`?make ([a-z ]+?)(?:`| *#| *$)", code, re.MULTILINE):
            for target in line.split():
                assert f"\n{target}:" in makefile, f"{page.name}: make {target}"


def test_every_file_and_room_that_the_map_names_is_there():
    text = (DOCS / "contributing.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+\.\w+)?)`", text)
    assert len(named) > 40
    for name in named:
        assert (ROOT / name).exists(), name
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("*/**/__init__.py")}
    rooms = {room for room in rooms if room.split("/")[0] not in ("build", "tests", "benchmarks", ".venv")}
    assert {room for room in rooms if f"`{room}/`" not in text} == set()
