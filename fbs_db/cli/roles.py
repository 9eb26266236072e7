"""The family of rights: ``grant``, ``revoke``, ``roles``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

import fbs_db
from fbs_db.access.grants import PUBLIC, WORKS
from fbs_db.cli import completion
from fbs_db.cli.base import main
from fbs_db.cli.fleet import Each
from fbs_db.cli.output import complain, done, echo, print_exact
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import UsageError
from fbs_db.wording import command, commented, counted, typed

if TYPE_CHECKING:
    from fbs_db.access.grants import Difference, Granted, RightsReport, Role, Work

#: The role and its work are the same in most databases, and so is what is said of them.
_CHANGE = Each(is_alike=lambda own: True)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the exact SQL. Change nothing.")


@subcommand(main, "grant", each=_CHANGE)
@click.argument("role", shell_complete=completion.roles)
@click.option("--as", "work", required=True, type=click.Choice(WORKS), help="The work it does.")
@click.option(
    "--solution",
    "solutions",
    metavar="S",
    multiple=True,
    help="A solution whose rows it sees while isolation is on; can be repeated. By default they stay as they are.",
)
@click.option("--shared", is_flag=True, help="It sees the solution that fbs.solution names in its transaction.")
@_DRY_RUN
def grant(call: Call, *, role: str, work: str, solutions: tuple[str, ...], shared: bool, dry_run: bool) -> Answer:
    """Grant a ROLE exactly the rights that its work needs.

    \b
    app      reads and writes the rows of FBS's models
    reader   reads them through tables and views, but for secrets
    worker   runs the clean-up, retention and the removal of files
    monitor  reads the state of FBS itself, for check and status

    The role exists already, and is neither a superuser nor a member of FBS's owner. The command
    can be repeated: it restores what is missing. New tables and columns are granted by migrate.
    """
    if solutions and shared:
        raise UsageError("Give --solution or --shared, not both.")
    report = fbs_db.grant(
        role,
        cast("Work", work),
        call.database,
        solutions=solutions or None,
        shared=shared or None,
        dry_run=dry_run,
        schema=call.schema,
    )

    def show(report: RightsReport) -> None:
        now = report.now
        granted = [_described(one) for one in (now.works if now else ()) if one.work == work]
        done(f"{role} works as {', '.join(granted)}{'' if report.sql else ', and lacked nothing'}.")
        _remark(now)

    return Answer(report, _show_script if dry_run else show, outcome=_outcome(report, dry_run))


@subcommand(main, "revoke", each=_CHANGE)
@click.argument("role", shell_complete=completion.roles)
@click.option("--as", "work", type=click.Choice(WORKS), help="The work that it no longer does. By default all.")
@_DRY_RUN
def revoke(call: Call, *, role: str, work: str | None, dry_run: bool) -> Answer:
    """Take a work from a ROLE, or all.

    It keeps the rights that its other works need, and no other on FBS's objects. A role that
    was dropped is forgotten.
    """
    report = fbs_db.revoke(role, cast("Work | None", work), call.database, dry_run=dry_run, schema=call.schema)

    def show(report: RightsReport) -> None:
        left = ", ".join(_described(one) for one in report.now.works) if report.now else ""
        if work:
            said = f"no longer works as {work}" if report.sql else f"did not work as {work}"
        else:
            # Rights that another role granted are that one's to take back.
            rights = "" if report.now and report.now.beyond else " and no granted rights"
            said = f"has no work{rights} any more" if report.sql else f"had no work{rights}"
        echo(f"{role} {said}.{f' It works as {left}.' if left else ''}")
        _remark(report.now)

    return Answer(report, _show_script if dry_run else show, outcome=_outcome(report, dry_run))


@subcommand(main, "roles", each=Each(reads=True, is_alike=lambda own: True))
def roles(call: Call) -> Answer:
    """List roles, their work, and rights that differ from it.

    Other roles with rights on FBS's objects are listed, too; they have no work.

    Exit codes: 0 each role has what its work needs; 1 a role lacks a right, or has one that its
    work does not need; 2 it could not be looked at.
    """
    found = fbs_db.list_roles(call.database, schema=call.schema)
    fits = all(one.fits for one in found)
    return Answer(found, _show_roles, 0 if fits else 1, outcome="as they should be" if fits else "with differences")


def _outcome(report: RightsReport, dry_run: bool) -> str:
    return "as wanted already" if not report.sql else "to change" if dry_run else "changed"


def _described(one: Granted) -> str:
    """A work, with the solutions where it has any."""
    solutions = ", ".join(one.solutions)
    return f"{one.work} (shared)" if one.shared else f"{one.work} of {solutions}" if solutions else one.work


def _show_script(report: RightsReport) -> None:
    print_exact(report.sql or commented(f"{report.role} needs no change.") + "\n", nl=False)


def _remark(now: Role | None) -> None:
    """Say that a role is not as it should be after the change."""
    if now and now.beyond:
        complain(f"{now.name} has rights that its work does not need.", f"See them: {command('roles')}")


def _show_roles(found: list[Role]) -> None:
    for role in found:
        works = "; ".join(map(_described, role.works)) or ("" if role.name == PUBLIC else "no work")
        echo(f"{role.name:<24} {works}", fg="green" if role.fits and role.works else None)
        if not role.exists:
            _show_difference("there is no such role", command("revoke", role.name))
        if role.lacks:
            lines = "\n  ".join(f"lacks {_rights(one)}" for one in role.lacks)
            _show_difference(lines, command("grant", role.name, "--as", role.works[0].work))
        if role.works or role.name == PUBLIC:
            for one in role.beyond:
                _show_difference(f"{'beyond its work: ' if role.works else 'has '}{_rights(one)}", typed(one.mend))
        elif role.beyond:
            _show_difference("\n  ".join(f"has {_rights(one)}" for one in role.beyond), command("revoke", role.name))
    if not found:
        echo(f"No role was granted anything. To begin: {command('grant', 'ROLE', '--as', 'app')}")


def _show_difference(text: str, mend: str) -> None:
    echo(f"  {text}", fg="yellow")
    if mend:
        echo(f"    {mend}")


def _rights(one: Difference) -> str:
    """Rights and their objects, in a line."""
    if not one.objects:
        return one.rights
    named = ", ".join(one.objects[:3]) + (", ..." if len(one.objects) > 3 else "")
    return f"{one.rights} on {named if len(one.objects) == 1 else f'{counted(len(one.objects), one.kind)}: {named}'}"
