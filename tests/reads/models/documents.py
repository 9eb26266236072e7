"""Documents: random rows, and what each read answers to them."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from tests.reads.models.common import in_groups, percent, total, where, within
from tests.reads.models.filling import MANY, SOLUTIONS, Filler, made_up
from tests.support.differential import Answer, Call, Group, View, World, in_order
from tests.support.reading import Rows


def fill_documents(f: Filler) -> None:
    kinds = f.add(
        "fbs_dms_document_type", 4, name=f.text, code=lambda: str(f.chance.random()), requires_approval=f.flag
    )
    categories: list[int] = []
    for _ in range(9):
        above = f.chance.choice([*categories, None])
        categories = f.add("fbs_dms_document_category", 1, name=f.text, parent_id=above, is_active=f.flag)
    for category in f.chance.sample(categories, 2):  # circles, some of one
        above = f.chance.choice(categories)
        f.connection.execute(
            "update fbs_dms_document_category as c set parent_id = %s where id = %s and not exists"
            " (select from fbs_dms_document_category as o where o.parent_id = %s and o.name = c.name)",
            (above, category, above),
        )
    tags = f.add("fbs_dms_document_tag", 7, name=f.sentence, color=f.user)
    files = f.add(
        "fbs_dms_file_attachment", 30, file=f.text, original_filename=f.text, mime_type=["text/plain", "it's", "a/b"],
        file_size=lambda: f.chance.choice([0, 0, 1, 1000, 333, 2**40]), checksum=["c1", "c2", "c3"], is_public=f.flag,
        uploaded_by_id=f.user, company_id=SOLUTIONS, created_at=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_dms_file_attachment", 2, file="f", original_filename="f", mime_type=["a", "b"], file_size=0, checksum="c1",
        uploaded_by_id=1, company_id="empty files",
    )  # fmt: skip
    documents = f.add(
        "fbs_dms_document", 48, name=f.sentence, title=f.sentence, document_type_id=kinds, category_id=categories,
        attachment_id=[None, *files[:20]], state=["draft", "approved", "archived", "odd"], created_by_id=f.user,
        approved_by_id=f.maybe_user, expiry_date=f.maybe_day, company_id=SOLUTIONS, solution_db=[None, "", "db"],
        confidentiality_level=["public", "odd"], description=lambda: f.sentence() if f.flag() else "",
        metadata=f.facts, created_at=f.moment,
    )  # fmt: skip
    f.add(
        "fbs_dms_document", 3, name="many", title=" ".join(MANY), document_type_id=kinds, category_id=categories,
        created_by_id=1, company_id=SOLUTIONS, description="k",
    )  # fmt: skip
    f.add("fbs_dms_document_tags", 40, document_id=documents, documenttag_id=tags)
    runs = f.add(
        "fbs_dms_document_workflow", 40, document_id=documents, started_at=f.moment, completed_at=f.maybe_moment,
        status=["active", "active", "active", "completed", "cancelled", "failed", "odd"], workflow_data=f.facts,
    )  # fmt: skip
    f.add(
        "fbs_dms_document_approval", 70, workflow_id=runs, approver_id=f.user, sequence=lambda: f.chance.randint(-1, 5),
        status=["pending", "pending", "pending", "approved", "skipped", "odd"], required=f.flag,
        approved_at=f.maybe_moment, comments=f.text,
    )  # fmt: skip
    f.connection.execute(
        "update fbs_dms_document_workflow as w set current_step_id = (select min(s.id) from fbs_dms_document_approval"
        " as s where s.workflow_id = w.id) where id %% %s = 0",
        [f.chance.randint(2, 4)],
    )


def categories(world: World) -> Rows:
    every, found = world.by_id("fbs_dms_document_category"), []
    for row in every.values():
        way, above = [row], row["parent_id"]
        while above is not None and above not in [step["id"] for step in way]:
            way.insert(0, every[above])
            above = every[above]["parent_id"]
        found.append(row | {
            "path": " / ".join(step["name"] for step in way),
            "path_ids": [step["id"] for step in way],
            "depth": len(way),
            "in_cycle": above is not None,
        })  # fmt: skip
    return found


def tags_of(world: World, document: Answer) -> Rows:
    every = world.by_id("fbs_dms_document_tag")
    links = where(world["fbs_dms_document_tags"], document_id=document["id"])
    return in_order([every[link["documenttag_id"]] for link in links], "name")


def overview(world: World) -> Rows:
    kinds, filed = world.by_id("fbs_dms_document_type"), world.by_id("fbs_dms_document_category")
    return [
        row
        | {
            "document_type_name": kinds[row["document_type_id"]]["name"],
            "category_name": filed[row["category_id"]]["name"],
            "days_left": row["expiry_date"] and (row["expiry_date"] - world.today).days,
        }
        for row in world["fbs_dms_document"]
    ]


def only(row: Answer, names: str) -> Answer:
    return {name: row[name] for name in names.split()}


def details(world: World, **key: int) -> Answer | None:
    kinds, files = world.by_id("fbs_dms_document_type"), world.by_id("fbs_dms_file_attachment")
    paths = {row["id"]: row["path"] for row in categories(world)}
    found = []
    for row in where(overview(world), **key):
        kind, file = kinds[row["document_type_id"]], files.get(row["attachment_id"])
        runs = where(world["fbs_dms_document_workflow"], document_id=row["id"])
        steps = [step for run in runs for step in where(world["fbs_dms_document_approval"], workflow_id=run["id"])]
        found.append(row | {
            "document_type_code": kind["code"],
            "requires_approval": kind["requires_approval"],
            "category_path": paths[row["category_id"]],
            "tags": [only(tag, "id name color") for tag in tags_of(world, row)],
            "attachment": file and only(
                file, "id file original_filename description file_size mime_type checksum uploaded_by_id is_public"
                " created_at"
            ),
            "workflow": only(
                runs[0], "id description status started_at completed_at current_step_id workflow_data notes"
            ) if runs else None,
            "approvals": [
                only(step, "id sequence approver_id status required description approved_at rejected_at comments")
                for step in in_order(steps, "sequence")
            ],
        })  # fmt: skip
    return found[0] if found else None


def pending_approvals(world: World) -> Rows:
    runs, documents = world.by_id("fbs_dms_document_workflow"), world.by_id("fbs_dms_document")
    waiting = where(world["fbs_dms_document_approval"], status="pending")
    found = []
    for step in waiting:
        run = runs[step["workflow_id"]]
        document = documents[run["document_id"]]
        before = [
            other
            for other in where(waiting, workflow_id=run["id"], required=True)
            if other["sequence"] < step["sequence"]
        ]
        if run["status"] not in ("completed", "cancelled", "failed"):
            found.append(step | {
                "is_turn": not before if run["current_step_id"] is None else run["current_step_id"] == step["id"],
                "document_id": document["id"],
                "document_name": document["name"],
                "document_title": document["title"],
                "document_state": document["state"],
            } | only(document, "document_type_id company_id created_by_id expiry_date"))  # fmt: skip
    return found


def words(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall("[a-z0-9]+", text.lower())))


def found_by_words(
    world: World,
    company_id: str,
    query: str,
    state: str | None = None,
    document_type_id: int | None = None,
    category_id: int | None = None,
    page_size: int | None = 50,
    after_created_at: datetime | None = None,
    after_id: int | None = None,
) -> Rows:
    wanted = sorted(words(query[:1000]), key=lambda word: (-len(word), word))[:20]
    found = []
    for row in where(world["fbs_dms_document"], company_id=company_id):
        tags = [tag["name"] for tag in tags_of(world, row)]
        there = words(" ".join([row["name"], row["title"], row["description"], *tags]))
        later = after_created_at is not None and (row["created_at"], row["id"]) >= (after_created_at, after_id or 0)
        fits = (state in (None, row["state"]) and document_type_id in (None, row["document_type_id"])
                and category_id in (None, row["category_id"]) and not later)  # fmt: skip
        if fits and wanted and all(any(word.startswith(one) for word in there) for one in wanted):
            found.append(row | {
                "tags": tags,
                "document_state": row["state"],
                "type_id": row["document_type_id"],
                "filed_under_id": row["category_id"],
            })  # fmt: skip
    return in_order(found, "-created_at -id")[:page_size]


def has(there: Any, wanted: Any) -> bool:
    """Whether JSON has all that is wanted, within lists and objects too."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            name in there and has(there[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and all(any(has(one, value) for one in there) for value in wanted)
    return isinstance(there, bool) == isinstance(wanted, bool) and there == wanted


def fits(there: Any, wanted: Any) -> bool:
    """So, or as one of a list."""
    return has(there, wanted) or (not isinstance(wanted, dict) and has(there, [wanted]))


def by_metadata(
    world: World,
    company_id: str,
    metadata: Any,
    page_size: int | None = 50,
    after_created_at: datetime | None = None,
    after_id: int | None = None,
) -> Rows:
    found = [
        row | {"document_metadata": row["metadata"]}
        for row in where(world["fbs_dms_document"], company_id=company_id)
        if fits(row["metadata"], metadata)
        and (after_created_at is None or (row["created_at"], row["id"]) < (after_created_at, after_id or 0))
    ]
    return in_order(found, "-created_at -id")[:page_size]


def current(world: World, company_id: str) -> Rows:
    """Documents of a company that end and are not archived."""
    documents = where(world["fbs_dms_document"], company_id=company_id)
    return [row for row in documents if row["state"] != "archived" and row["expiry_date"]]


def expiring(world: World, company_id: str, within_days: int = 30, on_date: date | None = None) -> Rows:
    found = [
        row | {"days_left": (row["expiry_date"] - (on_date or world.today)).days} for row in current(world, company_id)
    ]
    return in_order([row for row in found if 0 <= row["days_left"] <= within_days], "expiry_date id")


def expired(
    world: World,
    company_id: str,
    since: date | None = None,
    page_size: int | None = None,
    on_date: date | None = None,
) -> Rows:
    found = [
        row | {"days_expired": ((on_date or world.today) - row["expiry_date"]).days}
        for row in current(world, company_id)
        if within(row["expiry_date"], since, None)
    ]
    return in_order([row for row in found if row["days_expired"] > 0], "-expiry_date -id")[:page_size]


def storage(world: World, company_id: str) -> Answer:
    files = where(world["fbs_dms_file_attachment"], company_id=company_id)
    used = {row["attachment_id"] for row in world["fbs_dms_document"]}
    unused = [file for file in files if file["id"] not in used]
    repeated = [
        file
        for file in files
        if any(other["id"] < file["id"] for other in where(files, checksum=file["checksum"]))
    ]  # fmt: skip
    return {
        "file_count": len(files),
        "total_bytes": total(files, "file_size"),
        "largest_bytes": max((file["file_size"] for file in files), default=None),
        "public_count": len(where(files, is_public=True)),
        "unused_count": len(unused),
        "unused_bytes": total(unused, "file_size"),
        "repeated_count": len(repeated),
        "repeated_bytes": total(repeated, "file_size"),
        "last_upload_at": max((file["created_at"] for file in files), default=None),
    }


def storage_by_type(world: World, company_id: str) -> Rows:
    files = where(world["fbs_dms_file_attachment"], company_id=company_id)
    found = [
        {
            "mime_type": kind,
            "file_count": len(of),
            "total_bytes": total(of, "file_size"),
            "bytes_percent": percent(total(of, "file_size"), total(files, "file_size")),
        }
        for kind, of in in_groups(files, "mime_type").items()
    ]
    return in_order(found, "-total_bytes mime_type")


def statistics(world: World, company_id: str, on_date: date | None = None) -> Answer:
    on_date = on_date or world.today
    documents = where(overview(world), company_id=company_id)
    paths = {row["id"]: row["path"] for row in categories(world)}
    by_category = [
        {"path": paths[category], "id": category, "count": len(of)}
        for category, of in in_groups(documents, "category_id").items()
    ]
    return {
        "document_count": len(documents),
        "recent_count": sum(0 <= (on_date - world.day_of(row["created_at"])).days <= 30 for row in documents),
        "expired_count": sum(row["expiry_date"] < on_date for row in current(world, company_id)),
        "without_file_count": len(where(documents, attachment_id=None)),
        "by_state": {state: len(of) for state, of in in_groups(documents, "state").items()},
        "by_type": {kind: len(of) for kind, of in in_groups(documents, "document_type_name").items()},
        "by_category": in_order(by_category, "path id"),
    }


#: Whose rows are asked for; the last has none.
OWNERS = [*SOLUTIONS * 3, "empty files", "x'"]


def fill(world: World) -> None:
    if world.seed:
        fill_documents(Filler(world))
        world.forget()


READS = Group(
    fill,
    [
        View("categories", categories, "path id"),
        View("overview", overview, "-created_at -id", "created_at"),
        Call("details", details, made_up("documents.details", OWNERS)),
        View("pending_approvals", pending_approvals, "id"),
        Call(
            "search",
            found_by_words,
            made_up("documents.search", OWNERS),
            lambda row: {"after_created_at": row.created_at, "after_id": row.id},
        ),
        Call(
            "by_metadata",
            by_metadata,
            made_up("documents.by_metadata", OWNERS),
            lambda row: {"after_created_at": row.created_at, "after_id": row.id},
        ),
        Call("expiring", expiring, made_up("documents.expiring", OWNERS)),
        Call("expired", expired, made_up("documents.expired", OWNERS)),
        Call("storage", storage, made_up("documents.storage", OWNERS)),
        Call("storage_by_type", storage_by_type, made_up("documents.storage_by_type", OWNERS)),
        Call("statistics", statistics, made_up("documents.statistics", OWNERS)),
    ],
)
