# SPDX-License-Identifier: Apache-2.0
"""Durable executions as pure functions: no database, no messages, no clock."""
