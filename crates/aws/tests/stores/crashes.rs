//! A function that dies anywhere while it replaces variants, and the next attempt.

use super::wire::Loss;
use super::*;
use minilab_pipeline::{ObjectStore as _, SourceState, StoreError};

/// Tries again until it is done, as the queue does.
async fn again(backend: &Backend, version: &SourceVersion, state: SourceState, variants: &[NewVariant]) -> Result<(), StoreError> {
    let mut result = Ok(());
    for _ in 0..4 {
        result = backend.store.replace_variants(version, state, "rule", variants.to_vec()).await;
        if !matches!(result, Err(StoreError::Unavailable(_))) {
            break;
        }
    }
    result
}

/// Rounds wait for marks to pass. They do so side by side, each lane with a backend of its own.
const LANES: i64 = 8;

#[tokio::test]
#[ignore = "needs a moto server"]
async fn whoever_comes_after_a_crash_ends_what_was_begun() {
    let lanes = [Loss::Request, Loss::Answer].into_iter().flat_map(|loss| {
        (0..LANES).map(move |first| async move {
            let backend = Backend::fresh(1).await;
            // More requests than a replacement takes: the last rounds meet no crash.
            for requests in (first..).step_by(LANES as usize) {
                if !replacement_that_breaks_off(&backend, requests, loss).await {
                    break;
                }
                assert!(requests < 100, "a replacement takes fewer requests than that");
            }
        })
    });
    futures::future::join_all(lanes).await;
}

/// A replacement and a removal, each of which meets a crash after so many requests. Whether one did.
async fn replacement_that_breaks_off(backend: &Backend, requests: i64, loss: Loss) -> bool {
    let source = backend.photo("a.jpg");
    let set = |names: [&str; 3], text: &str| -> Vec<_> {
        names.map(|name| variant(&source, backend.print(name), body(&format!("{name} {text}")))).into()
    };
    let first = backend.upload(&source, format!("first {requests}").as_bytes()).await;
    again(backend, &first, SourceState::Present, &set(["a", "b", "c"], "first")).await.unwrap();
    let second = backend.upload(&source, format!("second {requests}").as_bytes()).await;
    let wanted = set(["b", "c", "d"], "second");
    backend.wire.break_after(requests, loss);
    let broken = backend.store.replace_variants(&second, SourceState::Present, "rule", wanted.clone()).await;
    let met = backend.wire.mend();
    assert_eq!(broken.is_err(), met, "{requests} {broken:?}");
    again(backend, &second, SourceState::Present, &wanted).await.unwrap();
    assert_eq!(backend.prints().await, ["b", "c", "d"], "{loss:?} after {requests}");
    for name in ["b", "c", "d"] {
        let there = backend.download(&backend.print(name)).await.unwrap();
        assert_eq!(there.bytes, format!("{name} second").as_bytes(), "{loss:?} after {requests}");
    }
    let removal = backend.remove(&source).await;
    backend.wire.break_after(requests, loss);
    let broken = backend.store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await;
    let met_too = backend.wire.mend();
    assert_eq!(broken.is_err(), met_too, "{requests} {broken:?}");
    again(backend, &removal, SourceState::Gone, &[]).await.unwrap();
    assert!(backend.prints().await.is_empty(), "{loss:?} after {requests}");
    assert!(backend.items("owner").await.is_empty(), "{loss:?} after {requests}");
    met || met_too
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_newer_version_ends_what_an_older_one_began() {
    let lanes = (0..LANES).map(|lane| async move {
        let backend = Backend::fresh(1).await;
        for requests in (lane..40).step_by(LANES as usize) {
            let source = backend.photo("a.jpg");
            let one = |name: &str| vec![variant(&source, backend.print(name), body(name))];
            let first = backend.upload(&source, b"first").await;
            backend.wire.break_after(requests, Loss::Answer);
            let _ = backend.store.replace_variants(&first, SourceState::Present, "rule", one("first")).await;
            backend.wire.mend();
            let second = backend.upload(&source, b"second").await;
            again(&backend, &second, SourceState::Present, &one("second")).await.unwrap();
            assert_eq!(backend.prints().await, ["second"], "after {requests}");
            let late = backend.store.replace_variants(&first, SourceState::Present, "rule", one("first")).await;
            assert!(matches!(late, Err(StoreError::Superseded { .. })), "{late:?}");
        }
    });
    futures::future::join_all(lanes).await;
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn duplicates_at_the_same_time_agree() {
    let backend = Backend::fresh(1).await;
    let source = backend.photo("a.jpg");
    let version = backend.upload(&source, b"first").await;
    let variants: Vec<_> =
        (0..5).map(|number| variant(&source, backend.print(&format!("v{number}")), body(&format!("{number}")))).collect();
    let duplicates = (0..4).map(|_| again(&backend, &version, SourceState::Present, &variants));
    assert!(futures::future::join_all(duplicates).await.into_iter().all(|result| result.is_ok()));
    assert_eq!(backend.prints().await, ["v0", "v1", "v2", "v3", "v4"]);
    let removal = backend.remove(&source).await;
    let duplicates = (0..3).map(|_| again(&backend, &removal, SourceState::Gone, &[]));
    assert!(futures::future::join_all(duplicates).await.into_iter().all(|result| result.is_ok()));
    assert!(backend.prints().await.is_empty() && backend.items("owner").await.is_empty());
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn sources_that_share_a_key_at_the_same_time_leave_the_later_one() {
    let backend = Backend::fresh(1).await;
    for round in 0..6 {
        let (first, second) = (backend.photo("a.jpg"), backend.photo("a.png"));
        let older = backend.upload(&first, b"first").await;
        let newer = backend.upload(&second, b"second").await;
        let of = |source: &ObjectRef, text: &str| vec![variant(source, backend.print("a"), body(text))];
        let (of_first, of_second) = (of(&first, &format!("first {round}")), of(&second, &format!("second {round}")));
        let (older, newer) = tokio::join!(
            again(&backend, &older, SourceState::Present, &of_first),
            again(&backend, &newer, SourceState::Present, &of_second)
        );
        older.unwrap();
        newer.unwrap();
        assert_eq!(backend.download(&backend.print("a")).await.unwrap().bytes, format!("second {round}").as_bytes());
    }
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn a_slow_deletion_does_not_take_the_variants_of_the_same_file_again() {
    let backend = Backend::fresh(1).await;
    let source = backend.photo("a.jpg");
    let variants = vec![variant(&source, backend.print("v"), body("the same"))];
    let version = backend.upload(&source, b"the same").await;
    again(&backend, &version, SourceState::Present, &variants).await.unwrap();
    let removal = backend.remove(&source).await;
    backend.wire.slow_deletes_down(500);
    let store = backend.store.clone();
    let leave = async move { store.replace_variants(&removal, SourceState::Gone, "rule", Vec::new()).await };
    let leaving = tokio::spawn(leave);
    // The deletion is under way when the same file comes again.
    while !backend.items("owner").await.iter().any(|owner| owner.contains_key("LeavingUntil")) {
        assert!(!leaving.is_finished(), "the owner says that it leaves");
    }
    let version = backend.upload(&source, b"the same").await;
    again(&backend, &version, SourceState::Present, &variants).await.unwrap();
    let left = leaving.await.unwrap();
    assert!(matches!(left, Ok(()) | Err(StoreError::Superseded { .. })), "{left:?}");
    assert_eq!(backend.prints().await, ["v"]);
}
