"""`mangabey serve`: a model on this machine's GPUs, behind one endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent.serving import Order
    from runs.display.serving import ServingDisplay

EXAMPLES = """
Examples:

  mangabey serve Qwen/Qwen3-Coder-30B-A3B-Instruct

  mangabey serve ~/models/my-model --replicas 4 --tensor-parallel 2 --port 9000

  mangabey serve ./model -- --max-num-seqs 64

What follows -- is handed to `vllm serve`. Ctrl-C stops every process.

Exit codes: 1 a server failed, 2 wrong use, 130 interrupted.
"""


def serve(
    model: Annotated[str, typer.Argument(help="A model's folder, or its name on the hub.")],
    extra: Annotated[list[str] | None, typer.Argument(help="Flags for `vllm serve`, after --.")] = None,
    replicas: Annotated[int, typer.Option(min=1, max=64, help="Servers, behind one router.")] = 1,
    tensor_parallel: Annotated[int, typer.Option(min=1, max=64, help="GPUs for each replica.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the endpoint.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    max_model_len: Annotated[
        int | None, typer.Option(min=1, help="Tokens of prompt and reply; as many as fit, if not given.")
    ] = None,
    tool_parser: Annotated[
        str, typer.Option(help="vLLM's parser of tool calls: auto (by family), none, NAME.")
    ] = "auto",
    reasoning_parser: Annotated[str, typer.Option(help="vLLM's parser of reasoning, likewise.")] = "auto",
    load_format: Annotated[str, typer.Option(help="vLLM's; `dummy` draws random weights.")] = "",
    served_model_name: Annotated[str, typer.Option(help="What requests call the model.")] = "",
    gpu_memory_utilization: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, help="Share of each GPU's memory.")
    ] = None,
    vllm_python: Annotated[Path | None, typer.Option(help="The Python that has vLLM.")] = None,
    start_seconds: Annotated[
        float, typer.Option(min=1, max=1e9, help="Longest time until a server answers.")
    ] = 900.0,
    logs: Annotated[Path | None, typer.Option(help="Folder for the servers' logs.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each change of state.")
    ] = False,
) -> None:
    """Serve a model with vLLM: start, watch, restart and stop its servers, and print the endpoint."""
    import asyncio

    from agent.serving import Order, Pace
    from runs.display.serving import serving_display
    from sandbox.home import default_home

    order = Order(
        model=str(Path(model).expanduser()) if model.startswith("~") else model,
        logs=(logs or default_home() / "serve" / str(port)).absolute(),
        replicas=replicas,
        tensor_parallel=tensor_parallel,
        host=host,
        port=port,
        max_model_len=max_model_len,
        tool_parser=tool_parser,
        reasoning_parser=reasoning_parser,
        load_format=load_format,
        served_name=served_model_name,
        gpu_memory=gpu_memory_utilization,
        python=vllm_python,
        extra=tuple(extra or ()),
        pace=Pace(start=start_seconds),
    )
    try:
        with serving_display(as_json=as_json) as display:
            asyncio.run(_serve(order, display))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("mangabey: interrupted; every server is stopped", err=True)
        raise typer.Exit(130) from None


serve.__doc__ = f"{serve.__doc__}\n{EXAMPLES}"


async def _serve(order: Order, display: ServingDisplay) -> None:
    import asyncio
    import signal

    from agent.serving import serve as serve_order

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    await serve_order(order, display.listen, display.measure)
