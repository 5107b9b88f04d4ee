"""Servers of models on this machine: real `vllm serve` processes, started, watched, restarted and stopped."""

from agent.serving.change import Change
from agent.serving.errors import OrderError, ServingError
from agent.serving.fleet import serve
from agent.serving.order import Order, Pace

__all__ = ["Change", "Order", "OrderError", "Pace", "ServingError", "serve"]
