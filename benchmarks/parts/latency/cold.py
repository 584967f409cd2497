"""Open one pipeline of latency.py in a fresh process, search, and print the seconds as JSON.

Usage: PYTHONPATH=benchmarks python -m parts.latency.cold FOLDER bicross|plain SETTINGS_AS_JSON QUERY
"""

import json
import sys
from pathlib import Path
from time import perf_counter

from parts.machine import set_threads


def main() -> None:
    folder, kind, given, query = sys.argv[1:]
    settings = json.loads(given)
    began = perf_counter()
    set_threads(settings.pop("threads"))
    from parts.latency import compared  # imports torch, which belongs to opening

    make = compared.Bicross if kind == "bicross" else compared.Plain
    pipeline = make(Path(folder), **settings)
    opened = perf_counter()
    taken = pipeline.answer(query)
    print(json.dumps({"open": opened - began, "first": taken["total"], "second": pipeline.answer(query)["total"]}))


if __name__ == "__main__":
    main()
