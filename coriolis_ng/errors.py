# SPDX-License-Identifier: Apache-2.0
"""The tree of errors.

Every error carries two strings: ``message`` is for the user and may go into
an answer of the API; ``detail`` is for the operator and only goes to the log.
"""

from __future__ import annotations


class CoriolisError(Exception):
    """The root of all errors that are raised on purpose.

    ``code`` is a stable word for programs, ``retryable`` says whether the
    same call may succeed later without anybody changing anything.
    """

    code = 'error'
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        detail: str = '',
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        if retryable is not None:
            self.retryable = retryable


class InvalidInput(CoriolisError):
    """What the user gave is wrong; ``field`` says where (``$.a.b[3]``)."""

    code = 'invalid_input'

    def __init__(
        self, message: str, *, field: str = '', detail: str = ''
    ) -> None:
        super().__init__(message, detail=detail)
        self.field = field


class NotFound(CoriolisError):
    """There is no such thing, or it belongs to another project."""

    code = 'not_found'


class Conflict(CoriolisError):
    """The thing is in a state that forbids what was asked."""

    code = 'conflict'


class PreconditionFailed(CoriolisError):
    """The thing is not any more as the caller has seen it."""

    code = 'precondition_failed'


class Forbidden(CoriolisError):
    """The caller may not do this."""

    code = 'forbidden'


class Unsupported(CoriolisError):
    """The platform cannot do this at all."""

    code = 'unsupported'


class QuotaExceeded(CoriolisError):
    """A limit of the platform or of this service is reached."""

    code = 'quota_exceeded'


class AuthFailed(CoriolisError):
    """The platform refused the credentials."""

    code = 'auth_failed'


class Unreachable(CoriolisError):
    """Nobody answered; it may work later."""

    code = 'unreachable'
    retryable = True


class NoWorker(CoriolisError):
    """No worker that is enabled and alive can do this."""

    code = 'no_worker'
    retryable = True


class TooManyQuestions(CoriolisError):
    """So many clouds are asked already that this one has to wait."""

    code = 'too_many_questions'
    retryable = True


class Stale(CoriolisError):
    """The attempt is not the current one any more: stop, change nothing."""

    code = 'stale'


class Canceled(CoriolisError):
    """The work was asked to stop, and stopped."""

    code = 'canceled'


class PlanError(CoriolisError):
    """A plan is wrong: a programming error, found before anything runs."""

    code = 'plan_error'


class CorruptData(CoriolisError):
    """A digest does not match: what arrived is not what was sent."""

    code = 'corrupt_data'
