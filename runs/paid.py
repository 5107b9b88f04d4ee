"""What a journal paid for, in dollars: each trajectory, each reader of its candidates, and the context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.messages import Attempt, Reply
from runs.crews import origin_of
from runs.journal import Event

CONTEXT = "context"


@dataclass(slots=True)
class Paid:
    """Dollars by origin (`sample 3`), by reader (`verifier:patch`, `duel`), and of the context.

    The reader's name is empty where a request names none. `unpriced` are the origins and readers, or
    `CONTEXT`, of which a reply has no known price.
    """

    samples: dict[str, float] = field(default_factory=dict)
    readers: dict[str, float] = field(default_factory=dict)
    context: float = 0.0
    unpriced: set[str] = field(default_factory=set)


def paid_in(events: Iterable[Event]) -> Paid:
    """Return what replies and failed sendings came to; a sending that is told twice is paid once."""
    found = Paid()
    told: dict[object, list[Attempt]] = {}
    for event in events:
        call = (event.data.get("sample"), event.data.get("turn"))
        if event.kind == "attempt":
            attempts = [Attempt.model_validate(event.data["attempt"])]
            told.setdefault(call, []).extend(attempts)
            _charge(found, event, sum(one.cost or 0.0 for one in attempts))
        elif event.kind.endswith("reply"):
            reply = Reply.model_validate(event.data["reply"])
            if reply.cost is None:
                found.unpriced.add(_payee(event))
            _charge(found, event, (reply.cost or 0.0) + _new(reply.attempts, told.get(call, [])))
        elif event.kind.endswith("failure"):
            attempts = [Attempt.model_validate(one) for one in event.data["attempts"]]
            _charge(found, event, _new(attempts, told.get(call, [])))
    return found


def _new(attempts: Iterable[Attempt], told: list[Attempt]) -> float:
    """Return the dollars of sendings, but for those that were told when they failed."""
    dollars = 0.0
    for attempt in attempts:
        if attempt in told:
            told.remove(attempt)
        else:
            dollars += attempt.cost or 0.0
    return dollars


def _charge(found: Paid, event: Event, dollars: float) -> None:
    payee = _payee(event)
    if payee == CONTEXT:
        found.context += dollars
    else:
        group = found.readers if event.kind.startswith("selection_") else found.samples
        group[payee] = group.get(payee, 0.0) + dollars


def _payee(event: Event) -> str:
    if event.kind.startswith("context_"):
        return CONTEXT
    return _judge(event.data) if event.kind.startswith("selection_") else origin_of(event.data["sample"])


def _judge(data: Mapping[str, object]) -> str:
    """Return the judge that a request names before its key, as in `MODEL verifier:patch/ID/0 KEY`."""
    words = str(data.get("request", "")).rsplit(" ", 2)
    judge, slash, _ = words[1].partition("/") if len(words) == 3 else ("", "", "")
    return judge if slash else ""
