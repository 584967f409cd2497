"""A stand-in for OpenSearch on the loopback interface.

It answers the two requests of the adapter as the documentation of OpenSearch says: the mapping of an index, and
``_msearch`` of nearest neighbours with a filter, scored by the formula of the space. It is no OpenSearch: what the real
one does otherwise, no test here can see.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np

SCORES = {
    "cosinesimil": lambda vectors, query: (1.0 + vectors @ query) / 2.0,
    "innerproduct": lambda vectors, query: np.where(
        vectors @ query >= 0, vectors @ query + 1.0, 1.0 / (1.0 - vectors @ query)
    ),
    "l2": lambda vectors, query: 1.0 / (1.0 + ((vectors - query) ** 2).sum(axis=1)),
}
"""The scores of the documentation's table of spaces; vectors are unit vectors."""
_BOUNDS: dict[str, Callable] = {
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
}


class Collection:
    """An index: the mapping of its fields, its documents, and the vectors of these."""

    def __init__(self, properties, documents, vectors, *, space="cosinesimil"):
        self.properties, self.documents, self.vectors, self.space = properties, documents, vectors, space

    def search(self, body):
        [(_, knn)] = body["query"]["knn"].items()
        scores = SCORES[self.space](self.vectors, np.array(knn["vector"], np.float32))
        matching = [
            row
            for row, (key, source) in enumerate(self.documents.items())
            if "filter" not in knn or fits(knn["filter"], key, source)
        ]
        best = sorted(matching, key=lambda row: -scores[row])[: min(knn["k"], body["size"])]
        keys = list(self.documents)
        hits = [{"_id": keys[row], "_score": float(scores[row]), "_source": self.documents[keys[row]]} for row in best]
        return {"_shards": {"total": 1, "failed": 0}, "timed_out": False, "hits": {"hits": hits}}


def values_of(source, key):
    """The values of a field, which may be a list, a member of an object, or a sub-field of a text."""
    if key.endswith(".keyword"):
        key = key.removesuffix(".keyword")
    for name in key.split("."):
        source = source.get(name) if isinstance(source, dict) else None
    return [] if source is None else source if isinstance(source, list) else [source]


def moment(text):
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def fits(query, id_, source):
    """Whether a document fits a query."""
    [(kind, of)] = query.items()
    if kind in ("match_all", "match_none"):
        return kind == "match_all"
    if kind == "bool":
        return (
            all(fits(part, id_, source) for part in of.get("filter", []))
            and not any(fits(part, id_, source) for part in of.get("must_not", []))
            and sum(fits(part, id_, source) for part in of.get("should", [])) >= of.get("minimum_should_match", 0)
        )
    if kind == "ids":
        return id_ in of["values"]
    if kind == "exists":
        return of["field"] == "_id" or bool(values_of(source, of["field"]))
    [(key, given)] = of.items()
    values = values_of(source, key)
    if kind == "range":
        dates = "format" in given
        bounds = [
            (_BOUNDS[name], moment(bound) if dates else bound) for name, bound in given.items() if name in _BOUNDS
        ]
        read = [moment(value) if dates else value for value in values]
        return any(all(holds(value, bound) for holds, bound in bounds) for value in read)
    tests = {
        "term": lambda value: value == given,
        "terms": lambda value: value in given,
        "prefix": lambda value: value.startswith(given["value"]),
    }
    return any(map(tests[kind], values))


@contextmanager
def serving(collections, *, spoil=lambda answer: answer) -> Iterator[str]:
    """Serve indices by name; ``spoil`` may change the answer to a search."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            name = self.path.strip("/").split("/")[0]
            if name not in collections:
                error = {"type": "index_not_found_exception", "reason": f"no such index [{name}]"}
                return self.reply(404, {"error": error, "status": 404})
            return self.reply(200, {name: {"mappings": {"properties": collections[name].properties}}})

        def do_POST(self):
            assert self.path == "/_msearch"
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            lines = [json.loads(line) for line in body.splitlines()]
            pairs = zip(lines[::2], lines[1::2], strict=True)
            answers = [collections[head["index"]].search(search) for head, search in pairs]
            return self.reply(200, spoil({"took": 1, "responses": answers}))

        def reply(self, status, answer):
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
