"""What a model's folder says of the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.serving.errors import OrderError
from agent.serving.order import Order


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before it is loaded; empty for one that is not in a folder here.

    Attributes:
        kind: its type and architectures, by config.json.
        context_length: tokens it was made for, None when not known.
        has_weights: whether there are files of weights, None when not known.
    """

    kind: str = ""
    context_length: int | None = None
    has_weights: bool | None = None


def facts_of(order: Order) -> ModelFacts:
    """Read a model's folder.

    Raises:
        OrderError: it is meant as a folder and is none, or none of a model, or has no weights.
    """
    folder = Path(order.model).expanduser()
    if not folder.is_dir():
        if order.model.startswith(("/", "./", "../", "~")) or order.model.count("/") > 1:
            raise OrderError(
                f"there is no model folder {order.model}; name a folder, or a model as OWNER/NAME"
            )
        return ModelFacts()
    facts = _read(folder)
    if not facts.has_weights and order.load_format != "dummy" and "--load-format" not in order.extra:
        raise OrderError(
            f"{folder} holds no weights (*.safetensors, *.bin, *.gguf); --load-format dummy draws random ones"
        )
    return facts


def _read(folder: Path) -> ModelFacts:
    path = folder / "config.json"
    if not path.is_file():
        path = folder / "params.json"  # Mistral's own format
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise OrderError(f"{folder} is no model folder: it has no config.json") from None
    except ValueError as error:
        raise OrderError(f"{path} is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise OrderError(f"{path} does not describe a model")
    weights = any(next(folder.glob(shape), None) for shape in ("*.safetensors", "*.bin", "*.gguf", "*.pt"))
    return ModelFacts(_kind(config), _context_length(config), weights)


def _kind(config: dict[str, Any]) -> str:
    architectures = config.get("architectures") or []
    return " ".join(str(part) for part in (config.get("model_type", ""), *architectures))


def _context_length(config: dict[str, Any]) -> int | None:
    """Return the tokens a model takes; multimodal models keep the figure with their text part."""
    for part in (config, config.get("text_config")):
        for key in ("max_position_embeddings", "max_seq_len", "seq_length", "n_positions"):
            if isinstance(part, dict) and isinstance(part.get(key), int):
                return int(part[key])
    return None
