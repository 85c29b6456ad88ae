use super::{HOST, Shop};
use crate::access::Admission;
use crate::options::{Access, Credentials};
use crate::routes::{Route, table};
use axum::body::Body;
use axum::extract::ConnectInfo;
use base64::Engine as _;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// Names a loopback host, or is not signed in elsewhere.
    Plain,
    /// Names a foreign host, as a rebound name does.
    ForeignHost,
    /// Names no host.
    NoHost,
    /// Signed in.
    SignedIn,
    /// Signed in with a wrong secret.
    WrongSecret,
}

const CALLERS: [Caller; 5] = [Caller::Plain, Caller::ForeignHost, Caller::NoHost, Caller::SignedIn, Caller::WrongSecret];

pub(super) fn remote(anonymous_read: bool) -> Access {
    let pair = Credentials { access_key: "AK".to_owned(), secret_key: "secret".to_owned() };
    Access::Remote { anonymous_read, credentials: vec![pair] }
}

/// What the caller is told when refused; `None` when let in.
fn expected(access: &Access, admission: Admission, caller: Caller) -> Option<StatusCode> {
    let signed_in = caller == Caller::SignedIn;
    match (access, admission) {
        (_, Admission::Open) | (Access::Local, _) => None,
        (Access::Loopback, _) => matches!(caller, Caller::ForeignHost | Caller::NoHost).then_some(StatusCode::FORBIDDEN),
        (Access::Remote { .. }, _) if caller == Caller::WrongSecret => Some(StatusCode::UNAUTHORIZED),
        (Access::Remote { anonymous_read: true, .. }, Admission::Read) => None,
        (Access::Remote { .. }, _) => (!signed_in).then_some(StatusCode::UNAUTHORIZED),
    }
}

pub(super) fn authorization(pair: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

fn ask(route: &Route, caller: Caller) -> Request<Body> {
    let method = match route.admission {
        Admission::Upload => Method::PUT,
        Admission::Change => Method::POST,
        Admission::Open | Admission::Read | Admission::Write => Method::GET,
    };
    let path = route.path.replace("{*key}", "input/absent.jpg").replace("{id}", "1");
    let mut request = Request::builder().method(method).uri(path);
    request = match caller {
        Caller::NoHost => request,
        Caller::ForeignHost => request.header(header::HOST, "evil.example"),
        _ => request.header(header::HOST, HOST),
    };
    request = match caller {
        Caller::SignedIn => request.header(header::AUTHORIZATION, authorization("AK:secret")),
        Caller::WrongSecret => request.header(header::AUTHORIZATION, authorization("AK:guess")),
        _ => request,
    };
    request = match route.admission {
        Admission::Change => request.header(header::CONTENT_TYPE, "application/json"),
        _ => request.header("x-minilab-upload", "1"),
    };
    request.body(Body::from("x")).unwrap()
}

#[test]
fn few_routes_are_open() {
    let asking = |admission| {
        table().into_iter().filter(move |route| route.admission == admission).map(|route| route.path).collect::<Vec<_>>()
    };
    assert_eq!(asking(Admission::Open), ["/healthz", "/readyz"]);
    assert_eq!(
        asking(Admission::Write),
        [
            "/api/v1/jobs",
            "/api/v1/jobs/{id}",
            "/api/v1/notifications",
            "/api/v1/notifications/{id}",
            "/api/v1/rules",
            "/api/v1/rules/apply",
            "/api/v1/objects/{*key}"
        ]
    );
    assert_eq!(
        asking(Admission::Change),
        ["/api/v1/jobs/retry", "/api/v1/jobs/discard", "/api/v1/notifications/redeliver", "/api/v1/rules/apply"]
    );
    assert_eq!(asking(Admission::Upload), ["/api/v1/objects/{*key}"]);
}

#[tokio::test]
async fn every_route_holds_in_every_mode() {
    for access in [Access::Local, Access::Loopback, remote(false), remote(true)] {
        let shop = Shop::with_access(access.clone()).await;
        let mut peer = 0_u32;
        for (route, caller) in table().iter().flat_map(|route| CALLERS.map(|caller| (route, caller))) {
            // Each asks from an address of its own, so that wrong sign-ins do not add up.
            peer += 1;
            let mut request = ask(route, caller);
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((Ipv4Addr::from(peer), 1))));
            let answer = shop.send(request).await;
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status).then_some(answer.status);
            assert_eq!(refused, expected(&access, route.admission, caller), "{access:?} {} {caller:?}", route.path);
            assert_eq!(
                answer.headers.contains_key(header::WWW_AUTHENTICATE),
                answer.status == StatusCode::UNAUTHORIZED,
                "a browser asks for a login only when told to"
            );
        }
    }
}

#[tokio::test]
async fn uploads_from_other_sites_are_refused() {
    let cases = [
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:3000", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:8080.evil.example", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "none", StatusCode::FORBIDDEN),
        ("x-minilab-upload", "0", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:8080", StatusCode::CREATED),
        ("sec-fetch-site", "same-origin", StatusCode::CREATED),
    ];
    for access in [Access::Loopback, remote(true), remote(false)] {
        let shop = Shop::with_access(access.clone()).await;
        for (number, (name, value, status)) in cases.into_iter().enumerate() {
            let key = format!("input/{number}.jpg");
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HOST.parse().unwrap());
            headers.insert(header::AUTHORIZATION, authorization("AK:secret").parse().unwrap());
            headers.insert("x-minilab-upload", "1".parse().unwrap());
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
            let mut request = Request::put(format!("/api/v1/objects/{key}")).body(Body::from("x")).unwrap();
            *request.headers_mut() = headers;
            let answer = shop.send(request).await;
            assert_eq!(answer.status, status, "{access:?} {name}: {value}");
            assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            let stored = shop.store.object(&super::in_photos(&key)).await.is_ok();
            assert_eq!(stored, status == StatusCode::CREATED, "{access:?} {name}: {value}");
        }
        let without = Request::put("/api/v1/objects/input/a.jpg")
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, authorization("AK:secret"))
            .body(Body::from("x"))
            .unwrap();
        assert_eq!(shop.send(without).await.error_code(), "upload_header_missing");
    }
}

#[tokio::test]
async fn a_preflight_is_never_granted() {
    let shop = Shop::open().await;
    let mut request = super::request(Method::OPTIONS, "/api/v1/objects/input/a.jpg");
    request.headers_mut().insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT".parse().unwrap());
    let answer = shop.send(request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn guessing_is_answered_429() {
    let shop = Shop::with_access(remote(false)).await;
    let guess = async |pair: &str| shop.get_with("/infoimages", header::AUTHORIZATION, &authorization(pair)).await;
    for _ in 0..5 {
        assert_eq!(guess("AK:guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = guess("AK:secret").await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins"));
    assert!(answer.header(header::RETRY_AFTER).parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn strangers_do_not_learn_why_it_is_not_ready() {
    let readyz = async |access: Access, signed_in: bool| {
        let shop = Shop::with(|options| {
            options.access = access;
            options.readiness = Arc::new(|| minilab_embedded::Health::NotReady { reason: "workers are draining".to_owned() });
        })
        .await;
        let pair = if signed_in { "AK:secret" } else { "AK:guess" };
        let answer = shop.get_with("/readyz", header::AUTHORIZATION, &authorization(pair)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        answer.json()["reason"].as_str().map(str::to_owned)
    };
    let reason = Some("workers are draining".to_owned());
    assert_eq!(readyz(Access::Loopback, false).await, reason);
    assert_eq!(readyz(remote(true), true).await, reason);
    assert_eq!(readyz(remote(true), false).await, None);
    assert_eq!(readyz(remote(false), false).await, None);
    let ready = Shop::open().await.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (StatusCode::OK, Some("ready")));
}

#[tokio::test]
async fn the_page_knows_who_may_see_what_failed() {
    let may_write = async |access: Access, pair: &str| {
        let shop = Shop::with_access(access).await;
        let mut request = super::request(Method::GET, "/api/v1/server");
        if !pair.is_empty() {
            request.headers_mut().insert(header::AUTHORIZATION, authorization(pair).parse().unwrap());
        }
        shop.send(request).await.json()["may_write"].as_bool()
    };
    assert_eq!(may_write(Access::Loopback, "").await, Some(true));
    assert_eq!(may_write(Access::Local, "").await, Some(true));
    assert_eq!(may_write(remote(true), "AK:secret").await, Some(true));
    // The page then asks for nothing that would make the browser ask for a login.
    assert_eq!(may_write(remote(true), "").await, Some(false));
}

#[tokio::test]
async fn metrics_and_rules_are_told_where_there_are_any() {
    let shop = Shop::open().await;
    assert_eq!(shop.get("/metrics").await.error_code(), "no_route");
    assert_eq!(shop.get("/api/v1/rules").await.error_code(), "no_route");
    let shop = Shop::with(|options| {
        options.metrics = Some(Arc::new(|| Box::pin(async { "minilab_jobs 1\n".to_owned() })));
        options.rules = Some(Arc::new(|| crate::RulesInForce {
            rules: Arc::default(),
            fingerprint: "abc".to_owned(),
            loaded_at: minilab_model::Timestamp::from_millis(0),
            last_error: Some("shop.toml:3: no such key".to_owned()),
        }));
    })
    .await;
    let metrics = shop.get("/metrics").await;
    assert_eq!(metrics.header(header::CONTENT_TYPE), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(&metrics.body[..], b"minilab_jobs 1\n");
    let expected = serde_json::json!({
        "fingerprint": "abc", "loaded_at": "1970-01-01T00:00:00Z", "last_error": "shop.toml:3: no such key", "rules": []
    });
    assert_eq!(shop.get("/api/v1/rules").await.json(), expected);
}

#[tokio::test]
async fn overlong_headers_are_refused() {
    let shop = Shop::open().await;
    let answer = shop.get_with("/healthz", header::COOKIE, &"x".repeat(17 << 10)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
