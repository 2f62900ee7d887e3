# SPDX-License-Identifier: Apache-2.0
"""What all tables are made of.

JSON is kept as text that we encode: what is inside is never queried, and
both databases store it the same way. Names sort and compare by bytes.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from coriolis_ng.db.clock import Utc, utcnow

TABLE = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}

Id = sa.String(36)
Word = sa.String(64)
Name = sa.String(255)
Long = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')


class Plain(TypeDecorator[Any]):
    """JSON as text."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """MariaDB's TEXT ends at 64 KiB."""
        if dialect.name in {'mysql', 'mariadb'}:
            return dialect.type_descriptor(mysql.LONGTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class Base(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {datetime.datetime: Utc()}


class Stamps:
    """When a row was made and last changed, by the writer's clock."""

    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(
        onupdate=utcnow
    )


def cascade(target: str) -> sa.ForeignKey:
    """A reference whose row goes with the row it names."""
    return sa.ForeignKey(target, ondelete='CASCADE')
