"""The diagram of all tables, by component, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fbs_db.docs import words
from fbs_db.docs.layout import (
    HEAD,
    LANE,
    MARGIN,
    TOP,
    Box,
    Panel,
    Picture,
    arrange,
)
from fbs_db.docs.model import Reference
from fbs_db.docs.routing import PITCH, Cell, Way

#: The colours of the components, dark enough for white text.
COLORS = (
    "#475569", "#b45309", "#15803d", "#1d4ed8", "#7e22ce", "#be123c",
    "#0f766e", "#4338ca", "#0e7490", "#a21caf", "#4d7c0f", "#9a3412",
)  # fmt: skip
_LIGHT = {
    "ground": "#ffffff",
    "box": "#ffffff",
    "ink": "#1f2328",
    "dim": "#59636e",
    "lane": "#eef1f5",
    "edge": "#8c959f",
}
_DARK = {
    "ground": "#0d1117",
    "box": "#161b22",
    "ink": "#e6edf3",
    "dim": "#9da7b3",
    "lane": "#21262d",
    "edge": "#6e7681",
}
_ARROW = 7


def color(index: int) -> str:
    """The colour of a component by its number."""
    return COLORS[index % len(COLORS)]


def mixed(one: str, other: str, share: float) -> str:
    """A mixture of two colours, with a share of the first."""
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def draw(reference: Reference, *, links: bool = False) -> str:
    """The diagram as SVG, for light and dark backgrounds.

    Parameters:
        reference: the tables.
        links: whether each table links to ``#`` and its name, for a page that contains the diagram.
    """
    picture = arrange(reference)
    body = [*_legend(reference, picture), *_lane(reference, picture)]
    for panel in picture.panels:
        body += _panel(panel, picture, links)
    title = f"FBS's schema: {len(reference.tables)} tables in {len(picture.panels)} components"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="fbs-schema" width="{picture.width}" '
            f'height="{picture.height}" viewBox="0 0 {picture.width} {picture.height}" '
            f'role="{"group" if links else "img"}" aria-labelledby="fbs-schema-title">',
            f'<title id="fbs-schema-title">{escape(title)}</title>',
            f"<style>\n{_style(picture)}\n</style>",
            f'<rect class="ground" width="{picture.width}" height="{picture.height}" rx="12"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _style(picture: Picture) -> str:
    used = sorted({panel.color for panel in picture.panels})
    here = "svg.fbs-schema"
    mono = 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'
    sans = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
    rules = [
        f"{here} text {{ font: 12px {mono}; }}",
        f"{here} .s {{ font: 13px {sans}; }}",
        f"{here} .h {{ font: bold 18px {sans}; }}",
        f"{here} .H {{ font: bold 26px {sans}; }}",
        f"{here} .n {{ font-weight: bold; fill: #ffffff; }}",
        f"{here} .n .p {{ font-weight: normal; }}",
        f"{here} .m {{ font-size: 10px; text-anchor: end; }}",
        f"{here} .c {{ text-anchor: middle; }}",
        f"{here} .w {{ fill: none; stroke-width: 1.6; }}",
        f"{here} .d {{ stroke-dasharray: 5 4; }}",
        f"{here} .k {{ stroke-dasharray: 1.5 4; }}",
        f"{here} a:hover .f, {here} a:focus .f {{ stroke-width: 3; }}",
        *_colors(_LIGHT, used, dark=False),
        "@media (prefers-color-scheme: dark) {",
        *_colors(_DARK, used, dark=True),
        "}",
        # Print on white, whatever the screen shows.
        "@media print {",
        *_colors(_LIGHT, used, dark=False),
        "}",
    ]
    return "\n".join(rules)


def _colors(shades: dict[str, str], used: list[int], *, dark: bool) -> Iterator[str]:
    here = "svg.fbs-schema"
    yield f"{here} .ground {{ fill: {shades['ground']}; }}"
    yield f"{here} .lane {{ fill: {shades['lane']}; stroke: {shades['edge']}; }}"
    yield f"{here} .b {{ fill: {shades['box']}; }}"
    yield f"{here} text {{ fill: {shades['ink']}; }}"
    yield f"{here} .dim {{ fill: {shades['dim']}; }}"
    yield f"{here} .n {{ fill: #ffffff; }}"
    yield f"{here} .u.w {{ stroke: {shades['dim']}; }}"
    yield f"{here} .u.a {{ fill: {shades['dim']}; }}"
    for index in used:
        strong = color(index)
        line = mixed(strong, "#ffffff", 0.55) if dark else strong
        yield (
            f"{here} .g{index} {{ fill: {mixed(strong, shades['ground'], 0.2 if dark else 0.07)};"
            f" stroke: {mixed(strong, shades['ground'], 0.6 if dark else 0.4)}; }}"
        )
        yield f"{here} .t{index} {{ fill: {strong}; }}"
        yield f"{here} .f{index} {{ fill: none; stroke: {line if dark else strong}; }}"
        yield f"{here} .l{index}.w {{ stroke: {line}; }}"
        yield f"{here} .l{index}.a, {here} .l{index}.x {{ fill: {line}; }}"


def _legend(reference: Reference, picture: Picture) -> Iterator[str]:
    columns = sum(len(table.columns) for table in reference.tables)
    yield f'<text class="H" x="{MARGIN}" y="48">The schema of FBS</text>'
    counts = f"{len(reference.tables)} tables with {columns} columns, by component; only keys are shown."
    yield f'<text class="s dim" x="{MARGIN}" y="76">{counts}</text>'
    marks = "PK primary key   FK foreign key   U unique, alone or with others   user key of a user"
    yield f'<text class="dim" x="{MARGIN}" y="102" xml:space="preserve">{marks}</text>'
    x = picture.lane_x + LANE + MARGIN
    for row, (style, text) in enumerate(
        (
            ("", "the row is deleted with the one it refers to"),
            (" d", "the column becomes NULL when that one is deleted"),
        )
    ):
        y = 44 + 29 * row
        yield f'<path class="w u{style}" d="M{x},{y} H{x + 46}"/>'
        yield _arrow((x + 56, y), (1, 0), "u")
        yield f'<text class="s" x="{x + 70}" y="{y + 5}">{text}</text>'
    yield f'<circle class="a u" cx="{x + 28}" cy="102" r="3.5"/>'
    yield f'<text class="s" x="{x + 70}" y="107">a dot: lines join; without one they only cross</text>'


def _lane(reference: Reference, picture: Picture) -> Iterator[str]:
    bottom, middle = picture.height - MARGIN, picture.lane_x + LANE // 2
    yield f'<rect class="lane" x="{picture.lane_x}" y="{TOP}" width="{LANE}" height="{bottom - TOP}" rx="10"/>'
    yield f'<text class="s dim c" x="{middle}" y="{TOP + 30}">the host\'s</text>'
    yield f'<text class="h c" x="{middle}" y="{TOP + 52}">users</text>'
    yield f'<text class="s dim c" x="{middle}" y="{TOP + 74}">{len(reference.users)} columns</text>'
    for y in range(TOP + 500, bottom - 60, 500):
        yield f'<text class="h c" x="{middle}" y="{y}">users</text>'


def _panel(panel: Panel, picture: Picture, links: bool) -> Iterator[str]:
    component, index = panel.component, panel.color
    yield f'<g class="component" id="picture-{escape(component.name)}">'
    yield (
        f'<rect class="g{index}" x="{panel.x}" y="{panel.y}" width="{panel.width}" height="{panel.height}" rx="10"/>'
    )
    yield f'<text class="h" x="{panel.x + 20}" y="{panel.y + 30}">{escape(component.name)}</text>'
    corner = f'text-anchor="end" x="{panel.x + panel.width - 20}" y="{panel.y + 30}"'
    yield f'<text class="s dim" {corner}>{words.held(component)}</text>'
    for row, line in enumerate(panel.said):
        yield f'<text class="s dim" x="{panel.x + 20}" y="{panel.y + 52 + 20 * row}">{escape(line)}</text>'
    for way in panel.ways:
        yield from _way(way, panel, picture)
    for box in panel.boxes:
        yield from _box(box, index, links)
    yield "</g>"


def _box(box: Box, index: int, links: bool) -> Iterator[str]:
    table = box.table
    x, y, right = box.x, box.y, box.x + box.width
    yield f'<a href="#{escape(table.name)}">' if links else "<g>"
    yield f"<title>{escape(table.name)}: {escape(table.comment)}</title>"
    yield f'<rect class="b table" x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="6"/>'
    yield (
        f'<path class="t{index}" d="M{x},{y + HEAD} V{y + 6} Q{x},{y} {x + 6},{y} H{right - 6} '
        f'Q{right},{y} {right},{y + 6} V{y + HEAD} Z"/>'
    )
    prefix = "fbs_" if table.name.startswith("fbs_") else ""
    name = escape(table.name.removeprefix(prefix))
    yield f'<text class="n" x="{x + 10}" y="{y + 20}"><tspan class="p">{prefix}</tspan>{name}</text>'
    for column in box.rows:
        base = box.row_at(column) + 4
        yield f'<text x="{x + 10}" y="{base}">{escape(column)}</text>'
        yield f'<text class="m dim" x="{right - 10}" y="{base}">{" ".join(table.marks(column))}</text>'
    if box.more:
        base = y + box.height - 6
        yield f'<text class="dim" x="{x + 10}" y="{base}">+ {box.more} more</text>'
    yield f'<rect class="f f{index}" x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="6"/>'
    yield "</a>" if links else "</g>"


def _way(way: Way, panel: Panel, picture: Picture) -> Iterator[str]:
    to_users = way.line.net.startswith("users ")
    rule = way.line.net.partition(" ")[2]
    look = ("u" if to_users else f"l{panel.color}") + {"cascade": "", "set null": " d"}.get(rule, " k")

    def at(cell: Cell) -> tuple[int, int]:
        return panel.x + cell[0] * PITCH, panel.y + cell[1] * PITCH

    first = at(way.cells[0])
    points = [(first[0] - way.source.outward[0] * PITCH, first[1]), *(at(cell) for cell in way.cells)]
    end = None
    if way.target is not None:
        dx = -way.target.outward[0]
        last = points[-1]
        tip = last[0] + dx * PITCH
        if to_users:
            tip = picture.lane_x if panel.on_left else picture.lane_x + LANE
        end = (tip, last[1]), (dx, 0)
        points.append((tip - dx * (_ARROW - 1), last[1]))
    yield f'<path class="w {look}" d="{_rounded(points)}"/>'
    if end:
        yield _arrow(*end, look.split()[0])
    else:
        x, y = points[-1]
        yield f'<circle class="a {look.split()[0]}" cx="{x}" cy="{y}" r="3.5"/>'


def _rounded(points: list[tuple[int, int]]) -> str:
    """A path through points, with rounded corners."""
    straight = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        if point != before and not (before[0] == point[0] == after[0] or before[1] == point[1] == after[1]):
            straight.append(point)
    straight.append(points[-1])
    path = f"M{straight[0][0]},{straight[0][1]}"
    for before, (x, y), after in zip(straight, straight[1:], straight[2:], strict=False):
        into, out = _toward((x, y), before), _toward((x, y), after)
        path += f" L{into[0]},{into[1]} Q{x},{y} {out[0]},{out[1]}"
    return path + f" L{straight[-1][0]},{straight[-1][1]}"


def _toward(corner: tuple[int, int], other: tuple[int, int], radius: int = 5) -> tuple[int, int]:
    (x, y), (to_x, to_y) = corner, other
    step = min(radius, (abs(to_x - x) + abs(to_y - y)) // 2)
    return x + step * ((to_x > x) - (to_x < x)), y + step * ((to_y > y) - (to_y < y))


def _arrow(tip: tuple[int, int], direction: tuple[int, int], look: str) -> str:
    (x, y), back = tip, direction[0] * _ARROW
    return f'<path class="a {look}" d="M{x},{y} L{x - back},{y - 4} V{y + 4} Z"/>'
