# SPDX-License-Identifier: Apache-2.0
"""Hand everything to PBR; the metadata is in setup.cfg."""

import setuptools

setuptools.setup(pbr=True)
