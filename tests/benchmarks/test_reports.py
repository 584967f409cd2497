"""The reports and the index say what the committed result files say, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from make_reports import HERE, REPORTS, TEMPLATES, about, data, environment, reports, row

SCRIPTS = {path.stem for path in HERE.glob("*.py")} - {"make_reports", "unshared", "vectors"}
WRITTEN_BY_HAND = {"diary"}
TYPED = re.compile(r"(?<![\w.])[-+]?\d+\.\d{3,}")


@pytest.mark.parametrize(("path", "text"), list(reports()), ids=lambda value: getattr(value, "stem", ""))
def test_a_report_is_what_its_result_files_say(path, text):
    assert path.read_text(encoding="utf-8") == text, "run: make reports"


def test_every_script_has_a_report_and_a_line_in_the_index():
    names = {path.name.removesuffix(".md.jinja") for path in TEMPLATES.glob("*.md.jinja")} - {"index"}
    assert names == SCRIPTS
    assert {path.stem for path in REPORTS.glob("*.md")} == SCRIPTS | WRITTEN_BY_HAND
    index = (HERE / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert f"](reports/{name}.md)" in index
        assert f"`python benchmarks/{name}.py" in index
    assert len(index.splitlines()) <= 100


def test_every_result_file_is_in_a_report():
    text = "".join(path.read_text(encoding="utf-8") for path in REPORTS.glob("*.md"))
    for path in (HERE / "results").glob("*.json"):
        assert f"](../results/{path.name})" in text


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.jinja")), ids=lambda path: path.name)
def test_no_measured_figure_is_typed_into_a_template(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = text.replace("arXiv 2502.03552", "").replace("a loss of at most 0.003", "")  # a name, and an aim
    assert not TYPED.findall(text)


def test_links_lead_to_files():
    for path in [HERE / "README.md", *REPORTS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_a_changed_figure_makes_a_report_stale():
    changed = {"runs": [run | {"verify_seconds": 99.0} for run in data("index-lifecycle")["runs"]]}
    template = environment()
    template.globals["data"] = lambda name: data(name) | changed
    old = (REPORTS / "index_lifecycle.md").read_text(encoding="utf-8")
    assert template.get_template("index_lifecycle.md.jinja").render() == old.replace(
        "| 14.0 | 13.7 |", "| 99.0 | 99.0 |"
    )


def test_a_row_is_the_only_one_of_its_kind():
    rows = [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    assert row(rows, a=1, b=2) is rows[1]
    for keys in ({"a": 1}, {"a": 2}):
        with pytest.raises(ValueError, match="unpack"):
            row(rows, **keys)


def test_what_was_run_is_named():
    line = about("quality")
    assert "Machine: AMD EPYC, 2 cores, no GPU, 2 torch threads." in line
    assert "tuning_queries 120" in line
    assert "None" not in about("index-lifecycle") + line


def test_the_check_finds_nothing_to_write():
    command = [sys.executable, str(Path(HERE) / "make_reports.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
