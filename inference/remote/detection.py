"""Finds out what a server speaks, and what it says of its models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ...errors import ModelError
from .address import Dialect
from .caller import RemoteCaller

OWN_BATCH = 256
USUAL_BATCH = 32


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """What a server says of the model that is meant.

    Attributes:
        dialect: What it speaks.
        name: The model's name; empty where the server does not say and nobody gave one.
        batch_size: The most texts of a request.
        description: All that it says; empty where it says nothing.
    """

    dialect: Dialect
    name: str
    batch_size: int
    description: Mapping[str, Any] = field(default_factory=dict[str, Any])


def require_same_model(model: RemoteModel, answer: Any, source: str) -> None:  # noqa: ANN401 - JSON
    """Raise ``ModelError`` where ``bicross serve`` answers by another model than it had; others do not say."""
    if model.dialect == "bicross" and answer.get("model") != model.name:
        raise ModelError(f"{source} now has the model {answer.get('model')!r:.80}, no longer {model.name!r}")


def find_model(caller: RemoteCaller, kind: Literal["embedding", "rerank"], *, otherwise: Dialect) -> RemoteModel:
    """Find out what a server speaks, unless its address says so, and describe its model.

    Args:
        caller: Asks the server.
        kind: What the model does.
        otherwise: The dialect of servers that neither ``bicross serve`` nor TEI runs.

    Raises:
        ModelError: The server cannot be asked, or has no model of that kind.
    """
    address, given = caller.address, caller.options.batch_size
    if address.dialect in (None, "bicross") and (own := _own(caller, kind)) is not None:
        name = _same(caller, str(own["id"]))
        return RemoteModel("bicross", name, given or OWN_BATCH, own)
    if address.dialect in (None, "tei") and (info := _info(caller)) is not None:
        most = info.get("max_client_batch_size")
        name = _same(caller, str(info["model_id"]))
        return RemoteModel("tei", name, given or (most if isinstance(most, int) and most > 0 else USUAL_BATCH), info)
    if address.dialect == "bicross":
        raise ModelError(f"{address.url} is no `bicross serve`: leave the dialect out, or name another one")
    return RemoteModel(address.dialect or otherwise, address.model or "", given or USUAL_BATCH)


def _own(caller: RemoteCaller, kind: str) -> Mapping[str, Any] | None:
    """Return what ``bicross serve`` says of the model that its routes use; None where something else answers."""
    listed = caller.get("/v1/models")
    data: object = cast("dict[str, object]", listed).get("data") if isinstance(listed, dict) else None
    entries = cast("list[object]", data) if isinstance(data, list) else []
    objects = [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]
    own = [entry for entry in objects if entry.get("owned_by") == "bicross"]
    if not own:
        return None
    models = [entry for entry in own if entry.get("type") == kind and "id" in entry]
    if not models:
        raise ModelError(f"{caller.address.url} has no model for {kind}")
    return models[0]


def _info(caller: RemoteCaller) -> Mapping[str, Any] | None:
    """Return what TEI says of its model; None where something else answers."""
    info = caller.get("/info")
    if not isinstance(info, dict) or "model_id" not in info:
        return None
    return cast("dict[str, Any]", info)


def _same(caller: RemoteCaller, name: str) -> str:
    """Return the name of the server's model, unless another one was asked for."""
    if caller.address.model not in (None, name):
        raise ModelError(f"the model of {caller.address.url} is {name!r}, not {caller.address.model!r}")
    return name
