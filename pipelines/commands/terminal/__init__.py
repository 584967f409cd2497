"""What every command does with its terminal: ends on Ctrl-C, and formats help, errors and texts."""

from .interrupts import (
    ending_process,
    nothing_written,
    part_written,
    said_on_interrupt,
    saying,
    unless_committed,
    unless_written,
    write_interrupted,
)
from .option_names import MEND, said_of, with_option_names
from .option_records import with_option_records
from .progress import changing, watched
from .repeated_options import CommandGroup
from .texts import plain, snippet

__all__ = [
    "MEND",
    "CommandGroup",
    "changing",
    "ending_process",
    "nothing_written",
    "part_written",
    "plain",
    "said_of",
    "said_on_interrupt",
    "saying",
    "snippet",
    "unless_committed",
    "unless_written",
    "watched",
    "with_option_names",
    "with_option_records",
    "write_interrupted",
]
