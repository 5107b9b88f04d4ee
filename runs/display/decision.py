"""A decision for a person: candidates against tests and judges, and why each was not chosen."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from envs.outcomes import Outcome
from runs.decision import Column, Compared, Decision, Line, Said, origins_by_cluster
from runs.display.names import few, told_apart
from runs.display.plain import one_line
from runs.folder import bytes_of
from runs.words import counted

MOST_COLUMNS = 8
MARKS = {
    Outcome.PASSED: ("✓", "+", "green"),
    Outcome.FAILED: ("✗", "x", "red"),
    Outcome.ERROR: ("E", "E", "red"),
    Outcome.SKIPPED: ("s", "s", "yellow"),
    Outcome.TIMED_OUT: ("t", "t", "red"),
    Outcome.MISSING: ("·", ".", "dim"),
    Outcome.NOT_APPLIED: ("n", "n", "dim"),
}
MOST_JUDGES = 3
COUNTED = frozenset({"votes", "regressions"})
"""Judges whose verdicts stand in the table as counts."""
LEGEND = "✓ passes, ✗ fails, E breaks, s skipped, t timed out, · not run; tests alike are one vote"


def show_patch(patch: str, out: Console) -> None:
    """Print a patch, nothing for an empty one: to be read on a terminal, elsewhere as it can be applied."""
    if not patch:
        return
    out.print()
    if not out.is_terminal:
        _write(patch if patch.endswith("\n") else f"{patch}\n", out.file)
        return
    lines = (line for line in patch.splitlines() if not line.startswith("index "))
    shown = "\n".join(lines).encode(out.encoding, "replace").decode(out.encoding)
    out.print(Syntax(shown, "diff", theme="ansi_dark", background_color="default", word_wrap=True))


def _write(text: str, file: IO[str]) -> None:
    """Write a text without a change, bytes that are none included, where the file takes bytes."""
    raw = getattr(file, "buffer", None)
    if raw is None:
        file.write(text)
        return
    file.flush()
    raw.write(bytes_of(text))
    raw.flush()


def show_table(decision: Decision, out: Console, whole: str) -> None:
    """Print candidates against tests and judges; candidates that make the same program share a row.

    Args:
        decision: what to show.
        out: where; its width is kept.
        whole: the file that has what there is no room for.
    """
    judges = _judges(decision)
    alike = bool(decision.alike)
    shown = _shown(decision, MOST_COLUMNS - len(judges) - bool(decision.probabilities) - alike)
    fancy = _unicode(out)
    heads = [*["right"] * bool(decision.probabilities), *(f"T{number}" for number, _ in enumerate(shown, 1))]
    heads += [*judges.values(), *["alike"] * alike, "votes", "breaks", "lines"]
    base = [_mark(column.base, fancy) for _, column in shown]
    blank = [Text()] * (len(judges) + alike)
    sure = [Text()] * bool(decision.probabilities)
    rows = [[*sure, *base, *blank, Text(), Text(), Text()]]
    groups = list(origins_by_cluster(decision.lines).values())
    rows += [_row(group, decision, [index for index, _ in shown], judges, fancy) for group in groups]
    room = out.width - sum(2 + max(map(len, column)) for column in zip(heads, *rows, strict=True))
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("candidates", no_wrap=True, overflow="ellipsis" if fancy else "crop")
    for head in heads:
        table.add_column(head, justify="center" if head.startswith("T") else "right", no_wrap=True)
    names = [Text("(untouched base)", style="dim"), *_names(groups, decision, room, fancy)]
    for name, row in zip(names, rows, strict=True):
        table.add_row(name, *row)
    out.print(table)
    for judge, letter in judges.items():
        out.print(Text(f"{letter}   {judge}: what it says of being right, 0 to 1", style="dim"))
    for line in (*_unread(decision), *_compared(decision, out.width)):
        note(line, out)
    for line in _tests([column for _, column in shown], out):
        note(line, out)
    for line in _dropped(decision, out.width):
        note(line, out)
    if alike:
        inputs = counted(decision.inputs, "input")
        note(f"alike: the share that comes to the same, mean of {inputs} that part them", out)
    note(f"breaks: existing tests that pass on the base and not with it, of {decision.guards}", out)
    hidden = len(decision.columns) - len(shown)
    more = f"; {hidden} more tests in {whole}" if hidden else ""
    out.print(Text((LEGEND if fancy else _ascii(LEGEND)) + more, style="dim"))


def note(text: str, out: Console) -> None:
    """Print one dim line, cut to the terminal's width; what it cannot show is replaced."""
    line = Text(printable(text, out), style="dim")
    line.truncate(out.width, overflow="ellipsis" if _unicode(out) else "crop")
    out.print(line)


def printable(text: str, out: Console) -> str:
    """Return a text with marks in place of what a terminal cannot show."""
    shown = "".join(one if one.isprintable() else "\ufffd" for one in text)
    return shown if _unicode(out) else shown.encode("ascii", "replace").decode()


def _row(
    group: Sequence[Line], decision: Decision, indexes: Sequence[int], judges: Mapping[str, str], fancy: bool
) -> list[Text]:
    best = group[0]
    style = _style(group, decision)
    cells = [_mark(best.outcomes[index], fancy) if best.outcomes else Text("") for index in indexes]
    votes = Text(f"{best.votes:g}" if best.outcomes else "-", style=style)
    sure = [Text(_percent(decision.probabilities.get(best.cluster)))] * bool(decision.probabilities)
    said = [Text(_score(group, decision, judge)) for judge in judges]
    return [
        *sure,
        *cells,
        *said,
        *[Text(_percent(decision.alike.get(best.cluster)))] * bool(decision.alike),
        votes,
        Text(str(len(best.regressions) or "")),
        Text(str(best.changed_lines)),
    ]


def _names(groups: Sequence[Sequence[Line]], decision: Decision, room: int, fancy: bool) -> list[Text]:
    """Return who made each program, in so many characters; the chosen one is marked."""
    arrow = "→ " if fancy else "> "
    whole = [few([line.origin for line in group]) for group in groups]
    names = told_apart(whole, room - len(arrow), "…" if fancy else "...")
    styles = [_style(group, decision) for group in groups]
    return [
        Text(arrow * bool(style) + (name if style or len(one) > room else one), style=style)
        for one, name, style in zip(whole, names, styles, strict=True)
    ]


def _style(group: Sequence[Line], decision: Decision) -> str:
    return "bold green" if decision.winner in {line.candidate for line in group} else ""


def _tests(columns: Sequence[Column], out: Console) -> list[str]:
    """Return in a line for each who wrote a test and what it is called, then which of them do not vote."""
    mark = "…" if _unicode(out) else "..."
    heads = [
        f"T{number}  by {one_line(few(one.authors), out.width // 3)}: "
        for number, one in enumerate(columns, 1)
    ]
    room = out.width - max(map(len, heads), default=0)
    names = told_apart([one.target.rpartition("/")[2] for one in columns], room, mark)
    silent = ", ".join(f"T{number}" for number, one in enumerate(columns, 1) if not one.speaks)
    lines = [head + name for head, name in zip(heads, names, strict=True)]
    return [*lines, *[f"no vote, as not failing on the base: {silent}"] * bool(silent)]


def rejections(decision: Decision) -> list[Text]:
    """Return a line for each program that was not chosen, saying why."""
    lines = []
    for group in origins_by_cluster(decision.lines).values():
        if group[0].rejected:
            who = few([line.origin for line in group])
            lines.append(Text.assemble((f"{who}: ", "yellow"), group[0].rejected))
    return lines


def _unread(decision: Decision) -> list[str]:
    """Return in a line for each which readers gave no score at all, and what the first of them said."""
    told: dict[str, list[Said]] = {}
    for one in decision.verdicts:
        if one.judge not in COUNTED:
            told.setdefault(one.judge, []).append(one)
    return [
        f"{judge}: scores none of {len(said)}: {said[0].evidence.removeprefix('unscored: ')}"
        for judge, said in sorted(told.items())
        if all(one.score is None for one in said)
    ]


def _compared(decision: Decision, width: int) -> list[str]:
    """Return in a line for each whom judges of several candidates picked, and why the first picked nobody."""
    origins = {line.candidate: line.origin for line in decision.lines}
    told: dict[str, list[Compared]] = {}
    for one in decision.comparisons:
        told.setdefault(one.judge, []).append(one)
    lines = []
    for judge, group in sorted(told.items()):
        picks = Counter(origins.get(one.picked, one.picked) for one in group if one.picked)
        parts = [f"{count} for {one_line(name, width // 3)}" for name, count in picks.most_common()]
        lost = [one.evidence for one in group if not one.picked]
        parts += [f"{len(lost)} for nobody ({one_line(why, width)})" for why in lost[:1]]
        lines.append(f"{judge}: {counted(len(group), 'comparison')}, {', '.join(parts)}")
    return lines


def _dropped(decision: Decision, width: int) -> list[str]:
    """Return in a line for each which edits were not judged; candidates that edit the same files share it."""
    authors: dict[tuple[str, ...], list[str]] = {}
    for line in decision.lines:
        paths = tuple(dict.fromkeys(edit.rpartition(": ")[0] for edit in line.dropped))
        authors.setdefault(paths, []).append(line.origin)
    lines = []
    for paths, origins in authors.items():
        if paths:
            who = one_line(f"dropped from {few(origins)}", width // 2)
            lines.append(f"{who}: {_files(paths, width - len(who) - 2)}")
    return lines


def _files(paths: Sequence[str], room: int) -> str:
    """Return as many files as fit, by their names alone where paths are long, and how many more there are."""
    if len(whole := ", ".join(paths)) <= room:
        return whole
    names = [posixpath.basename(path) for path in paths]
    texts = [", ".join(names)]
    texts += [f"{', '.join(names[:count])} +{len(names) - count}" for count in range(len(names) - 1, 0, -1)]
    return next((text for text in texts if len(text) <= room), texts[-1])


def _shown(decision: Decision, most: int) -> list[tuple[int, Column]]:
    """Return the columns that fit a narrow terminal with their index: those that vote come first."""
    order = sorted(enumerate(decision.columns), key=lambda pair: (not pair[1].speaks, pair[0]))
    return order[: max(1, most)]


def _judges(decision: Decision) -> Mapping[str, str]:
    """Return the readers that gave a score, each with the head of its column."""
    read = {one.judge for one in decision.verdicts if one.score is not None} - COUNTED
    return {judge: f"R{number}" for number, judge in enumerate(sorted(read)[:MOST_JUDGES], 1)}


def _score(group: Sequence[Line], decision: Decision, judge: str) -> str:
    """Return a reader's mean score of the candidates of a row."""
    ids = {line.candidate for line in group}
    scores = [one.score for one in decision.verdicts if one.judge == judge and one.candidate in ids]
    known = [score for score in scores if score is not None]
    return f"{sum(known) / len(known):.2f}" if known else "-"


def _percent(probability: float | None) -> str:
    return "-" if probability is None else f"{probability:.0%}"


def _mark(outcome: Outcome, fancy: bool) -> Text:
    sign, plain, style = MARKS[outcome]
    return Text(sign if fancy else plain, style=style)


def _unicode(out: Console) -> bool:
    return (out.encoding or "").lower().startswith("utf")


def _ascii(text: str) -> str:
    for sign, plain, _ in MARKS.values():
        text = text.replace(sign, plain)
    return text
