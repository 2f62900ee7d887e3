# SPDX-License-Identifier: Apache-2.0
"""Plans executions, advances them, and answers workers and the API.

Any number of conductors works on the same rows; none of them leads. All
they decide is a function of rows, and rows are written before messages.
"""
