"""Write the test queries of a BEIR folder that share no relevant document with its training queries.

Usage: python benchmarks/unshared.py FOLDER -o OUT

What was trained, distilled or tuned with the training queries may have learned their documents. Of SciFact's 300 test
queries 196 share one with the training claims. OUT gets ``queries.jsonl`` and ``qrels/test.tsv`` of the others, for
``bicross evaluate INDEX OUT``.
"""

import argparse
import json
from pathlib import Path

from parts.judged import unshared_queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder to make")
    arguments = parser.parse_args()
    if arguments.output.exists():
        parser.error(f"{arguments.output} is there already: name a new folder")
    judged = unshared_queries(arguments.folder)
    (arguments.output / "qrels").mkdir(parents=True)
    queries = [json.dumps({"_id": query_id, "text": text}) for query_id, text in judged.queries.items()]
    lines = [f"{query}\t{document}\t{grade}" for query, row in judged.qrels.items() for document, grade in row.items()]
    (arguments.output / "queries.jsonl").write_text("\n".join(queries) + "\n", encoding="utf-8")
    table = "\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n"
    (arguments.output / "qrels" / "test.tsv").write_text(table, encoding="utf-8")
    print(f"{len(judged.queries)} queries share no relevant document with a training query")


if __name__ == "__main__":
    main()
