# SPDX-License-Identifier: Apache-2.0
"""The control plane under load: see ``__main__``."""

import pathlib
import sys

PATH = pathlib.Path(__file__).parent / 'path'
sys.path.append(str(PATH))
