"""The server's errors name the fields of an index, and repeat nothing that a request said."""

from bicross.pipelines.server.http.errors import api_error
from helpers.filtering import fields_of

from bicross.errors import ArgumentError  # isort: skip


def test_the_names_of_fields_are_shown_and_no_other():
    fields = fields_of([{"year": 1, "it's": 2, "journal": "x"}])
    message = api_error(fields.missing("secret", ". Write 'secret' and \"year\"")).message
    assert message == "there is no field ... to filter by; there are: \"it's\", 'journal', 'year'. Write ... and ..."
    assert api_error(ArgumentError("there is no 'secret'; there is 'year'")).message == "there is no ...; there is ..."
