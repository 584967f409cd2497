"""Asking: puts the requests of one call to shards, and keeps count of those that do not answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from ...errors import ArgumentError, ShardsUnavailable
from ..filters import Predicate
from ..manifest import Manifest
from ..reading import Snapshot, View
from .filters import FactKey, GetFacts, TypedFilter, merged_fact, typed_filter
from .parts import GenerationKey, segments_of_shards
from .requests import Request

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Answer]):
    """What shards answered.

    Attributes:
        answers: The answers, by the number of the shard.
        missing: Why the others did not answer, by the number of the shard.
    """

    answers: Mapping[int, Answer]
    missing: Mapping[int, str] = field(default_factory=dict[int, str])


class Shards(Protocol):
    """All shards of an index, wherever they are. Any number of threads may ask."""

    @property
    def count(self) -> int:
        """The number of shards."""
        ...

    def open(self, key: GenerationKey, shards: Sequence[int]) -> Mapping[int, str]:
        """Open a generation in some shards; return why those failed that did, by the number of the shard."""
        ...

    def ask(self, key: GenerationKey, requests: Mapping[int, Request[Answer]], *, seconds: float) -> Gathered[Answer]:
        """Put a request to each of some shards, on one generation, and wait so long at most.

        Raises:
            BicrossError: The request cannot be answered by any shard, as for a bad argument.
        """
        ...


class OpenGeneration(Snapshot):
    """A generation whose segments are open in shards, and of which only the manifest is here."""

    def __init__(self, manifest: Manifest, shards: int, place: str) -> None:
        self.manifest = manifest
        self.key = GenerationKey.of(manifest)
        self.segments = segments_of_shards(manifest, shards)
        self.facts: dict[FactKey, Any] = {}
        self.noted: set[tuple[str, str]] = set()
        self._place = place

    @property
    def asked(self) -> list[int]:
        """The numbers of the shards that have segments."""
        return [shard for shard, segments in enumerate(self.segments) if segments]

    def shard_of(self, segment: int) -> int:
        """Return the number of the shard that has a segment."""
        return next(shard for shard, segments in enumerate(self.segments) if segment in segments)

    def documents_of(self, shard: int) -> int:
        """Return the number of live documents of a shard."""
        entries = self.manifest.segments[self.segments[shard].start : self.segments[shard].stop]
        return sum(entry.documents - entry.deleted for entry in entries)

    @property
    def views(self) -> Sequence[View]:  # pyright: ignore[reportIncompatibleVariableOverride] - there are none here
        """Raise ``ArgumentError``: whatever needs the segments here would find nothing."""
        raise ArgumentError(
            f"the documents of {self._place} are open in shards, which search them and read them by their ids: "
            f"for all else open it with Index.open({self._place!r})"
        )


class Missing:
    """The shards that did not answer in a search, which goes on without them.

    A search pins the index once, and each of its parts pins it again: what is missing in a part is missing in the
    whole.
    """

    def __init__(self, whole: "Missing | None" = None) -> None:
        self._whole = whole
        self.shards: set[int] = set()

    def add(self, shards: Sequence[int]) -> None:
        """Add shards, here and in the whole."""
        self.shards.update(shards)
        if self._whole is not None:
            self._whole.add(shards)


class Asking:
    """Puts the requests of one call to the shards, all within one time limit and on one generation.

    Args:
        shards: The shards.
        generation: The generation.
        seconds: How long all requests together may take.
        missing: The shards that the search goes on without, to which others are added; None fails where one is missing.
    """

    def __init__(
        self, shards: Shards, generation: OpenGeneration, *, seconds: float, missing: Missing | None = None
    ) -> None:
        self.generation = generation
        self._shards = shards
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._missing = missing

    def all(self, request: Request[Answer]) -> dict[int, Answer]:
        """Put a request to every shard that has segments; return the answers by the number of the shard.

        Raises:
            ShardsUnavailable: A shard does not answer, and none may be missing; or none answers.
        """
        return self.some(dict.fromkeys(self.generation.asked, request))

    def some(self, requests: Mapping[int, Request[Answer]]) -> dict[int, Answer]:
        """Put a request to some shards; as ``all``."""
        skipped = set[int]() if self._missing is None else self._missing.shards
        wanted = {shard: request for shard, request in requests.items() if shard not in skipped}
        left = max(0.0, self._ends_at - time.monotonic())
        gathered: Gathered[Answer] = (
            self._shards.ask(self.generation.key, wanted, seconds=left) if wanted else Gathered({})
        )
        if gathered.missing and self._missing is not None:
            self._missing.add(list(gathered.missing))
        if gathered.missing and (self._missing is None or not gathered.answers):
            raise self._unavailable(gathered.missing)
        if requests and not wanted:
            raise self._unavailable(dict.fromkeys(requests, "it did not answer before"))
        return dict(gathered.answers)

    def require_found(self, ids: Sequence[str], found: Sequence[object]) -> None:
        """Check that every id was found; ``found`` has None for one that was not.

        Raises:
            ShardsUnavailable: One was not, and a shard that may have it is missing.
            ArgumentError: One was not.
        """
        lost = next((id_ for id_, value in zip(ids, found, strict=True) if value is None), None)
        if lost is None:
            return
        if self._missing is not None and self._missing.shards:
            raise self._unavailable(dict.fromkeys(self._missing.shards, f"it may have the document {lost!r:.200}"))
        raise ArgumentError(f"there is no document with the id {lost!r:.200}")

    def filter(self, where: Predicate | None) -> TypedFilter | None:
        """As ``typed``; None is no filter."""
        return None if where is None else self.typed(where)

    def typed(self, where: Predicate) -> TypedFilter:
        """Read a filter; its facts are asked for once in a generation.

        Raises:
            ArgumentError: The filter cannot be read, or does not fit the fields of the index.
        """
        return typed_filter(where, self.fact, self.generation.noted)

    def fact(self, key: FactKey) -> Any:  # noqa: ANN401 - as the method that the key names returns
        """Return what is true of a field over all segments."""
        return self.facts([key])[key]

    def facts(self, keys: Sequence[FactKey]) -> dict[FactKey, Any]:
        """Return what is true of fields over all segments; it is asked for once in a generation."""
        known = {key: self.generation.facts[key] for key in keys if key in self.generation.facts}
        unknown = [key for key in keys if key not in known]
        if unknown:
            answers = self.all(GetFacts(unknown))
            in_order = [answers[shard] for shard in sorted(answers)]
            new = {key: merged_fact(key, [facts[n] for facts in in_order]) for n, key in enumerate(unknown)}
            if len(answers) == len(self.generation.asked):  # else they are those of the shards that are there
                self.generation.facts.update(new)
            known |= new
        return known

    def _unavailable(self, reasons: Mapping[int, str]) -> ShardsUnavailable:
        return unavailable(self._shards.count, reasons)


def unavailable(shards: int, reasons: Mapping[int, str]) -> ShardsUnavailable:
    """Return the error that some of so many shards did not answer, and why."""
    named = ", ".join(map(str, sorted(reasons)))
    why = "; ".join(f"{shard}: {reasons[shard]}" for shard in sorted(reasons))
    verb = "shard" if len(reasons) == 1 else "shards"
    return ShardsUnavailable(f"{verb} {named} of {shards} cannot answer ({why})", shards=tuple(sorted(reasons)))
