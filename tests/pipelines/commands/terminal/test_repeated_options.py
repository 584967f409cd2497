"""An option that is given twice is a longer list, a joined condition, or an error: no value is dropped in silence."""

import json
import shutil

import pytest
import typer
from bicross.errors import ArgumentError
from bicross.index import Index, join_conditions, read_documents
from bicross.pipelines import build_index
from bicross.pipelines.commands import sources
from bicross.pipelines.commands.app import COMMANDS, app
from helpers.commands import run
from helpers.fakes import HashEncoder

ROWS = [{"id": str(n), "text": f"text {n}", "price": n, "kind": "ab"[n % 2]} for n in range(10)]


def commands_of(command, words):
    own = getattr(command, "commands", None)
    if not own:
        yield words, command
    for name, each in (own or {}).items():
        yield from commands_of(each, [*words, name])


GROUP = typer.main.get_command(app)
ALL = [pair for name in COMMANDS for pair in commands_of(GROUP.get_command(None, name), [name])]


def valued(command):
    """The options that take a value, and no list of values by being repeated."""
    return [p for p in command.params if p.param_type_name == "option" and not p.is_flag and not p.multiple]


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_option_of_every_command(words, command):
    for option in valued(command):
        for name in option.opts:
            line = [name, "price < 5", name, "price > 2"]
            parser = command.make_parser(typer.Context(command, help_option_names=["-h", "--help"]))
            if option.name == "where":
                assert parser.parse_args(line)[0]["where"] == "(price < 5) and (price > 2)"
            elif "[," in (option.metavar or ""):
                assert parser.parse_args(line)[0][option.name] == "price < 5,price > 2"
            else:
                with pytest.raises(
                    ArgumentError, match=r"^--[a-z-]+ was given twice, as 'price < 5' and as 'price > 2'"
                ):
                    parser.parse_args(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["search", "x", "q", "--top-k", "5", "--top-k", "7"], "--top-k was given twice, as '5' and as '7': give it"),
        (["search", "x", "q", "--top-k=5", "--rerank", "--top-k=5"], "--top-k was given twice"),
        (["index", "a", "-o", "one", "--output", "two"], "--output was given twice, as 'one' and as 'two'"),
        (["train", "encoder", "a", "-o", "b", "--seed", "1", "--seed", "2"], "--seed was given twice"),
        (["delete", "x", "--where", "price < 5) or (price > 2", "--where", "price > 0"], "cannot read the filter"),
        (["delete", "x", "--where", "price < 5", "--where", ""], "the filter is empty"),
        (["index", "a", "-o", "b", "--types", "p=float", "--types", "p=text"], "'p' has two types, float and text"),
        (["index", "a", "-o", "b", "--types", "p=float", "--text-columns", "p"], "'p' has two types, float and text"),
    ],
)
def test_what_cannot_be_joined_is_refused(capsys, line, said):
    code, out, err = run(capsys, *line)
    assert (code, out) == (2, "")
    assert said in err


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    source = tmp_path_factory.mktemp("repeated") / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    build_index(read_documents(source), source.with_name("index"), encoder=HashEncoder(), reranker=None)
    return source.with_name("index")


@pytest.mark.parametrize(
    "conditions",
    [
        ["price < 5", "price >= 3"],
        ["price < 5 or kind == 'a'", "kind == 'b'", "price != 1"],
        ["not price < 5", "price < 7 or price == 8"],
    ],
)
def test_delete_deletes_what_all_conditions_match(capsys, tmp_path, priced, conditions):
    path = shutil.copytree(priced, tmp_path / "index")
    options = [word for condition in conditions for word in ("--where", condition)]
    assert run(capsys, "delete", path, *options)[0] == 0
    deleted = {row["id"] for row in ROWS if all(eval(each, {}, row) for each in conditions)}  # noqa: S307 - the oracle
    assert set(Index.open(path).ids()) == {row["id"] for row in ROWS} - deleted


def test_lists_of_columns_grow(tmp_path):
    rows = sources.Rows(leave_out="date,note", types="price=float,size=integer")
    table = tmp_path / "a.csv"
    table.write_text("id,text,date,note,price,size\n1,one,2020-01-01,secret,2,3\n")
    [document] = rows.read_from(str(table))
    assert document.metadata == {"price": 2.0, "size": 3}
    assert next(iter(read_documents(table))).metadata["note"] == "secret"


@pytest.mark.parametrize("bad", ["a) or (b", "", "a ==", "(a"])
def test_conditions_are_joined_only_where_each_is_one(bad):
    assert join_conditions("a or b", "not c") == "(a or b) and (not c)"
    with pytest.raises(ArgumentError):
        join_conditions(bad, "a")
    with pytest.raises(ArgumentError):
        join_conditions("a", bad)
