# SPDX-License-Identifier: Apache-2.0
"""Entry points of WSGI servers.

oslo.service remembers the first backend it is asked for, and importing
oslo.messaging asks for eventlet; so threads are chosen before anything else.
"""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
