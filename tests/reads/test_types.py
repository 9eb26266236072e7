"""What mypy infers of reads: `make lint` holds these lines to it, a run of the tests that they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from typing_extensions import assert_type

import fbs_db
from fbs_db.reads import AsyncReader, Page, Reader
from fbs_db.reads.approvals import Approvals, ApprovalsDetails, ApprovalsPending
from fbs_db.reads.books import AccountingCashPosition
from fbs_db.reads.custom_fields import CustomFieldsRecords
from fbs_db.reads.drivers import AsyncDriver, Driver
from tests.support.connections import url_of


def test_blocking(installed: psycopg.Connection) -> None:
    with fbs_db.connect(installed) as fbs:
        assert_type(fbs, Reader)
        assert_type(fbs.approvals, Approvals[Driver])
        page = assert_type(fbs.approvals.pending(approver_id=7, limit=3), Page[ApprovalsPending])
        assert_type(page.next, str | None)
        assert_type([row.title for row in page], list[str])
        stream = assert_type(fbs.approvals.pending.stream(approver_id=7), Iterator[ApprovalsPending])
        assert list(stream) == []
        assert_type(fbs.approvals.details(id=1), ApprovalsDetails | None)
        assert_type(fbs.accounting.cash_position("a"), AccountingCashPosition)
        assert_type(fbs.custom_fields.records("m", [1]), Page[CustomFieldsRecords])
        assert assert_type(fbs.operations.cached("key"), Any | None) is None


async def waiting(connection: psycopg.Connection) -> None:
    async with fbs_db.connect_async(url_of(connection)) as fbs:
        assert_type(fbs, AsyncReader)
        assert_type(fbs.approvals, Approvals[AsyncDriver])
        assert_type(await fbs.approvals.pending(approver_id=7), Page[ApprovalsPending])
        stream = assert_type(fbs.approvals.pending.stream(approver_id=7), AsyncIterator[ApprovalsPending])
        assert [row async for row in stream] == []
        assert_type(await fbs.approvals.details(id=1), ApprovalsDetails | None)


def test_without_blocking(installed: psycopg.Connection) -> None:
    asyncio.run(waiting(installed))


def test_what_mypy_refuses(installed: psycopg.Connection) -> None:
    """Each comment is needed: mypy refuses one that is not."""
    with fbs_db.connect(installed) as fbs:
        with pytest.raises(TypeError):
            fbs.approvals.pending(aprover_id=7)  # type: ignore[call-arg]
        with pytest.raises(fbs_db.FbsDbError):
            fbs.approvals.pending(id="seven")  # type: ignore[arg-type]
        installed.rollback()
        with pytest.raises(AttributeError):
            fbs.approvals.details.stream(id=1)  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            fbs.custom_fields.records.stream("m", [1])  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"^ApprovalsPending takes id, title, "):
        ApprovalsPending(1)  # type: ignore[call-arg]
    row = ApprovalsPending(*range(12))
    with pytest.raises(AttributeError):
        row.title = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        assert row.other  # type: ignore[attr-defined]
