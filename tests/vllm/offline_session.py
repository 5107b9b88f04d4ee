"""Asks the engine without a server; run by the Python that has vLLM. Prints what it found as JSON."""

# ruff: noqa: T201

import asyncio
import json
import sys

from agent.messages import Message, Sampling
from agent.models import ContextOverflowError, load_model
from agent.models.offline import Request

HELLO = (Message(role="user", content="Is the patch right?"),)
SCHEMA = {"enum": ["right", "wrong"]}


async def main(folder: str) -> dict:
    model = load_model(f"vllm-offline/{folder}?load_format=dummy&enforce_eager=true&max_num_seqs=8")
    several = await model.generate(
        HELLO, (), Sampling(n=3, temperature=1.0, seed=5, max_tokens=6, logprobs=2, prompt_logprobs=1)
    )
    judged = await model.generate_all(
        [
            Request((Message(role="user", content=f"Is patch {number} right?"),), sampling)
            for number, sampling in enumerate(
                [
                    Sampling(max_tokens=4, labels=("yes", "no", "in no way")),
                    Sampling(max_tokens=40, response_schema=SCHEMA),
                    Sampling(max_tokens=4),
                ]
            )
        ]
    )
    together = await asyncio.gather(*(model.generate(HELLO, (), Sampling(max_tokens=3)) for _ in range(5)))
    try:
        await model.generate((Message(role="user", content="word " * 9000),), (), Sampling())
        overflow = ""
    except ContextOverflowError as error:
        overflow = str(error)
    await model.close()
    return {
        "several": several.model_dump(),
        "judged": [reply.model_dump() for reply in judged],
        "together": [reply.text for reply in together],
        "overflow": overflow,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))
