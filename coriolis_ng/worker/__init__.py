# SPDX-License-Identifier: Apache-2.0
"""Runs tasks and questions, each in a child process of its own."""
