# SPDX-License-Identifier: Apache-2.0
"""The main job on one machine, shown to a person."""
