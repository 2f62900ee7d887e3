# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration."""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)

project = "coriolis_ng"
copyright = "coriolis_ng contributors"  # noqa: A001
extensions = ["cliff.sphinxext", "sphinx.ext.autodoc"]
master_doc = "index"
exclude_patterns = []
html_theme = "alabaster"
