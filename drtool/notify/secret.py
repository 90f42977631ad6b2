from __future__ import annotations

from drtool.model.errors import Refused
from drtool.model.secret import parse_reference
from drtool.ports import SecretStore


def resolved(text: str, secrets: SecretStore, *, encoding: str = "utf-8") -> str:
    """Return what a value says, looked up where it refers to a secret; Refused as by the store, or where it is no line in that encoding.

    What somebody cannot send is refused here, by the name of the reference: libraries repeat it in what they raise.
    """
    reference = parse_reference(text)
    value = text if reference is None else secrets.resolve(reference).reveal().strip()
    return require_line(value, named="a value of `notify:`" if reference is None else f"the secret {reference}", encoding=encoding)


def require_line(value: str, *, named: str, encoding: str) -> str:
    """Return a value that is one line of signs that an encoding has, and refuse any other by its name."""
    try:
        value.encode(encoding)
    except UnicodeEncodeError:
        alphabet = "ASCII" if encoding == "ascii" else f"the alphabet {encoding}"
        raise Refused(f"{named} holds signs outside of {alphabet}, which cannot be sent there", hint="look what lies there") from None
    if not value.isprintable():
        raise Refused(f"{named} is not one line of printable signs", hint="look how many lines lie there, and write one alone")
    return value
