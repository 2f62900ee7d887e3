# SPDX-License-Identifier: Apache-2.0
"""What runs on the worker machine: standard library only, Python 3.6 on.

The same code serves trees on this machine, so that tests see what it does.
"""
