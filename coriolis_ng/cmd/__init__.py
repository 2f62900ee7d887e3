# SPDX-License-Identifier: Apache-2.0
"""One file per process.

Importing this comes before everything else: oslo.service remembers the
first backend that anybody asks for, and oslo.messaging asks for eventlet.
"""

import warnings

# futurist imports eventlet where it is installed, and never uses it here.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
