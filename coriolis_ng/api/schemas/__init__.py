# SPDX-License-Identifier: Apache-2.0
"""Types of requests and answers, one file per noun.

Requests refuse unknown fields; the OpenAPI document is made of these types.
"""
