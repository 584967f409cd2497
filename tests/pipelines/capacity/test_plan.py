"""Plans: their constants are those of the results, their arithmetic is done again here, and the page has them."""

import dataclasses
import importlib.util
import json
import math
from pathlib import Path

import pytest
from bicross.errors import ArgumentError
from bicross.index.vectors import choose_factory
from bicross.pipelines import Machine, plan_capacity
from bicross.pipelines.capacity import CONSTANTS, plan_rows, quantity
from bicross.pipelines.commands.app import main

ROOT = Path(__file__).parents[3]
BY_NAME = {constant.name: constant for constant in CONSTANTS}


def result(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def measured():
    """Every measured constant, read from the results."""
    [auto] = [run for run in result("index-lifecycle")["runs"] if run["index_type"] == "auto"]
    million = auto["documents"]
    ten = result("ten-million")
    of_a_vector = ten["indexes"]["0.99"]["index"]["vector_file_bytes"] / ten["settings"]["rows"]
    [embed] = [load for load in result("embed-speed")["workloads"] if load["workload"] == "MS MARCO-like"]
    [rerank] = [load for load in result("rerank-speed")["workloads"] if load["workload"] == "MS MARCO-like"]
    [size] = [size for size in result("index-recall")["sizes"] if size["rows"] == million]
    kinds = {kind["kind"]: kind["p50_ms"] for kind in size["kinds"]}
    [smaller] = [size for size in result("index-recall")["sizes"] if size["rows"] == million // 10]
    [whole] = [kind["p50_ms"] for kind in smaller["kinds"] if kind["kind"] == "Flat"]
    [row] = [
        row
        for row in result("serving")["rows"]
        if (row["route"], row["system"], row["clients"]) == ("/v1/search", "bicross serve", 32)
    ]
    passages = embed["documents"]["variants"]
    return {
        "coded bytes": auto["vector_file_bytes"] / million / 384,
        "finer codes": (of_a_vector - auto["vector_file_bytes"] / million) / 384,
        "document bytes": (auto["bytes"] - auto["vector_file_bytes"]) / million,
        "tokens": embed["documents"]["mean_tokens"],
        **{
            f"embedded, {dtype}": passages[f"bicross {dtype}"]["documents_per_second"]
            for dtype in ("float32", "bfloat16", "int8")
        },
        "built": auto["build_documents_per_second"],
        "built together": million / auto["segments"],
        "searched": kinds["auto"],
        "searched, whole vectors": 10 * whole,
        "searched, bytes": kinds["SQ8"],
        "encoded query": embed["one_query"]["variants"]["bicross float32"]["p50_ms"],
        "reranked": rerank["one_query"]["variants"]["bicross float32"]["p50_ms"],
        "process": row["resident_mb"] * 1e6,
    }


def test_measured_constants_are_those_of_the_results_and_name_their_file():
    values = measured()
    assert {name for name, constant in BY_NAME.items() if constant.origin == "measured"} == values.keys()
    for name, value in values.items():
        assert BY_NAME[name].value == pytest.approx(value, rel=1e-3), name
        file = BY_NAME[name].source.split(":")[0]
        assert (ROOT / "benchmarks" / "results" / file).is_file()
    assert len(BY_NAME) == len(CONSTANTS)
    assert all(constant.source for constant in CONSTANTS)


def value(name):
    return BY_NAME[name].value


@pytest.mark.parametrize("documents", [1, 1000, 10**6, 10**7, 1e9])
@pytest.mark.parametrize("dim", [384, 768])
@pytest.mark.parametrize("queries", [0.1, 500])
def test_the_arithmetic_of_a_plan(documents, dim, queries):
    machine = Machine(32e9, 8)
    plan = plan_capacity(documents, dim=dim, queries_per_second=queries, passages_per_document=2, machine=machine)
    passages = 2 * int(documents)
    layout = choose_factory(passages, dim, segment_rows=1_000_000)
    finer = value("finer codes") if "fp16" in layout else 0
    each = 4 * dim if layout == "Flat" else (value("coded bytes") + finer) * dim
    beside = value("document bytes") + 2 * value("tokens") + value("term bytes")
    assert (plan.passages, plan.layout) == (passages, layout)
    assert plan.vector_bytes == pytest.approx(passages * each)
    assert plan.index_bytes == pytest.approx(passages * (each + beside))
    # Each of the limits holds: memory, time of a shard, cores.
    used = plan.memory_per_machine_bytes
    assert used <= 0.75 * machine.memory_bytes
    assert plan.memory_bytes == pytest.approx(used * plan.search_machines)
    searched = "searched, whole vectors" if layout == "Flat" else "searched"
    search = passages / 1e6 * value(searched) / 1e3 * dim / 384
    assert plan.search_core_seconds == pytest.approx(search)
    assert plan.shard_search_ms == pytest.approx(1e3 * search / plan.shards)
    assert plan.shard_search_ms <= 100
    assert plan.shards <= plan.machines_per_copy * machine.cores
    assert plan.replicas >= 2
    busy = queries * (search + 2e-3 * (value("encoded query") + value("reranked")))
    assert busy <= plan.machines * machine.cores * 0.6
    # And none of the machines is too many.
    assert plan.search_machines == plan.replicas * plan.machines_per_copy
    if plan.rerank_machines:
        assert busy > (plan.machines - 1) * machine.cores * 0.6
    if plan.replicas > 2:
        assert queries * search > (plan.replicas - 1) * plan.machines_per_copy * machine.cores * 0.6
    seconds = passages * (2 / value("embedded, float32") + 1 / value("prepared"))
    assert plan.embed_core_hours == pytest.approx(seconds / 3600)
    assert plan.embed_hours == pytest.approx(seconds / 3600 / (plan.machines * machine.cores))
    assert plan.build_core_hours == pytest.approx(passages * 2 / value("built") / 3600)
    cores = min(plan.machines * machine.cores, 2 * math.ceil(passages / 1e6))
    assert plan.build_hours == pytest.approx(plan.build_core_hours / cores)
    assert plan.build_disk_bytes == pytest.approx(plan.index_bytes + 4 * dim * passages)
    assert plan.network_bytes_per_query == pytest.approx(plan.shards * (4 * dim + 1600) + 100 * beside)
    assert plan.network_bytes_per_second == pytest.approx(queries * plan.network_bytes_per_query)


def test_what_is_given_changes_what_it_should():
    base = plan_capacity(10**8, queries_per_second=100)
    assert plan_capacity(10**8, queries_per_second=100, rerank_k=0).rerank_core_seconds == 0
    assert plan_capacity(10**8, queries_per_second=100, dtype="int8").embed_core_hours < base.embed_core_hours
    half = plan_capacity(10**8, queries_per_second=100, scanned_share=0.5)
    assert half.search_core_seconds == pytest.approx(base.search_core_seconds / 2)
    assert plan_capacity(10**8, queries_per_second=100, search_ms=10).shards == 10 * base.shards - 6
    assert plan_capacity(10**8, queries_per_second=0.1, replicas=5).replicas == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"documents": 0}, "documents must be at least 1, not 0"),
        ({"documents": 1.5}, r"documents must be a whole number, not 1.5"),
        ({"documents": 1e14}, "documents must be at most 10,000,000,000,000, not 100000000000000"),
        ({"documents": math.inf}, "documents must be a whole number"),
        ({"dim": 10**6}, "dim must be at most 65,536, not 1000000"),
        ({"queries_per_second": 0}, "queries_per_second must be a number from 1e-09 to 1e.09"),
        ({"passages_per_document": -1}, "passages_per_document must be a number from 0.001 to"),
        ({"scanned_share": 2}, "scanned_share must be a number from 1e-06 to 1"),
        ({"dtype": "float16"}, "dtype must be one of float32, bfloat16, int8"),
        ({"rerank_k": 10**400}, "rerank_k must be at most 10,000, not 1000"),
        ({"machine": 3}, "machine must be a Machine"),
    ],
)
def test_what_cannot_be_is_an_error(given, message):
    with pytest.raises(ArgumentError, match=message):
        plan_capacity(**({"documents": 10**6} | given))
    with pytest.raises(ArgumentError, match=r"memory_bytes=1e\+09 is too little: a process with its models takes"):
        Machine(1e9)


def test_quantities_have_three_digits():
    values = (0.25, 1, 999, 999.6, 1000, 480_027_875, 1.234e15, 0)
    assert [quantity(value, "B") for value in values] == [
        "0.25 B",
        "1 B",
        "999 B",
        "1 kB",
        "1 kB",
        "480 MB",
        "1.23 PB",
        "0 B",
    ]


def test_the_command_prints_the_plan_and_its_constants(capsys):
    asked = ["plan", "--documents", "1e9", "--dim", "384", "--queries-per-second", "500"]
    plan = plan_capacity(10**9, queries_per_second=500)
    assert main(asked) == 0
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    for name, shown in plan_rows(plan):
        assert f"{name} {shown}" in words
    for constant in CONSTANTS:
        assert f"- {constant.name}: {constant.value:g} {constant.unit} ({constant.origin}: {constant.source})" in words
    assert main([*asked, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["plan"] == dataclasses.asdict(plan) | {"machines": plan.machines}
    assert record["machine"] == {"memory_bytes": 64e9, "cores": 16}
    assert len(record["constants"]) == len(CONSTANTS)
    assert main(["plan", "--documents", "10", "--memory", "1"]) == 2
    assert "memory_bytes=1e+09 is too little" in " ".join(capsys.readouterr().err.split())


def test_the_page_has_what_the_command_prints():
    spec = importlib.util.spec_from_file_location("make_capacity", ROOT / "docs" / "make_capacity.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    text = made.PAGE.read_text(encoding="utf-8")
    assert made.page(text) == text, "run: python docs/make_capacity.py"
    for _, shown in plan_rows(plan_capacity(10**9, queries_per_second=500)):
        assert f"| {shown} |" in text
