"""A command on all databases: on some at once, what is said of each, and a summary."""

from __future__ import annotations

import logging
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from fbs_db import wording
from fbs_db.cli.interrupts import interruption
from fbs_db.cli.output import complain, echo, left_out_line, print_exact, print_json, working_on
from fbs_db.database import fleet, project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.many import Done, Many
from fbs_db.errors import ConnectionFailed, ConnectionLost, FbsDbError
from fbs_db.reports import Progress
from fbs_db.wording import command, commented, counted

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from fbs_db.cli.subcommand import Answer

    Work = Callable[[DatabaseConfig, Callable[[Progress], None]], Answer | None]

#: Databases at once, by default.
JOBS = 4
#: Seconds between two lines of progress, where there is no terminal.
_PAUSE = 10.0
#: How many databases are named of those that are alike.
_NAMED = 3
#: Stands for the name of any of them in commands, and commands that each of them may be given at once.
_ANY = "ANY_OF_THEM"
_AT_ONCE = re.compile(rf"--database {_ANY} ((?:--role \S+ )?(?:migrate|status|check|repair)\b.*)")
_GONE, _FAILED, _INTERRUPTED, _UNTRIED = _WORST = ("gone meanwhile", "failed", "interrupted", "not tried")


def _is_gone(database: DatabaseConfig) -> bool:
    """Whether a database is no longer on its server, as far as that can be asked."""
    try:
        return not fleet.is_there(database)
    except FbsDbError:
        return False


def _is_dry_run(own: Mapping[str, Any]) -> bool:
    return bool(own.get("dry_run"))


@dataclass(frozen=True)
class Each:
    """How a command works on all databases.

    Attributes:
        reads: whether it changes nothing, so that an error holds up no other database.
        is_script: whether its answer is SQL, with these options.
        is_alike: whether databases tend to give the same answer, with these options: it is shown once.
        again: whether databases that came meanwhile are looked for.
        then: the command to type next, by outcome.
    """

    reads: bool = False
    is_script: Callable[[Mapping[str, Any]], bool] = _is_dry_run
    is_alike: Callable[[Mapping[str, Any]], bool] = _is_dry_run
    again: bool = False
    then: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How many databases at once, and when to stop.

    Attributes:
        jobs: number of databases at once.
        first: the number that has to succeed before the rest is begun; None for none.
        keep_going: whether an error holds up no other database.
    """

    jobs: int
    first: int | None
    keep_going: bool


@dataclass
class _Failure:
    error: FbsDbError
    names: list[str]


class FleetRun:
    """A command on all databases.

    Parameters:
        work: the command on one database; called in other threads.
        each: how it works on all.
        own: its options.
        pace: how many at once, and when to stop.
        as_json: whether to print a JSON object for each database.
    """

    def __init__(self, work: Work, each: Each, own: Mapping[str, Any], pace: Pace, *, as_json: bool) -> None:
        self._work, self._pace, self._as_json = work, pace, as_json
        self._is_script, self._is_alike = each.is_script(own), each.is_alike(own)
        self._again, self._then = each.again, each.then
        self._reads = each.reads or _is_dry_run(own) or own.get("apply_") is False
        self._keep_going = pace.keep_going or self._reads
        self._single: set[str] = set()
        self._seen: dict[tuple[str, str | None], None] = {}  # in order
        self._outcomes: Counter[str] = Counter()
        self._failures: dict[str, _Failure] = {}
        self._alike: dict[str, list[str]] = {}
        self._total = self._cancelled = self._highest = 0
        self._waits: dict[str, str] = {}
        self._started = self._told = time.monotonic()
        self._bar: ProgressBar[str | None] | None = None

    def run(self) -> int:
        """Do it, and give the exit code."""
        stopped: FbsDbError | None = None
        with project.read_once():
            self._single = set(project.configuration().databases)
            members = self._listed()
            try:
                with _logged_once(), self._progress_shown():
                    self._all(members)
            except (KeyboardInterrupt, click.Abort) as error:
                stopped = interruption(error)
                if stopped is None:
                    raise
            finally:
                self._summarize(stopped)
        return stopped.exit_code if stopped else self._highest

    # --- the work

    def _listed(self) -> list[DatabaseConfig]:
        """The databases that were not listed before. A pattern whose server cannot be asked is a failure."""

        def failed(pattern: DatabaseConfig, error: FbsDbError) -> None:
            if (pattern.name, pattern.url) in self._seen:  # where databases are listed again
                return
            self._seen[(pattern.name, pattern.url)] = None
            self._total += 1
            self._count(pattern.name, _FAILED, error.exit_code, (error,))

        new = [one for one in fleet.members(failed, templates=True) if (one.name, one.url) not in self._seen]
        self._seen.update(((one.name, one.url), None) for one in new)
        self._total += len(new)
        return new

    def _all(self, members: list[DatabaseConfig]) -> None:
        if self._outcomes[_FAILED] and not self._keep_going:
            return
        if (first := self._pace.first) is not None:
            if not self._some(members[:first]) or self._highest:
                return
            members = members[first:]
            if members and not self._as_json:
                self._clear()
                echo(f"The first {counted(first, 'database')} went well.", err=True)
        while members:
            if not self._some(members):
                return
            members = self._listed() if self._again else []
            if self._bar:
                self._bar.length = self._total

    def _some(self, members: Sequence[DatabaseConfig]) -> bool:
        """Work on these, and say whether there may be others after them."""
        jobs = min(self._pace.jobs, len(members))
        many = Many(members, self._one, jobs, until_error=not self._keep_going)
        told = 0
        try:
            for done in many.outcomes(self._tell_progress):
                told += 1
                self._tell(done)
        finally:
            for done in many.end():
                if done.error is None:
                    told += 1
                    self._tell(done)
            self._cancelled += many.begun - told
        return self._keep_going or not self._outcomes[_FAILED]

    def _one(self, database: DatabaseConfig) -> Answer | None:
        """The answer of the command; None where the database is gone."""

        def tell(progress: Progress) -> None:
            if progress.kind == "wait":
                self._waits[database.name] = progress.text

        working_on.set(database.name)
        try:
            with wording.given(database=database.name):
                return self._work(database, tell)
        except (ConnectionFailed, ConnectionLost):
            if database.name not in self._single and _is_gone(database):
                return None
            raise
        finally:
            self._waits.pop(database.name, None)

    # --- what is said

    def _tell(self, done: Done[Answer | None]) -> None:
        name, answer, error = done.database.name, done.answer, done.error
        outcome = _FAILED if error else answer.outcome if answer else _GONE
        exit_code = error.exit_code if error else answer.exit_code if answer else 0
        errors = (error,) if error else answer.errors if answer else ()
        self._count(name, outcome, exit_code, errors)
        if self._as_json:
            said = {"error": error.as_dict()} if error else {"answer": answer.plain} if answer else {}
            print_json({"database": name, "outcome": outcome, "exit_code": exit_code, **said}, lines=True)
        elif answer:
            with wording.given(database=name):
                self._show(name, answer)
        if self._bar:
            self._bar.update(1, self._state())
        self._tell_progress()

    def _count(self, name: str, outcome: str, exit_code: int, errors: Sequence[FbsDbError]) -> None:
        self._outcomes[outcome] += 1
        self._highest = max(self._highest, exit_code)
        for error in errors:
            # Numbers, such as times, differ between databases where the reason does not.
            reason = re.sub(r"\d+", "0", error.message.replace(name, ""))
            self._failures.setdefault(reason, _Failure(error, [])).names.append(name)

    def _show(self, name: str, answer: Answer) -> None:
        if answer.line == "":
            return
        if self._is_alike and answer.line is None:
            text = StringIO()
            with redirect_stdout(text), redirect_stderr(text):
                answer.show(answer.value)
            alike = text.getvalue().replace(f"--database {shlex.quote(name)} ", f"--database {_ANY} ")
            self._alike.setdefault(alike, []).append(name)
            return
        self._clear()
        if answer.line:
            self._remark(f"{name}: {answer.line}")
        else:
            self._remark(f"{name}:", bold=True)
            answer.show(answer.value)

    def _summarize(self, stopped: FbsDbError | None) -> None:
        untried = self._total - self._outcomes.total() - self._cancelled
        counts = {**self._outcomes, _INTERRUPTED: self._cancelled, _UNTRIED: untried}
        counts = {outcome: count for outcome, count in sorted(counts.items(), key=_worst_last) if count}
        if self._as_json:
            failures = [{"error": one.error.as_dict(), "databases": one.names} for one in self._failures.values()]
            self._print_summary(counts, failures, stopped)
            return
        order = {name: number for number, (name, _) in enumerate(self._seen)}
        for names in (*self._alike.values(), *(failure.names for failure in self._failures.values())):
            names.sort(key=lambda name: order.get(name, -1))
        for text, names in sorted(self._alike.items(), key=lambda alike: order[alike[1][0]]):
            self._remark(f"{_listed(names)}:", bold=True)
            print_exact(_for_these(names, text), nl=False)
        said = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
        self._remark(f"{counted(self._total, 'database')}: {said}." if said else "There is no database.")
        if left_out := project.configuration().left_out:
            self._remark(left_out_line(left_out))
        for outcome, words in self._then.items():
            if counts.get(outcome):
                self._remark(f"Next: {command(*words)}")
        sys.stdout.flush()
        for failure in self._failures.values():
            complain(f"{_listed(failure.names)}: {failure.error.message}", failure.error.hint)
        if not self._reads and {_FAILED, _INTERRUPTED, _UNTRIED} & counts.keys():
            self._go_on(untried)
        if stopped:
            complain(stopped.message, stopped.hint)

    def _print_summary(self, counts: Mapping[str, int], failures: Sequence[object], stopped: FbsDbError | None) -> None:
        summary = {
            "databases": self._total,
            "outcomes": counts,
            "failures": failures,
            "seconds": time.monotonic() - self._started,
            "exit_code": stopped.exit_code if stopped else self._highest,
            **({"error": stopped.as_dict()} if stopped else {}),
        }
        print_json({"summary": summary}, lines=True)

    def _go_on(self, untried: int) -> None:
        left = f" {counted(untried, 'database', 'was', 'were')} not tried." if untried else ""
        others = "" if self._keep_going or not untried else " With --keep-going an error holds up no other."
        echo(f"What is done stays.{left} The same command goes on from there.{others}", err=True)

    def _remark(self, text: str, **styles: Any) -> None:
        """Print what is no statement, where the answers are SQL as a comment."""
        echo(commented(text) if self._is_script else text, **styles)

    # --- progress

    @contextmanager
    def _progress_shown(self) -> Iterator[None]:
        """A block with a bar, on a terminal."""
        with ExitStack() as stack:
            if sys.stderr.isatty() and not self._as_json and self._total > 1:
                bar = click.progressbar(
                    length=self._total, file=sys.stderr, show_pos=True, item_show_func=lambda item: item
                )
                self._bar = stack.enter_context(bar)
            yield
        self._bar = None

    def _tell_progress(self) -> None:
        """Print how far it is, now and then."""
        now = time.monotonic()
        if self._bar:
            if now - self._told >= 1:
                self._told = now
                self._bar.update(0, self._state())
        elif not self._as_json and now - self._told >= _PAUSE:
            self._told, done = now, self._outcomes.total()
            left = (now - self._started) / done * (self._total - done) if done else 0
            state = f", {self._state()}" if self._state() else ""
            estimate = f", about {_time(left)} left" if left else ""
            echo(f"{done:,} of {counted(self._total, 'database')}{estimate}{state}", err=True)

    def _state(self) -> str:
        """How many failed, and which database waits for another session."""
        failed = f"{self._outcomes[_FAILED]:,} failed" if self._outcomes[_FAILED] else ""
        waits = next((f"{name} is {text}" for name, text in list(self._waits.items())), "")
        return ", ".join(filter(None, (failed, waits)))

    def _clear(self) -> None:
        """Make room for a line where the bar is."""
        if self._bar:
            click.echo("\r\033[K", err=True, nl=False)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names) if more < 2 else f"{', '.join(names[:_NAMED])} and {more:,} more"


def _for_these(names: Sequence[str], text: str) -> str:
    """A text that databases share, with commands that can be typed."""
    if len(names) > 1:
        text = _AT_ONCE.sub(r"\1 --all", text)
    return text.replace(_ANY, shlex.quote(names[0]))


def _worst_last(count: tuple[str, int]) -> tuple[int, int, str]:
    outcome, number = count
    return (_WORST.index(outcome) if outcome in _WORST else -1), -number, outcome


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@contextmanager
def _logged_once() -> Iterator[None]:
    """A block in which a warning that many databases give is logged once, unless the log is verbose."""
    seen: set[str] = set()
    left_out = 0

    def is_new(record: logging.LogRecord) -> bool:
        nonlocal left_out
        reason = re.sub(r"\d+", "0", record.getMessage().replace(working_on.get() or "\0", ""))
        if reason in seen and not logging.getLogger("fbs_db").isEnabledFor(logging.INFO):
            left_out += 1
            return False
        seen.add(reason)
        if sys.stderr.isatty():
            click.echo("\r\033[K", err=True, nl=False)
        return True

    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(is_new)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_new)
        if left_out:
            echo(f"{counted(left_out, 'warning')} of other databases left out, as they say the same.", err=True)
