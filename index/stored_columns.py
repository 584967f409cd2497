"""IndexOfColumns: makes what an index stores for its passages besides vectors anew, and drops it."""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors.arguments import checked_callable
from .opening import OpenedIndex
from .segments import POSTINGS, TOKEN_IDS, TOKEN_VECTORS, PassageColumn
from .writing import Analyse, EncodeTokens, Tokenize, drop_column, replace_column


class IndexOfColumns(OpenedIndex):
    """An index whose stored columns can be made anew; ``Index`` adds the changes of documents."""

    def retokenize(self, tokenizer_fingerprint: str, tokenize: Tokenize) -> bool:
        """Store the token ids of every passage for another tokenizer, in one commit. Readers may continue meanwhile.

        Args:
            tokenizer_fingerprint: The sha256 of the tokenizer, in hex.
            tokenize: Returns the token ids of each text: flat arrays, all uint16 or all uint32.

        Returns:
            False if the index already stores the ids of this tokenizer; then nothing is written.

        Raises:
            ArgumentError: The fingerprint is not valid, or ``tokenize`` returned something else.
            IndexLocked: Another process writes.
        """
        return self._replace(TOKEN_IDS, tokenizer_fingerprint, checked_callable(tokenize, "tokenize"))

    def index_terms(self, analyzer: str, analyse: Analyse) -> bool:
        """Store the terms of every passage for BM25, in one commit. Readers may continue meanwhile.

        Args:
            analyzer: The name of the analyzer.
            analyse: Returns the list of terms of each text.

        Returns:
            False if the index already stores the terms of this analyzer; then nothing is written.

        Raises:
            ArgumentError: The name is not valid, or ``analyse`` returned something else.
            IndexLocked: Another process writes.
        """
        return self._replace(POSTINGS, analyzer, checked_callable(analyse, "analyse"))

    def precompute(self, late_interaction_fingerprint: str, encode: EncodeTokens) -> bool:
        """Store the token vectors of every passage for late interaction, in one commit. Readers may continue meanwhile.

        Args:
            late_interaction_fingerprint: The sha256 of the model that makes them, in hex.
            encode: Returns the token vectors of each text, the title and the passage: int8 of shape (tokens, dim), with
                one ``dim`` from 1 to 4096 for all. It gets about a thousand texts at a time.

        Returns:
            False if the index already stores the token vectors of this model; then nothing is written.

        Raises:
            ArgumentError: The fingerprint is not valid, or ``encode`` returned something else.
            IndexLocked: Another process writes.
        """
        return self._replace(TOKEN_VECTORS, late_interaction_fingerprint, checked_callable(encode, "encode"))

    def drop_token_vectors(self) -> bool:
        """Store no token vectors any more, in one commit. Their space is free when older generations are deleted.

        Returns:
            False if the index stores none; then nothing is written.

        Raises:
            IndexLocked: Another process writes.
        """
        self.require_changeable()
        changed = drop_column(self.path, self._filesystem, TOKEN_VECTORS)
        self.refresh()
        return changed

    def _replace(self, column: PassageColumn[Any], maker: str, make: Callable[[Sequence[str]], Any]) -> bool:
        self.require_changeable()
        changed = replace_column(self.path, self._filesystem, column, maker=maker, make=make)
        self.refresh()
        return changed
