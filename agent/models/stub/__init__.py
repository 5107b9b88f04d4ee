"""A server that speaks OpenAI's chat completions and plays what it is told to, faults included.

For tests of backends and for benchmarks:

    async with Stub() as stub:
        stub.play(acts.refuses(429, "slow down", retry_after="1"), acts.says("hello"))
        model = CompatibleModel(f"any@{stub.address}")

It is real HTTP on a port of 127.0.0.1. `python -m agent.models.stub` serves until it is ended.
"""

from agent.models.stub import acts
from agent.models.stub.server import Act, Asked, Exchange, Stub

__all__ = ["Act", "Asked", "Exchange", "Stub", "acts"]
