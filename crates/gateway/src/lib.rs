//! The S3 protocol over the embedded store
