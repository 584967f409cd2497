"""How many requests does a server answer, and how fast? Reranking and search, beside the recipe that people write.

Usage: python benchmarks/serving.py path/to/scifact [--seconds 10] [--output benchmarks/results/serving.json]

Clients send a query with documents to rerank, or a query to search, wait for the answer, and send the next: 1, 8, 32
and 128 of them. The server of bicross and the recipe, FastAPI that calls CrossEncoder.predict in each request, are
loaded at the same time in processes of their own, with the same model and threads, and are asked in turn. Then requests
come ten times as fast as the server of bicross answered them, for a minute. Takes eight minutes on two idle cores.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import Document
from bicross.inference import resolve_model
from bicross.pipelines import build_index
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import DEFAULT_ENCODER
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms
from parts.serving import Server, closed_loop, overloaded, post, recipe_command, running, seconds_to_load, serve_command

OURS, RECIPE = "bicross serve", "recipe"
RERANK, SEARCH = "/rerank", "/v1/search"
TOP_K = 5
Row = dict[str, Any]
Bodies = list[dict[str, Any]]
COMPARED = 20
HOW = (
    "Each client sends its next request when the last is answered. Requests per second are answers with status 200 in "
    "the time from the first request to the last answer. Servers and clients share the machine. Both servers are "
    "loaded, and one is asked at a time, in turn for each row. CPU seconds are those of the server's process."
)


def requests(data: Path, arguments: argparse.Namespace) -> tuple[dict[str, Bodies], list[str]]:
    """Return requests by route, and the texts to search; each request has other documents to rerank."""
    lines = (data / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"][: arguments.characters] for line in lines]
    queries = [json.loads(line)["text"] for line in (data / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    generator = np.random.default_rng(0)
    reranked = [
        {"query": query, "documents": [texts[i] for i in generator.choice(len(texts), arguments.documents)]}
        for query in queries
    ]
    depth = {"retrieve_k": arguments.candidates, "top_k": TOP_K, "blend": 1.0}
    searched = [{"query": query, **depth} for query in queries]
    return {RERANK: [body | {"raw_scores": True} for body in reranked], SEARCH: searched}, texts[: arguments.collection]


def measured(server: Server, path: str, bodies: Bodies, clients: int, seconds: float) -> dict[str, Any]:
    """Measure one server with a number of clients."""
    before = server.cpu_seconds
    loop = closed_loop(server.port, path, bodies, clients=clients, seconds=seconds)
    row: dict[str, Any] = {
        "route": path,
        "system": server.name,
        "clients": clients,
        "per_second": len(loop.seconds) / loop.lasted,
        **percentiles_ms(loop.seconds or [0.0]),
        "statuses": {str(status): count for status, count in sorted(loop.statuses.items())},
        "cpu_seconds_each": (server.cpu_seconds - before) / max(1, len(loop.seconds)),
        "resident_mb": server.resident_mb,
    }
    sys.stdout.write(f"{json.dumps(row)}\n")
    sys.stdout.flush()
    return row


def scores(server: Server, path: str, body: dict[str, Any]) -> list[float]:
    """Return the scores of a request: those to rerank in the order of its documents."""
    results = post(server.port, path, body)[1]["results"]
    if path == SEARCH:
        return [result["score"] for result in results]
    return [result["relevance_score"] for result in sorted(results, key=lambda result: result["index"])]


def closed_loops(servers: list[Server], bodies: dict[str, Bodies], arguments: argparse.Namespace) -> Row:
    """Ask all servers by numbers of clients, in turn; also the largest difference of their scores."""
    rows: list[Any] = []
    differences: dict[str, float] = {}
    for path, asked in bodies.items():
        compared = [np.array([scores(server, path, body) for body in asked[:COMPARED]]) for server in servers]
        differences[path] = float(max(np.abs(other - compared[0]).max() for other in compared))
        for clients in arguments.clients if path == RERANK else arguments.search_clients:
            rows += [measured(server, path, asked, clients, arguments.seconds) for server in servers]
    return {"rows": rows, "largest_differences": differences}


def beside_the_library(server: Server, bodies: Bodies, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the median milliseconds of one request to an idle server, and of the call of the library that it makes."""
    reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device)

    def call(body: dict[str, Any]) -> None:
        reranker.score([(body["query"], document) for document in body["documents"]])

    taken = in_turn(
        {"server": lambda body: scores(server, RERANK, body), "library": call},
        [bodies[: arguments.idle_requests]],
        note="one request at a time",
    )
    return {f"{name}_p50_ms": 1000 * float(np.median(seconds)) for name, seconds in taken.seconds.items()}


def past_saturation(index: Path, bodies: Bodies, idle: float, capacity: float, arguments: argparse.Namespace) -> Row:
    """Send ten times of what the server answers, of which little may wait."""
    wait = str(arguments.queue_seconds)
    with running(OURS, serve_command(index, arguments.reranker, "--queue-seconds", wait)) as server:
        closed_loop(server.port, RERANK, bodies, clients=8, seconds=min(3.0, arguments.seconds))
        seconds, rate = arguments.overload_seconds, 10 * capacity
        overload = overloaded(server, RERANK, bodies, rate=rate, seconds=seconds, idle_seconds=idle)
    return {
        "rate": rate,
        "sent": overload.sent,
        "statuses": dict(sorted(overload.statuses.items())),
        **percentiles_ms(overload.seconds or [0.0]),
        "resident_mb": [overload.resident_mb[0], max(overload.resident_mb), overload.resident_mb[-1]],
        "recovered_seconds": overload.recovered_seconds,
    }


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    numbers = {"type": lambda text: [int(part) for part in text.split(",")]}
    parser.add_argument("--clients", default=[1, 8, 32, 128], **numbers)
    parser.add_argument("--search-clients", default=[1, 32], **numbers)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--overload-seconds", type=float, default=60.0)
    parser.add_argument("--queue-seconds", type=float, default=4.0)
    parser.add_argument("--idle-requests", type=int, default=50)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--collection", type=int, default=1000)
    parser.add_argument("--characters", type=int, default=400)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    return arguments


def starting(index: Path, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds until a new server is ready, and until a new process has loaded the models, in turn."""
    starts: dict[str, list[float]] = {"ready_seconds": [], "load_seconds": []}
    for _ in range(arguments.starts):
        starts["load_seconds"].append(seconds_to_load(index, arguments.reranker))
        with running(OURS, serve_command(index, arguments.reranker)) as server:
            starts["ready_seconds"].append(server.ready_seconds)
    return starts


def main() -> None:
    arguments, load_average = parsed(), os.getloadavg()[0]
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    set_threads(arguments.threads)
    bodies, texts = requests(arguments.data, arguments)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as servers:
        index, listed = Path(scratch) / "served", Path(scratch) / "texts.json"
        listed.write_text(json.dumps(texts), encoding="utf-8")
        documents = [Document(str(n), text) for n, text in enumerate(texts) if text.strip()]
        build_index(documents, index, lexical=False)  # the recipe searches by vectors alone
        models = [str(resolve_model(name)) for name in (arguments.reranker, DEFAULT_ENCODER)]
        starts = starting(index, arguments)
        asked = [
            servers.enter_context(running(OURS, serve_command(index, arguments.reranker))),
            servers.enter_context(running(RECIPE, recipe_command(*models, str(listed)))),
        ]
        for server in asked:
            closed_loop(server.port, RERANK, bodies[RERANK], clients=2, seconds=min(3.0, arguments.seconds))  # warm
        report = closed_loops(asked, bodies, arguments)
        idle = beside_the_library(asked[0], bodies[RERANK], arguments)
        servers.close()
        capacity = max(row["per_second"] for row in report["rows"] if (row["system"], row["route"]) == (OURS, RERANK))
        overload = past_saturation(index, bodies[RERANK], idle["server_p50_ms"] / 1000, capacity, arguments)
    report |= {"load_average": load_average, "idle": idle, "starts": starts, "overload": overload}
    sys.stdout.write(f"{json.dumps(report | {'rows': len(report['rows'])})}\n")
    write(arguments.output, {**header(arguments, how=HOW), **report})


if __name__ == "__main__":
    main()
