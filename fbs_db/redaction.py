"""Passwords are left out of every text that people see: messages, logs, and the repr of a connection string."""

from __future__ import annotations

import re

#: The keywords of libpq whose values are secret.
SECRETS = ("password", "sslpassword", "oauth_client_secret")

# Of a URL, up to the last @: a password that is not encoded may hold one.
_IN_URL = re.compile(r"(:/{1,2}[^\s:@/?#]*):(?:\S*@|[^\n@]*@)")
_NAME = rf"(?:{'|'.join(SECRETS)})"
# As an item of a dictionary, in SQL, and as a keyword of libpq or a parameter of a URL. What is quoted may be cut off.
_BY_NAME = re.compile(
    rf"({_NAME}['\"]?(?:\s*[=:]\s*|\s+))(?:e?'+(?:\\.|''|[^'\\])*'*|\"(?:\\.|[^\"\\])*\"?)"
    rf"|({_NAME}\s*=\s*)(?:\\.|[^\s\\])+",
    re.IGNORECASE | re.DOTALL,
)


def redacted(text: str) -> str:
    """The text with ``***`` in place of each password."""
    return _BY_NAME.sub(r"\1\2***", _IN_URL.sub(r"\1:***@", text))


class ConnectionString(str):
    """A connection string whose repr hides the password, as in pytest's output.

    The repr shows nothing of a malformed one: any part of it may be the password.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        from psycopg import ProgrammingError, conninfo

        try:
            conninfo.conninfo_to_dict(self)
        except ProgrammingError:
            return repr("***")
        return repr(redacted(self))
