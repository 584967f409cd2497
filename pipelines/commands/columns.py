"""The commands that store other values for each passage of an index: token ids, terms, token vectors."""

from typing import Annotated

import typer

from ...errors import ArgumentError
from ...errors.counts import counted
from ...index import Index
from ...models import DEFAULT_RERANKER, FAST_RERANKER
from ..fast_reranker import load_fast_reranker
from ..indexing import drop_token_vectors, expected_token_vector_bytes, index_terms, precompute, retokenize
from ..progress import counting, doing
from ..search import stored
from .options import AnalyzerName, AsJson, Device, IndexPath, Language, ModelName, Precision, chosen_analyzer
from .output import report
from .terminal import changing, saying, unless_committed, watched


def retokenize_command(
    path: IndexPath,
    *,
    reranker: ModelName = DEFAULT_RERANKER,
    as_json: AsJson = False,
) -> None:
    """Keep the token ids of all passages for another reranker. Nothing is embedded; it can be searched meanwhile.

    Example: bicross retokenize my-index --reranker cross-encoder/ms-marco-MiniLM-L6-v2
    """
    with changing(path, "Tokenising", as_json=as_json):
        changed = retokenize(path, reranker=reranker)
    text = f"{path} keeps the token ids for {reranker}" + ("" if changed else " already: nothing was done")
    report({"path": str(path), "reranker": reranker, "changed": changed}, text, as_json=as_json)


def index_terms_command(
    path: IndexPath, *, language: Language = None, analyzer: AnalyzerName = None, as_json: AsJson = False
) -> None:
    """Keep the terms of all passages, for searches by BM25. Nothing is embedded; it can be searched meanwhile.

    Example: bicross index-terms my-index --language de
    """
    chosen = chosen_analyzer(language, analyzer)
    with changing(path, "Indexing terms", as_json=as_json):
        changed = index_terms(path, analyzer=chosen)
    text = f"{path} keeps the terms of its passages" + ("" if changed else " already: nothing was done")
    report({"path": str(path), "changed": changed}, text, as_json=as_json)


def precompute_command(
    path: IndexPath,
    *,
    fast_reranker: Annotated[
        str | None, typer.Option(help=f"A bundled name or a folder; default: {FAST_RERANKER}.", show_default=False)
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the token vectors instead.")] = False,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Keep the token vectors of all passages, so that searches rerank faster. It can be searched meanwhile.

    Example: bicross precompute my-index
    """
    if drop:
        if fast_reranker is not None:
            raise ArgumentError("--drop removes what is there, whichever model made it: leave out --fast-reranker")
        with changing(path, "Removing token vectors", as_json=as_json):
            changed = drop_token_vectors(path)
        text = f"{path} keeps no token vectors" + ("" if changed else ": there were none, and nothing was done")
        report({"path": str(path), "fast_reranker": None, "changed": changed}, text, as_json=as_json)
        return
    shown, name = watched(as_json), fast_reranker or FAST_RERANKER
    index = Index.open(path, verify="size")
    with doing("Loading the fast reranker", shown=shown):
        model = load_fast_reranker(name, device=device, dtype=dtype)
    passages = index.info().passages
    expected = expected_token_vector_bytes(index, model)
    if not as_json:
        size = f"about {counted(expected, 'byte')} of token vectors for {counted(passages, 'passage')}"
        typer.echo(f"{path}: {size}", err=True)
    interrupted = unless_committed(path, f"Nothing was changed in {path}: run the same command again.")
    with saying(interrupted), counting("Computing token vectors", shown=shown) as count:
        changed = precompute(path, fast_reranker=model, on_progress=lambda done: count(done, passages))
    written = Index.open(path, verify="size").info().token_vector_bytes
    record = {"path": str(path), "fast_reranker": name, "changed": changed, "token_vector_bytes": written}
    text = f"{path} keeps {counted(written, 'byte')} of token vectors for {name}"
    text += "" if changed else " already: nothing was done"
    if stored(index) is not None:
        text += "\nIt was tuned without them: a search uses them where --late-interaction asks for it"
    report(record, text, as_json=as_json)
