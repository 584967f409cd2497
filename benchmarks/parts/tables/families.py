"""The table of model_families.py, which the documentation has too."""

from parts.tables.markdown import Record, markdown


def families_table(report: Record) -> str:
    """One line for each family, and what the reader should know of the run."""
    dtypes = report["settings"]["dtypes"]
    columns = ["family", "for example", "largest difference / spread", "packed"]
    columns += [f"times faster, {dtype}" for dtype in dtypes]
    table = markdown(columns, [_cells(family, dtypes) for family in report["families"]])
    return f"{table}\n\n{report['note']}" if report["note"] else table


def _cells(family: Record, dtypes: list[str]) -> list[object]:
    ours = [family["variants"][f"bicross {dtype}"] for dtype in dtypes]
    return [
        family["family"],
        f"`{family['example']}`" if "/" in family["example"] else family["example"],
        f"{ours[0]['largest_difference'] / family['spread']:.0e}",
        "yes" if all(family["packed"].values()) else "no",
        *(figures["times_faster"] for figures in ours),
    ]
