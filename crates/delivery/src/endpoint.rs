//! Where a webhook is: its URL, taken apart and checked once.

use crate::address::AddressClass;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use minilab_model::WebhookTarget;
use std::net::IpAddr;
use url::{Host, Url};

/// A webhook's address.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub host: Host<String>,
    pub port: u16,
    pub is_https: bool,
    /// Path and query, as the request line has them.
    pub path: String,
    /// `host[:port]`.
    pub host_header: String,
    /// From user and password in the URL.
    pub authorization: Option<HeaderValue>,
    /// Which addresses are meant.
    reach: Reach,
    /// Parts of the URL that must not be shown.
    pub hidden: Vec<String>,
}

/// Which addresses a webhook may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Public ones.
    Public,
    /// Loopback, since the URL itself says so.
    Loopback,
    /// Also those of local networks: `allow_private = true`.
    Private,
}

impl Endpoint {
    /// Takes the target's URL apart.
    ///
    /// # Errors
    /// What is wrong with the URL, with no part of it that could be secret.
    pub fn parse(target: &WebhookTarget) -> Result<Self, String> {
        let wrong = |reason: &str| format!("`{}` {reason}", target.label());
        if !target.url.starts_with("http://") && !target.url.starts_with("https://") {
            return Err(wrong("must start with http:// or https://"));
        }
        let url = Url::parse(&target.url).map_err(|error| wrong(&format!("is not a valid URL: {error}")))?;
        let host = url.host().ok_or_else(|| wrong("names no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| wrong("names no port"))?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host_header = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self {
            reach: reach(target, &host),
            host,
            port,
            is_https: url.scheme() == "https",
            path,
            host_header,
            authorization: authorization(&url),
            hidden: hidden(&url),
        })
    }

    /// Whether a message may be sent to this address.
    ///
    /// # Errors
    /// Why not, and what to do when it is meant.
    pub fn check(&self, address: IpAddr) -> Result<(), String> {
        let class = AddressClass::of(address);
        let allowed = match self.reach {
            Reach::Public => class == AddressClass::Public,
            Reach::Loopback => matches!(class, AddressClass::Public | AddressClass::Loopback),
            Reach::Private => class.can_be_allowed(),
        };
        if allowed {
            return Ok(());
        }
        let what = match &self.host {
            Host::Domain(name) => format!("{name} is at {address}, {}", class.describe()),
            _ => format!("{address} is {}", class.describe()),
        };
        Err(if class.can_be_allowed() {
            format!("{what}; nothing was sent. If that is meant, add `allow_private = true` to the webhook")
        } else {
            format!("{what}, which no webhook may have; nothing was sent")
        })
    }
}

impl Endpoint {
    /// Whether a message may be sent to the host, if that is an address and no name.
    pub fn check_literal(&self) -> Result<(), String> {
        match self.host {
            Host::Ipv4(address) => self.check(IpAddr::V4(address)),
            Host::Ipv6(address) => self.check(IpAddr::V6(address)),
            Host::Domain(_) => Ok(()),
        }
    }
}

/// A loopback address that is written out in the configuration is meant: whoever wrote it knows that it is this machine, and
/// no resolver has a say in it. Other ways to write it (`0x7f.1`, a name that leads there) are not.
fn reach(target: &WebhookTarget, host: &Host<String>) -> Reach {
    if target.allow_private {
        return Reach::Private;
    }
    let label = target.label();
    let authority = label.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let is_written_as = |text: &str| authority == text || authority.strip_prefix(text).is_some_and(|port| port.starts_with(':'));
    let is_literal = match host {
        Host::Ipv4(address) => address.is_loopback() && is_written_as(&address.to_string()),
        Host::Ipv6(address) => address.is_loopback() && is_written_as(&format!("[{address}]")),
        // RFC 6761: this name is always loopback; that it resolves to nothing else is checked.
        Host::Domain(name) => name == "localhost" && is_written_as("localhost"),
    };
    if is_literal { Reach::Loopback } else { Reach::Public }
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return None;
    }
    let basic = STANDARD.encode(format!("{}:{}", decode(url.username()), decode(password)));
    let mut value = HeaderValue::from_str(&format!("Basic {basic}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What of the URL could be secret: user, password, the query and each value in it.
fn hidden(url: &Url) -> Vec<String> {
    let mut hidden: Vec<String> =
        [Some(url.username()), url.password(), url.query()].into_iter().flatten().map(str::to_owned).collect();
    hidden.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    hidden.retain(|part| !part.is_empty());
    hidden
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn target(url: &str, allow_private: bool) -> WebhookTarget {
        WebhookTarget { url: url.to_owned(), secret_env: None, allow_private }
    }

    /// Whether a message is sent, with the address that the host is or resolves to.
    fn is_sent(url: &str, allow_private: bool, resolved: &str) -> bool {
        let endpoint = Endpoint::parse(&target(url, allow_private)).unwrap();
        let address = match &endpoint.host {
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
            Host::Domain(_) => resolved.parse().unwrap(),
        };
        endpoint.check(address).is_ok()
    }

    #[test]
    fn only_what_is_meant_is_reached() {
        for written in
            ["http://127.0.0.1:9000/hook", "http://127.0.0.1", "http://me:pw@127.0.0.1/", "http://[::1]:80/x", "http://127.9.9.9/"]
        {
            assert!(is_sent(written, false, ""), "{written} is written out");
        }
        assert!(is_sent("http://localhost:9000/hook", false, "127.0.0.1"));
        assert!(!is_sent("http://localhost:9000/hook", false, "10.0.0.1"), "a name that lies");
        for disguised in [
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://0/",
            "http://127.0.0.1./",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1@10.0.0.1/",
        ] {
            assert!(!is_sent(disguised, false, ""), "{disguised}");
        }
        assert!(!is_sent("http://rebound.example/", false, "127.0.0.1"));
        assert!(is_sent("http://rebound.example/", true, "127.0.0.1"));
        assert!(is_sent("http://2130706433/", true, ""));
        assert!(is_sent("http://10.1.2.3/", true, ""));
        for never in
            ["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://224.0.0.1/", "http://[fe80::1]/"]
        {
            assert!(!is_sent(never, true, ""), "{never}");
        }
        assert!(is_sent("https://example.com/", false, "93.184.215.14"));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let endpoint = Endpoint::parse(&target("http://printer.example/", false)).unwrap();
        let reason = endpoint.check("192.168.1.9".parse().unwrap()).unwrap_err();
        assert!(
            reason.contains("printer.example") && reason.contains("192.168.1.9") && reason.contains("allow_private"),
            "{reason}"
        );
        let metadata = endpoint.check("169.254.169.254".parse().unwrap()).unwrap_err();
        assert!(!metadata.contains("allow_private"), "{metadata}");
    }

    #[test]
    fn urls_are_taken_apart() {
        let endpoint =
            Endpoint::parse(&target("https://us%20er:p%40ss@example.com:8443/a%2Fb?token=s3cret&x=1#part", false)).unwrap();
        assert_eq!((endpoint.port, endpoint.is_https, endpoint.path.as_str()), (8443, true, "/a%2Fb?token=s3cret&x=1"));
        assert_eq!(endpoint.host_header, "example.com:8443");
        assert_eq!(endpoint.authorization.unwrap(), format!("Basic {}", STANDARD.encode("us er:p@ss")));
        assert!(endpoint.hidden.iter().any(|part| part == "s3cret"));
        for wrong in ["ftp://example.com/", "example.com", "http://", "http://exa mple/", "https://h:99999/?token=s3cret"] {
            let reason = Endpoint::parse(&target(wrong, false)).unwrap_err();
            assert!(!reason.contains("s3cret"), "{reason}");
        }
    }
}
