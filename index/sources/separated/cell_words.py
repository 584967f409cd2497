"""Words and signs in cells that stand for a missing value or a boolean."""

MISSING = frozenset(
    {"NaN", "nan", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", r"\N", "NaT"}
    | {"#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"}
    | {sign + word for sign in ("", "-", "+") for word in ("inf", "Inf", "INF", "Infinity", "infinity")}
)
"""What stands for a missing number, boolean or date. Infinities are not JSON, and null everywhere."""

DASHES = frozenset({"-", "--", "\u2013", "\u2014"})
"""What people write for a missing value, which is null where the user says the type of the column."""

BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

BOOLEAN_WORDS = dict.fromkeys(
    ("yes", "y", "t", "on", "wahr", "ja", "j", "vrai", "oui", "verdadero", "si", "s\u00ed", "vero"), True
) | dict.fromkeys(("no", "n", "f", "off", "falsch", "nein", "faux", "non", "falso"), False)
"""Booleans where the user says so."""

MORE_BOOLEANS = {**BOOLEAN_WORDS, "1": True, "0": False}
