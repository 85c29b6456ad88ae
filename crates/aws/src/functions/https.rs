//! The HTTP client for AWS itself, which is made by the first request. A client of the SDK would make it at once, and again for each
//! service: that reads the machine's roots of trust, which takes longer than everything else before a function asks for work.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::OnceLock;

/// An HTTPS client that all clients of the SDK share.
#[derive(Debug, Default)]
pub(super) struct OnFirstUse {
    made: OnceLock<SharedHttpClient>,
}

impl HttpClient for OnFirstUse {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let make = || Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        self.made.get_or_init(make).http_connector(settings, components)
    }
}
