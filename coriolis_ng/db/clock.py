# SPDX-License-Identifier: Apache-2.0
"""The database's own clock, as expressions, and how times are stored.

Leases of several conductors are compared with one clock only: that of the
database. Columns hold UTC without a zone, to the microsecond.
"""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


def utcnow() -> datetime.datetime:
    """This process's clock: good enough for what is only shown."""
    return datetime.datetime.now(datetime.UTC)


class Utc(TypeDecorator[datetime.datetime]):
    """Aware times in Python, UTC in the row."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Without ``fsp`` MariaDB drops the fractions of seconds."""
        if dialect.name in {'mysql', 'mariadb'}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: sa.Dialect
    ) -> datetime.datetime | None:
        """Refuses a time without a zone: nobody can say what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError('a time without a time zone')
        return value.astimezone(datetime.UTC).replace(tzinfo=None)

    def process_result_value(
        self, value: datetime.datetime | None, dialect: sa.Dialect
    ) -> datetime.datetime | None:
        return value and value.replace(tzinfo=datetime.UTC)


class later(FunctionElement[datetime.datetime]):  # noqa: N801
    """The database's time some seconds from now; ``later(0)`` is now."""

    type = Utc()
    inherit_cache = True
    name = 'later'

    def __init__(self, seconds: float) -> None:
        # Whole microseconds: both databases take them without rounding.
        super().__init__(sa.literal(round(seconds * 1_000_000), sa.BigInteger))


@compiles(later, 'sqlite')
def _sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    # Padded to six digits, as SQLAlchemy stores times: they are compared
    # as text.
    given = compiler.process(element.clauses, **kw)
    return (
        "(strftime('%Y-%m-%d %H:%M:%f', 'now',"
        f" printf('%+.3f seconds', {given} / 1000000.0)) || '000')"
    )


@compiles(later, 'mysql')
@compiles(later, 'mariadb')
def _mysql(element: Any, compiler: Any, **kw: Any) -> str:
    given = compiler.process(element.clauses, **kw)
    return f'TIMESTAMPADD(MICROSECOND, {given}, UTC_TIMESTAMP(6))'
