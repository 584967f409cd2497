"""Router: asks the replicas of shards, and waits for one answer of each shard within a time limit."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, TypeVar, cast

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_items, checked_number
from ....index.shards import Gathered, GenerationKey, Request
from .replicas import Pace, Replica, Replicas, ShardHandle

Answer = TypeVar("Answer")
OPEN_SECONDS = 600.0
"""How long a shard may take to open its part of a generation."""
LAGGARD_SECONDS = 5.0
"""How long an opening waits for further replicas when every shard has one that is open."""


class Router:
    """All shards of an index, each with its replicas. It knows no transport: handles have that.

    A request goes to one replica. It goes to another one too if that has not answered after the time that 95 % of such
    requests take, as far as the share of extra calls allows; if it has failed; or if half of the time is over.

    Args:
        shards: The handles of the replicas of each shard.
        extra_calls: The most extra calls, as a share of all, for answers that are late.
        clock: Returns seconds.
    """

    def __init__(
        self,
        shards: Sequence[Sequence[ShardHandle]],
        *,
        extra_calls: float = 0.05,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        all_handles = [
            checked_items(handles, "each shard", "its handles") for handles in checked_items(shards, "shards")
        ]
        checked_count(len(all_handles), "the number of shards")
        for handles in all_handles:
            checked_count(len(handles), "the number of replicas of a shard")
        self._shards = [Replicas(cast("list[ShardHandle]", handles), clock) for handles in all_handles]
        self._clock = clock
        self.pace = Pace(checked_number(extra_calls, "extra_calls", 0.0, 1.0))

    @property
    def count(self) -> int:
        """The number of shards."""
        return len(self._shards)

    def open(self, key: GenerationKey, shards: Sequence[int]) -> Mapping[int, str]:
        """Open a generation in all replicas of some shards; return why shards failed none of whose replicas has it.

        A replica that fails beside others opens the generation when it is asked for it.
        """
        waiting: dict[Future[None], int] = {}
        reasons: dict[int, str] = {}
        opened = set[int]()
        for shard in shards:
            for replica in self._shards[shard].all:
                try:
                    waiting[replica.handle.open(key)] = shard
                except Exception as error:  # noqa: BLE001 - whatever a transport raises
                    reasons[shard] = _reason(error)
        ends_at = self._clock() + OPEN_SECONDS
        while waiting and (left := ends_at - self._clock()) > 0:
            done, _ = wait(waiting, timeout=left, return_when=FIRST_COMPLETED)
            for future in done:
                shard, error = waiting.pop(future), future.exception()
                if error is None:
                    opened.add(shard)
                else:
                    reasons[shard] = _reason(error)
            if opened.issuperset(shards):
                ends_at = min(ends_at, self._clock() + LAGGARD_SECONDS)
        late = dict.fromkeys(waiting.values(), f"it was not open after {OPEN_SECONDS:g} s")
        return {shard: reason for shard, reason in (late | reasons).items() if shard not in opened}

    def ask(self, key: GenerationKey, requests: Mapping[int, Request[Answer]], *, seconds: float) -> Gathered[Answer]:
        """Put a request to each of some shards, and wait so long at most.

        Raises:
            ArgumentError: A shard says that the request cannot be answered.
        """
        started = self._clock()
        calls = [
            _Call(self._shards[shard], self.pace, key, request, shard=shard, started=started, seconds=seconds)
            for shard, request in requests.items()
        ]
        for call in calls:
            call.begin()
        while pending := [call for call in calls if not call.is_over]:
            now = self._clock()
            due = [call for call in pending if call.next_at <= now]
            for call in due:
                call.advance(now)
            if due:
                continue
            futures = [future for call in pending for future in call.futures]
            wait(futures, timeout=min(call.next_at for call in pending) - now, return_when=FIRST_COMPLETED)
            for call in pending:
                call.collect(self._clock())
        answers = {call.shard: call.answer for call in calls if not call.reason}
        return Gathered(answers, {call.shard: call.reason for call in calls if call.reason})


class _Call(Generic[Answer]):
    """A request to one shard: which replicas were asked, and when to ask another one."""

    def __init__(  # noqa: PLR0913 - made in one place
        self,
        replicas: Replicas,
        pace: Pace,
        key: GenerationKey,
        request: Request[Answer],
        *,
        shard: int,
        started: float,
        seconds: float,
    ) -> None:
        self._replicas, self._pace, self._key, self._request = replicas, pace, key, request
        self.shard = shard
        self._started = started
        self._ends_at, self._half_at = started + seconds, started + seconds / 2
        slow_after = pace.slow_after(type(request))
        self._extra_at = self._half_at if slow_after is None else started + slow_after
        self._seconds = seconds
        self._asked: dict[Future[Answer], Replica] = {}
        self._tried = list[Replica]()
        self.answer = cast("Answer", None)
        self.reason = ""
        self.is_over = False

    @property
    def futures(self) -> Sequence["Future[Answer]"]:
        """The calls under way."""
        return list(self._asked)

    @property
    def next_at(self) -> float:
        """When something is to be done if no answer comes."""
        return min(self._extra_at, self._half_at, self._ends_at)

    def begin(self) -> None:
        """Ask the first replica."""
        self._pace.called()
        self._ask_another("it lets calls wait, and is asked again soon")

    def advance(self, now: float) -> None:
        """Do what is due: ask another replica, or give up."""
        if now >= self._ends_at:
            for replica in self._asked.values():
                replica.silent()
            self._fail(f"no answer within {self._seconds:.3g} s")
        elif now >= self._half_at:
            self._half_at = self._extra_at = self._ends_at
            for replica in self._asked.values():
                replica.silent()
            self._ask_further()
        else:
            self._extra_at = self._ends_at
            if self._replicas.next(self._tried) is not None and self._pace.may_call_extra():
                self._ask_further()

    def collect(self, now: float) -> None:
        """Take the answers that came."""
        for future in [future for future in self._asked if future.done()]:
            replica, error = self._asked.pop(future), future.exception()
            if self.is_over:
                return
            if error is None:
                self.answer, self.is_over = future.result(), True
                self._pace.took(type(self._request), now - self._started)
            elif isinstance(error, ArgumentError):
                raise error
            else:
                replica.failed()
                if not self._asked:
                    self._ask_another(_reason(error))

    def _ask_further(self) -> None:
        replica = self._replicas.next(self._tried)
        if replica is not None:
            self._ask(replica)

    def _ask_another(self, reason: str) -> None:
        """Ask a replica that was not asked yet; fail for a reason where there is none."""
        replica = self._replicas.next(self._tried)
        if replica is None:
            self._fail(reason)
        else:
            self._ask(replica)

    def _ask(self, replica: Replica) -> None:
        self._tried.append(replica)
        try:
            self._asked[replica.ask(self._key, self._request)] = replica
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            replica.failed()
            if not self._asked:
                self._ask_another(_reason(error))

    def _fail(self, reason: str) -> None:
        self.reason, self.is_over = reason, True


def _reason(error: BaseException) -> str:
    """Return why a call failed, in one line."""
    lines: Any = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]:.300}" if lines else type(error).__name__
