"""Write the tables of ``docs/capacity.md`` from the planner: the plans of three sizes, and its constants."""

import re
from pathlib import Path

from bicross.pipelines.capacity import CONSTANTS, plan_capacity, plan_rows

PAGE = Path(__file__).parent / "capacity.md"
SIZES, QUERIES_PER_SECOND = (10**7, 10**8, 10**9), 500.0
_TABLE = "<!-- {name}: python docs/make_capacity.py -->\n\n{table}\n\n<!-- end -->"


def plans() -> str:
    """A column for each size, with what ``bicross plan`` prints."""
    columns = [dict(plan_rows(plan_capacity(size, queries_per_second=QUERIES_PER_SECOND))) for size in SIZES]
    first, *names = columns[0]
    lines = [[first, *(column[first] for column in columns)], ["---"] * (len(SIZES) + 1)]
    lines += [[name, *(column[name] for column in columns)] for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def constants() -> str:
    """A row for each constant."""
    lines = [["constant", "value", "", "from"], ["---"] * 4]
    lines += [
        [constant.name, f"{constant.value:g} {constant.unit}", constant.origin, constant.source]
        for constant in CONSTANTS
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, table in (("plans", plans()), ("constants", constants())):
        pattern = rf"<!-- {name}: .*?<!-- end -->"
        text = re.sub(pattern, lambda _, n=name, t=table: _TABLE.format(name=n, table=t), text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
