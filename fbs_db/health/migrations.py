"""What a check says of the history: migrations that are pending, edited or without a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fbs_db import files
from fbs_db.database import project
from fbs_db.database.releases import is_later, upgrade_to
from fbs_db.database.session import Session
from fbs_db.health.findings import Finding
from fbs_db.places.state import guards
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key, Object
from fbs_db.version import __version__
from fbs_db.wording import command

#: The columns of ``fbs_migrations`` that are read.
COLUMNS = ("migration_id", "checksum", "fbs_db_version")


def of_history(session: Session, found: Mapping[Key, Object]) -> tuple[list[Finding], list[str]]:
    """The migrations that are pending, edited or without a file; and the names of those applied."""
    if all(("column", f"fbs_migrations.{name}") in found for name in COLUMNS):
        findings, applied = of_table(session)
        return findings, [file.id for file in files.load() if _made(file, found)] if applied is None else applied
    # The table is damaged, which the comparison reports, or fbs-db never created it.
    if applied := [file.id for file in files.load() if ("function", "fbs_touch()") in found and _made(file, found)]:
        return [], applied
    there, mend = "no tables of FBS", command("migrate")
    if any(kind == "table" for kind, _ in found):
        there, mend = "tables of FBS that fbs-db did not create", command("adopt")
    return [Finding("error", "migration", session.schema, "not installed", there, None, mend)], []


def of_table(session: Session) -> tuple[list[Finding], list[str] | None]:
    """What the rows of ``fbs_migrations`` say; None in place of those applied where the role may not read them."""
    if not session.may("select", "fbs_migrations"):
        said = "a migration counts as applied where any of its objects is there"
        wanted, mend = "a role that works as monitor", command("grant", session.role(), "--as", "monitor")
        return [Finding("note", "privilege", "fbs_migrations", "not looked at", said, wanted, mend)], None
    known = files.load()
    history = session.select("select migration_id, checksum, fbs_db_version from {fbs}fbs_migrations order by 1")
    checksums = {file.id: file.checksum for file in known}
    applied = [name for name, _, _ in history]
    findings = [
        Finding("error", "migration", file.id, "pending", mend=command("migrate"))
        for file in known
        if file.id not in applied and session.config.holds(file.component)
    ]
    findings += _misplaced(session, [file for file in known if file.id in applied])
    for name, checksum, version in history:
        if name not in checksums:
            findings.append(_without_file(name, version))
        elif checksum != checksums[name]:
            texts = (f"a file with SHA-256 {checksums[name]}", f"{checksum}, as it was applied")
            findings.append(Finding("error", "migration", name, "edited", *texts, command("accept", name)))
    return findings, applied


def _without_file(name: str, version: str) -> Finding:
    said, mend = f"fbs-db {version} applied it", upgrade_to(version)
    if not is_later(version):
        return Finding("error", "migration", name, "no file", said, None, mend)
    said += f", and this is fbs-db {__version__}: no object was compared"
    return Finding("note", "migration", name, "newer", said, None, mend)


def _misplaced(session: Session, applied: Sequence[files.MigrationFile]) -> Iterator[Finding]:
    """The components that are installed here but placed in another database, or moving there."""
    for component in dict.fromkeys(file.component for file in applied if not session.config.holds(file.component)):
        home = project.configuration().home_of(component)
        if home is None:
            mend = command("placement", "drop", component, "--from", session.config.name)
            yield Finding("warning", "component", component, "left out", "here", "in no database", mend)
            continue
        mend = command("placement", "move", component, "--to", home.name)
        yield Finding("warning", "component", component, "misplaced", "here", f"in database {home.name}", mend)
    if not (moving := guards(session)):
        return
    on_its_way = {file.component: moving[name] for file in applied for _, name in file.creates if name in moving}
    for component, goes_to in on_its_way.items():
        if session.config.holds(component):
            mend = command("placement", "move", component, "--to", goes_to)
            found = f"its tables are read-only while they move to database {goes_to}"
            yield Finding("error", "component", component, "its move is not finished", found, None, mend)


def _made(file: files.MigrationFile, found: Mapping[Key, Object]) -> bool:
    """Whether any object that the file creates is there."""
    wanted = {key for key in snapshot.expected([file.id], 180000) if key[0] in ("table", "function", "view")}
    return bool(wanted & found.keys())
