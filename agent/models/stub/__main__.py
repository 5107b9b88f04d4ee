"""Serve one reply again and again, until ended: `python -m agent.models.stub [--port N]`."""

from __future__ import annotations

import argparse
import asyncio

from agent.models.stub import Exchange, Stub, acts
from agent.models.stub.cache import TOKEN


async def serve(options: argparse.Namespace) -> None:
    """Serve until cancelled; the first line of output is the address."""
    async with Stub(options.port) as stub:
        stub.play(acts.says("word " * options.pieces, pieces=options.pieces, pause=options.pause))
        stub.pages["/tokenize"] = tokenize
        print(stub.address, flush=True)  # noqa: T201
        await asyncio.Event().wait()


async def tokenize(exchange: Exchange) -> None:
    """Answer vLLM's question for a text's tokens."""
    count = -(-len(exchange.asked.body["prompt"]) // TOKEN)
    await exchange.answer(200, {"count": count, "tokens": [0] * count})


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=32, help="parts of the reply")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each part")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
