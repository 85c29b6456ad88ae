//! `router`: each event into the queue of the tier that its image needs.
//!
//! The size of a file says little of the memory that its image takes, so the header is read: 64 KiB of nearly every file are
//! enough. What cannot be read goes to the smallest tier, which records why.

mod source;
#[cfg(test)]
mod tests;

pub use source::{S3Sources, SourceError, Sources, Start};

use super::batch::{BatchResponse, Call};
use super::invocation::Invocation;
use super::log::Line;
use super::queues::{Outgoing, Queues};
use super::settings::RouterSettings;
use super::setup::SetupError;
use super::tiers::Tiers;
use crate::{Bundle, metrics};
use futures::StreamExt as _;
use minilab_imaging::{Header, ImageError};
use minilab_model::{Event, Limits, Rule, RuleSet, VariantSpec, error_chain};
use minilab_pipeline::event::{Relayed, from_message};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a file is read to find its header, one try after the other.
const HEADER_BYTES: [u64; 2] = [64 << 10, 1 << 20];

/// Headers that are read at once.
const CONCURRENCY: usize = 8;

/// The function.
pub struct Router<R, Q> {
    sources: R,
    queues: Q,
    rules: RuleSet,
    limits: Limits,
    tiers: Tiers,
    dead_letter_queue: Option<String>,
}

/// One message of a batch, or the event that was handed over without a queue.
struct Incoming {
    /// Names it in the answer.
    identifier: String,
    body: String,
    trace: Option<String>,
}

/// A message to a queue, and whose it is.
struct Letter {
    /// Position of the message that it was made of.
    from: usize,
    queue: String,
    message: Outgoing,
}

impl<R: Sources, Q: Queues> Router<R, Q> {
    /// The function over these sources and queues.
    ///
    /// # Errors
    /// [`SetupError`] when the bundle's rules cannot work, or the queues do not go with its tiers.
    pub fn new(bundle: &Bundle, settings: &RouterSettings, sources: R, queues: Q) -> Result<Self, SetupError> {
        Ok(Self {
            sources,
            queues,
            rules: bundle.rule_set()?,
            limits: bundle.limits,
            tiers: Tiers::new(&bundle.aws.tiers, &settings.tier_queues)?,
            dead_letter_queue: settings.dead_letter_queue.clone(),
        })
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What to tell Lambda, so that it calls again: for an event that came without a queue.
    pub async fn call(&self, call: Call, invocation: &Invocation) -> Result<BatchResponse, String> {
        let (incoming, is_direct) = match call {
            Call::Queue(messages) => {
                let incoming = messages.into_iter().map(|message| Incoming {
                    trace: message.trace().map(str::to_owned).or_else(|| invocation.trace.clone()),
                    identifier: message.message_id,
                    body: message.body,
                });
                (incoming.collect::<Vec<_>>(), false)
            }
            Call::Direct(event) => {
                let event = Incoming { identifier: "event".to_owned(), body: event.to_string(), trace: invocation.trace.clone() };
                (vec![event], true)
            }
        };
        let failed = self.batch(&incoming, invocation).await;
        if is_direct && !failed.is_empty() {
            return Err("the event could not be given to a tier; the lines above say why".to_owned());
        }
        let named = failed.into_iter().filter_map(|position| incoming.get(position));
        Ok(named.map(|message| message.identifier.clone()).collect())
    }

    /// Routes all; the positions of those that failed.
    async fn batch(&self, incoming: &[Incoming], invocation: &Invocation) -> BTreeSet<usize> {
        let mut failed = BTreeSet::new();
        let work = incoming.iter().enumerate().map(|(from, message)| self.route(from, message, invocation));
        let routed: Vec<Result<Vec<Letter>, usize>> = futures::stream::iter(work).buffered(CONCURRENCY).collect().await;
        let mut outgoing: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
        for letters in routed {
            match letters {
                Ok(letters) => {
                    letters.into_iter().for_each(|letter| outgoing.entry(letter.queue.clone()).or_default().push(letter))
                }
                Err(from) => drop(failed.insert(from)),
            }
        }
        for (queue, letters) in outgoing {
            let (from, messages): (Vec<usize>, Vec<Outgoing>) =
                letters.into_iter().map(|letter| (letter.from, letter.message)).unzip();
            let results = self.queues.send(&queue, messages).await;
            for (from, result) in from.into_iter().zip(results) {
                if let Err(error) = result {
                    Line::new("router").with("outcome", "again").with("error", error.to_string()).print();
                    failed.insert(from);
                }
            }
        }
        failed
    }

    /// The messages to be sent for one that came in; its position when it is to be delivered again.
    async fn route(&self, from: usize, message: &Incoming, invocation: &Invocation) -> Result<Vec<Letter>, usize> {
        let again = |reason: &str| {
            Line::new("router").with("outcome", "again").with("message", &message.identifier).with("error", reason).print();
            from
        };
        if !invocation.has_time() {
            return Err(again("there was no time left to begin"));
        }
        let events = match from_message(message.body.as_bytes()) {
            Ok(events) => events,
            Err(error) => {
                let error = error_chain(&error);
                let Some(queue) = self.dead_letter_queue.clone() else { return Err(again(&error)) };
                Line::new("router").with("outcome", "malformed").with("error", &error).count(metrics::FAILED).print();
                let attributes = vec![("cause", "malformed".to_owned()), ("rule", "-".to_owned()), ("error", error)];
                let message = Outgoing { body: message.body.clone(), attributes, trace: message.trace.clone() };
                return Ok(vec![Letter { from, queue, message }]);
            }
        };
        let mut letters = Vec::with_capacity(events.len());
        for event in events {
            let rules: Vec<&Rule> = self.rules.concerned(&event).collect();
            if rules.is_empty() {
                continue;
            }
            let place = match self.place(&event, &rules).await {
                Ok(Some(place)) => place,
                Ok(None) => continue,
                Err(error) => return Err(again(&error.to_string())),
            };
            let Some(tier) = self.tiers.get(place.position) else { return Err(again("there is no tier")) };
            let line = Line::new("router").with("outcome", "routed").with("bucket", &event.bucket).with("key", &event.key);
            let line = line.with("sequencer", event.sequencer).with("request", event.request_id.as_deref());
            let line = line.with("trace", message.trace.as_deref()).with("to_tier", &tier.name);
            line.with("estimated_bytes", place.estimated_bytes).with("why", place.why).count(metrics::ROUTED).print();
            let relayed = Relayed { event, trace: message.trace.clone() };
            // An event has no maps and no floats: its JSON always comes out.
            let body = serde_json::to_string(&relayed).unwrap_or_default();
            let outgoing = Outgoing { body, attributes: Vec::new(), trace: message.trace.clone() };
            letters.push(Letter { from, queue: tier.queue.clone(), message: outgoing });
        }
        Ok(letters)
    }

    /// Where an event goes; `None` when nowhere, since the object is a variant.
    async fn place(&self, event: &Event, rules: &[&Rule]) -> Result<Option<Place>, SourceError> {
        let smallest = |why| Ok(Some(Place { position: 0, estimated_bytes: None, why: Some(why) }));
        if !event.kind.is_created() {
            return smallest("removal");
        }
        for header_bytes in HEADER_BYTES {
            let start = match self.sources.start(event, header_bytes).await {
                Ok(start) => start,
                Err(SourceError::Refused { .. }) => return smallest("unreadable"),
                Err(error) => return Err(error),
            };
            if start.is_variant {
                return Ok(None);
            }
            let header = match minilab_imaging::read_header(&start.bytes, &self.limits.decode) {
                Ok(header) => header,
                Err(ImageError::HeaderIncomplete { .. }) if start.size_bytes > start.bytes.len() as u64 => {
                    if HEADER_BYTES.last() == Some(&header_bytes) {
                        // All that is known is its size; the tier knows more when it has read it all.
                        return Ok(Some(self.placed(start.size_bytes)));
                    }
                    continue;
                }
                Err(_) => return smallest("no image"),
            };
            return Ok(Some(self.placed(self.estimate(&header, start.size_bytes, rules))));
        }
        smallest("unreadable")
    }

    fn placed(&self, estimated_bytes: u64) -> Place {
        Place { position: self.tiers.position_for(estimated_bytes), estimated_bytes: Some(estimated_bytes), why: None }
    }

    /// What the most expensive of the rules takes: their jobs are done one after the other.
    fn estimate(&self, header: &Header, size_bytes: u64, rules: &[&Rule]) -> u64 {
        let of_rule = |rule: &&Rule| {
            let variants: Vec<VariantSpec> = rule.variants.iter().filter(|variant| !variant.is_copy()).cloned().collect();
            minilab_imaging::estimate(header, size_bytes, &variants, &self.limits)
        };
        rules.iter().map(of_rule).max().unwrap_or(0)
    }
}

/// Which tier, and why.
struct Place {
    position: usize,
    estimated_bytes: Option<u64>,
    why: Option<&'static str>,
}
