"""The command ``bicross cluster``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ....errors.arguments import checked_number
from ....errors.counts import counted
from ..options import AsJson, Device, Where
from ..output import print_json
from ..sources import Rows
from ..terminal import nothing_written, plain, saying, snippet, with_option_records
from .collections import CollectionSource, EncoderName, documents_of, say_left_out

if TYPE_CHECKING:
    from ...pairs import Cluster, Clusters


@with_option_records
def cluster_command(
    source: CollectionSource,
    *,
    threshold: Annotated[
        float, typer.Option(help="The least mean cosine in a cluster, from 0 to 1; more makes narrower clusters.")
    ] = 0.3,
    min_size: Annotated[int, typer.Option(min=1, help="How many documents a cluster has at least.")] = 2,
    where: Where = None,
    members: Annotated[
        bool, typer.Option("--members", help="Print the id of each document, and its cosine with the most typical one.")
    ] = False,
    language: Annotated[
        str | None,
        typer.Option(
            help="The language of the labels: en, de, zh, ...; any suits every language. Default: as the terms of the "
            "index, else en.",
            metavar="CODE",
        ),
    ] = None,
    encoder: EncoderName = None,
    rows: Rows,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Put the documents of a file or an index into clusters by what they are about, each with a label.

    Prints for each cluster how many documents it has, the words that set it apart, and its most typical document.

    Example: bicross cluster my-index --min-size 5
    """
    checked_number(threshold, "threshold", 0, 1)
    documents = documents_of(source, rows)
    from ...pairs import cluster_documents  # not for --help

    with saying(nothing_written):
        clusters = cluster_documents(
            documents,
            threshold=threshold,
            min_size=min_size,
            where=where,
            language=language,
            encoder=encoder,
            device=device,
            progress=sys.stderr.isatty() and not as_json,
        )
    _print_clusters(clusters, members=members, as_json=as_json)
    say_left_out(documents)


def _print_clusters(clusters: "Clusters", *, members: bool, as_json: bool) -> None:
    console = Console()
    for cluster in clusters:
        if as_json:
            print_json(_record(cluster))
            continue
        console.print(plain(f"{len(cluster):>6,}  {cluster.label}"), soft_wrap=True)
        medoid = cluster.medoid
        console.print(plain(f"        {medoid.id}  {snippet(medoid.title or medoid.text)}"), soft_wrap=True)
        for id_, score in zip(cluster.ids, cluster.scores, strict=True) if members else ():
            console.print(plain(f"        {score:.4f}  {id_}"), soft_wrap=True)
    if as_json:
        print_json({"documents": clusters.documents, "clusters": len(clusters), "unclustered": clusters.unclustered})
        return
    said = f"{counted(clusters.documents, 'document')}, {counted(len(clusters), 'cluster')}"
    Console(stderr=True).print(plain(f"{said}; {len(clusters.unclustered):,} in none"), soft_wrap=True)


def _record(cluster: "Cluster") -> dict[str, object]:
    medoid = cluster.medoid
    return {
        "label": cluster.label,
        "terms": cluster.terms,
        "size": len(cluster),
        "similarity": cluster.similarity,
        "medoid": {"id": medoid.id, "title": medoid.title, "text": medoid.text},
        "documents": [{"id": id_, "score": score} for id_, score in zip(cluster.ids, cluster.scores, strict=True)],
    }
