"""Dialogues: their turns, folded into one query, and the exchanges that a past one holds."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import cast

from ....errors import ArgumentError
from ....errors.arguments import (
    checked_callable,
    checked_count,
    checked_instance,
    checked_items,
    described,
    lone_surrogate,
)
from ....index import Document
from ....rerank import Reranker, long_queries
from ...search import MAX_QUERY_CHARACTERS

SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a dialogue.

    Attributes:
        text: What was said.
        role: Who said it, such as "user"; may be empty.

    Raises:
        ArgumentError: The text is blank, or one of them is not text that a model can take.
    """

    text: str
    role: str = ""

    def __post_init__(self) -> None:
        for name, value in (("text", self.text), ("role", self.role)):
            checked_instance(value, str, f"the {name} of a turn")
            if surrogate := lone_surrogate(value):
                raise ArgumentError(f"the {name} of a turn has a lone surrogate {surrogate[0]}: {value!r:.80}")
            if "\0" in value:
                raise ArgumentError(f"the {name} of a turn has a NUL character: {value!r:.80}")
        if not self.text.strip():
            raise ArgumentError(f"the text of a turn is empty ({self.text!r:.80}): leave the turn out")

    @property
    def line(self) -> str:
        """The turn as models take it: its role before its text, where there is one."""
        role = " ".join(self.role.split())
        return f"{role}: {self.text.strip()}" if role else self.text.strip()


DialogueTurn = str | Turn | Mapping[str, str]
"""A turn: its text, a ``Turn``, or a chat message such as ``{"role": "user", "content": "..."}``."""


def checked_turns(dialogue: Sequence[DialogueTurn]) -> list[Turn]:
    """Return the turns of a dialogue.

    Raises:
        ArgumentError: It is not a list of turns, it is empty, or a turn is blank or of another type.
    """
    if isinstance(cast("object", dialogue), Mapping | Set):
        raise ArgumentError(f"dialogue must be a list of turns, the latest last, not {described(dialogue)}")
    turns = checked_items(dialogue, "dialogue", "turns")
    if not turns:
        raise ArgumentError("dialogue is empty: give at least the turn that is to be replied to")
    return [_turn(turn, number) for number, turn in enumerate(turns)]


def fold_dialogue(
    dialogue: Sequence[DialogueTurn], *, turns: int | None = None, fits: Callable[[str], bool] | None = None
) -> str:
    r"""Fold the turns of a dialogue into one query, the latest first, each on a line.

    The latest turn is always there, whole. Earlier ones follow, back to the first that does not fit: a model that cuts
    the end of a query cuts the latest turn only where no other is left.

    Args:
        dialogue: The turns, the latest last.
        turns: The most turns; None takes all that fit.
        fits: Tells whether a query fits the models; None takes all turns.

    Raises:
        ArgumentError: The dialogue is empty, or a turn is blank or of another type.

    Example:
        >>> fold_dialogue(["my phone is broken", "which part of it?", "the screen"])
        'the screen\nwhich part of it?\nmy phone is broken'
    """
    most = None if turns is None else checked_count(turns, "turns")
    if fits is not None:
        checked_callable(fits, "fits")
    *earlier, latest = [turn.line for turn in checked_turns(dialogue)]
    folded = latest
    for line in earlier[::-1][: None if most is None else most - 1]:
        longer = f"{folded}{SEPARATOR}{line}"
        if fits is not None and not fits(longer):
            break
        folded = longer
    return folded


def fitting_models(encoder: object, reranker: Reranker | None) -> Callable[[str], bool]:
    """Return what tells whether a folded dialogue fits the models of a search.

    It must fit the encoder, as a passage would, and take at most half of what the reranker allows a query, so that
    there is room for the reply.

    Args:
        encoder: The encoder of the first stage; None, or anything that counts no tokens, sets no limit.
        reranker: The second stage; None, or one that takes queries of any length, sets no limit.
    """
    count_tokens, most = getattr(encoder, "count_tokens", None), getattr(encoder, "max_tokens", None)

    def fits(text: str) -> bool:
        if len(text) > MAX_QUERY_CHARACTERS:
            return False
        if count_tokens is not None and most is not None and count_tokens([text])[0] > most:
            return False
        return not long_queries(reranker, [f"{text}{SEPARATOR}{text}"])

    return fits


def exchanges_of(
    dialogue: Sequence[DialogueTurn], *, id_: str, role: str | None = None, turns: int = 1
) -> list[Document]:
    """Return the exchanges of a past dialogue as documents, for the index of a ``ReplyPipeline``.

    Each reply is the text of a document, and what it replied to is the title.

    Args:
        dialogue: The turns, in their order.
        id_: The id of the dialogue. An exchange has it with the number of its reply, as in "talk-7:1", and in its
            metadata under ``dialogue``, beside ``turn`` and ``role``.
        role: Whose turns are replies; None takes every turn but the first.
        turns: How many turns before the reply are in the title, the latest first.

    Raises:
        ArgumentError: As for ``fold_dialogue``.
        DocumentError: The id is empty, or not valid Unicode.
    """
    checked_instance(id_, str, "id_")
    if role is not None:
        checked_instance(role, str, "role")
    checked = checked_turns(dialogue)
    return [
        Document(
            f"{id_}:{number}" if id_ else "",
            turn.text.strip(),
            fold_dialogue([Turn(before.text) for before in checked[:number]], turns=turns),
            {"dialogue": id_, "turn": number, "role": turn.role},
        )
        for number, turn in enumerate(checked)
        if number and (role is None or turn.role == role)
    ]


def _turn(value: object, number: int) -> Turn:
    try:
        if isinstance(value, Turn):
            return value
        if isinstance(value, str):
            return Turn(value)
        if isinstance(value, Mapping):
            message = cast("Mapping[object, object]", value)
            if "content" in message:
                return Turn(cast("str", message["content"]), cast("str", message.get("role", "")))
    except ArgumentError as error:
        raise ArgumentError(f"turn {number} of the dialogue: {error}") from None
    raise ArgumentError(
        f"turn {number} of the dialogue must be a text, a Turn, or a chat message with a 'content', "
        f"not {described(value)}"
    )
