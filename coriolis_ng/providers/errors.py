# SPDX-License-Identifier: Apache-2.0
"""What a provider may raise: the user's words and the operator's detail."""

from coriolis_ng.errors import (
    AuthFailed,
    Conflict,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    Unreachable,
    Unsupported,
)

__all__ = [
    'AuthFailed',
    'Conflict',
    'InvalidInput',
    'NotFound',
    'QuotaExceeded',
    'Unreachable',
    'Unsupported',
]
