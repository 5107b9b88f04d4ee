"""Asks the engine without a server; run by the Python that has vLLM. Prints what it found as JSON."""

# ruff: noqa: T201

import asyncio
import json
import sys

from agent.messages import Message, Sampling
from agent.models import ContextOverflowError, load_model
from agent.models.offline import OfflineModel, Request, _prompt

HELLO = (Message(role="user", content="Is the patch right?"),)
SCHEMA = {"enum": ["right", "wrong"]}


def check_labels(model: OfflineModel, labels: dict) -> dict:
    """Return what the engine says of the labels when they are a part of the prompt."""
    engine, question = model._engine, (Message(role="user", content="Is patch 0 right?"),)
    prompt = _prompt(engine, question)
    parameters, _ = engine.parts
    counted = {}
    for label in labels:
        tokens = engine.tokenizer.encode(label, add_special_tokens=False)
        [output] = engine.llm.generate(
            [{"prompt_token_ids": [*prompt, *tokens]}],
            parameters(max_tokens=1, temperature=0.0, prompt_logprobs=0),
            use_tqdm=False,
        )
        scores = output.prompt_logprobs[-len(tokens) :]
        counted[label] = sum(score[token].logprob for score, token in zip(scores, tokens, strict=True))
    return counted


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
    counted = check_labels(model, judged[0].labels)
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
        "counted": counted,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))
