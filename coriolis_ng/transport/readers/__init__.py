# SPDX-License-Identifier: Apache-2.0
"""Where bytes come from."""

from coriolis_ng.transport.readers.file import FileReader
from coriolis_ng.transport.readers.nbd import NbdReader

__all__ = ['FileReader', 'NbdReader']
