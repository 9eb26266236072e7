"""The solution whose rows a shared login sees, which PostgreSQL learns from a setting of the transaction."""

from __future__ import annotations

from fbs_db.errors import UsageError

#: Sets it for the transaction, and answers what it was.
SET = (
    "select outer_one.solution, pg_catalog.set_config('fbs.solution', %s, true)"
    " from (select pg_catalog.current_setting('fbs.solution', true) as solution offset 0) as outer_one"
)


def named(solution: object) -> str:
    """The name of a solution.

    Raises:
        UsageError: it is no text, has no characters, or one that PostgreSQL cannot take.
    """
    if not isinstance(solution, str):
        raise UsageError(f"A solution is named by a text, not by {solution!r}.", hint='Such as "acme".')
    if not solution:
        raise UsageError("The solution's name has no characters.", hint="Without a solution no rows are seen.")
    if "\0" in solution:
        raise UsageError("The solution's name has a NUL character, which PostgreSQL cannot store in text.")
    return str(solution)  # Django's lazy texts are of another class
