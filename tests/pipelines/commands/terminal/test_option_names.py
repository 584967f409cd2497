"""Errors of commands name options; what is a value of the user stays as it is."""

import pytest
from bicross.pipelines.commands import app
from bicross.pipelines.commands.terminal import with_option_names


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("name them with id_column and text_column", "with --id-column and --text-column"),
        ("with resume=True, or with overwrite=True", "with --resume, or with --overwrite"),
        ("device='x' is not known", "--device 'x' is not known"),
        ("max_bytes=5 is too few", "--max-bytes 5 is too few"),
        ("only 'id_column', \"text_column\" and a.text_column", "only 'id_column', \"text_column\" and a.text_column"),
        ("the device is out of memory; overwrite nothing", "the device is out of memory; overwrite nothing"),
        ("name all columns with columns (--columns id,text)", "with --columns id,text"),
        ("or give it with types (--types price=text)", "with --types price=text"),
        ("device must be one of cpu, cuda", "--device must be one of cpu, cuda"),
        ("a device must be there", "a device must be there"),
        ("/tmp/id_column/rows.jsonl is empty", "/tmp/id_column/rows.jsonl is empty"),
    ],
)
def test_parameters_become_options(message, expected):
    assert expected in with_option_names(message, [app._load("index")])


def test_without_commands_a_message_stays():
    assert with_option_names("id_column=3", []) == "id_column=3"


def test_options_of_commands_in_groups_are_known():
    assert with_option_names("max_steps must be 1", [app._load("train")]) == "--steps must be 1"
