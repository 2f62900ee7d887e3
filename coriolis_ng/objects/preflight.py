# SPDX-License-Identifier: Apache-2.0
"""What could go wrong, found before anything is made."""

from __future__ import annotations

import enum

from coriolis_ng.objects.value import Value


class Severity(enum.StrEnum):
    ERROR = 'error'  # it will not work
    WARNING = 'warning'  # it works, but not as one may expect
    INFO = 'info'


class Finding(Value):
    """``code`` is stable, ``meaning`` says what is, ``remedy`` what to do.
    ``instance`` is '' for what concerns the whole transfer."""

    code: str
    severity: Severity
    meaning: str
    remedy: str
    instance: str = ''
