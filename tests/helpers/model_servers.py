"""Small servers that answer as those of other makers do, with fake models, and badly where a test says so."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from helpers.fakes import HashEncoder, OverlapReranker

TEI_INFO = {"model_id": "org/tei", "model_sha": "abc", "max_input_length": 32, "max_client_batch_size": 3}
KEY = "key-of-the-model-server"


def relevance(logit):
    return 1 / (1 + np.exp(-float(logit)))


class ModelServer:
    """What a server has been asked, and how it answers.

    Attributes:
        dialect: Whose routes it has.
        requests: The path and the body of each request.
        failures: Answers that come before the right ones: (status, headers, body), or None to close the connection.
        change: Changes each right answer.
    """

    def __init__(self, dialect, *, failures=(), change=None, key=None):
        self.dialect, self.key = dialect, key
        self.failures, self.change = list(failures), change or (lambda answer: answer)
        self.requests = []
        self.routes = ROUTES[dialect]

    @property
    def bodies(self):
        return [body for _, body in self.requests if body is not None]

    def answer(self, path, body, headers):
        self.requests.append((path, body))
        if self.key is not None and headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {}, {"error": f"wrong key {headers.get('Authorization')}"}
        if body is None and path == "/info" and self.dialect == "tei":
            return 200, {}, TEI_INFO
        if path not in self.routes:
            return 404, {}, {"detail": "no such route"}
        if self.failures:
            return self.failures.pop(0)
        return 200, {}, self.change(self.routes[path](body))


def vectors(texts):
    return (3 * HashEncoder().encode_documents(texts)).tolist()


def openai_embeddings(body):
    rows = [{"index": i, "embedding": row} for i, row in enumerate(vectors(body["input"]))]
    return {"object": "list", "data": rows[::-1], "model": body.get("model", "")}


def base64_embeddings(body):
    coded = [base64.b64encode(np.array(row, "<f4").tobytes()).decode() for row in vectors(body["input"])]
    return {"data": [{"index": i, "embedding": row} for i, row in enumerate(coded)]}


def ranked(body, field="documents", name="relevance_score", score=relevance):
    scores = [score(OverlapReranker.logit(body["query"], text)) for text in body[field]]
    return [{"index": int(i), name: scores[i]} for i in np.argsort(-np.array(scores), kind="stable")]


ROUTES = {
    "openai": {"/v1/embeddings": openai_embeddings},
    "voyage": {"/v1/embeddings": base64_embeddings, "/v1/rerank": lambda body: {"data": ranked(body)}},
    "jina": {"/v1/embeddings": openai_embeddings, "/v1/rerank": lambda body: {"results": ranked(body)}},
    "cohere": {
        "/v2/embed": lambda body: {"embeddings": {"float": vectors(body["texts"])}},
        "/v2/rerank": lambda body: {"results": ranked(body), "meta": {}},
    },
    "tei": {
        "/embed": lambda body: vectors(body["inputs"]),
        "/rerank": lambda body: ranked(body, "texts", "score", float),
    },
}


@contextmanager
def running(server):
    """The address of a ``ModelServer`` on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(None)

        def do_POST(self):
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body):
            answer = server.answer(self.path, body, self.headers)
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
