use http::{HeaderMap, Uri, header};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The authority that a request is addressed to: that of an absolute request target, else the one `Host` header.
/// `None` when there is none, or more than one.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    uri.authority().map(http::uri::Authority::as_str).or(host)
}

/// Whether an authority names this machine's loopback: `localhost`, a name below it, 127.0.0.0/8 or `[::1]`, with or
/// without a port. Names that only resolve to a loopback address do not count, since anybody can own such a name.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let Some(host) = without_port(authority) else { return false };
    if let Some(literal) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback()));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an `Origin` is the site that the request is addressed to. The scheme may be either, since a proxy in front
/// may add TLS; the authority decides.
pub(crate) fn is_same_origin(origin: &str, authority: &str) -> bool {
    let Some((scheme, origin_authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let normal = |authority: &str| {
        let lower = authority.to_ascii_lowercase();
        lower.strip_suffix(default_port).map_or_else(|| lower.clone(), str::to_owned)
    };
    normal(origin_authority) == normal(authority)
}

/// The host of an authority; `None` when it holds user information or a port that is no number.
fn without_port(authority: &str) -> Option<&str> {
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => (&authority[..colon], &authority[colon + 1..]),
        _ => (authority, ""),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_itself_is_loopback() {
        for host in
            ["localhost", "LocalHost:8080", "localhost.", "photos.localhost:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:8080"]
        {
            assert!(is_loopback(host), "{host} was refused");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "127.0.0.1@evil.example",
            "0.0.0.0",
            "192.168.0.1",
            "[::]",
            "[2001:db8::1]:80",
            "::1",
            "evil-localhost",
            "127.1",
            "2130706433",
            "localhost:80:80",
            "localhost:x",
            "[::1",
        ] {
            assert!(!is_loopback(host), "{host} was accepted");
        }
    }

    #[test]
    fn origins_are_compared_by_authority() {
        let check =
            |origin: &str, authority: &str, same: bool| assert_eq!(is_same_origin(origin, authority), same, "{origin} {authority}");
        check("http://localhost:8080", "localhost:8080", true);
        check("http://LOCALHOST:8080", "localhost:8080", true);
        check("https://photos.example", "photos.example", true);
        check("http://photos.example", "photos.example:80", true);
        check("http://localhost:3000", "localhost:8080", false);
        check("http://localhost", "localhost:8080", false);
        check("http://127.0.0.1:8080", "localhost:8080", false);
        check("null", "localhost:8080", false);
        check("file://", "localhost:8080", false);
        check("http://localhost:8080.evil.example", "localhost:8080", false);
    }

    #[test]
    fn an_ambiguous_host_is_none() {
        let mut headers = HeaderMap::new();
        let relative = Uri::from_static("/images/a");
        assert_eq!(authority(&relative, &headers), None);
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert_eq!(authority(&relative, &headers), Some("localhost"));
        assert_eq!(authority(&Uri::from_static("http://evil.example/a"), &headers), Some("evil.example"));
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(authority(&relative, &headers), None);
    }
}
