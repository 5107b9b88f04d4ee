"""Makes a folder with a tiny Llama: configuration, tokenizer and chat template, and no weights.

    python scripts/tiny_llama.py FOLDER

vLLM draws the weights with `--load-format dummy`. What it says is noise, but every request takes the way that
it takes with a real model. Needs `tokenizers` and `transformers`, which vLLM brings.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

VOCABULARY = 4096
SPECIAL = ("<|unk|>", "<|start|>", "<|end|>")
TEMPLATE = """\
{%- if tools %}<|start|>system
You may call these tools: {{ tools | tojson }}
Answer with <tool_call>{"name": ..., "arguments": {...}}</tool_call>.<|end|>
{% endif %}
{%- for message in messages %}<|start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor -%}
<|end|>
{% endfor %}
{%- if add_generation_prompt %}<|start|>assistant
{% endif %}"""


def main(folder: Path) -> None:
    from transformers import LlamaConfig

    tokenizer = trained_tokenizer()
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|start|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|end|>"),
        architectures=["LlamaForCausalLM"],
        dtype="float32",
    )
    config.save_pretrained(folder)


def trained_tokenizer():
    """Return a byte-level tokenizer trained on the standard library's own sources."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    library = Path(sysconfig.get_path("stdlib"))
    texts = [path.read_text(errors="replace") for path in sorted(library.glob("*.py"))[:60]]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocab_size=VOCABULARY, special_tokens=list(SPECIAL), show_progress=False)
    unknown, start, end = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        unk_token=unknown,
        bos_token=start,
        eos_token=end,
        pad_token=end,
        chat_template=TEMPLATE,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
