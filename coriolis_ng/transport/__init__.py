# SPDX-License-Identifier: Apache-2.0
"""Moves the bytes of disks: readers, sinks, one copy loop, and the agent.

Knows no clouds, no tasks and no database.
"""

from coriolis_ng.transport.agent import agent_program
from coriolis_ng.transport.certificates import Certificates, make_certificates
from coriolis_ng.transport.copy import Copied, copy
from coriolis_ng.transport.extents import Extent, Kind
from coriolis_ng.transport.journal import Journal, JournalValue
from coriolis_ng.transport.nbd import NbdAddress
from coriolis_ng.transport.ratelimit import RateLimit
from coriolis_ng.transport.readers import FileReader, NbdReader
from coriolis_ng.transport.sinks import AgentSink, FileSink, NbdSink
from coriolis_ng.transport.stats import Progress

__all__ = [
    'AgentSink',
    'Certificates',
    'Copied',
    'Extent',
    'FileReader',
    'FileSink',
    'Journal',
    'JournalValue',
    'Kind',
    'NbdAddress',
    'NbdReader',
    'NbdSink',
    'Progress',
    'RateLimit',
    'agent_program',
    'copy',
    'make_certificates',
]
