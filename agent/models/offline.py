"""`vllm-offline/PATH`: vLLM's engine inside this process's reach, without a server, for work in bulk."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from agent.messages import Message, Reply, Sampling, ToolSpec, Usage
from agent.models.errors import ContextOverflowError, ModelError, ModelUnavailableError
from agent.models.vllm.model import SERVED

_MISSING = (
    'vllm is not installed for this Python ({error}): pip install "mangabey[vllm]" in an environment of its '
    "own, or serve the model with mangabey serve --vllm-python and use vllm/NAME@URL"
)
_MOST_TOKENS = 128
"""Tokens whose log-probabilities one request may ask vLLM for by name."""

_Beginning = tuple[int, tuple[int, ...]]
"""A prompt's place, and the tokens of a label that stand after it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One conversation to be answered, and how."""

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request whose reply somebody waits for."""

    request: Request
    reply: asyncio.Future[Reply]


@dataclass(slots=True)
class _Engine:
    """A loaded `vllm.LLM`; used by one thread."""

    llm: Any
    tokenizer: Any
    context_length: int
    parts: Any = field(repr=False)


class OfflineModel:
    """A model inside `vllm.LLM`, loaded at the first request.

    Requests that come while the engine works are answered together at its next turn; `generate_all` hands
    over many at once, which is where the engine is fast. The engine ends with this process or with `close`.
    """

    capabilities = SERVED

    def __init__(self, model: str) -> None:
        """Take a model's folder or name, and options of `vllm.LLM` as `MODEL?load_format=dummy&seed=3`."""
        path, _, options = model.partition("?")
        self.name = f"vllm-offline/{model}"
        self._path = path
        self._options = {key: _value(text) for key, text in parse_qsl(options)}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vllm")
        self._engine: _Engine | None = None
        self._waiting: list[_Waiting] = []
        self._turn: asyncio.Task[None] | None = None

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the model's answer; see `Model.generate`. Tools are spoken of in text."""
        waiting = _Waiting(Request(tuple(messages), sampling), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._turn is None or self._turn.done():
            self._turn = asyncio.create_task(self._take_turns())
        return await waiting.reply

    async def generate_all(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer many conversations at once, and return the replies in their order.

        Raises:
            ContextOverflowError: one is too long; the message says which, and none was run.
            ModelUnavailableError: the engine cannot be had here.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, tuple(requests))

    async def close(self) -> None:
        """End the engine; a later request loads it anew."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)

    async def _take_turns(self) -> None:
        while batch := [one for one in self._waiting if not one.reply.cancelled()]:
            self._waiting.clear()
            try:
                replies = await self.generate_all([one.request for one in batch])
            except ContextOverflowError as error:
                await self._answer_singly(batch, error)
            except ModelError as error:
                for one in batch:
                    _fail(one, error)
            else:
                for one, reply in zip(batch, replies, strict=True):
                    if not one.reply.done():
                        one.reply.set_result(reply)

    async def _answer_singly(self, batch: Sequence[_Waiting], error: ContextOverflowError) -> None:
        """Find out which request of several was too long; the others are answered."""
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for one in batch:
            try:
                [reply] = await self.generate_all([one.request])
            except ModelError as own:
                _fail(one, own)
            else:
                if not one.reply.done():
                    one.reply.set_result(reply)

    def _end(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.llm.llm_engine.engine_core.shutdown()

    def _run(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer requests, in the engine's thread."""
        began = time.monotonic()
        engine = self._engine = self._engine or _load(self._path, self._options)
        prompts = [_prompt(engine, request.messages) for request in requests]
        for place, prompt in enumerate(prompts):
            if len(prompt) >= engine.context_length:
                raise ContextOverflowError(
                    f"conversation {place} of {len(prompts)} has {len(prompt)} tokens and {self.name} takes "
                    f"{engine.context_length}"
                )
        try:
            outputs = engine.llm.generate(
                [{"prompt_token_ids": prompt} for prompt in prompts],
                [
                    _parameters(engine, request.sampling, len(prompt))
                    for request, prompt in zip(requests, prompts, strict=True)
                ],
                use_tqdm=False,
            )
            labels = _label_logprobs(engine, requests, prompts)
        except Exception as error:
            raise ModelError(
                f"{self.name}: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        seconds = time.monotonic() - began
        return [
            _reply(output, found, self.name, seconds) for output, found in zip(outputs, labels, strict=True)
        ]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fail(one: _Waiting, error: ModelError) -> None:
    if not one.reply.done():
        one.reply.set_exception(type(error)(str(error)))


def _load(path: str, options: Mapping[str, Any]) -> _Engine:
    """Load a model, which takes half a minute and more.

    Raises:
        ModelUnavailableError: there is no vllm, no GPU, or no such model.
    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    try:
        import vllm
        from vllm.sampling_params import StructuredOutputsParams
    except (ImportError, OSError) as error:
        raise ModelUnavailableError(_MISSING.format(error=error)) from error
    folder = Path(path).expanduser()
    try:
        llm = vllm.LLM(str(folder) if folder.is_dir() else path, enable_prefix_caching=True, **options)
    except Exception as error:
        from agent.serving.symptoms import decisive

        told = decisive(f"{type(error).__name__}: {error}")
        raise ModelUnavailableError(f"vllm cannot load {path}: {told}") from error
    length = int(llm.model_config.max_model_len)
    return _Engine(llm, llm.get_tokenizer(), length, (vllm.SamplingParams, StructuredOutputsParams))


def _prompt(engine: _Engine, messages: Sequence[Message]) -> list[int]:
    """Return a conversation's tokens; results of tools are told as the user's, as in the text dialect."""
    told = [
        {"role": "user" if message.role == "tool" else message.role, "content": message.content}
        for message in messages
    ]
    text = engine.tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True)
    return list(engine.tokenizer.encode(text, add_special_tokens=False))


def _parameters(engine: _Engine, sampling: Sampling, prompt: int) -> Any:
    sampling_params, structured = engine.parts
    schema = sampling.response_schema
    return sampling_params(
        n=sampling.n,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=max(1, min(sampling.max_tokens, engine.context_length - prompt)),
        seed=sampling.seed + sampling.sample if sampling.temperature > 0 else None,
        stop=list(sampling.stop),
        logprobs=sampling.logprobs or None,
        prompt_logprobs=sampling.prompt_logprobs or None,
        structured_outputs=structured(json=schema) if schema is not None else None,
    )


def _label_logprobs(
    engine: _Engine, requests: Sequence[Request], prompts: Sequence[Sequence[int]]
) -> list[dict[str, float | None]]:
    """Return for each request the log-probability of each label as a whole, however many tokens it has.

    A label's probability is the product of its tokens', each after what stands before it. Asking for what may
    follow a prompt leaves the prefix cache in use and needs one position's logits; asking for a prompt's own
    log-probabilities would read every prompt anew, once for each label.
    """
    found: list[dict[str, float | None]] = [dict.fromkeys(one.sampling.labels) for one in requests]
    spelled = {
        (place, label): tuple(engine.tokenizer.encode(label, add_special_tokens=False))
        for place, labels in enumerate(found)
        for label in labels
    }
    fitting = {
        one: tokens
        for one, tokens in spelled.items()
        if tokens and len(prompts[one[0]]) + len(tokens) < engine.context_length
    }
    wanted: dict[_Beginning, set[int]] = {}
    for (place, _), tokens in fitting.items():
        for count, token in enumerate(tokens):
            wanted.setdefault((place, tokens[:count]), set()).add(token)
    scores = _following(engine, prompts, wanted)
    for (place, label), tokens in fitting.items():
        found[place][label] = sum(
            scores[(place, tokens[:count])][token] for count, token in enumerate(tokens)
        )
    return found


def _following(
    engine: _Engine, prompts: Sequence[Sequence[int]], wanted: Mapping[_Beginning, set[int]]
) -> dict[_Beginning, dict[int, float]]:
    """Return the log-probabilities of the tokens that may follow each beginning."""
    asks = [
        (beginning, chosen)
        for beginning, tokens in wanted.items()
        for chosen in _portions(sorted(tokens), _MOST_TOKENS)
    ]
    if not asks:
        return {}
    sampling_params, _ = engine.parts
    outputs = engine.llm.generate(
        [{"prompt_token_ids": [*prompts[place], *tokens]} for (place, tokens), _ in asks],
        [sampling_params(max_tokens=1, temperature=0.0, logprob_token_ids=chosen) for _, chosen in asks],
        use_tqdm=False,
    )
    scores: dict[_Beginning, dict[int, float]] = {beginning: {} for beginning in wanted}
    for (beginning, chosen), output in zip(asks, outputs, strict=True):
        [first] = output.outputs[0].logprobs
        scores[beginning].update({token: float(first[token].logprob) for token in chosen})
    return scores


def _portions(tokens: list[int], size: int) -> list[list[int]]:
    return [tokens[start : start + size] for start in range(0, len(tokens), size)]


def _reply(output: Any, labels: dict[str, float | None], model: str, seconds: float) -> Reply:
    """Return the first sample with the others inside it; `usage` counts for all."""
    first, *others = (_sample(one, model) for one in output.outputs)
    usage = Usage(
        input=len(output.prompt_token_ids),
        cached_input=output.num_cached_tokens or 0,
        output=sum(len(one.token_ids) for one in output.outputs),
    )
    return first.model_copy(
        update={
            "others": tuple(others),
            "usage": usage,
            "labels": labels,
            "prompt_logprobs": _logprobs(output.prompt_logprobs),
            "seconds": seconds,
        }
    )


def _sample(one: Any, model: str) -> Reply:
    reason: Literal["stop", "length"] = "length" if one.finish_reason == "length" else "stop"
    return Reply(text=one.text, finish_reason=reason, logprobs=_logprobs(one.logprobs), model=model)


def _logprobs(positions: Any) -> tuple[dict[str, float], ...]:
    """Return for each position its tokens' log-probabilities; the first of a prompt has none."""
    return tuple(
        {str(one.decoded_token): float(one.logprob) for one in (position or {}).values()}
        for position in positions or ()
    )
