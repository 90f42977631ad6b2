"""What a secret is in the bytes of a file or of a command's output: restic's own reading, so that both open the same repository."""

from __future__ import annotations

import codecs

from drtool.model.secret import Secret

_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go trims (unicode.IsSpace); `str.strip` would take the separators U+001C to U+001F as well."""


def read_as_restic(data: bytes) -> Secret:
    """Return the secret that `restic --password-file` reads from these bytes: no byte order mark, UTF-16 decoded, no white space around.

    What was read before, everything but one line feed at the end, comes along where it differs: repositories were made with it.
    Raises UnicodeDecodeError.
    """
    value = _without_mark(data).strip(_WHITE_SPACE)
    try:
        untrimmed = data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        untrimmed = value
    return Secret(value, untrimmed=untrimmed)


def _without_mark(data: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF16_LE, "utf-16-le")):
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding)
    return data.decode("utf-8")
