"""Checks of plain talk: text in, text out."""

from __future__ import annotations

import json

from agent.conformance.trial import FailedError, NotOfferedError, Trial, is_answer, shown
from agent.messages import Message

STRANGE = "naïve Ω ж 漢字 🐒👩‍🚀 é עברית"
"""Characters of one to four bytes, a joined emoji, a combining accent, and a script from right to left."""
SCHEMA = {
    "type": "object",
    "properties": {"animal": {"type": "string", "enum": ["cat", "dog"]}},
    "required": ["animal"],
    "additionalProperties": False,
}


async def plain_reply(trial: Trial) -> str:
    """A question gets an answer."""
    reply = await trial.ask(trial.asking("Reply with exactly: banana"))
    is_answer(reply)
    return shown(reply.text)


async def system_message(trial: Trial) -> str:
    """The system message reaches the model."""
    if trial.subject.opening:
        raise NotOfferedError("this model answers conversations of its own kind")
    rule = "Whatever you are asked, your whole answer is the word tangerine."
    reply = await trial.ask(trial.asking("What is two plus two?", system=rule))
    if "tangerine" in reply.text.lower():
        return "followed"
    without = await trial.ask([Message(role="user", content="What is two plus two?")], sample=1)
    if reply.usage.input > without.usage.input:
        return "counted as input, not followed"
    if not trial.subject.obeys:
        raise NotOfferedError("no tokens are counted, and the model does not do what it is told")
    raise FailedError(f"it is neither followed nor counted as input: {shown(reply.text)}")


async def unicode(trial: Trial) -> str:
    """Any character goes in and comes out as it was."""
    if trial.subject.opening:
        system = Message(role="system", content=STRANGE)
        is_answer(await trial.ask([system, *trial.subject.opening]))
        return "taken in"
    reply = await trial.ask(trial.asking(f"Reply with exactly: {STRANGE}"), max_tokens=200)
    is_answer(reply)
    if STRANGE in reply.text:
        return "unchanged"
    if "\ufffd" in reply.text and trial.subject.obeys:
        raise FailedError(f"characters were lost on the way: {shown(reply.text)}")
    wrong = sum(character not in reply.text for character in set(STRANGE))
    if trial.subject.obeys and wrong > len(set(STRANGE)) // 2:
        raise FailedError(f"{wrong} of {len(set(STRANGE))} characters did not come back: {shown(reply.text)}")
    return "taken in; the model did not copy them all"


async def stop(trial: Trial) -> str:
    """A reply ends before the first stop sequence."""
    trial.needs("stop")
    counting = trial.asking("Count from 1 to 20 in digits, with a comma between.")
    whole = (await trial.ask(counting, seed=7)).text
    if len(whole.strip()) < 12:
        raise NotOfferedError(f"the reply is too short to be cut: {shown(whole)}")
    middle = len(whole) // 2
    piece = whole[middle : middle + 3]
    cut = await trial.ask(counting, sample=1, seed=7, stop=(piece,))
    if piece in cut.text:
        raise FailedError(f"the reply goes on behind {piece!r}: {shown(cut.text)}")
    return f"cut before {piece!r}"


async def seed(trial: Trial) -> str:
    """The same seed draws the same reply."""
    trial.needs("seed")
    asked = trial.asking("Name an animal, in one word.")
    first, second = [await trial.ask(asked, temperature=0.7, seed=11, max_tokens=16) for _ in range(2)]
    if (first.text, first.tool_calls) != (second.text, second.tool_calls):
        raise FailedError(f"one seed gave two replies: {shown(first.text)} and {shown(second.text)}")
    return ""


async def samples(trial: Trial) -> str:
    """Several samples come from one request, each a whole reply; where `n` is not declared, one."""
    reply = await trial.ask(
        trial.asking("Name an animal, in one word."), n=3 if trial.can.n else 1, temperature=1.0
    )
    if not trial.can.n:
        if reply.others:
            raise FailedError(f"`n` is not declared, and {len(reply.others)} further samples came")
        trial.needs("n")
    if len(reply.others) != 2:
        raise FailedError(f"3 samples were asked for, {1 + len(reply.others)} came")
    for one in (reply, *reply.others):
        is_answer(one)
    if any(one.others for one in reply.others):
        raise FailedError("a further sample has further samples itself")
    return ""


async def response_schema(trial: Trial) -> str:
    """A reply under a schema is JSON of that shape."""
    trial.needs("response_schema")
    reply = await trial.ask(
        trial.asking('Name an animal, as JSON such as {"animal": "cat"}.'), response_schema=SCHEMA
    )
    if reply.finish_reason == "length" and not trial.subject.obeys:
        raise NotOfferedError("the model filled its reply with blanks, which every schema allows")
    try:
        animal = json.loads(reply.text)["animal"]
    except (ValueError, TypeError, KeyError, IndexError):
        raise FailedError(f"the reply is not of the schema: {shown(reply.text)}") from None
    if animal not in ("cat", "dog"):
        raise FailedError(f"the schema allows cat and dog, the reply says {animal!r}")
    return shown(reply.text)


async def priority(trial: Trial) -> str:
    """A request with a priority and a session is taken."""
    reply = await trial.ask(trial.asking("Reply with exactly: banana"), priority=1, session="conformance")
    is_answer(reply)
    trial.needs("priority")
    return ""
