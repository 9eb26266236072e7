"""The layout of the diagram: components left and right of the users' lane, their tables in two columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from fbs_db.docs.model import Component, Reference, Table
from fbs_db.docs.routing import PITCH, Line, Port, Way, route

HEAD, ROW = 30, 20
#: Widths of a character at the sizes used, in the widest of the usual fonts.
MONO, SMALL, SANS = 7.4, 6.2, 6.7
MARGIN, LANE, BESIDE_LANE = 30, 120, 30
SIDE = 640
NARROWEST = 220
TOP = 130
_EDGE, _MIDDLE, _APART = 40, 70, 40


@dataclass
class Box:
    """A table: the columns that are shown, and its position."""

    table: Table
    width: int
    x: int = 0
    y: int = 0

    def __post_init__(self) -> None:
        self.rows = [column.name for column in self.table.columns if self.table.marks(column.name)]
        self.more = len(self.table.columns) - len(self.rows)
        self.height = HEAD + ROW * len(self.rows) + (ROW if self.more else 0)

    def row_at(self, column: str) -> int:
        """The middle of a column's row, or of the head for a column that is not shown."""
        return self.y + (HEAD + ROW * self.rows.index(column) + ROW // 2 if column in self.rows else HEAD // 2)


@dataclass
class Panel:
    """A component: its boxes, and the lines between them and to the lane."""

    component: Component
    color: int
    x: int
    y: int
    said: list[str]
    boxes: list[Box]
    ways: list[Way]
    height: int
    on_left: bool
    width: int = SIDE

    @property
    def head(self) -> int:
        return _head(self.said)


@dataclass
class Picture:
    """The whole diagram, laid out."""

    panels: list[Panel]
    width: int
    height: int
    lane_x: int


def arrange(reference: Reference) -> Picture:
    """Lay out every component that has tables, and route all lines."""
    with_tables = [component for component in reference.components if component.tables]
    colors = {component.name: index for index, component in enumerate(reference.components)}
    said = {component.name: _wrapped(component.description) for component in with_tables}
    stacks = {component.name: _stacks(component) for component in with_tables}
    heights = {
        name: _head(said[name]) + max(_height(column) for column in columns) + 30 for name, columns in stacks.items()
    }
    left = _half([heights[component.name] + MARGIN for component in with_tables])
    lane_x = MARGIN + SIDE + BESIDE_LANE
    panels: list[Panel] = []
    below = {True: TOP, False: TOP}
    for index, component in enumerate(with_tables):
        name, on_left = component.name, index in left
        x = MARGIN if on_left else lane_x + LANE + BESIDE_LANE
        columns = stacks[name] if on_left else stacks[name][::-1]
        boxes = _positioned(columns, x, below[on_left] + _head(said[name]))
        panel = Panel(component, colors[name], x, below[on_left], said[name], boxes, [], heights[name], on_left)
        panel.ways = _ways(panel)
        panels.append(panel)
        below[on_left] += heights[name] + MARGIN
    bottom = max(below.values())
    for on_left in (True, False):
        if last := [panel for panel in panels if panel.on_left is on_left][-1:]:
            last[0].height = bottom - MARGIN - last[0].y
    return Picture(panels, lane_x + LANE + BESIDE_LANE + SIDE + MARGIN, bottom, lane_x)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, int((SIDE - 40) / SANS), break_on_hyphens=False)


def _head(said: Sequence[str]) -> int:
    return 50 + 20 * len(said)


def _height(column: Sequence[Box]) -> int:
    return sum(box.height for box in column) + _APART * (len(column) - 1) if column else 0


def _stacks(component: Component) -> list[list[Box]]:
    """A component's tables in one column, or in the two columns with the shortest lines."""
    longest = max(_width(table) for table in component.tables)
    width = max(NARROWEST, -(-int(longest) // (2 * PITCH)) * 2 * PITCH)
    boxes = [Box(table, width) for table in component.tables]
    if len(boxes) == 1 or 2 * width + 2 * _EDGE + _MIDDLE > SIDE:
        return [boxes]
    slots = [(index % 2, index // 2) for index in range(len(boxes))]
    best = _strain(boxes, slots)
    improved = True
    while improved:
        improved = False
        for other in _neighbours(slots):
            strain = _strain(boxes, other)
            if strain < best:
                slots, best, improved = other, strain, True
                break
    return _columns(boxes, slots)


def _width(table: Table) -> float:
    marked = [(column.name, " ".join(table.marks(column.name))) for column in table.columns]
    rows = [len(name) * MONO + len(marks) * SMALL + 30 for name, marks in marked if marks]
    return max(len(table.name) * MONO + 20, *rows, 0)


def _columns(boxes: Sequence[Box], slots: Sequence[tuple[int, int]]) -> list[list[Box]]:
    order = sorted(range(len(boxes)), key=lambda index: (slots[index], index))
    return [[boxes[index] for index in order if slots[index][0] == side] for side in (0, 1)]


def _neighbours(slots: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """The arrangements in which two tables are exchanged, or one is in another slot."""
    found = []
    for one in range(len(slots)):
        for other in range(one):
            swapped = list(slots)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            found.append(swapped)
        for side in (0, 1):
            for level in range(len(slots)):
                if slots[one] != (side, level):
                    found.append([*slots[:one], (side, level), *slots[one + 1 :]])
    return found


def _strain(boxes: Sequence[Box], slots: Sequence[tuple[int, int]]) -> float:
    """The cost of an arrangement: long lines, and columns of unequal height."""
    columns = _columns(boxes, slots)
    at: dict[str, tuple[int, int]] = {}
    for side, column in enumerate(columns):
        y = 0
        for box in column:
            at[box.table.name] = side, y
            y += box.height + _APART
    cost = 1.2 * max(_height(column) for column in columns)
    for box in boxes:
        side, y = at[box.table.name]
        for link in box.table.links:
            if link.target in at and link.target != box.table.name:
                target_side, target_y = at[link.target]
                # Within a column a line goes round the boxes; between columns it is shortest at the same height.
                cost += abs(y - target_y) + (40 if side == target_side else 0)
        # The left column is far from the lane; on the right side the columns are exchanged later.
        cost += 60 * len(box.table.users) * (side == 0)
    order = [(level, side) for side, level in slots]
    return cost + 4 * sum(order[one] < order[other] for one in range(len(order)) for other in range(one))


def _half(heights: Sequence[int]) -> set[int]:
    """The heights whose sum is nearest to half of all; the first is one of them."""
    sums: dict[int, tuple[int, ...]] = {heights[0]: (0,)} if heights else {}
    for index, height in list(enumerate(heights))[1:]:
        for total, chosen in list(sums.items()):
            sums.setdefault(total + height, (*chosen, index))
    return set(min(sums.items(), key=lambda item: (abs(2 * item[0] - sum(heights)), item[1]))[1]) if sums else set()


def _positioned(stacks: list[list[Box]], x: int, y: int) -> list[Box]:
    """Set the positions of a panel's boxes."""
    if len(stacks) == 1:
        starts = [x + (SIDE - stacks[0][0].width) // 2 // PITCH * PITCH]
    else:
        width = stacks[0][0].width
        spare = (SIDE - 2 * width - 2 * _EDGE - _MIDDLE) // 3 // PITCH * PITCH
        starts = [x + _EDGE + spare, x + SIDE - _EDGE - spare - width]
    for start, column in zip(starts, stacks, strict=True):
        below = y
        for box in column:
            box.x, box.y = start, below
            below += box.height + _APART
    return [box for column in stacks for box in column]


def _ways(panel: Panel) -> list[Way]:
    """The lines of a panel: its foreign keys, and its user keys to the users' lane."""
    boxes = {box.table.name: box for box in panel.boxes}
    blocked = {
        (x, y)
        for box in panel.boxes
        for x in range((box.x - panel.x) // PITCH, (box.x + box.width - panel.x) // PITCH + 1)
        for y in range((box.y - panel.y) // PITCH, (box.y + box.height - panel.y) // PITCH + 1)
    }
    free = range((panel.head - 10) // PITCH, panel.height // PITCH - 1)
    blocked |= {(x, y) for x in range(SIDE // PITCH + 1) for y in range(panel.height // PITCH + 1) if y not in free}
    exit_x = SIDE // PITCH if panel.on_left else 0
    blocked |= {(SIDE // PITCH - exit_x, y) for y in range(panel.height // PITCH + 1)}
    inward = (-1, 0) if panel.on_left else (1, 0)
    lane = tuple(Port((exit_x, y), inward) for y in free)
    lines = []
    for box in panel.boxes:
        for link in box.table.links:
            if target := boxes.get(link.target):
                sources = _sides(panel, box, box.row_at(link.columns[0]))
                targets = _sides(panel, target, target.row_at(link.target_columns[0]))
                head = tuple(
                    Port(port.cell, port.outward, 8) for port in _sides(panel, target, target.y + HEAD - PITCH)
                )
                lines.append(Line(f"{link.target} {link.on_delete}", sources, targets + head))
        lines += [
            Line(f"users {user.on_delete}", _sides(panel, box, box.row_at(user.column)), lane)
            for user in box.table.users
        ]
    return route(SIDE // PITCH, panel.height // PITCH, blocked, lines)


def _sides(panel: Panel, box: Box, y: int) -> tuple[Port, ...]:
    row = (y - panel.y) // PITCH
    return (
        Port(((box.x - panel.x) // PITCH - 1, row), (-1, 0)),
        Port(((box.x + box.width - panel.x) // PITCH + 1, row), (1, 0)),
    )
