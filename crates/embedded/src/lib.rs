//! The embedded store: SQLite index, blob files, outbox, leases, catalog
