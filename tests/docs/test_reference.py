"""The schema reference names everything there is, and its pictures hold together."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
from click.testing import CliRunner, Result

import fbs_db
from fbs_db.cli import main
from fbs_db.database.session import open_session
from fbs_db.docs import Reference, diagram, read_reference, reference_of, words
from fbs_db.docs.markdown import as_markdown
from fbs_db.docs.page import as_page
from tests.support.connections import url_of

SVG = "{http://www.w3.org/2000/svg}"
#: What a character takes at most, at 12 and at 10 pixels, in the fonts the picture asks for.
MONO, SMALL = 7.3, 6.1


class Page(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if "id" in found:
            self.ids[found["id"]] += 1
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else, after {self.text[-60:]!r}"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


def on(connection: psycopg.Connection, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--database", url_of(connection), "docs", *arguments])


def read(connection: psycopg.Connection, schema: str | None = None) -> Reference:
    with open_session(url_of(connection), schema) as session:
        return read_reference(session)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def columns_of(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Every column of every table and view, asked of the information schema."""
    found: dict[str, list[str]] = defaultdict(list)
    for table, column in rows(
        connection,
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' order by table_name, ordinal_position",
    ):
        found[table].append(column)
    return found


def functions_of(connection: psycopg.Connection, which: str = "true") -> list[str]:
    query = f"select proname from pg_proc where proname ^@ 'fbs_' and {which} order by 1"
    return [name for (name,) in rows(connection, query)]


def sections(text: str) -> dict[str, str]:
    """A Markdown text by its headings of the third level."""
    parts = re.split(r"^### (\S+).*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.partition("\n## ")[0] for part in parts[2::2]), strict=True))


def test_the_markdown_names_everything(installed_everywhere: psycopg.Connection) -> None:
    text = as_markdown(read(installed_everywhere))
    by_name = sections(text)
    columns = columns_of(installed_everywhere)
    assert len(columns) > 55
    for name, expected in columns.items():
        assert re.findall(r"^\| `(\w+)` \|", by_name[name], re.MULTILINE) == expected
    listed = re.findall(r"^\* `(fbs_\w+)\(", text, re.MULTILINE)
    called = "obj_description(oid, 'pg_proc') !~ '^(Internal\\.|Trigger)'"
    assert sorted(listed) == functions_of(installed_everywhere, called)
    for (comment,) in rows(installed_everywhere, "select obj_description('fbs_kpis'::regclass)"):
        assert comment in by_name["fbs_kpis"]
    database = "[fbs_odoo_databases](#fbs_odoo_databases)"
    assert f"* A row is deleted with the {database} row in its `database_id`.\n" in by_name["fbs_token_mappings"]


def test_every_link_of_the_markdown_leads_somewhere(installed: psycopg.Connection) -> None:
    text = as_markdown(read(installed))
    headings = [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    assert len(headings) == len(set(headings))
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert len(links) > 150
    assert set(links) <= set(headings)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


@pytest.mark.slow
def test_the_page_names_everything_and_needs_nothing(installed_everywhere: psycopg.Connection) -> None:
    text = as_page(read(installed_everywhere))
    found = Page(text)
    assert not found.open
    assert {name: count for name, count in found.ids.items() if count > 1} == {}
    for name, columns in columns_of(installed_everywhere).items():
        assert {name, *(f"{name}.{column}" for column in columns)} <= set(found.ids)
    assert set(functions_of(installed_everywhere)) <= set(found.ids)
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= set(found.ids)
    assert all(link.startswith("#") for link in links)
    assert not any("src" in attributes for _, attributes in found.tags)
    assert [attributes["href"] for tag, attributes in found.tags if tag == "link"] == ["data:,"]
    assert not re.search(r"url\(|@import", text)
    labels = {attributes["for"] for tag, attributes in found.tags if tag == "label"}
    assert labels == {attributes["id"] for tag, attributes in found.tags if tag == "input"} == {"search"}
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_deletions_in_words(installed: psycopg.Connection) -> None:
    tables = {table.name: words.deletions(table) for table in read(installed).tables}
    assert tables["fbs_workflow_instances"] == [
        "A row is deleted with the `fbs_workflow_definitions` row in its `workflow_definition_id`.",
        "`current_step_id` becomes NULL when that `fbs_workflow_steps` row is deleted.",
        "`current_user_id` becomes NULL when that user is deleted.",
        "When the host row that a row is about is deleted: unfinished workflows about a record are cancelled.",
        "Deleting a row deletes the rows of `fbs_workflow_execution_logs` that refer to it.",
    ]
    assert (
        tables["fbs_approval_requests"][0] == "A row is deleted with the user in its `requester_id` or `approver_id`."
    )
    cleared = "Deleting a row sets `fbs_request_logs.database_id` to NULL where it refers to the row."
    assert cleared in tables["fbs_odoo_databases"]
    assert tables["fbs_hosts"] == ["No other deletion affects its rows, and their deletion affects no other table."]


def test_every_foreign_key_is_told_of_on_both_sides(installed: psycopg.Connection) -> None:
    tables = {table.name: table for table in read(installed).tables}
    found = rows(
        installed,
        "select conrelid::regclass::text, confrelid::regclass::text, confdeltype::text, attname from pg_constraint"
        " inner join pg_attribute on attrelid = conrelid and attnum = conkey[1] where contype = 'f'",
    )
    assert len(found) == 20
    for table, target, rule, column in found:
        of, other = " ".join(words.deletions(tables[table])), " ".join(words.deletions(tables[target]))
        if rule == "c":
            assert f"A row is deleted with the `{target}` row in its `{column}`." in of
            assert re.search(rf"Deleting a row deletes the rows of [^.]*`{table}`", other)
        else:
            assert f"`{column}` becomes NULL when that `{target}` row is deleted." in of
            assert f"`{table}.{column}`" in other


def test_the_mermaid_blocks_are_sound(installed: psycopg.Connection) -> None:
    whole = read(installed)
    text = as_markdown(whole)
    blocks = re.findall(r"^```mermaid\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= len(whole.components)
    attribute = re.compile(r"        [A-Za-z][\w()\[\]-]* [A-Za-z]\w*( (PK|FK|UK)(, (PK|FK|UK))*)?")
    relation = re.compile(r'    (\w+) [|][|o](--|\.\.)o[{|] (\w+) : "(\w+)"')
    entities: Counter[str] = Counter()
    relations = []
    for block in blocks:
        first, *lines = block.splitlines()
        assert first == "erDiagram"
        here = {"users"} if '    users["the host\'s users"]' in lines else set()
        inside = False
        for line in lines:
            if opened := re.fullmatch(r"    (fbs_\w+) \{", line):
                assert not inside
                inside = True
                here.add(opened[1])
                entities[opened[1]] += 1
            elif inside and line == "    }":
                inside = False
            elif inside:
                assert attribute.fullmatch(line), line
            elif line != '    users["the host\'s users"]':
                parts = relation.fullmatch(line)
                assert parts, line
                assert {parts[1], parts[3]} <= here
                relations.append((parts[3], parts[4], parts[1]))
        assert not inside
    assert entities == Counter(table.name for table in whole.tables)
    keys = [(link.table, *link.columns, link.target) for table in whole.tables for link in table.links]
    keys += [(user.table, user.column, "users") for user in whole.users]
    assert sorted(relations) == sorted(keys)


Rectangle = tuple[float, float, float, float]


def rectangle(element: ElementTree.Element) -> Rectangle:
    x, y, width, height = (float(element.get(name, "0")) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def inside(one: Rectangle, other: Rectangle) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


def extent(text: ElementTree.Element) -> Rectangle:
    """Where a text of a table's box can be at most."""
    small = "m" in text.get("class", "").split()
    width = len("".join(text.itertext())) * (SMALL if small else MONO)
    x, y = float(text.get("x", "0")), float(text.get("y", "0"))
    return (x - width, y - 9, x, y + 3) if small else (x, y - 11, x + width, y + 4)


@pytest.mark.slow
def test_the_picture_is_well_laid_out(installed: psycopg.Connection) -> None:
    whole = read(installed)
    drawn = diagram.draw(whole)
    assert drawn == diagram.draw(whole)
    svg = ElementTree.fromstring(drawn)
    ground = rectangle(next(svg.iter(f"{SVG}rect")))
    lane = next(rectangle(rect) for rect in svg.iter(f"{SVG}rect") if rect.get("class") == "lane")
    panels, boxes, names = [], [], []
    for panel in (group for group in svg.iter(f"{SVG}g") if group.get("class") == "component"):
        around = rectangle(panel[0])
        assert inside(around, ground)
        panels.append(around)
        for group in panel.findall(f"{SVG}g"):
            box = next(rectangle(rect) for rect in group.findall(f"{SVG}rect") if rect.get("class") == "b table")
            texts = group.findall(f"{SVG}text")
            assert inside(box, around)
            assert all(inside(extent(text), box) for text in texts), "".join(texts[0].itertext())
            assert not any(overlap(extent(a), extent(b)) for a, b in itertools.combinations(texts, 2))
            boxes.append(box)
            names.append("".join(texts[0].itertext()))
    assert sorted(names) == sorted(table.name for table in whole.tables)
    assert not any(overlap(a, b) for a, b in itertools.combinations([*panels, lane], 2))
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.slow
def test_the_lines_of_the_picture_can_be_followed(installed: psycopg.Connection) -> None:
    whole = read(installed)
    svg = ElementTree.fromstring(diagram.draw(whole))
    boxes = [rectangle(rect) for rect in svg.iter(f"{SVG}rect") if rect.get("class") == "b table"]
    lines: dict[str, list[list[tuple[int, int]]]] = defaultdict(list)
    for panel in (group for group in svg.iter(f"{SVG}g") if group.get("class") == "component"):
        for path in panel.findall(f"{SVG}path"):
            look = path.get("class", "").split()
            if "w" in look:
                corners = re.findall(r"(?:M|L| )(\d+),(\d+)", re.sub(r"Q\S+", "", path.get("d", "")))
                lines["users" if "u" in look else "keys"].append([(int(x), int(y)) for x, y in corners])
    assert len(lines["users"]) == len(whole.users) == 22
    assert len(lines["keys"]) == sum(len(table.links) for table in whole.tables) == 20
    for line in lines["users"] + lines["keys"]:
        assert any(left <= line[0][0] <= right and top < line[0][1] < bottom for left, top, right, bottom in boxes)
        for one, other in itertools.pairwise(line):
            left, right = sorted((one[0], other[0]))
            top, bottom = sorted((one[1], other[1]))
            assert not any(
                overlap((left, top, right + 0.1, bottom + 0.1), box) for box in boxes if inside_of(box, line)
            )


def inside_of(box: Rectangle, line: list[tuple[int, int]]) -> bool:
    """Whether a box is none that the line begins or ends at."""
    return not any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in (line[0], line[-1]))


@pytest.mark.slow
def test_sixty_views_and_eighty_functions(installed: psycopg.Connection) -> None:
    for number in range(60):
        installed.execute(f"create view fbs_read_{number} as select id, name as a_name_{number} from fbs_kpis")
    for number in range(80):
        installed.execute(f"create function fbs_do_{number}(what text, n int default {number}) returns int return n")
    installed.execute("create function fbs_do_1(only_this text default '</script>|`') returns int return 1")
    installed.execute("create function fbs_kpis() returns int return 1")
    installed.execute("comment on view fbs_read_1 is '<b>No</b> | `mark` _up_, see fbs_kpis and $1 & $2'")
    installed.commit()
    whole = read(installed)
    assert [component.name for component in whole.components][-1] == "other"
    assert len(whole.components[-1].views) == 60
    text, found = as_markdown(whole), Page(as_page(whole))
    assert max(found.ids.values()) == 1
    assert {"fbs_read_59", "fbs_read_7.a_name_7", "fbs_do_79", "fbs_do_1", "fbs_do_1-2", "fbs_kpis-2"} <= set(found.ids)
    assert "<b>No</b> | `mark` _up_, see fbs_kpis and $1 & $2" in found.text
    assert "&lt;b>No&lt;/b> \\| \\`mark\\` \\_up\\_, see [fbs_kpis](#fbs_kpis) and `$1` &amp; `$2`" in text
    assert not any(tag == "b" and attributes for tag, attributes in found.tags)
    ElementTree.fromstring(diagram.draw(whole))


def test_a_live_database(installed: psycopg.Connection) -> None:
    installed.execute("create table people (id bigint primary key)")
    installed.execute("create schema shop; create table shop.sales (kpi_id bigint references public.fbs_kpis)")
    installed.execute("update fbs_settings set value = '7' where name = 'keep_tokens'")
    installed.commit()
    fbs_db.attach_users("people", url_of(installed))
    whole = read(installed)
    assert {user.user_table for user in whole.users} == {"people"}
    kpis = next(table for table in whole.tables if table.name == "fbs_kpis")
    assert kpis.links == ()
    assert words.deletions(kpis)[-1] == "A row cannot be deleted while `shop.sales` refers to it."
    text = as_page(whole)
    assert "hold keys of the host's users, tied to <code>people</code>" in text.replace("&#x27;", "'")
    assert next(one.value for one in whole.settings if one.name == "keep_tokens") == "7"


def test_half_of_the_files_and_another_schema(empty: psycopg.Connection) -> None:
    empty.execute('create schema "My fbs"')
    empty.commit()
    fbs_db.migrate(url_of(empty), to="0004", schema="My fbs")
    whole = read(empty, "My fbs")
    assert (whole.schema, whole.current) == ("My fbs", "0004_workflow_models")
    assert [component.name for component in whole.components] == ["base", "approvals", "msme", "workflow"]
    assert (whole.users, whole.rules, whole.settings) == ((), (), ())
    assert "My fbs" not in as_markdown(whole)
    steps = next(table for table in whole.tables if table.name == "fbs_workflow_steps")
    assert [link.target for link in steps.links] == ["fbs_workflow_definitions"]
    assert all(text.startswith(("(", "spgist (")) for table in whole.tables for _, text in table.indexes)
    assert Page(as_page(whole)).ids["fbs_workflow_steps"] == 1


@pytest.mark.slow
def test_a_lent_connection_is_left_as_it_was(installed: psycopg.Connection) -> None:
    installed.execute("set search_path = pg_catalog")
    installed.execute("create table public.fbs_of_mine (id int)")
    text = as_page(reference_of(installed, schema="public"))
    assert 'id="fbs_of_mine"' in text
    assert installed.execute("show search_path").fetchone() == ("pg_catalog",)
    assert installed.execute("select to_regclass('public.fbs_of_mine') is not null").fetchone() == (True,)


@pytest.mark.slow
def test_docs_writes_a_page(installed: psycopg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "schema.html"
    result = on(installed, "--html", str(file))
    assert (result.exit_code, result.stdout) == (0, f"Written: {file}\n")
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    piped = on(installed, "--html", "-")
    assert piped.stdout == file.read_text(encoding="utf-8")
    file.write_text("old")
    assert fbs_db.write_docs(file, url_of(installed)) == file
    assert file.read_text(encoding="utf-8") == piped.stdout


def test_docs_writes_markdown(installed: psycopg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "schema.md"
    assert on(installed, "--markdown", str(file)).stdout == f"Written: {file}\n"
    text = file.read_text(encoding="utf-8")
    assert text == on(installed, "--markdown", "-").stdout == as_markdown(read(installed))
    assert "\nThe reference of one database," in text
    assert "schema.svg" not in text
    assert "make schema" not in text
    assert json.loads(on(installed, "--markdown", "-", "--json").stdout) == {"markdown": text}
    assert fbs_db.write_docs(tmp_path / "again.md", url_of(installed), format="markdown").read_text() == text
    assert "not both" in on(installed, "--markdown", "a", "--html", "b").stderr


def test_docs_as_json(installed: psycopg.Connection, tmp_path: Path) -> None:
    said = json.loads(on(installed, "--json").stdout)
    assert list(said) == ["schema", "current", "components", "rules", "settings", "types"]
    tables = {table["name"]: table for component in said["components"] for table in component["tables"]}
    views = {view["name"]: view for component in said["components"] for view in component["views"]}
    columns = {name: [one["name"] for one in found["columns"]] for name, found in (tables | views).items()}
    assert columns == columns_of(installed)
    functions = [one["name"] for component in said["components"] for one in component["functions"]]
    assert sorted(functions) == functions_of(installed)
    logs = tables["fbs_workflow_execution_logs"]
    assert logs["primary_key"] == ["id"]
    (parent,) = (one for one in logs["foreign_keys"] if one["on_delete"] == "cascade")
    assert parent in tables[parent["target"]]["referenced_by"]
    assert (logs["solution_column"], logs["solution_parent"]) == (parent["columns"][0], parent["target"])
    assert {rule for table in tables.values() for rule in table["rules"]} == {rule["name"] for rule in said["rules"]}
    assert len([one for table in tables.values() for one in table["user_columns"]]) == 22
    file = fbs_db.write_docs(tmp_path / "schema.json", url_of(installed), format="json")
    assert json.loads(file.read_text(encoding="utf-8")) == said


#: A table of a host's that makes every mark of Markdown its own.
ODD = (
    'create table "fbs_Odd | `one` *two* <b>" ("a|b``c" text default \'|`\' check ("a|b``c" <> \'`|\'), kpi bigint'
    ' references fbs_kpis on delete cascade); comment on column "fbs_Odd | `one` *two* <b>"."a|b``c" is $$1 | 2\n`3`$$'
)


def test_names_and_defaults_full_of_marks(installed: psycopg.Connection) -> None:
    installed.execute(ODD)
    installed.commit()
    text = as_markdown(read(installed))
    odd = text.partition("### fbs_Odd")[2]
    assert odd.startswith(" \\| \\`one\\` \\*two\\* &lt;b>\n")
    cells = "| ``` a\\|b``c ``` |  | `text` *null* | `` '\\|`' `` | 1 \\| 2 \\`3\\` |\n"
    assert cells in odd
    assert "* check: ``` \"a|b``c\" <> '`|' ```\n" in odd
    assert "* A row is deleted with the [fbs_kpis](#fbs_kpis) row in its `kpi`.\n" in odd
    assert "[Odd \\| \\`one\\` \\*two\\* &lt;b>](#fbs_odd--one-two-b)" in text
    assert "    fbs_Odd____one___two___b_ {\n        text a_b__c\n" in text
    whole_table = re.findall(r"^\|.*$", odd.partition("\n\n* ")[0], re.MULTILINE)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in whole_table} == {6}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (".", ". is a directory."),
        ("none/such/schema.html", "There is no directory none/such."),
        pytest.param("/dev/full", "/dev/full cannot be written: No space left on device.", marks=pytest.mark.slow),
        ("x" * 300, "cannot be written: File name too long."),
        ("a\0b", "The name of a file holds no NUL character."),
    ],
)
def test_where_no_page_can_be(installed: psycopg.Connection, file: str, said: str) -> None:
    result = on(installed, "--html", file)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    with pytest.raises(fbs_db.FbsDbError, match=r".+"):
        fbs_db.write_docs(file, url_of(installed))


def test_docs_of_nothing(empty: psycopg.Connection, tmp_path: Path) -> None:
    result = on(empty, "--html", str(tmp_path / "x.html"))
    assert result.exit_code == 2
    assert "FBS is not installed in schema public." in result.stderr
    assert result.stderr.endswith(" migrate\n")
    assert "There is no schema nowhere." in on(empty, "--html", "-", "--schema", "nowhere").stderr
    assert not (tmp_path / "x.html").exists()
    assert "--html" in on(empty).stderr


def test_what_may_not_be_read(installed: psycopg.Connection, tmp_path: Path) -> None:
    installed.execute("create role fbs_docs_reader login; revoke select on fbs_migrations from public")
    installed.commit()
    try:
        url = url_of(installed, "fbs_docs_reader")
        result = CliRunner().invoke(main, ["--database", url, "docs", "--html", str(tmp_path / "x.html")])
        assert result.exit_code == 2
        assert "permission denied" in result.stderr
    finally:
        installed.execute("drop role fbs_docs_reader")
        installed.commit()
