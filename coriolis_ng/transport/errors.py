# SPDX-License-Identifier: Apache-2.0
"""What can go wrong while bytes move."""

from __future__ import annotations

from coriolis_ng import errors


class TransportError(errors.CoriolisError):
    """Bytes could not be read, sent or written."""

    code = 'transport_error'


class ConnectionLost(TransportError):
    """The other side went away; the same request may work on a new one."""

    code = 'connection_lost'
    retryable = True


class ShortRead(TransportError):
    """The source ended before the range that was asked for."""

    code = 'short_read'


class OutOfRange(TransportError, ValueError):
    """A request leaves the disk, or is not a range at all."""

    code = 'out_of_range'


class NoChangeTracking(TransportError):
    """The source cannot say what changed since the given point.

    The caller must decide on an explicit full copy; nothing here does that
    silently.
    """

    code = 'no_change_tracking'


class AgentRefused(TransportError):
    """The agent answered, and said no; ``status`` is its HTTP status."""

    code = 'agent_refused'

    def __init__(self, message: str, *, status: int, detail: str = '') -> None:
        super().__init__(message, detail=detail)
        self.status = status


class AgentRestarted(TransportError):
    """The agent is not the one we wrote to: what was not flushed is lost.

    The attempt must end; the journal says what is durable.
    """

    code = 'agent_restarted'
    retryable = True


class JournalMismatch(TransportError):
    """The journal belongs to another snapshot, base or disk size."""

    code = 'journal_mismatch'
