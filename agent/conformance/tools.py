"""Checks of tool calls."""

from __future__ import annotations

from agent.arguments import MALFORMED
from agent.conformance.trial import FailedError, NotOfferedError, Trial, is_answer, shown
from agent.messages import Message, Reply, ToolCall, ToolSpec

WEATHER = ToolSpec(
    name="weather",
    description="Tell the weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name."}},
        "required": ["city"],
    },
)
RESULT = "It is raining marmalade. 🍊\n[exit code 0]"


async def tools(trial: Trial) -> str:
    """A tool that is offered is called, with an object of arguments."""
    trial.needs("tools")
    reply = await _calling(trial, "Call the tool `weather` once, for the city Paris.")
    return ", ".join(call.name for call in reply.tool_calls)


async def parallel_tools(trial: Trial) -> str:
    """One reply holds several calls, each with an id of its own."""
    trial.needs("tools")
    trial.needs_obedience()
    reply = await _calling(
        trial, "Call the tool `weather` twice in one reply: for the city Paris and for the city Oslo."
    )
    if len(reply.tool_calls) < 2:
        raise NotOfferedError("the model makes one call a reply")
    return f"{len(reply.tool_calls)} calls"


async def tool_results(trial: Trial) -> str:
    """What a tool returned goes back, and the conversation goes on."""
    trial.needs("tools")
    asked = trial.asking("Call the tool `weather` once, for the city Paris. Then say what it told.")
    reply = await trial.ask(asked, [WEATHER])
    if not reply.tool_calls:  # a model that calls nothing is given a call that it might have made
        reply = Reply(tool_calls=(ToolCall(id="call-0", name="weather", arguments={"city": "Paris"}),))
    results = [Message(role="tool", content=RESULT, tool_call_id=call.id) for call in reply.tool_calls]
    answer = await trial.ask([*asked, reply.as_message(), *results], [WEATHER])
    is_answer(answer)
    return "read" if "marmalade" in answer.text.lower() else "taken in"


async def _calling(trial: Trial, text: str) -> Reply:
    """Return a reply that holds at least one sound call.

    Raises:
        NotOfferedError: the model does not do what it is told, and called nothing.
        FailedError: it called nothing, or its calls are not sound.
    """
    reply = await trial.ask(trial.asking(text), [WEATHER], max_tokens=400)
    if not reply.tool_calls:
        trial.needs_obedience()
        raise FailedError(f"`tools` is declared, and no call came: {shown(reply.text)}")
    for call in reply.tool_calls:
        if not trial.subject.opening and call.name != WEATHER.name:
            raise FailedError(f"the tool `weather` was offered, {shown(call.name)} was called")
        if MALFORMED in call.arguments and trial.subject.obeys:
            raise FailedError(f"the arguments are no object: {shown(str(call.arguments[MALFORMED]))}")
        if trial.subject.obeys and not isinstance(call.arguments.get("city"), str):
            raise FailedError(f"the call's arguments are not of the tool's shape: {call.arguments!r}")
    if reply.finish_reason != "tool_calls" and trial.subject.obeys:
        raise FailedError(f"a reply with calls has the finish_reason {reply.finish_reason!r}")
    return reply
