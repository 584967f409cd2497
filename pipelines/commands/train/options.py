"""Options that the commands share which train. Knows what they are called and what their help says."""

from pathlib import Path
from typing import Annotated

import typer

from ....training import TrainingDtype

ModelOutput = Annotated[Path, typer.Option("-o", "--output", help="The folder of the model; run again to go on.")]
PseudoQueries = Annotated[
    bool,
    typer.Option(
        "--pseudo-queries", help="Learn from pseudo-queries: titles, headings and sentences of the documents."
    ),
]
OwnText = Annotated[bool, typer.Option("--own-text", hidden=True, help="The former name of --pseudo-queries.")]
Split = Annotated[str, typer.Option(help="Which judgments of a BEIR folder to learn from.")]
DevSplit = Annotated[str | None, typer.Option(help="Judgments to measure on; default: a part of --split.")]
HeldOutShare = Annotated[float, typer.Option(help="Share of the queries that is kept out, to measure on.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take so many queries or pairs, drawn by --seed.")]
Margin = Annotated[
    float | None,
    typer.Option(help="No negatives with a cosine above so many times that of the best relevant, as in 0.95."),
]
Steps = Annotated[int | None, typer.Option(min=1, help="In place of --epochs.")]
ListsPerStep = Annotated[int, typer.Option(min=1, help="Lists in a step, on each GPU.")]
EvaluateEvery = Annotated[int, typer.Option(min=1, help="Steps between evaluations and checkpoints.")]
Patience = Annotated[int, typer.Option(min=1, help="Evaluations without a gain after which to stop.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]
TrainingPrecision = Annotated[TrainingDtype, typer.Option(help="bfloat16 is faster where the hardware has it.")]
