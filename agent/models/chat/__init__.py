"""What the backends that speak OpenAI's chat completions share."""

from agent.models.chat.assemble import Assembly
from agent.models.chat.broken import accounted, used
from agent.models.chat.endpoint import Endpoint
from agent.models.chat.failures import failure, stream_failure
from agent.models.chat.request import chat_request
from agent.models.chat.watch import Deadlines, Watch

__all__ = [
    "Assembly",
    "Deadlines",
    "Endpoint",
    "Watch",
    "accounted",
    "chat_request",
    "failure",
    "stream_failure",
    "used",
]
