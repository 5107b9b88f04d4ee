"""Both sandboxes fulfil the contract."""

from sandbox.contract import *  # noqa: F403
