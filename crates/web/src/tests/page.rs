use super::Shop;
use crate::page::OPENAPI;
use crate::routes::table;
use http::{StatusCode, header};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_page_and_its_files_are_closed_to_the_outside() {
    let shop = Shop::open().await;
    let mut files = 0;
    for route in table().into_iter().filter(|route| route.path == "/" || route.path.starts_with("/assets/")) {
        let answer = shop.get(route.path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", route.path);
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        for rule in ["default-src 'self'", "script-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|part| part == rule), "{}: {policy}", route.path);
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for elsewhere in [
            "src=\"http",
            "href=\"http",
            "@import",
            "url(http",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "onclick=",
            "style=",
        ] {
            assert!(!text.contains(elsewhere), "{} holds {elsewhere}", route.path);
        }
        files += 1;
    }
    assert!(files > 5, "the page's files are gone from the table");
}

#[tokio::test]
async fn everything_the_page_names_is_there() {
    let shop = Shop::open().await;
    let routes = table();
    let served: BTreeSet<&str> = routes.iter().map(|route| route.path).collect();
    for route in routes.iter().filter(|route| route.path == "/" || route.path.ends_with(".js")) {
        let text = String::from_utf8(shop.get(route.path).await.body.to_vec()).unwrap();
        let links = text.split('"').filter_map(|word| {
            word.strip_prefix("assets/").or_else(|| word.strip_prefix("./").filter(|word| word.ends_with(".js")))
        });
        for link in links {
            assert!(served.contains(format!("/assets/{link}").as_str()), "{} names {link}", route.path);
        }
    }
}

#[tokio::test]
async fn the_page_is_told_where_it_is() {
    let shop = Shop::open().await;
    let server = shop.get("/api/v1/server").await.json();
    assert_eq!(server["s3_endpoint"], "http://127.0.0.1:4569");
    assert_eq!((server["default_bucket"].as_str(), server["upload_prefix"].as_str()), (Some("photos"), Some("input/")));
}

#[tokio::test]
async fn the_description_has_every_route_and_no_other() {
    let served: serde_json::Value = Shop::open().await.get("/openapi.json").await.json();
    let described: BTreeSet<String> = served["paths"].as_object().unwrap().keys().cloned().collect();
    let routes: BTreeSet<String> = table()
        .iter()
        .filter(|route| !route.path.starts_with("/assets/"))
        .map(|route| route.path.replace("{*key}", "{key}"))
        .collect();
    assert_eq!(described, routes);
    // Every reference leads somewhere.
    for pointer in OPENAPI.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(served.pointer(pointer).is_some(), "{pointer} is not there");
    }
}
