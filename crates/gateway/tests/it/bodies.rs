//! Bodies that end early, stall, or are too long: nothing of them stays, and the server goes on.

use crate::raw::{self, Request, UNSIGNED};
use crate::server::Server;
use minilab_gateway::{GatewayOptions, MAX_BODY_BYTES};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection on which the head and `sent` bytes of a body of `length` were sent.
async fn begin(server: &Server, length: u64, sent: usize) -> TcpStream {
    let request = Request::new("PUT", "/photos/x").payload(UNSIGNED).header("content-length", length.to_string());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&request.signed(server).0).await.unwrap();
    stream.write_all(&vec![7; sent]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_body_that_ends_early_leaves_nothing() {
    let server = Server::start().await;
    // The client goes away in the middle.
    let stream = begin(&server, 2_000_000, 1_000_000).await;
    server.blob_files(1).await;
    drop(stream);
    server.blob_files(0).await;

    // The client says that it is done in the middle.
    let mut stream = begin(&server, 2_000_000, 1_000_000).await;
    stream.shutdown().await.unwrap();
    assert_eq!(raw::read(stream).await.refusal(), (400, "IncompleteBody"));

    // The chunks end before the length they were to have.
    let chunked = Request::new("PUT", "/photos/x")
        .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "9")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    let short = chunked.clone().body("5\r\n12345\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n").send(&server).await;
    assert_eq!(short.refusal(), (400, "IncompleteBody"));
    // They have the length, but the last one is missing, and the trailer with it.
    let cut = chunked.body("9\r\n123456789\r\n").send(&server).await;
    assert_eq!(cut.refusal(), (400, "MalformedTrailerError"));

    server.blob_files(0).await;
    assert!(server.events().is_empty());
    assert_eq!(Request::new("GET", "/photos/x").send(&server).await.refusal(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn a_client_that_stops_sending_is_cut_off() {
    let options = GatewayOptions { body_idle: Duration::from_millis(50), ..GatewayOptions::default() };
    let server = Server::with_options(options).await;
    let stream = begin(&server, 2_000_000, 1_000_000).await;
    assert_eq!(raw::read(stream).await.refusal(), (400, "RequestTimeout"));
    server.blob_files(0).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let server = Server::start().await;
    let put = |length: u64| {
        Request::new("PUT", "/photos/x")
            .payload(UNSIGNED)
            .header("content-length", length.to_string())
            .header("expect", "100-continue")
    };
    assert_eq!(put(MAX_BODY_BYTES + 1).send(&server).await.refusal(), (400, "EntityTooLarge"));
    let unmeasured = Request::new("PUT", "/photos/x").payload(UNSIGNED).header("transfer-encoding", "chunked");
    assert_eq!(unmeasured.body("0\r\n\r\n").send(&server).await.refusal(), (411, "MissingContentLength"));
}

#[tokio::test]
async fn whoever_waits_to_be_asked_is_asked_or_told() {
    let server = Server::start().await;
    let put =
        |path: &str| Request::new("PUT", path).payload(UNSIGNED).header("content-length", "5").header("expect", "100-continue");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&put("/photos/x").signed(&server).0).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(raw::read(stream).await.status, 200);
    // Nobody asks for the body of what is refused. The connection cannot go on, and the answer says so.
    let bytes = put("/missing/x").signed(&server).0;
    let text = String::from_utf8(bytes).unwrap().replace("connection: close\r\n", "");
    let refused = raw::exchange(&server, text.as_bytes()).await;
    assert_eq!((refused.refusal(), refused.header("connection")), ((404, "NoSuchBucket"), Some("close")));
}

#[tokio::test]
async fn a_client_that_sends_on_sees_why_it_was_refused() {
    let server = Server::start().await;
    // More than any socket buffers: most clients never look for an answer once a write has failed.
    let put = |path: &str| Request::new("PUT", path).payload(UNSIGNED).body(vec![7; 12 << 20]);
    let mut wrong = put("/photos/x");
    wrong.secret_key = "wrong".to_owned();
    for (request, refusal) in [(put("/missing/x"), (404, "NoSuchBucket")), (wrong, (403, "SignatureDoesNotMatch"))] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request.signed(&server).0).await.unwrap();
        assert_eq!(raw::read(stream).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn xml_has_a_limit() {
    let server = Server::start().await;
    let body = "<Delete>".to_owned() + &" ".repeat(7 << 20) + "</Delete>";
    let long = Request::new("POST", "/photos").query("delete", "").body(body).send(&server).await;
    assert_eq!(long.refusal(), (400, "MaxMessageLengthExceeded"));
    for body in ["", "<Delete>", "<Other/>", "<Delete><Object><Key>a</Key></Object></Delete><x/>", "<Delete></Delete>"] {
        let answer = Request::new("POST", "/photos").query("delete", "").body(body).send(&server).await;
        assert_eq!(answer.status, 400, "{body:?}");
    }
    // A bomb of entities is no document here.
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
    assert_eq!(Request::new("POST", "/photos").query("delete", "").body(bomb).send(&server).await.status, 400);
    assert!(server.events().is_empty());
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_refusal() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let keep = |request: Request| {
        let text = String::from_utf8(request.signed(&server).0).unwrap();
        text.replace("connection: close\r\n", "")
    };
    stream.write_all(keep(Request::new("PUT", "/missing/x").body("hello")).as_bytes()).await.unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 404");
    stream.write_all(&Request::new("PUT", "/photos/x").body("hello").signed(&server).0).await.unwrap();
    let rest = raw::read(stream).await;
    assert!(rest.body.contains("HTTP/1.1 200 OK"), "{rest:?}");
}
