# SPDX-License-Identifier: Apache-2.0
"""Which worker gets a task, and when: pure functions of rows, without a
clock."""

from coriolis_ng.scheduler.filters import Needs
from coriolis_ng.scheduler.pick import pick, why_none

__all__ = ['Needs', 'pick', 'why_none']
