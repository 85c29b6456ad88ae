//! The flow: event, job, process, store, catalog, notify
