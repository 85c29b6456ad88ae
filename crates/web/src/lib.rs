//! The JSON API and the web page.
//!
//! [`router`] answers everything on the web listener; the listener itself, its connection limits and its header timeout
//! are the binary's, which also tells each request's peer address as
//! [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), so that wrong sign-ins are counted by address.
//!
//! Each route stands in one table (`routes`) together with what it asks of a caller. Nothing else adds routes, so none
//! can forget its check; a test walks the table in every mode.

mod access;
pub mod api;
mod byte_range;
mod change;
mod conditional;
mod content;
mod deliveries;
mod download;
mod error;
mod health;
mod host;
mod images;
mod jobs;
mod json;
mod metrics;
mod object_key;
mod options;
mod page;
mod query;
mod routes;
mod rules;
mod sign_in;
mod statistics;
#[cfg(test)]
mod tests;
mod upload;

pub use options::{Access, Apply, Credentials, Metrics, Readiness, Rules, RulesInForce, WebOptions};
pub use routes::router;
