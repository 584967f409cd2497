"""Servers of small indexes and deterministic models, asked in this process."""

import threading
from contextlib import contextmanager

import uvicorn
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.server import ModelOptions, ServerSettings, Service, create_app, listen
from starlette.testclient import TestClient

from helpers.fakes import HashEncoder, OverlapReranker

ANIMALS = [
    Document("cat", "The cat sleeps all day on the warm sofa", "Cats", {"legs": 4}),
    Document("dog", "The dog runs in the park and sleeps at night", "Dogs", {"legs": 4}),
    Document("owl", "An owl sleeps all day and hunts at night in the field", "Owls", {"legs": 2}),
    Document("a/b c", "Bees collect nectar from flowers", "Bees", {"legs": 6}),
]
KEY, WRITE_KEY = "reading-key-of-the-tests", "writing-key-of-the-tests"


def animals(path, documents=ANIMALS, **options):
    return build_index(documents, path, encoder=HashEncoder(), reranker=None, **options)


@contextmanager
def served(indexes, *, loaded=True, encoder=None, reranker=None, **settings):
    """A client of a server of some indexes, and its service."""
    models = ModelOptions(encoder=encoder or HashEncoder(), reranker=reranker or OverlapReranker())
    service = Service(indexes, ServerSettings(**settings), models)
    if loaded:
        service.load()
    try:
        yield TestClient(create_app(service), base_url="http://127.0.0.1"), service
    finally:
        service.close()


@contextmanager
def listening(indexes, **settings):
    """The address of a server of some indexes, for clients that open connections of their own."""
    with served(indexes, **settings) as (_, service), at_address(create_app(service)) as address:
        yield address


@contextmanager
def at_address(app):
    """The address of an application, in a thread of this process."""
    listener = listen(ServerSettings(port=0))
    server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="on", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
