"""The pages, for ``django.contrib.admin``: they show, and offer two actions on clean-ups that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import Error, connections, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.timesince import timesince, timeuntil

import fbs_db
from fbs_db.cleanup.hosts import named
from fbs_db.database import project
from fbs_db.database.releases import MISSING, why_missing
from fbs_db.database.session import open_session
from fbs_db.django.admin.models import CleanupRule, Health, HostTable, Migration, QueuedCleanup, Setting
from fbs_db.django.aliases import pattern_of
from fbs_db.django.checks import to_mend
from fbs_db.django.install import placed
from fbs_db.django.messages import for_shell, migrate_command
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.wording import command, counted

_PAGE = "admin/fbs_db_admin/page.html"
#: Entries that are tried again within a request, at most.
_AT_ONCE = 100
_APPLICATION = "fbs-db admin"


def database_of(request: HttpRequest) -> str:
    """The alias that the parameter ``database`` names, kept on the way from a list to a row; else the first of FBS_DB.

    Raises:
        UsageError: FBS is not placed in it.
    """
    asked = request.GET.get("database") or QueryDict(request.GET.get("_changelist_filters", "")).get("database")
    if asked and placed(asked) is not None:
        return str(asked)
    known = databases()
    if asked or not known:
        raise UsageError(
            f"FBS is not placed in database {asked}." if asked else "Which database is not named.",
            hint=f"Add ?database=NAME to the address, with one of: {', '.join(known) or 'those of solutions'}.",
        )
    return known[0]


def databases() -> list[str]:
    """Aliases of the databases that hold FBS: those of FBS_DB, and those of solutions that it lists."""
    single = list(project.configuration().databases)
    return single + [alias for alias in connections if alias not in single and pattern_of(alias)]


class Database(admin.SimpleListFilter):  # type: ignore[misc]
    """Links to the same page of the other databases."""

    title, parameter_name = "database", "database"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(alias, alias) for alias in dict.fromkeys((*databases(), database_of(request)))]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        shown = changelist.queryset.db
        for alias, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: alias})
            yield {"selected": alias == shown, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset


class State(admin.SimpleListFilter):  # type: ignore[misc]
    """Whether it failed."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("failed", "Failed")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(error__isnull=self.value() == "waiting") if self.value() else queryset


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[misc]
    """Pages without editing, of one database; where it cannot be read, they say why and what to type."""

    list_filter: Sequence[Any] = (Database,)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).using(database_of(request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._shown(request, super().changelist_view, request, extra_context)

    def changeform_view(self, request: HttpRequest, *words: Any, **named: Any) -> HttpResponse:
        return self._shown(request, super().changeform_view, request, *words, **named)

    def delete_view(self, request: HttpRequest, *words: Any, **named: Any) -> HttpResponse:
        raise PermissionDenied

    def history_view(self, request: HttpRequest, *words: Any, **named: Any) -> HttpResponse:
        return self._shown(request, super().history_view, request, *words, **named)

    def _shown(self, request: HttpRequest, view: Callable[..., HttpResponse], *words: Any, **named: Any) -> Any:
        """What a view of Django's answers, rendered; or a page with the error of the database."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            with _reading(database_of(request)):
                response = view(*words, **named)
                return response.render() if isinstance(response, TemplateResponse) else response
        except FbsDbError as error:
            return self._page(request, problem=error)

    def _page(self, request: HttpRequest, **more: Any) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": self.opts.verbose_name_plural}
        return TemplateResponse(request, _PAGE, {**context, "title": f"{context['title']}".capitalize(), **more})


@contextmanager
def _reading(alias: str) -> Iterator[None]:
    """A block that reads in a database. Its errors say what to type.

    Raises:
        TargetError: the database cannot be reached, or FBS's tables there cannot be read; or it is that of a solution
            and belongs to a stranger.
    """
    with for_shell(alias):
        if pattern_of(alias):  # whoever may create databases chooses their names
            with open_session(alias, None, application=_APPLICATION):
                pass
        try:
            # In a request that is a transaction the error is that of a savepoint: it goes on.
            with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
                cursor.execute("select set_config('lock_timeout', '3s', true)")
                yield
        except Error as error:
            raise _explained(error, alias) from error


def _explained(error: Error, alias: str) -> TargetError:
    cause: Any = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""  # of psycopg2
    said = f"{error}".strip().partition("\n")[0]
    if state == "42501":
        with connections[alias].cursor() as cursor:
            cursor.execute("select current_user::text")
            role = cursor.fetchone()[0]
        mend = f"As FBS's owner, type: {command('grant', role, '--as', 'monitor')}"
        return TargetError(f"Role {role} may not read this in database {alias}: {said}.", hint=mend)
    if state in MISSING:
        schema = getattr(placed(alias), "schema", None) or "public"
        return why_missing(connections[alias].connection.info, schema, said) or TargetError(
            f"FBS is not installed in database {alias}.", hint=f"Type: {migrate_command(alias)}"
        )
    if state == "55P03":
        return TargetError(
            f"Another session, such as a migration, holds a lock in database {alias}.", hint="Try again."
        )
    return TargetError(f"Database {alias} could not be read: {said}")


@admin.register(QueuedCleanup)
class QueuedCleanupAdmin(ReadOnlyAdmin):
    """The queue, with two actions for those who may change it."""

    list_display = ("id", "named", "work", "key_count", "age", "tries", "last_error")
    list_filter = (Database, State, "model_name")
    actions = ("retry", "give_up")

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Whether the user may retry and give up."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    @admin.display(description="model", ordering="model_name")
    def named(self, row: QueuedCleanup) -> str:
        return named(row.model_name, row.solution)

    @admin.display(description="operation", ordering="operation")
    def work(self, row: QueuedCleanup) -> str:
        """What is to be done, by which rule alone, and in which other database."""
        rule = f", rule {row.rule_name}" if row.rule_name else ""
        return f"{row.operation}{rule}{f', in database {row.target}' if row.target else ''}"

    @admin.display(description="keys")
    def key_count(self, row: QueuedCleanup) -> int:
        return len(row.keys)

    @admin.display(description="age", ordering="queued_at")
    def age(self, row: QueuedCleanup) -> str:
        return str(timesince(row.queued_at, depth=1))

    @admin.display(description="attempts", ordering="attempts")
    def tries(self, row: QueuedCleanup) -> str:
        """How often it was tried, and when it is next."""
        due = row.next_attempt_at
        if due is None:
            return f"{row.attempts}, never due"
        return f"{row.attempts}, due" if due <= timezone.now() else f"{row.attempts}, next in {timeuntil(due, depth=1)}"

    @admin.display(description="last error", ordering="error")
    def last_error(self, row: QueuedCleanup) -> str | None:
        return row.error and str(Truncator(row.error).chars(100))

    @admin.action(description="Retry selected clean-ups", permissions=["work"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        """Do those for this database now, and leave those for others to a worker."""
        if not (chosen := list(queryset[: _AT_ONCE + 1])):
            self._gone(request)
            return
        if len(chosen) > _AT_ONCE:
            hint = f"To retry all, type: {command('cleanup', 'retry')}"
            self._refused(request, UsageError(f"Choose {_AT_ONCE} clean-ups at most.", hint=hint))
            return
        ids = [row.pk for row in chosen]
        try:
            report = fbs_db.retry_cleanup(queryset.db, ids=ids)
        except FbsDbError as error:
            self._refused(request, error)
            return
        # The transaction of this page may see the queue as it was.
        with open_session(queryset.db, None, application=_APPLICATION) as session:
            left = {one for (one,) in session.select("select id from {fbs}fbs_cleanup_queue where id = any(%s)", ids)}
        waiting = [row for row in chosen if row.pk in left]
        elsewhere = sum(row.target is not None for row in waiting)
        held = max(0, len(waiting) - elsewhere - report.failed)
        where = f"Retried in database {queryset.db}"  # ids of another are others
        self._log(
            request,
            CHANGE,
            ((row, f"{where}; {'it still waits' if row.pk in left else 'done'}.") for row in chosen),
        )
        for count, level, text in (
            (report.done, messages.SUCCESS, f"done: {counted(report.rows, 'row')}."),
            (report.failed, messages.ERROR, "failed again. The list has the error."),
            (elsewhere, messages.INFO, "for other databases: due now, for a worker."),
            (held, messages.WARNING, "left alone: a worker is at them, or has another part of them to do."),
        ):
            if count:
                self.message_user(request, f"{counted(count, 'clean-up')} {text}", level)

    @admin.action(description="Give up selected clean-ups", permissions=["work"])
    def give_up(self, request: HttpRequest, queryset: Any) -> TemplateResponse | None:
        """Ask, and then take them off the queue."""
        confirmed = request.POST.get("confirmed", "").split(",")
        if not all(number.isdecimal() and len(number) < 20 for number in confirmed):
            if not (chosen := list(queryset)):
                self._gone(request)
                return None
            return self._page(
                request,
                title="Give up clean-ups?",
                chosen=chosen[:_AT_ONCE],
                more=len(chosen[_AT_ONCE:]),
                rekeys=any(row.operation == "rekey" for row in chosen),
                ids=",".join(str(row.pk) for row in chosen),
                checkbox=ACTION_CHECKBOX_NAME,
                sweep=command("cleanup", "sweep"),
            )
        try:
            given_up = fbs_db.give_up_cleanup([int(number) for number in confirmed], queryset.db)
        except FbsDbError as error:
            self._refused(request, error)
            return None
        rows = [QueuedCleanup(pk=one.id, **{**one.as_dict(), "keys": list(one.keys)}) for one in given_up]
        self._log(request, DELETION, ((row, f"Given up in database {queryset.db}: {_keys(row)}") for row in rows))
        if rows:
            self.message_user(request, f"{counted(len(rows), 'clean-up')} given up.", messages.SUCCESS)
        if left := len(confirmed) - len(rows):
            text = "not given up: no longer in the queue, or a worker is at them."
            self.message_user(request, f"{counted(left, 'clean-up')} {text}", messages.WARNING)
        return None

    def _gone(self, request: HttpRequest) -> None:
        self.message_user(request, "Those clean-ups are no longer in the queue.", messages.WARNING)

    def _refused(self, request: HttpRequest, error: FbsDbError) -> None:
        self.message_user(request, f"Nothing was done. {error}", messages.ERROR)

    def _log(self, request: HttpRequest, flag: int, changes: Iterable[tuple[QueuedCleanup, str]]) -> None:
        """Note what was done in Django's log, by entry."""
        kind = ContentType.objects.get_for_model(QueuedCleanup)
        LogEntry.objects.bulk_create(
            [
                LogEntry(
                    user_id=request.user.pk,
                    content_type=kind,
                    object_id=f"{row.pk}",
                    object_repr=f"{row}"[:200],
                    action_flag=flag,
                    change_message=text,
                )
                for row, text in changes
            ],
            batch_size=1000,
        )


def _keys(row: QueuedCleanup) -> str:
    keys = f"keys {', '.join(row.keys)}" if row.keys else "no keys"
    return f"{keys}, now {', '.join(row.new_keys)}" if row.new_keys else keys


@admin.register(CleanupRule)
class CleanupRuleAdmin(ReadOnlyAdmin):
    """The rules."""

    list_display = ("rule_name", "table_name", "model_name", "action", "description")


@admin.register(HostTable)
class HostTableAdmin(ReadOnlyAdmin):
    """The attached host tables."""

    list_display_links = None
    list_display = (
        "host_table",
        "model_name",
        "key_column",
        "follows_keys",
        "solution",
        "solution_column",
        "attached_at",
    )


@admin.register(Setting)
class SettingAdmin(ReadOnlyAdmin):
    """The settings."""

    list_display = ("name", "value", "initial_value", "description")


@admin.register(Migration)
class MigrationAdmin(ReadOnlyAdmin):
    """The applied migrations."""

    list_display = ("migration_id", "applied_at", "applied_by", "fbs_db_version")


@admin.register(Health)
class HealthAdmin(ReadOnlyAdmin):
    """The findings of ``fbs-db check``, each with the command that mends it."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            alias = database_of(request)
            with for_shell(alias):
                report = fbs_db.check(alias)
                findings = [(finding, to_mend(finding, alias)) for finding in report.findings]
        except FbsDbError as error:
            return self._page(request, problem=error)
        return self._page(
            request, report=report, findings=findings, looked_at=timezone.now(), shown=alias, databases=databases()
        )

    def changeform_view(self, request: HttpRequest, *words: Any, **named: Any) -> HttpResponse:
        return self.changelist_view(request)

    history_view = changeform_view
