"""Write the reports of the benchmarks and their index from the committed result files.

Usage: python benchmarks/make_reports.py [--check]

Every template of reports/templates/ becomes a report in reports/, and index.md.jinja becomes benchmarks/README.md. The
table of families goes into docs/models.md as well. All figures come from results/*.json. With --check nothing is
written, and the exit status is 1 where a file differs.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from parts.tables import (
    answers,
    clustering,
    contexts,
    families,
    indexes,
    late_interaction,
    layers,
    markdown,
    pairs,
    relevance,
    scale,
    speed,
)

HERE = Path(__file__).parent
REPORTS, RESULTS = HERE / "reports", HERE / "results"
TEMPLATES = REPORTS / "templates"
INDEX = "index.md.jinja"
MODELS, MODELS_TABLE = HERE.parent / "docs" / "models.md", ("<!-- table of families: begin -->", "<!-- end -->")
"""The page of the documentation that has the table of families, between these lines."""
TABLES = {
    name: function
    for module in (
        answers,
        clustering,
        contexts,
        families,
        indexes,
        late_interaction,
        layers,
        pairs,
        relevance,
        scale,
        speed,
    )
    for name, function in vars(module).items()
    if name.endswith(("_table", "_title", "_side_by_side", "_mean"))
}


@cache
def data(name: str) -> Any:  # noqa: ANN401 - a JSON object
    """Return the content of results/NAME.json."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def row(rows: Iterable[Mapping[str, Any]], /, **keys: object) -> Mapping[str, Any]:
    """Return the only one of the rows that has these values."""
    [match] = [row for row in rows if all(row[key] == value for key, value in keys.items())]
    return match


def about(name: str) -> str:
    """Return a line that names a result file, its machine, the settings of the run and the versions."""
    report = data(name)
    machine = dict(report.get("machine", {}))
    parts = [f"Figures: [{name}.json](../results/{name}.json)."]
    if machine:
        words = [machine.pop("processor"), f"{machine.pop('cores')} cores", machine.pop("graphics", None) or "no GPU"]
        threads = machine.pop("torch_threads", None)
        words += [f"{threads} torch thread{'s' if threads > 1 else ''}"] if threads else []
        parts.append(f"Machine: {', '.join(words)}.")
    machine.pop("omp_num_threads", None)  # torch_threads says what came of it
    if settings := _pairs(report.get("settings", {})):
        parts.append(f"Settings: {settings}.")
    if versions := _pairs(report.get("versions", machine)):
        parts.append(f"Versions: {versions}.")
    return " ".join(parts)


def _pairs(values: Mapping[str, object]) -> str:
    """Format names and values, without what is unset or off."""
    given = {name: value for name, value in values.items() if value not in (None, False, [])}
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items())


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def environment() -> Environment:
    """Return the templates with the tables and formats that they use; an unknown name in one is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.globals |= {"data": data, "row": row, "about": about, **TABLES}
    made.filters |= {
        "ndcg": "{:.4f}".format,
        "signed": "{:+.4f}".format,
        "fixed": lambda value, digits: f"{value:,.{digits}f}",
        "ratio": "{:.1f}".format,
        "percent": markdown.percent,
        "difference": markdown.difference_cell,
        "duration": clustering.duration,
    }
    return made


def reports() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of each report, and of the index."""
    templates = environment()
    for path in sorted(TEMPLATES.glob("*.md.jinja")):
        target = HERE / "README.md" if path.name == INDEX else REPORTS / path.name.removesuffix(".jinja")
        yield target, templates.get_template(path.name).render()
    yield MODELS, with_table(MODELS.read_text(encoding="utf-8"), families.families_table(data("model-families")))


def with_table(page: str, table: str) -> str:
    """Replace what stands between the two lines that enclose the table of families."""
    before, after_start = page.split(MODELS_TABLE[0])
    after = after_start.split(MODELS_TABLE[1], maxsplit=1)[1]
    return f"{before}{MODELS_TABLE[0]}\n{table}\n{MODELS_TABLE[1]}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a report is out of date")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in reports() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        print(f"{path.name}: {'out of date' if check else 'written'}", file=sys.stderr)
        if not check:
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
