"""The commands that build, change and check an index."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...errors import ArgumentError, IndexCorrupt, IndexStoreError
from ...errors.counts import counted
from ...index import TARGET_RECALL, Chunking, Index
from ...models import FAST_RERANKER
from ...rerank import DEFAULT_RERANKER
from ...retrieval import DEFAULT_ENCODER
from ..fast_reranker import load_fast_reranker
from ..indexing import Begun, add_documents, build_index, upsert_documents
from ..models import load_encoder, open_encoder
from ..progress import doing
from ..unknown_tokens import unknown_share_of
from .clusters import WorkersOnRay
from .options import (
    AnalyzerName,
    AsJson,
    Devices,
    IndexEncoder,
    IndexPath,
    IndexPlace,
    Language,
    ModelName,
    Precision,
    Where,
    chosen_analyzer,
)
from .output import fields_table, info_record, info_table, print_json, report
from .sources import Source, keeping_begun, kept_of_build
from .terminal import changing, saying, unless_committed, watched, with_option_records

MAX_IDS_SHOWN = 5


@with_option_records
def index(
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of the index.")],
    encoder: ModelName = DEFAULT_ENCODER,
    reranker: Annotated[
        str, typer.Option(help="The reranker whose tokenizer makes the token ids; its weights are not loaded.")
    ] = DEFAULT_RERANKER,
    tokens: Annotated[bool, typer.Option(help="Store token ids; else every search tokenises passages.")] = True,
    lexical: Annotated[
        bool, typer.Option("--lexical/--no-lexical", help="Keep terms too: searches are by vectors and words together.")
    ] = True,
    language: Language = None,
    analyzer: AnalyzerName = None,
    precompute: Annotated[
        bool,
        typer.Option(
            "--precompute", help="Keep token vectors too, 5 to 14 KB a passage: searches rerank several times faster."
        ),
    ] = False,
    device: Devices = None,
    dtype: Precision = "float32",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the index that is there, when the new one is whole.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a build that was interrupted, with what is on disk already.")
    ] = False,
    source: Source,
    on_ray: WorkersOnRay,
    passage_tokens: Annotated[int | None, typer.Option(help="Split longer documents; default: what fits.")] = None,
    overlap: Annotated[int, typer.Option(help="Tokens that neighbouring passages share.")] = 32,
    whole: Annotated[
        bool, typer.Option("--whole", help="Do not split: of a long document read the beginning.")
    ] = False,
    index_type: Annotated[str, typer.Option(help="auto, or a FAISS factory string such as IVF1024,SQ8.")] = "auto",
    target_recall: Annotated[float, typer.Option(help="Recall@100 that auto has to reach.")] = TARGET_RECALL,
    memory_bytes: Annotated[int | None, typer.Option(help="What auto may take for vectors; default: any.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build an index from a document collection. The default encoder and reranker read English only.

    Example: bicross index articles.jsonl -o my-index
    """
    cluster = on_ray.options(dtype)
    analysed_as = chosen_analyzer(language, analyzer)
    if analysed_as and not lexical:
        raise ArgumentError("--language and --analyzer say how terms are made; --no-lexical makes none: leave one out")
    Index.require_free(output, overwrite=overwrite, resume=resume)
    chunking = None if whole else Chunking(passage_tokens, overlap)
    documents = source.read()
    with saying(kept_of_build(output)), keeping_begun(output):
        first = Begun(documents)
        with doing("Loading the encoder", shown=watched(as_json) and cluster is None):
            model = encoder if cluster else load_encoder(encoder, device=device, dtype=dtype)
            fast = load_fast_reranker(FAST_RERANKER, device=device, dtype=dtype) if precompute else False
        built = build_index(
            first,
            output,
            encoder=model,
            reranker=reranker if tokens else None,
            lexical=analysed_as or lexical,
            precompute=fast,
            chunking=chunking,
            index_type=index_type,
            target_recall=target_recall,
            memory_bytes=memory_bytes,
            overwrite=overwrite,
            resume=resume,
            device=device if cluster else None,
            progress=watched(as_json),
            cluster=cluster,
        )
    info = built.info()
    summary = source.summary(documents, written=info.documents)
    record: dict[str, object] = {"path": str(output), "documents": info.documents, "passages": info.passages}
    text = f"Indexed {counted(info.documents, 'document')} as {counted(info.passages, 'passage')} in {output}"
    summary.show(record, text, as_json=as_json)


@with_option_records
def add(
    path: IndexPath,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="A document takes the place of the one that has its id (upsert).")
    ] = False,
    encoder: IndexEncoder = None,
    reranker: Annotated[
        str | None, typer.Option(help="The one whose token ids the index keeps, unless it is the default.")
    ] = None,
    device: Devices = None,
    dtype: Precision = "float32",
    source: Source,
    on_ray: WorkersOnRay,
    as_json: AsJson = False,
) -> None:
    """Add the documents of a collection to an index; with --replace, what did not change is not embedded again.

    Example: bicross add my-index news.jsonl --replace
    """
    cluster = on_ray.options(dtype)
    if cluster and replace:
        raise ArgumentError("--ray adds documents that are new, and --replace takes the place of old ones: give one")
    opened = Index.open(path, verify="size")
    before, documents = opened.info().documents, source.read()
    change = upsert_documents if replace else partial(add_documents, cluster=cluster)
    with saying(unless_committed(path, f"Nothing was added to {path}: run the same command again.")):
        first = Begun(documents)
        with doing("Loading the encoder", shown=watched(as_json) and cluster is None):
            model = encoder if cluster else open_encoder(opened, encoder, device=device, dtype=dtype)
        where = device if cluster else None
        written = change(path, first, encoder=model, device=where, reranker=reranker, progress=watched(as_json))
    summary = source.summary(documents, written=written)
    new = Index.open(path, verify="size").info().documents - before
    text = f"Wrote {counted(written, 'document')} to {path}" + (
        f": {new:,} new, {written - new:,} replaced" if replace and written else ""
    )
    summary.show({"path": str(path), "new": new, "replaced": written - new}, text, as_json=as_json)


def delete(
    path: IndexPath,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of documents.")] = None,
    *,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Delete documents by id, or by what their metadata say; exit code 1 where ids are given and nothing is deleted.

    Example: bicross delete my-index --where "year < 2000"
    """
    if not ids and where is None:
        raise ArgumentError("say which documents to delete: their ids, or --where")
    distinct_ids = list(dict.fromkeys(ids or []))
    with changing(path, "Deleting", as_json=as_json):
        opened = Index.open(path)
        missing = [
            id_ for id_, document in zip(distinct_ids, opened.get(distinct_ids), strict=True) if document is None
        ]
        deleted = opened.delete(distinct_ids, where=where)
    unknown = f"{path} has no documents with these ids: {_first(missing or distinct_ids)}"
    failed = bool(distinct_ids) and not deleted
    if as_json or not failed:
        text = f"Deleted {counted(deleted, 'document')} from {path}" + (f"\n{unknown}" if missing else "")
        report({"path": str(path), "deleted": deleted, "missing": missing}, text, as_json=as_json)
    if failed:
        raise IndexStoreError(f"nothing was deleted: {unknown}")


def compact(
    path: IndexPath,
    *,
    grace: Annotated[float, typer.Option(min=0, help="Seconds for which old generations stay, for readers.")] = 3600,
    as_json: AsJson = False,
) -> None:
    """Rewrite an index without what was deleted. It can be searched meanwhile."""
    with changing(path, "Compacting", as_json=as_json):
        info = Index.compacted(path, grace=grace).info()
    record = {"path": str(path), "generation": info.generation, "segments": info.segments, "bytes": info.bytes}
    segments = counted(info.segments, "segment")
    text = f"{path} has {counted(info.documents, 'document')} in {segments}, {counted(info.bytes, 'byte')}"
    report(record, text, as_json=as_json)


def rollback(
    path: IndexPath,
    *,
    to_generation: Annotated[int, typer.Option(help="One of the older generations that `bicross info` lists.")],
    as_json: AsJson = False,
) -> None:
    """Make an older generation the newest again."""
    opened = Index.open(path)
    with changing(path, "Rolling back", as_json=as_json):
        opened.rollback(to_generation)
    info = opened.info()
    record = {"path": str(path), "generation": info.generation, "documents": info.documents}
    text = f"Generation {info.generation} of {path} is what {to_generation} was: {counted(info.documents, 'document')}"
    report(record, text, as_json=as_json)


def verify(path: IndexPath, *, as_json: AsJson = False) -> None:
    """Check every file of an index, and that its parts agree; exit code 1 where something is wrong."""
    checked = Index.verify(path)
    generations = ", ".join(map(str, checked.generations))
    documents, segments = counted(checked.documents, "document"), counted(checked.segments, "segment")
    text = f"{path}: {documents}, {segments}, generations {generations}"
    report(checked, text, as_json=as_json)
    if checked.problems:
        raise IndexCorrupt("; ".join(checked.problems))


def info(path: IndexPlace, *, as_json: AsJson = False) -> None:
    """Show what an index holds and which model made it. Every file's checksum is verified."""
    opened = Index.open(path)
    about, fields, unknown = opened.info(), opened.fields(), unknown_share_of(opened)
    if as_json:
        more = {"unknown_share": unknown, "fields": [dataclasses.asdict(field) for field in fields]}
        print_json(info_record(about) | more)
        return
    Console().print(info_table(about, unknown))
    if fields:
        Console().print(fields_table(fields))


def _first(ids: list[str]) -> str:
    """The first few of some ids, and how many more there are."""
    more = len(ids) - MAX_IDS_SHOWN
    return ", ".join(f"{id_!r:.200}" for id_ in ids[:MAX_IDS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
