//! `kill -9` at random moments, with an oracle outside the process.

use crate::photo;
use crate::server::{Server, minilab, signed};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CYCLES: usize = 20;
const UPLOADS: usize = 200;
const CLIENTS: usize = 4;
/// Fewer keys than uploads, so that most are overwritten, some by two clients at once.
const KEYS: usize = 120;

const CONFIGURATION: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 16, height = 16 } }]
format = "jpeg"
"#;

/// What is known of one key from outside.
#[derive(Default)]
struct Known {
    /// Bodies that may be there. An acknowledged upload rules out whatever was finished before it began.
    possible: Vec<Sent>,
    /// Whether one of them must be there.
    acknowledged: bool,
}

struct Sent {
    hash: String,
    /// Acknowledged, or sent to a server that has been killed since: it cannot be written any later.
    finished: bool,
}

type Oracle = Mutex<BTreeMap<String, Known>>;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("minilab.toml"), CONFIGURATION).unwrap();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = Random(seed | 1);
    let known = Oracle::default();
    let mut acknowledged = 0;
    for cycle in 0..CYCLES {
        let server = Server::start(dir.path());
        check(&server, &mut known.lock().unwrap());
        acknowledged += upload_until_killed(server, cycle, &mut random, &known);
    }
    let server = Server::start(dir.path());
    check(&server, &mut known.lock().unwrap());
    assert!(acknowledged > CYCLES, "hardly anything was stored before the kills: {acknowledged} uploads");
    assert!(server.terminate().success());
    let fsck = minilab().arg("fsck").arg("--data").arg(dir.path().join("data")).output().unwrap();
    assert!(fsck.status.success(), "{}", String::from_utf8_lossy(&fsck.stdout));
    println!("{acknowledged} of {} uploads were acknowledged", CYCLES * UPLOADS);
}

/// Uploads from several clients and kills the server after a random number of acknowledgements; gives their number.
fn upload_until_killed(server: Server, cycle: usize, random: &mut Random, known: &Oracle) -> usize {
    let address = server.s3;
    let (next, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let kill_at = 1 + random.below(UPLOADS - CLIENTS);
    let extra = Duration::from_micros(random.below(4000) as u64);
    let seeds: Vec<u64> = (0..CLIENTS).map(|_| random.next()).collect();
    std::thread::scope(|scope| {
        for seed in seeds {
            let (next, acknowledged) = (&next, &acknowledged);
            scope.spawn(move || {
                let mut random = Random(seed | 1);
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= UPLOADS || !upload(address, &format!("{cycle}-{number}"), &mut random, known) {
                        return;
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while acknowledged.load(Ordering::SeqCst) < kill_at && next.load(Ordering::SeqCst) < UPLOADS {
            std::thread::yield_now();
        }
        std::thread::sleep(extra); // Not to wait for anything: it moves the kill to a random moment.
        server.kill();
    });
    acknowledged.into_inner()
}

/// One upload; false when the server is gone.
fn upload(address: SocketAddr, name: &str, random: &mut Random, known: &Oracle) -> bool {
    let key = format!("photo-{}.jpg", random.below(KEYS));
    // Every tenth is long enough to be a file instead of a row.
    let padding = if random.below(10) == 0 { "x".repeat(60_000) } else { String::new() };
    let mut body = photo::unique(&format!("{name} {padding}"));
    if !padding.is_empty() {
        body.extend(std::iter::repeat_n(0, 20_000)); // After the image's end; decoders do not look there.
    }
    let hash = hex::encode(Sha256::digest(&body));
    let overwritten: Vec<String> = {
        let mut oracle = known.lock().unwrap();
        let possible = &mut oracle.entry(key.clone()).or_default().possible;
        let finished = possible.iter().filter(|sent| sent.finished).map(|sent| sent.hash.clone()).collect();
        possible.push(Sent { hash: hash.clone(), finished: false });
        finished
    };
    let Ok(answer) = signed(address, "PUT", "photos", &key, &body) else {
        return false;
    };
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let mut oracle = known.lock().unwrap();
    let known = oracle.entry(key).or_default();
    known.acknowledged = true;
    known.possible.retain(|sent| !overwritten.contains(&sent.hash));
    known.possible.iter_mut().filter(|sent| sent.hash == hash).for_each(|sent| sent.finished = true);
    true
}

/// Compares everything a client can see with what is known, and learns which of the possible bodies it is.
fn check(server: &Server, known: &mut BTreeMap<String, Known>) {
    server.settle();
    let (mut count, mut bytes) = (0, 0);
    for (key, known) in known {
        let answer = server.s3("GET", "photos", key, b"").unwrap();
        let record = server.web(&format!("/images/{key}"));
        let thumbnail = server.s3("GET", "prints", &format!("{key}/thumb.jpg"), b"").unwrap();
        if answer.status == 404 {
            assert!(!known.acknowledged, "{key} was acknowledged and is gone");
            assert_eq!((record.status, thumbnail.status), (404, 404), "{key} does not exist");
            known.possible.clear();
            continue;
        }
        assert_eq!(answer.status, 200, "{key}");
        let hash = hex::encode(Sha256::digest(&answer.body));
        let is_possible = known.possible.iter().any(|sent| sent.hash == hash);
        assert!(is_possible, "{key} holds {} bytes that were overwritten or never sent", answer.body.len());
        *known = Known { possible: vec![Sent { hash: hash.clone(), finished: true }], acknowledged: true };
        let record = record.json();
        assert_eq!((&record["state"], &record["sha256"]), (&"processed".into(), &hash.into()), "{key}: {record}");
        assert_eq!(thumbnail.status, 200, "{key} has no thumbnail");
        assert!(thumbnail.body.starts_with(&[0xFF, 0xD8]) && thumbnail.body.ends_with(&[0xFF, 0xD9]), "{key}");
        count += 1;
        bytes += answer.body.len();
    }
    let totals = server.web("/infoimages").json();
    assert_eq!((&totals["count"], &totals["bytes"]), (&count.into(), &bytes.into()), "{totals}");
}

/// xorshift64: enough to spread moments, and repeatable from the printed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
