"""A source of some chunks, built on Ray, and the files of an index to compare with those that one process makes."""

from pathlib import Path

from bicross.index import Index, read_documents
from bicross.pipelines import build_index
from bicross.pipelines.cluster import ClusterOptions

ROWS = [{"id": f"d{n}", "title": f"title {n}", "text": f"word{n} and word{n * 7 % 31}"} for n in range(120)]
PART_BYTES = 900


def built(source: Path, path: Path, encoder, *, overwrite: bool = False, **options) -> Index:
    cluster = ClusterOptions(**{"workers": 2, "part_bytes": PART_BYTES} | options)
    return build_index(
        read_documents(source), path, encoder=encoder, reranker=None, cluster=cluster, overwrite=overwrite
    )


def files(index: Index) -> list[dict[str, bytes]]:
    index.compact()
    folders = [index.path / "segments" / entry.name for entry in index._manifest.segments]
    return [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
