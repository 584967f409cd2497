"""The command ``bicross plan``."""

import dataclasses
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from ..capacity import CONSTANTS, Machine, plan_capacity, plan_rows
from .options import AsJson
from .output import print_json

Number = Literal["float32", "bfloat16", "int8"]


def plan_command(
    *,
    documents: Annotated[float, typer.Option(min=1, help="Number of documents; 1e9 does too.")],
    dim: Annotated[int, typer.Option(min=1, help="Dimension of the encoder's vectors.")] = 384,
    queries_per_second: Annotated[float, typer.Option(help="Searches a second.")] = 10.0,
    passages_per_document: Annotated[float, typer.Option(help="Passages of a document, on average.")] = 1.0,
    rerank_k: Annotated[int, typer.Option(min=0, help="Candidates of a query to rerank; 0 reranks none.")] = 100,
    memory: Annotated[float, typer.Option(help="Memory of a machine in GB.")] = 64.0,
    cores: Annotated[int, typer.Option(min=1, help="Cores of a machine.")] = 16,
    replicas: Annotated[int, typer.Option(min=1, help="The fewest copies of the index that are served.")] = 2,
    search_ms: Annotated[
        float, typer.Option(help="The most milliseconds of a search in one shard, on one thread.")
    ] = 100.0,
    scanned_share: Annotated[
        float,
        typer.Option(help="Share of the vectors that a search reads; less than 1 for a target recall of at most 0.98."),
    ] = 1.0,
    dtype: Annotated[Number, typer.Option(help="The number format in which passages are embedded.")] = "float32",
    as_json: AsJson = False,
) -> None:
    """Estimate the machines, memory, disk, hours and network that a collection needs.

    The constants that this rests on are printed too, each with the file that it was measured in.

    Example: bicross plan --documents 1e9 --dim 384 --queries-per-second 500
    """
    machine = Machine(memory * 1e9, cores)
    plan = plan_capacity(
        documents,
        dim=dim,
        queries_per_second=queries_per_second,
        passages_per_document=passages_per_document,
        rerank_k=rerank_k,
        machine=machine,
        replicas=replicas,
        search_ms=search_ms,
        scanned_share=scanned_share,
        dtype=dtype,
    )
    if as_json:
        constants = [dataclasses.asdict(constant) for constant in CONSTANTS]
        record = dataclasses.asdict(plan) | {"machines": plan.machines}
        print_json({"plan": record, "machine": dataclasses.asdict(machine), "constants": constants})
        return
    table = Table.grid(padding=(0, 2))
    for row in plan_rows(plan):
        table.add_row(*row)
    console = Console()
    console.print(table, markup=False, highlight=False)
    console.print("\nThis rests on:", highlight=False)
    for constant in CONSTANTS:
        value = f"{constant.value:g} {constant.unit}"
        text = f"- {constant.name}: {value} ({constant.origin}: {constant.source})"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
