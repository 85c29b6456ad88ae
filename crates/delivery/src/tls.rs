//! Whom a connection is trusted to lead to. TLS is rustls with ring's cryptography.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The certificates that others are judged by.
pub(crate) struct Roots {
    /// The platform's, and those that were handed in.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Whether the platform has none, so that Mozilla's list of the time of this build stands in.
    pub built_in: bool,
}

impl Roots {
    /// The platform's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), so that a company's own authority counts
    /// and a withdrawn one does not. A container without any has the list that was built in.
    pub fn load(trusted: &[CertificateDer<'static>]) -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the platform's certificates cannot be read");
        }
        let built_in = found.certs.is_empty();
        if built_in {
            tracing::warn!("the platform has no root certificates; those that were built in are used");
        }
        let mut certificates = found.certs;
        certificates.extend_from_slice(trusted);
        Self { certificates, built_in }
    }

    /// Those that webpki takes. Platforms carry some that it does not; the rest is still good.
    pub fn usable(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.certificates.iter().filter(|certificate| RootCertStore::empty().add((*certificate).clone()).is_ok())
    }

    /// The settings of an HTTPS client.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.certificates.iter().cloned());
        if self.built_in {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(store).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
