# SPDX-License-Identifier: Apache-2.0
"""One file per process.

Importing this comes before everything else: oslo.service remembers the
first backend that anybody asks for, and oslo.messaging asks for eventlet.
"""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
