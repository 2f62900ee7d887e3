# SPDX-License-Identifier: Apache-2.0
"""Errors that only this layer raises."""

from __future__ import annotations

from coriolis_ng import errors


class Changed(errors.Stale):
    """Somebody else changed the row since it was read.

    ``Database.write`` runs its function again when it sees this, because
    the function reads the row anew.
    """
