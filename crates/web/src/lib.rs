//! The JSON API and the web page.
//!
//! [`router`] answers everything on the web listener; the listener itself, its connection limits and its header timeout
//! are the binary's, which also tells each request's peer address as
//! [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), so that wrong sign-ins are counted by address.
//!
//! Each route stands in one table (`routes`) together with what it asks of a caller. Nothing else adds routes, so none
//! can forget its check; a test walks the table in every mode.

mod access;
mod byte_range;
mod conditional;
mod content;
mod download;
mod error;
mod health;
mod host;
mod images;
mod json;
mod object_key;
mod options;
mod page;
mod query;
mod routes;
mod sign_in;
mod statistics;
#[cfg(test)]
mod tests;
mod upload;

pub use options::{Access, Credentials, Readiness, WebOptions};
pub use routes::router;
