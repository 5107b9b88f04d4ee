"""Which instances of a set: ids, globs, a file of ids, a slice, a shuffle, a shard."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from envs.task import TaskError

_SLICE = re.compile(r"(-?\d{1,18})?:(-?\d{1,18})?(?::(-?\d{1,18})?)?")
_SHARD = re.compile(r"(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection of instances; the default takes all.

    Steps are taken in this order: `instances`, `shuffle`, `slice`, `shard`.

    Attributes:
        instances: ids, globs such as `sympy__*`, and `@FILE` for a file with one of either a line; none for
            all.
        shuffle: whether the order is shuffled, by `seed`.
        seed: makes the shuffle reproducible.
        slice: as Python slices, such as `0:50` or `::10`.
        shard: `i/n`, the i-th (from 1) of n parts that together are all, of sizes that differ by one at most.
    """

    instances: tuple[str, ...] = ()
    shuffle: bool = False
    seed: int = 0
    slice: str = ""
    shard: str = ""

    def of(self, ids: Sequence[str]) -> list[str]:
        """Return the chosen ids, each once, in the set's order unless shuffled.

        Raises:
            TaskError: an id is not in the set, a glob fits none, the slice or shard is none, or nothing of
                what there is lies in the slice.
        """
        wanted = [one for entry in self.instances for one in _entries(entry)]
        if self.instances and not wanted:
            raise TaskError(f"{', '.join(map(repr, self.instances))} names no instance")
        chosen = _named(ids, wanted)
        if self.shuffle:
            random.Random(self.seed).shuffle(chosen)
        chosen = _sliced(chosen, self.slice) if self.slice else chosen
        if not self.shard:
            return chosen
        index, count = _shard(self.shard)
        return chosen[index - 1 :: count]


def _entries(entry: str) -> list[str]:
    if not entry.startswith("@"):
        return [one for one in entry.split(",") if one]
    try:
        lines = Path(entry[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"the file of ids {entry[1:]} cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _named(ids: Sequence[str], wanted: Sequence[str]) -> list[str]:
    if not wanted:
        return list(dict.fromkeys(ids))
    known, chosen = set(ids), set()
    for one in wanted:
        found = {one} & known or {each for each in ids if fnmatchcase(each, one)}
        if not found:
            near = difflib.get_close_matches(one, ids, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            kind = "instance fits" if set("*?[") & set(one) else "instance is called"
            raise TaskError(f"no {kind} {one}{hint}")
        chosen |= found
    return [one for one in dict.fromkeys(ids) if one in chosen]


def _sliced(chosen: list[str], text: str) -> list[str]:
    found = chosen[_slice(text)]
    if chosen and not found:
        raise TaskError(f"the slice {text} holds none of the {len(chosen)} instances there are")
    return found


def _slice(text: str) -> slice:
    found = _SLICE.fullmatch(text)
    if found is None or int(found[3] or 1) == 0:
        raise TaskError(f"{text!r} is no slice; write it as 0:50, 10: or ::2")
    return slice(*(int(part) if part else None for part in found.groups()))


def _shard(text: str) -> tuple[int, int]:
    found = _SHARD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise TaskError(f"{text!r} is no shard; write i/n with i from 1 to n, such as 1/4")
    return int(found[1]), int(found[2])
