# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

project = 'coriolis_ng API'
copyright = 'coriolis_ng contributors'  # noqa: A001
extensions: list[str] = []
master_doc = 'index'
html_theme = 'alabaster'
