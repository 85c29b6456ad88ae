use crate::error::WebError;
use crate::host::{authority, is_loopback, is_same_origin};
use crate::options::Access;
use crate::sign_in::{SignIn, SignedIn};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// What a route asks of a request before its handler runs. Every route has one; see `routes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Anybody, always: nothing is told but that the program runs.
    Open,
    /// Whoever may read.
    Read,
    /// Whoever may write; the route itself changes nothing.
    Write,
    /// Whoever may write, and from no other web site: the body is an object's.
    Upload,
    /// Whoever may write, and from no other web site: the body is JSON.
    Change,
}

/// Decides who may do what. One stands before all routes.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Policy>);

enum Policy {
    Local,
    Loopback,
    Remote { anonymous_read: bool, sign_in: SignIn },
}

/// How far the caller of an open route is trusted, for its handler to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody who may see details.
    Known,
    /// Anybody else.
    Stranger,
}

impl Guard {
    pub(crate) fn new(access: &Access) -> Self {
        Self(Arc::new(match access {
            Access::Local => Policy::Local,
            Access::Loopback => Policy::Loopback,
            Access::Remote { anonymous_read, credentials } => {
                Policy::Remote { anonymous_read: *anonymous_read, sign_in: SignIn::new(credentials) }
            }
        }))
    }

    /// Whether the request may pass, and as whom.
    ///
    /// # Errors
    /// What the client is told instead.
    fn admit(&self, admission: Admission, request: &Request) -> Result<Caller, WebError> {
        let caller = self.caller(request);
        match admission {
            Admission::Open => return Ok(caller.unwrap_or(Caller::Stranger)),
            Admission::Read => match (caller?, &*self.0) {
                (Caller::Stranger, Policy::Remote { anonymous_read: false, .. }) => return Err(WebError::SignIn),
                (caller, _) => return Ok(caller),
            },
            Admission::Write | Admission::Upload | Admission::Change => {
                if caller? == Caller::Stranger {
                    return Err(WebError::SignIn);
                }
            }
        }
        match (admission, &*self.0) {
            // No web site can reach a socket in the file system.
            (_, Policy::Local) => {}
            (Admission::Upload, _) => {
                refuse_other_sites(request)?;
                require_upload_header(request)?;
            }
            (Admission::Change, _) => {
                refuse_other_sites(request)?;
                require_json(request)?;
            }
            _ => {}
        }
        Ok(Caller::Known)
    }

    /// Who calls: on a local socket its owner, on loopback whoever names a loopback host, elsewhere whoever signed in.
    fn caller(&self, request: &Request) -> Result<Caller, WebError> {
        match &*self.0 {
            Policy::Local => Ok(Caller::Known),
            Policy::Loopback => match authority(request.uri(), request.headers()) {
                Some(host) if is_loopback(host) => Ok(Caller::Known),
                _ => Err(WebError::Host),
            },
            Policy::Remote { sign_in, .. } => {
                let authorization = request.headers().get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
                match sign_in.check(authorization, address(request), Instant::now()) {
                    SignedIn::Yes => Ok(Caller::Known),
                    SignedIn::NotTried => Ok(Caller::Stranger),
                    SignedIn::No => Err(WebError::SignIn),
                    SignedIn::TryAgainIn(wait) => Err(WebError::TooManySignIns(wait)),
                }
            }
        }
    }
}

/// Refuses what another web site makes a browser send, by the browser's own word (`Sec-Fetch-Site`, `Origin`) where it
/// gives it. Where it does not, the headers required below do: no foreign page can add them without a CORS preflight,
/// which is never granted here.
fn refuse_other_sites(request: &Request) -> Result<(), WebError> {
    let headers = request.headers();
    if headers.get_all("sec-fetch-site").iter().any(|site| site != "same-origin") {
        return Err(WebError::CrossSite);
    }
    let host = authority(request.uri(), headers);
    for origin in headers.get_all(header::ORIGIN) {
        let same = origin.to_str().ok().zip(host).is_some_and(|(origin, host)| is_same_origin(origin, host));
        if !same {
            return Err(WebError::CrossSite);
        }
    }
    Ok(())
}

fn require_upload_header(request: &Request) -> Result<(), WebError> {
    match request.headers().get("x-minilab-upload") {
        Some(value) if value == "1" => Ok(()),
        _ => Err(WebError::UploadHeader),
    }
}

/// A form can send three types (`text/plain` and the two of forms); this is none of them.
fn require_json(request: &Request) -> Result<(), WebError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(WebError::NotJson) }
}

/// Where the request comes from, as the accept loop says with [`ConnectInfo`]; without it all callers count as one.
fn address(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

/// The layer that stands before a route.
pub(crate) async fn admit(State((guard, admission)): State<(Guard, Admission)>, mut request: Request, next: Next) -> Response {
    match guard.admit(admission, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}
