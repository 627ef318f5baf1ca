"""Which task a rater is shown next: balanced over items, models and places, with checks at places nobody can tell.

All is drawn from the study's seed, the rater and the tasks that there are, so that the same votes go on in the same
way; what was drawn is recorded with the task. Tasks are drawn one at a time, when a rater comes to them: whoever stops
early leaves at most one unanswered.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from i2vbench.human.study import Study
from i2vbench.human.votes import Allotted, Kind, Task

APART = 5
"""Tasks that a repeat comes after what it repeats, and that come before any check; fewer in a study of few."""

Order = tuple[int, ...]
"""Models, as they stand on the page."""


def total(study: Study) -> int:
    """How many tasks a rater is given, checks included: fewer than `Study.per_rater` if there are too few items."""
    most = min(study.per_rater, 2 * len(study.items))  # fewer than half are checks
    fitting = (n for n in range(most, 0, -1) if n - _num_checks(study, n) <= len(study.items))
    return next(fitting, 0)


def draw(study: Study, rater: int, allotted: Allotted) -> Task | None:
    """The rater's next task.

    Args:
        study: What there is to show.
        rater: Whose.
        allotted: What has been shown.

    Returns:
        The task; None if the rater has had `total` of them.
    """
    mine = allotted.mine
    number = len(mine) + 1
    plan = _plan(study, rater)
    if number > len(plan):
        return None
    random = Random(f"{study.seed}/{rater}/{number}")
    if plan[number - 1] == "broken":
        task = _broken(study, rater, allotted, plan, random)
        if task is not None:
            return task
    if plan[number - 1] != "plain":
        return _repeat(rater, mine, random)
    return _plain(study, rater, allotted, random)


# -- when there is a check --------------------------------------------------------------------------------------------


def _num_checks(study: Study, tasks: int) -> int:
    # Fewer than half, so that a check always finds an item that was shown and not checked.
    return min(int(study.checks * tasks + 0.5), max(0, (tasks - 1) // 2))


def _plan(study: Study, rater: int) -> list[Kind]:
    """The kinds of a rater's tasks: the two kinds of checks in turn, one in each of as many equal parts."""
    tasks = total(study)
    checks = _num_checks(study, tasks)
    before = min(APART, tasks - 2 * checks)
    random = Random(f"{study.seed}/{rater}/checks")
    kinds: tuple[Kind, Kind] = ("broken", "repeat") if random.random() < 0.5 else ("repeat", "broken")
    plan: list[Kind] = ["plain"] * tasks
    for check in range(checks):
        first, end = (before + (tasks - before) * part // checks for part in (check, check + 1))
        plan[random.randrange(first, end)] = kinds[check % 2]
    return plan


def _repeat(rater: int, mine: Sequence[Task], random: Random) -> Task:
    """A task that the rater has had, whose item was in no check, with every video at another place."""
    number = len(mine) + 1
    free = _unchecked(mine)
    long_ago = [task for task in free if number - task.number >= APART]
    task = random.choice(long_ago) if long_ago else free[0]
    places = random.sample(range(len(task.shown)), len(task.shown))
    shown = dict(zip(places, (task.shown[place] for place in places[1:] + places[:1]), strict=True))
    order = tuple(shown[place] for place in range(len(shown)))
    return Task(rater, number, "repeat", task.item, order, repeats=task.number)


def _broken(study: Study, rater: int, allotted: Allotted, plan: Sequence[Kind], random: Random) -> Task | None:
    """An item with its damaged video; None if none is left that has one.

    Of the items that the rater has not seen, if they are more than will be needed, it is one of those that were shown
    most: they are the last to be needed.
    """
    number = len(allotted.mine) + 1
    unseen = _unseen(study, allotted)
    spare = [item for item in unseen if study.items[item].broken is not None]
    if spare and len(unseen) > plan[number:].count("plain"):
        shown_of = _shown_of(allotted)
        most = max(shown_of[item] for item in unseen)
        some = [item for item in spare if shown_of[item] == most]
    else:
        some = []
    some = some or [t.item for t in _unchecked(allotted.mine) if study.items[t.item].broken is not None]
    if not some:
        return None
    item = random.choice(some)
    model = study.items[item].broken
    assert model is not None
    if study.mode == "pairs":
        return Task(rater, number, "broken", item, (model, model), broken=random.randrange(2))
    shown = tuple(random.sample(range(len(study.models)), len(study.models)))
    return Task(rater, number, "broken", item, shown, broken=shown.index(model))


def _unchecked(mine: Iterable[Task]) -> list[Task]:
    """Plain tasks whose item was in no check."""
    checked = {task.item for task in mine if task.kind != "plain"}
    return [task for task in mine if task.kind == "plain" and task.item not in checked]


# -- what counts ------------------------------------------------------------------------------------------------------


def _plain(study: Study, rater: int, allotted: Allotted, random: Random) -> Task | None:
    """An item that the rater has not seen, of those that were shown least."""
    unseen, shown_of = _unseen(study, allotted), _shown_of(allotted)
    if not unseen:
        return None
    fewest = min(shown_of[item] for item in unseen)
    least = [item for item in unseen if shown_of[item] == fewest]
    mine = [task.shown for task in allotted.mine if task.kind == "plain"]
    everybody = Counter[Order]()
    for (_, shown), count in allotted.plain.items():
        everybody[shown] += count
    if study.mode == "pairs":
        item, pair = _pair(study, least, allotted, mine, everybody, random)
        orders = [pair, pair[::-1]]
        everybody = Counter({order: everybody[order] for order in orders})  # each pair is as often one way as the other
    else:
        item = random.choice(least)
        orders = _rows_left(study, rater, mine)
    return Task(rater, len(allotted.mine) + 1, "plain", item, _most_even(orders, mine, everybody, random))


def _unseen(study: Study, allotted: Allotted) -> list[int]:
    seen = {task.item for task in allotted.mine}
    return [item for item in range(len(study.items)) if item not in seen]


def _shown_of(allotted: Allotted) -> Counter[int]:
    """How many plain tasks show each item."""
    shown_of = Counter[int]()
    for (item, _), count in allotted.plain.items():
        shown_of[item] += count
    return shown_of


def _pair(
    study: Study,
    items: Sequence[int],
    allotted: Allotted,
    mine: Sequence[Order],
    everybody: Mapping[Order, int],
    random: Random,
) -> tuple[int, Order]:
    """The item and the two models that were shown least: of the item, then to this rater, then to everybody."""
    among = {*items}
    of_item = Counter[tuple[int, Order]]()
    for (item, shown), count in allotted.plain.items():
        if item in among:
            of_item[item, tuple(sorted(shown))] += count
    to_rater = Counter(mine)
    pairs = {
        (one, other): tuple(count.get((one, other), 0) + count.get((other, one), 0) for count in (to_rater, everybody))
        for one, other in itertools.combinations(range(len(study.models)), 2)
    }
    fewest = min(of_item[item, pair] for item in items for pair in pairs)
    choices = [(item, pair) for item in items for pair in pairs if of_item[item, pair] == fewest]
    least = min(pairs[pair] for _, pair in choices)
    return random.choice([choice for choice in choices if pairs[choice[1]] == least])


def _rows_left(study: Study, rater: int, mine: Sequence[Order]) -> list[Order]:
    """Orders of all models, of which a rater is shown each once before others come.

    They are the rows of a Latin square: by its end the rater has seen every model at every place equally often.
    """
    num = len(study.models)
    square, done = divmod(len(mine), num)
    random = Random(f"{study.seed}/{rater}/square {square}")
    models, rows, columns = (random.sample(range(num), num) for _ in range(3))
    orders = [tuple(models[(row + column) % num] for column in columns) for row in rows]
    return [order for order in orders if order not in mine[len(mine) - done :]]


def _most_even(orders: Sequence[Order], mine: Iterable[Order], everybody: Mapping[Order, int], random: Random) -> Order:
    """The order whose models were least at their places: for this rater, then for everybody."""
    at_mine = Counter(place for shown in mine for place in enumerate(shown))
    at_all = Counter[tuple[int, int]]()
    for shown, count in everybody.items():
        for place in enumerate(shown):
            at_all[place] += count

    def had(order: Order) -> tuple[int, int]:
        places = list(enumerate(order))
        return sum(at_mine[place] for place in places), sum(at_all[place] for place in places)

    least = min(map(had, orders))
    return random.choice([order for order in orders if had(order) == least])
