# SPDX-License-Identifier: Apache-2.0
"""Entry points of WSGI servers.

oslo.service remembers the first backend it is asked for, and importing
oslo.messaging asks for eventlet; so threads are chosen before anything else.
"""

import warnings

# futurist imports eventlet where it is installed, and never uses it here.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
