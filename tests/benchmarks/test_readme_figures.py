"""The tables of quality, speed, pairs and the index in README.md and docs/ have the figures of the result files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from make_reports import data, row

ROOT = Path(__file__).parents[2]
COLLECTIONS = ["scifact", "nfcorpus", "cranfield", "cosqa", "squad-dev"]


def tables(*paths: Path) -> Iterator[list[list[str]]]:
    """The tables of Markdown files, as rows of cells without emphasis; the first row is the header."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for table in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
            yield [rows[0], *rows[2:]]


def only_table(header: list[str], *paths: Path) -> dict[str, list[str]]:
    """The cells by row label of the only table that has this header, apart from case and the label's column."""
    [table] = [table for table in tables(*paths) if [cell.lower() for cell in table[0][1:]] == header]
    return {cells[0].strip("*"): cells[1:] for cells in table[1:]}


def quality_cell(collection: str, system: str) -> str:
    figures = row(data("reranker")["results"], collection=collection, system=system)
    difference = figures["difference"]
    mark = "*" if difference is not None and difference["p_value"] < 0.05 else ""
    return f"{figures['means']['nDCG@10']['mean']:.4f}{mark}"


def default_cell(collection: str) -> str:
    rows = [
        figures
        for figures in data("feedback")["results"]
        if (figures["collection"], figures["system"]) == (collection, "shares of the terms with feedback")
    ]
    return "".join(f"{figures['means']['nDCG@10']['mean']:.4f}" for figures in rows)


def reranked_default_cell(collection: str) -> str:
    rows = [figures for figures in data("reranker-default")["results"] if figures["collection"] == collection]
    reranked = [figures for figures in rows if figures["system"] == "default, reranked"]
    return "".join(
        f"{figures['means']['nDCG@10']['mean']:.4f}{'*' if figures['difference']['p_value'] < 0.05 else ''}"
        for figures in reranked
    )


def late_interaction_cell(collection: str) -> str:
    figures = row(data("late-interaction")["quality"], collection=collection)
    reached = row(figures["rows"], way="fast, then reranker on 10")
    mark = "*" if reached["to_first_stage"]["p_value"] < 0.05 else ""
    return f"{reached['means']['nDCG@10']['mean']:.4f}{mark}"


def test_the_table_of_quality():
    table = only_table(COLLECTIONS, ROOT / "README.md")
    assert len(table) == 7
    with_token_vectors = table.pop("a new index with token vectors, the best 10 reranked")
    assert with_token_vectors == [late_interaction_cell(collection) for collection in COLLECTIONS]
    assert table.pop("a new index, reranked") == [reranked_default_cell(collection) for collection in COLLECTIONS]
    assert table.pop("a new index, not reranked") == [default_cell(collection) for collection in COLLECTIONS]
    for label, cells in table.items():
        system = "hybrid" if label.startswith("hybrid") else "vectors"
        system += ", reranked" if "reranked" in label else ""
        assert [re.sub(r"^\*\*(.*)\*\*$", r"\1", cell) for cell in cells] == [
            quality_cell(collection, system) for collection in COLLECTIONS
        ], label


def test_the_numbers_of_queries():
    counts = {figures["collection"]: figures["queries"] for figures in data("reranker")["results"]}
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "({}, {}, {}, {}, and {} of squad-dev's 2,339)".format(*(counts[name] for name in COLLECTIONS)) in text
    assert all(figures["queries"] == counts[figures["collection"]] for figures in data("feedback")["results"])


@pytest.mark.parametrize(
    ("label", "workload"), [("as long as MS MARCO's", "MS MARCO-like"), ("documents of SciFact", "SciFact")]
)
def test_the_speed_of_reranking(label, workload):
    figures = row(data("rerank-speed")["workloads"], workload=workload)["one_query"]["variants"]
    cells = only_table(["float32", "bfloat16", "int8"], ROOT / "README.md")[label]
    assert cells == [
        f"{figures[f'bicross {dtype}']['times_faster']:.1f} times" for dtype in ("float32", "bfloat16", "int8")
    ]


def test_the_speed_of_late_interaction():
    figures = data("late-interaction")["speed"][0]["variants"]
    table = only_table(["float32", "bfloat16", "int8"], ROOT / "README.md")
    cells = table["as long as MS MARCO's, with token vectors"]
    names = [f"fast {dtype}, then bicross {dtype} on 10" for dtype in ("float32", "bfloat16")]
    assert cells == [*(f"{figures[name]['times_faster']:.0f} times" for name in names), ""]


def test_the_speed_beside_other_engines():
    taken = data("rerank-speed-engines")["workloads"][0]["one_query"]["variants"]
    times = [
        f"{taken[f'{engine} {dtype}']['p50_ms'] / taken[f'bicross {dtype}']['p50_ms']:.1f}"
        for engine, dtype in (
            ("OpenVINO", "float32"),
            ("OpenVINO", "bfloat16"),
            ("ONNX Runtime", "float32"),
            ("ONNX Runtime", "int8"),
        )
    ]
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    pattern = r"OpenVINO took \[(\S+) times .*? float32 and (\S+) in bfloat16, "
    pattern += r"ONNX Runtime (\S+) in float32 and (\S+) in int8"
    assert [list(found) for found in re.findall(pattern, text)] == [times]


@pytest.mark.parametrize("documents", [100_000, 1_000_000])
def test_the_speed_of_a_whole_answer(documents):
    figures = row(data("latency")["sizes"], documents=documents)["warm"]
    cells = only_table(["float32", "bfloat16", "int8"], ROOT / "README.md")[f"a whole answer, {documents:,} documents"]
    assert cells == [
        *(f"{figures[f'bicross {dtype}']['times_faster']:.1f} times" for dtype in ("float32", "bfloat16")),
        "",
    ]


def test_the_index_of_a_million():
    paths = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    exact, auto = only_table(["recall@100", "one query, p50", "against exact", "vectors"], *paths).values()
    kinds = row(data("index-recall")["sizes"], rows=1_000_000)["kinds"]
    flat, chosen = row(kinds, kind="Flat"), row(kinds, kind="auto")
    assert exact == ["1", f"{flat['p50_ms']:.0f} ms", "1", f"{flat['stored_bytes'] / 1e6:,.0f} MB"]
    assert auto == [
        f"{chosen['recall_at_100']:.3f}",
        f"{chosen['p50_ms']:.1f} ms",
        f"{flat['p50_ms'] / chosen['p50_ms']:.1f} times faster",
        f"{chosen['stored_bytes'] / 1e6:,.0f} MB",
    ]


def test_what_training_on_pairs_reaches():
    trained, mrpc, entailment = only_table(["trained", "default"], ROOT / "docs" / "pairs.md").values()
    test = {(line["pairs"], line["system"]): line["test"] for line in data("pairs")["rows"]}
    default = "sentence-transformers/all-MiniLM-L6-v2"
    [mix] = [system for pairs, system in test if pairs == "stsb" and "cosine" in system]
    alone, mixed, cosine = (
        f"{test['stsb', system]['spearman']:.3f}" for system in ("trained on STS-B, both orders", mix, default)
    )
    assert trained == [f"{alone} in both orders; {mixed} mixed with the cosine", cosine]

    def cell(system: str) -> str:
        return f"{test['mrpc', system]['accuracy']:.3f} / {test['mrpc', system]['f1']:.3f}"

    single, both = cell("trained on MRPC"), cell("trained on MRPC, both orders")
    assert mrpc == [f"{both} in both orders ({single} in one)", f"{cell(default)}"]
    assert entailment == [f"{test['sick entailment', 'trained on SICK']['accuracy']:.3f}", "none"]


def test_how_good_answers_are():
    gold, rows = data("answers")["gold"], {row["passage"]: row for row in data("answers-unanswerable")["unanswerable"]}
    of_other, of_same, cut = rows.values()
    guide, card = (
        " ".join(path.read_text(encoding="utf-8").split())
        for path in (ROOT / "docs" / "answers.md", ROOT / "models" / "bicross-reader-mini" / "README.md")
    )
    exact, f1 = (f"{100 * gold[name]['mean']:.1f} %" for name in ("exact_match", "f1"))
    assert f"On {gold['questions']:,} questions about articles" in guide
    assert f"{exact} of its answers are an exact match, and F1 is {f1}." in guide
    assert f"an answer in {100 * gold['kept']['mean']:.0f} % of the right paragraphs" in guide
    assert of_other["rejected"]["mean"] == 1
    assert f"all passages of other articles, {100 * of_same['rejected']['mean']:.0f} % of the wrong ones" in guide
    assert f"only {100 * cut['rejected']['mean']:.0f} % where" in guide
    assert f"exact match {exact}" in card
    assert f"F1 {f1}" in card
    assert f"{100 * gold['kept']['mean']:.1f} % of these answers are above the threshold" in card
    assert f"of those {100 * gold['exact_match_of_kept']['mean']:.1f} % are" in card
