# SPDX-License-Identifier: Apache-2.0
"""What a command says when it cannot do its work: one line, no trace."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from coriolis_ng import errors


def told(main: Callable[..., int]) -> Callable[..., int]:
    """Turns our errors and wrong options into a line and a status."""

    @functools.wraps(main)
    def guarded(*args: Any, **kwargs: Any) -> int:
        try:
            return main(*args, **kwargs)
        except errors.CoriolisError as error:
            text = error.message
            if error.detail:
                text += f' ({error.detail})'
        except cfg.Error as error:
            text = str(error)
        except OSError as error:
            text = f'{error.strerror or error}: {error.filename or ""}'
        print(f'{sys.argv[0]}: {text}', file=sys.stderr)
        return 1

    return guarded
