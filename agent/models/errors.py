"""What can go wrong with a model call, by what a caller can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agent.messages import Attempt, Usage


class ModelError(RuntimeError):
    """A model call failed; the message says what to do.

    Attributes:
        passing: whether the same request may succeed a little later; only such errors are tried again.
        retry_after: seconds the server asks to wait, None where it asks for nothing.
        usage: tokens that the failed sending was charged for, as far as the server told.
        cost: dollars of the failed sending, None where not known.
        attempts: what was sent before and with this failure, filled in by who tries again.
    """

    passing: ClassVar[bool] = False

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        usage: Usage | None = None,
        cost: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.usage = usage or Usage()
        self.cost = cost
        self.attempts: tuple[Attempt, ...] = ()

    def after(self, attempts: Sequence[Attempt]) -> ModelError:
        """Return this error with what was tried."""
        self.attempts = tuple(attempts)
        return self


class UnknownModelError(ModelError, LookupError):
    """No backend has that name."""


class ReplayDivergedError(ModelError, LookupError):
    """A recording has no reply for what was asked."""


class ModelUnavailableError(ModelError, ConnectionError):
    """The backend cannot be used: a missing extra, a wrong address, an unknown model."""


class AuthenticationError(ModelUnavailableError, PermissionError):
    """The server does not accept the key, or the key may not use the model."""


class QuotaSpentError(ModelUnavailableError):
    """The account has no money or allowance left; waiting does not help."""


class RateLimitedError(ModelUnavailableError):
    """Too many requests or tokens for now (429)."""

    passing = True


class ServerFailedError(ModelUnavailableError):
    """The server failed or is overloaded (5xx, 408)."""

    passing = True


class ConnectionLostError(ModelUnavailableError):
    """The server was not reached, or the connection broke while it answered."""

    passing = True


class DeadlineError(ModelUnavailableError, TimeoutError):
    """The server was silent, or answered, for too long; the message says which limit was passed."""

    passing = True


class BadReplyError(ModelError, ValueError):
    """What came back is no reply: torn JSON, no choices, a stream without an end."""

    passing = True


class BadRequestError(ModelError, ValueError):
    """The server refuses the request as it is."""


class ContentPolicyError(ModelError):
    """The provider refuses to answer for what the request says."""


class ContextOverflowError(ModelError, ValueError):
    """The conversation does not fit the model's window; never sent again unchanged."""
