# SPDX-License-Identifier: Apache-2.0
"""Where bytes go to."""

from coriolis_ng.transport.sinks.agent import AgentSink
from coriolis_ng.transport.sinks.file import FileSink
from coriolis_ng.transport.sinks.nbd import NbdSink

__all__ = ['AgentSink', 'FileSink', 'NbdSink']
