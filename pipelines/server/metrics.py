"""Metrics: what a server counts and measures, in the format of Prometheus."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TOKENS = (16, 64, 256, 1024, 4096, 16_384, 65_536)


class Metrics:
    """The counters and histograms of one server. Threads may share them."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Histogram(
            "bicross_request_seconds", "Time to answer", ("route", "status"), buckets=SECONDS, registry=registry
        )
        self._stages = Histogram(
            "bicross_stage_seconds", "Time of a stage of searches", ("stage",), buckets=SECONDS, registry=registry
        )
        self._batches = Histogram(
            "bicross_batch_seconds", "Time of a batch of a model", ("model",), buckets=SECONDS, registry=registry
        )
        self._tokens = Histogram(
            "bicross_batch_tokens", "Tokens of a batch, estimated", ("model",), buckets=TOKENS, registry=registry
        )
        self._waits = Histogram(
            "bicross_queue_seconds",
            "Time from a call of a model to its batch",
            ("model",),
            buckets=SECONDS,
            registry=registry,
        )
        self._joined = Counter("bicross_batch_requests", "Requests in all batches", ("model",), registry=registry)
        self._shed = Counter("bicross_shed", "Requests refused because the queue was full", registry=registry)
        self._cut = Counter("bicross_cut_inputs", "Texts cut to fit a model", registry=registry)
        self._queue = Gauge("bicross_queue_tokens", "Tokens of all accepted requests, estimated", registry=registry)
        self._accepted = Gauge("bicross_accepted_requests", "Requests that are being answered", registry=registry)
        self._generation = Gauge("bicross_index_generation", "Generation served", ("index",), registry=registry)
        self._unrefreshed = Counter(
            "bicross_refresh_failures", "Newer generations that could not be opened", ("index",), registry=registry
        )

    def watch(self, queue_tokens: Callable[[], int], accepted: Callable[[], int]) -> None:
        """Read the state of the queue whenever the metrics are read."""
        self._queue.set_function(queue_tokens)
        self._accepted.set_function(accepted)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(route, str(status)).observe(seconds)
        if status == 429:
            self._shed.inc()

    def stage(self, name: str, seconds: float) -> None:
        """Measure a stage of a search."""
        self._stages.labels(name).observe(seconds)

    def batch(self, lane: str, *, tokens: int, requests: int, seconds: float, waits: Sequence[float]) -> None:
        """Measure a batch of a model, and how long its requests waited for it."""
        for waited in waits:
            self._waits.labels(lane).observe(waited)
        self._batches.labels(lane).observe(seconds)
        self._tokens.labels(lane).observe(tokens)
        self._joined.labels(lane).inc(requests)

    def cut(self, texts: int) -> None:
        """Count texts that were cut to fit a model."""
        self._cut.inc(texts)

    def generation(self, index: str, generation: int) -> None:
        """Set the generation that is served."""
        self._generation.labels(index).set(generation)

    def refresh_failed(self, index: str) -> None:
        """Count a newer generation that could not be opened."""
        self._unrefreshed.labels(index).inc()

    def text(self) -> bytes:
        """Return all of them in the text format of Prometheus."""
        return generate_latest(self._registry)
