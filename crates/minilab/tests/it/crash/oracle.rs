//! What is known of each key from outside: which contents it may have, and which it cannot have any more.

use super::Random;
use crate::photo;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of the body, in hex.
    pub hash: String,
    /// Its one colour, by which its variants are told from those of other versions; `None` when it is no image.
    pub colour: Option<[u8; 3]>,
    pub size_bytes: usize,
}

impl Content {
    /// A new body, different from all others, and what is to be found of it.
    pub fn invent(name: &str, random: &mut Random) -> (Vec<u8>, Self) {
        // Every tenth is long enough to be a file instead of a row.
        let padding = if random.below(10) == 0 { "x".repeat(80_000) } else { String::new() };
        let text = format!("{name} {padding}");
        let (body, colour) = match random.below(20) {
            0 => (text.into_bytes(), None),
            _ => {
                let colour = [0; 3].map(|_| random.below(256) as u8);
                (photo::coloured(colour, &text), Some(colour))
            }
        };
        let hash = hex::encode(Sha256::digest(&body));
        let content = Self { hash, colour, size_bytes: body.len() };
        (body, content)
    }
}

/// A write: what is there after it.
#[derive(Debug, Clone)]
struct Write {
    id: u64,
    /// `None` when there is nothing.
    leaves: Option<Content>,
    /// Acknowledged, or sent to a server that has been killed since: it cannot happen any later.
    finished: bool,
}

/// The contents that a key may have. A write that is acknowledged rules out whatever was finished before it began.
#[derive(Debug, Clone)]
pub struct Known {
    possible: Vec<Write>,
}

impl Known {
    fn settled(leaves: Option<Content>) -> Self {
        Self { possible: vec![Write { id: 0, leaves, finished: true }] }
    }

    /// Whether this is what may be there.
    pub fn allows(&self, hash: Option<&str>) -> bool {
        self.find(hash).is_some()
    }

    /// Now that it was seen, it is known what is there.
    pub fn settle(&mut self, hash: Option<&str>) -> Option<Content> {
        let leaves = self.find(hash).and_then(|write| write.leaves.clone());
        *self = Self::settled(leaves.clone());
        leaves
    }

    fn find(&self, hash: Option<&str>) -> Option<&Write> {
        self.possible.iter().find(|write| write.leaves.as_ref().map(|content| content.hash.as_str()) == hash)
    }
}

/// All keys, and how many writes there were.
#[derive(Default)]
pub struct Oracle(Mutex<State>);

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Known>,
    writes: u64,
}

/// A write that was begun.
pub struct Begun {
    key: String,
    id: u64,
    overwrites: Vec<u64>,
}

impl Oracle {
    /// A write is about to be sent.
    pub fn begin(&self, key: &str, leaves: Option<Content>) -> Begun {
        let mut state = self.lock();
        state.writes += 1;
        let id = state.writes;
        let known = state.keys.entry(key.to_owned()).or_insert_with(|| Known::settled(None));
        let overwrites = known.possible.iter().filter(|write| write.finished).map(|write| write.id).collect();
        known.possible.push(Write { id, leaves, finished: false });
        Begun { key: key.to_owned(), id, overwrites }
    }

    /// The write was acknowledged.
    pub fn acknowledge(&self, begun: &Begun) {
        let mut state = self.lock();
        let Some(known) = state.keys.get_mut(&begun.key) else { return };
        known.possible.retain(|write| !begun.overwrites.contains(&write.id));
        known.possible.iter_mut().filter(|write| write.id == begun.id).for_each(|write| write.finished = true);
    }

    /// Looks at every key, when nothing is being written.
    pub fn each(&self, mut look: impl FnMut(&str, &mut Known)) {
        for (key, known) in &mut self.lock().keys {
            look(key, known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A client that failed has failed the test already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[test]
fn an_acknowledged_write_rules_out_what_was_finished_before_it() {
    let content = |hash: &str| Some(Content { hash: hash.to_owned(), colour: None, size_bytes: 1 });
    let oracle = Oracle::default();
    let (first, second) = (oracle.begin("k", content("1")), oracle.begin("k", content("2")));
    let allowed = |expected: &[Option<&str>]| {
        oracle.each(|_, known| {
            for hash in [None, Some("1"), Some("2"), Some("3")] {
                assert_eq!(known.allows(hash), expected.contains(&hash), "{hash:?}");
            }
        });
    };
    allowed(&[None, Some("1"), Some("2")]);
    oracle.acknowledge(&first);
    allowed(&[Some("1"), Some("2")]);
    oracle.acknowledge(&second);
    allowed(&[Some("1"), Some("2")]);
    let deletion = oracle.begin("k", None);
    allowed(&[None, Some("1"), Some("2")]);
    oracle.acknowledge(&deletion);
    allowed(&[None]);
}
