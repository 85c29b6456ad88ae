//! The S3 protocol over the embedded store.
//!
//! [`service`] gives a [`Gateway`], a hyper service; accepting connections, header timeouts and the number of
//! connections are the caller's. Signatures (SigV4 in the header, in a presigned URL or in a POST policy), chunked
//! bodies and XML are the protocol layer's (`s3s`); what this crate adds is a file per operation family, and what stands
//! around them:
//!
//! - `service`: request ids, limits, one log line per request;
//! - `access`: every request is signed, there are no anonymous ones;
//! - `error`: what the store says, in S3's words.
//!
//! User metadata named `minilab-*` is a client's to set as any other. What it gains by that is only that the object
//! starts no job: the flow never makes anything of an object that claims to be a variant.

mod access;
mod acl;
mod attributes;
mod bucket;
mod checksum;
mod conditional;
mod copy;
mod delete;
mod error;
mod get;
mod list;
mod multipart;
mod notification;
mod observer;
mod operations;
mod post;
mod put;
mod receive;
mod request;
mod request_body;
mod service;
mod tagging;

pub use access::Credentials;
pub use observer::{AnswerObserver, Answered};
pub use service::{Gateway, GatewayError, GatewayOptions, MAX_BODY_BYTES, service};
