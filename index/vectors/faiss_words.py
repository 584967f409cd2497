"""Checks factory strings for FAISS and shortens its error messages."""

import re

_FACTORY = re.compile(r"[A-Za-z0-9_,()]{1,100}")
_PLACE = re.compile(r"^Error in .* at \S+:\d+: ")


def is_plausible(factory: str) -> bool:
    """Whether FAISS may parse a factory string: it allocates as much as any number in the string says."""
    return bool(_FACTORY.fullmatch(factory)) and all(int(n) <= 1 << 20 for n in re.findall(r"\d+", factory))


def reason(error: BaseException) -> str:
    """Return the message of an error of FAISS without the position in its source."""
    line = (str(error) or repr(error)).strip().splitlines()[-1]
    return _PLACE.sub("", line).split("Error: ")[-1].split(" failed: ")[-1]
