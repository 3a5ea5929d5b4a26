"""Seeded fault schedules in one process each, on real PostgreSQL. Read `story` first."""

from __future__ import annotations
