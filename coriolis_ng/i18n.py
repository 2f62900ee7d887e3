# SPDX-License-Identifier: Apache-2.0
"""Translation of messages that reach a user; logs are never translated."""

from __future__ import annotations

import oslo_i18n

DOMAIN = 'coriolis_ng'

_translators = oslo_i18n.TranslatorFactory(domain=DOMAIN)

_ = _translators.primary
