use super::{Shop, in_photos, request};
use http::{Method, StatusCode, header};

const JPEG: &[u8] = b"\xFF\xD8\xFF0123456789";

#[tokio::test]
async fn images_are_shown_and_everything_else_is_saved() {
    let shop = Shop::open().await;
    let check = async |content: &[u8], content_type: &str, disposition: &str| {
        // The object says that it is HTML; that must not matter.
        shop.put(&in_photos("x/a.jpg"), content).await;
        let answer = shop.get("/downloadimages/x/a.jpg").await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, content));
        assert_eq!(answer.header(header::CONTENT_TYPE), content_type, "{}", content.escape_ascii());
        assert!(answer.header(header::CONTENT_DISPOSITION).starts_with(disposition), "{}", content.escape_ascii());
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(answer.header(header::CONTENT_SECURITY_POLICY).ends_with("; sandbox"));
    };
    check(JPEG, "image/jpeg", "inline; filename=\"a.jpg\"").await;
    check(b"\x89PNG\r\n\x1A\n", "image/png", "inline").await;
    check(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "application/octet-stream", "attachment").await;
    check(b"<!doctype html><script>alert(1)</script>", "application/octet-stream", "attachment").await;
    check(b"", "application/octet-stream", "attachment").await;
}

#[tokio::test]
async fn saving_can_be_asked_for() {
    let shop = Shop::open().await;
    shop.put(&in_photos("x/ä \"b\".jpg"), JPEG).await;
    let path = "/downloadimages/x/%C3%A4%20%22b%22.jpg";
    let answer = shop.get(&format!("{path}?download=1")).await;
    assert_eq!(
        answer.header(header::CONTENT_DISPOSITION),
        "attachment; filename=\"_ _b_.jpg\"; filename*=UTF-8''%C3%A4%20%22b%22.jpg"
    );
    assert_eq!(answer.header(header::CONTENT_TYPE), "image/jpeg");
    assert!(shop.get(&format!("{path}?download=0")).await.header(header::CONTENT_DISPOSITION).starts_with("inline"));
}

#[tokio::test]
async fn ranges_are_served() {
    let shop = Shop::open().await;
    // One body in the index, one in a file.
    let large: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    for content in [JPEG, &large] {
        shop.put(&in_photos("x/a.jpg"), content).await;
        let size = content.len();
        let check = async |range: &str, status: StatusCode, body: &[u8], content_range: &str| {
            let answer = shop.get_with("/downloadimages/x/a.jpg", header::RANGE, range).await;
            assert_eq!((answer.status, answer.header(header::CONTENT_RANGE)), (status, content_range), "{range}");
            assert!(answer.body == body, "{range}");
        };
        check("bytes=2-4", StatusCode::PARTIAL_CONTENT, &content[2..5], &format!("bytes 2-4/{size}")).await;
        check("bytes=-2", StatusCode::PARTIAL_CONTENT, &content[size - 2..], &format!("bytes {}-{}/{size}", size - 2, size - 1))
            .await;
        check("bytes=3-", StatusCode::PARTIAL_CONTENT, &content[3..], &format!("bytes 3-{}/{size}", size - 1)).await;
        check(&format!("bytes={size}-"), StatusCode::RANGE_NOT_SATISFIABLE, b"", &format!("bytes */{size}")).await;
        check("bytes=0-1,3-4", StatusCode::OK, content, "").await;
        assert_eq!(shop.get("/downloadimages/x/a.jpg").await.body, content);
    }
}

#[tokio::test]
async fn a_current_copy_is_not_sent_again() {
    let shop = Shop::open().await;
    let info = shop.put(&in_photos("x/a.jpg"), JPEG).await;
    let first = shop.get("/downloadimages/x/a.jpg").await;
    assert_eq!(first.header(header::ETAG), format!("\"{}\"", info.etag));
    let last_modified = first.header(header::LAST_MODIFIED);
    for (name, value) in [(header::IF_NONE_MATCH, first.header(header::ETAG)), (header::IF_MODIFIED_SINCE, last_modified)] {
        let again = shop.get_with("/downloadimages/x/a.jpg", name, value).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(again.header(header::ETAG), first.header(header::ETAG));
    }
    shop.put(&in_photos("x/a.jpg"), b"another").await;
    let changed = shop.get_with("/downloadimages/x/a.jpg", header::IF_NONE_MATCH, first.header(header::ETAG)).await;
    assert_eq!((changed.status, &changed.body[..]), (StatusCode::OK, &b"another"[..]));

    let mut partial = request(Method::GET, "/downloadimages/x/a.jpg");
    partial.headers_mut().insert(header::RANGE, "bytes=0-1".parse().unwrap());
    partial.headers_mut().insert(header::IF_RANGE, first.header(header::ETAG).parse().unwrap());
    let whole = shop.send(partial).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &b"another"[..]), "a range of the older version");
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let shop = Shop::open().await;
    let answer = shop.get("/downloadimages/a.jpg").await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(shop.get("/downloadimages/a.jpg?bucket=absent-bucket").await.error_code(), "no_such_bucket");
}
