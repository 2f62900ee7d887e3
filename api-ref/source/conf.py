# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'ext'))

project = 'coriolis_ng API'
copyright = 'coriolis_ng contributors'  # noqa: A001
extensions = ['os_api_ref', 'openapi_pages']
master_doc = 'index'
html_theme = 'alabaster'
