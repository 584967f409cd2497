"""One thread that runs the models for all requests of a server, within limits, in joined batches."""

from .admission import Admission
from .errors import ClientLeft, DeadlinePassed, QueueFull, ServerError, ServerStopping
from .model_thread import BATCH_TOKENS, BatchObserver, ModelThread
from .models import (
    BatchedCrossEncoder,
    BatchedEncoder,
    BatchedLateInteraction,
    BatchedReranker,
    about_tokens,
    batched_reranker,
)
from .ticket import Clock, Ticket, current_ticket, working_for
from .work import Lane

__all__ = [
    "BATCH_TOKENS",
    "Admission",
    "BatchObserver",
    "BatchedCrossEncoder",
    "BatchedEncoder",
    "BatchedLateInteraction",
    "BatchedReranker",
    "ClientLeft",
    "Clock",
    "DeadlinePassed",
    "Lane",
    "ModelThread",
    "QueueFull",
    "ServerError",
    "ServerStopping",
    "Ticket",
    "about_tokens",
    "batched_reranker",
    "current_ticket",
    "working_for",
]
