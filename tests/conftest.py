# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every group: the servers that tests may ask for.

A fixture of this file starts a real server on loopback, keeps it for the
session, and ends it by its process id.
"""

import tests  # noqa: F401  # before anything that imports oslo.service
