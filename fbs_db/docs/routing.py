"""Lines between boxes: on a grid, at right angles, around the boxes.

A* finds the way of each line; bends, crossings and length have costs. Lines of one net, which
end at the same table, may join; others may only cross. The result is the same on every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise

#: Pixels between two parallel lines.
PITCH = 10

Cell = tuple[int, int]
Direction = tuple[int, int]
_EAST, _WEST, _SOUTH, _NORTH = (1, 0), (-1, 0), (0, 1), (0, -1)

_BEND, _JOINT, _CROSSING, _CLASH = 6.0, 8.0, 14.0, 400.0
#: The cost of a step beside a box, and beside another line in the same direction.
_NEAR_BOX, _NEAR_LINE = 0.4, 0.8


@dataclass(frozen=True)
class Port:
    """A point where lines leave or enter a box: the cell before it, and the direction outward."""

    cell: Cell
    outward: Direction
    cost: float = 0.0


@dataclass(frozen=True)
class Line:
    """A connection to route.

    Attributes:
        net: lines of the same net may join.
        sources, targets: it leads from one of the sources to one of the targets.
    """

    net: str
    sources: tuple[Port, ...]
    targets: tuple[Port, ...]

    @property
    def span(self) -> int:
        return min(_distance(one.cell, other.cell) for one in self.sources for other in self.targets)


@dataclass(frozen=True)
class Way:
    """The way of a line.

    Attributes:
        line: the line.
        source: the port it leaves by.
        cells: its corners and ends.
        target: the port it enters by; None where it joins another line of its net.
    """

    line: Line
    source: Port
    cells: tuple[Cell, ...]
    target: Port | None


@dataclass
class _Board:
    """The grid: its free cells, and the nets through each cell with their directions."""

    width: int
    height: int
    blocked: set[Cell]
    taken: dict[Cell, dict[str, set[bool]]] = field(default_factory=dict)
    cost: float = 0.0

    def free(self, cell: Cell) -> bool:
        return 0 <= cell[0] <= self.width and 0 <= cell[1] <= self.height and cell not in self.blocked

    def passing(self, cell: Cell, net: str, before: Direction, after: Direction) -> float:
        """The cost of a step through a cell that other nets may use."""
        price = 0.0 if before == after else _BEND
        across = bool(after[0])
        for other, ways in self.taken.get(cell, {}).items():
            if other != net:
                price += _CROSSING if before == after and ways == {not across} else _CLASH
        return price

    def beside(self, cell: Cell, net: str, direction: Direction) -> float:
        """The cost of boxes and lines next to a step."""
        price = 0.0
        for sign in (1, -1):
            next_to = (cell[0] + sign * direction[1], cell[1] + sign * direction[0])
            if next_to in self.blocked:
                price += _NEAR_BOX
            elif others := self.taken.get(next_to):
                across = bool(direction[0])
                price += _NEAR_LINE * any(across in ways for other, ways in others.items() if other != net)
        return price

    def take(self, net: str, cells: Sequence[Cell], first: Direction, last: Direction | None) -> None:
        turns = [(first, cells[0])]
        turns += [((b[0] - a[0], b[1] - a[1]), b) for a, b in pairwise(cells)]
        for index, (direction, cell) in enumerate(turns):
            after = turns[index + 1][0] if index + 1 < len(turns) else last or direction
            ways = self.taken.setdefault(cell, {}).setdefault(net, set())
            ways |= {bool(direction[0]), bool(after[0])}


def route(width: int, height: int, blocked: Iterable[Cell], lines: Sequence[Line]) -> list[Way]:
    """The ways of all lines, routed one after the other, in the best of several orders.

    Parameters:
        width, height: the last column and row of the grid.
        blocked: cells that no line may use.
        lines: the connections.
    """
    short_first = sorted(range(len(lines)), key=lambda index: (lines[index].span, index))
    orders = [short_first, short_first[::-1], list(range(len(lines)))]
    orders += [[index, *(other for other in short_first if other != index)] for index in short_first[-6:]]
    best: tuple[float, list[Way]] | None = None
    for order in dict.fromkeys(map(tuple, orders)):
        board = _Board(width, height, set(blocked))
        ways = dict[int, Way]()
        for index in order:
            ways[index] = _find(board, lines[index])
            if best and board.cost >= best[0]:
                break
        else:
            best = board.cost, [ways[index] for index in range(len(lines))]
    return best[1] if best else []


def _find(board: _Board, line: Line) -> Way:
    ports = {port.cell: port for port in line.targets}
    goals = [*ports]
    joints = {cell for cell, nets in board.taken.items() if line.net in nets}
    left, right = min(x for x, _ in [*goals, *joints]), max(x for x, _ in [*goals, *joints])
    top, bottom = min(y for _, y in [*goals, *joints]), max(y for _, y in [*goals, *joints])

    def ahead(cell: Cell) -> float:
        return max(left - cell[0], 0, cell[0] - right) + max(top - cell[1], 0, cell[1] - bottom)

    start: dict[tuple[Cell, Direction], Port] = {}
    heap: list[tuple[float, float, Cell, Direction, bool]] = []  # the last says whether the way ends there
    costs: dict[tuple[Cell, Direction], float] = {}
    came: dict[tuple[Cell, Direction], tuple[Cell, Direction]] = {}
    for port in line.sources:
        state = (port.cell, port.outward)
        start[state], costs[state] = port, port.cost
        heappush(heap, (port.cost + ahead(port.cell), port.cost, *state, False))
    while heap:
        rank, cost, cell, direction, ends = heappop(heap)
        state = (cell, direction)
        if ends:
            path = [state]
            while path[-1] in came:
                path.append(came[path[-1]])
            path.reverse()
            cells = [step for step, _ in path]
            entered = None if cell in joints else ports[cell]
            inward = (-entered.outward[0], -entered.outward[1]) if entered else None
            board.take(line.net, cells, start[path[0]].outward, inward)
            board.cost += rank
            return Way(line, start[path[0]], tuple(_corners(cells)), entered)
        if cost > costs[state]:
            continue
        if cell in joints or cell in ports:
            price = cost + _ending(board, line.net, state, None if cell in joints else ports[cell])
            heappush(heap, (price, price, cell, direction, True))
            if cell in joints:
                continue
        for after in (_EAST, _WEST, _SOUTH, _NORTH):
            step = (cell[0] + after[0], cell[1] + after[1])
            if after == (-direction[0], -direction[1]) or not board.free(step):
                continue
            known = costs.get((step, after), float("inf"))
            price = cost + 1
            if price < known:
                price += board.passing(cell, line.net, direction, after) + board.beside(step, line.net, after)
            if price < known:
                costs[step, after], came[step, after] = price, state
                heappush(heap, (price + ahead(step), price, step, after, False))
    raise ValueError(f"no way for a line of {line.net}: the boxes leave no room")


def _ending(board: _Board, net: str, state: tuple[Cell, Direction], port: Port | None) -> float:
    cell, direction = state
    if port is None:
        others = len(board.taken[cell]) - 1
        return _JOINT + _CLASH * others
    inward = (-port.outward[0], -port.outward[1])
    return port.cost + board.passing(cell, net, direction, inward)


def _corners(cells: Sequence[Cell]) -> list[Cell]:
    """A way without the cells between corners."""
    kept = [cells[0]]
    for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
        if (cell[0] - before[0], cell[1] - before[1]) != (after[0] - cell[0], after[1] - cell[1]):
            kept.append(cell)
    return [*kept, cells[-1]] if len(cells) > 1 else kept


def _distance(one: Cell, other: Cell) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])
