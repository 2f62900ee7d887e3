# SPDX-License-Identifier: Apache-2.0
"""Tests. Importing this first keeps every test on real threads.

oslo.service remembers the first backend it is asked for, and importing
oslo.messaging asks for eventlet; so ours is chosen before any such import.
"""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
