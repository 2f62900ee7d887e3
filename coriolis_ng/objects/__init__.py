# SPDX-License-Identifier: Apache-2.0
"""The words of the domain: immutable values, enums and identifiers."""

from coriolis_ng.objects.value import Value, from_plain, new_id, to_plain

__all__ = ['Value', 'from_plain', 'new_id', 'to_plain']
