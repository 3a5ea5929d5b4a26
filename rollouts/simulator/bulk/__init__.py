"""Bulk APIs: CSV in and out, worked off by the platform while the client polls.

`engine` applies rows in time, for both APIs; `ingest` and `query` are Bulk API 2.0 under
/services/data/vXX.0/jobs, `classic` is Bulk API v1, in XML, under /services/async.
"""
