//! What the parts of the template ask about the deployment.

use super::filters::{self, KeyFilter};
use super::names;
use crate::bundle::Bundle;
use crate::config::{AwsConfig, EventRoute, TierConfig, Vpc};
use crate::environment::FunctionKind;
use minilab_model::BucketName;
use std::collections::BTreeSet;

/// A deployment, and what follows from its rules.
pub(super) struct Stack<'a> {
    /// What is deployed.
    pub(super) bundle: &'a Bundle,
    /// Its `[aws]` table.
    pub(super) aws: &'a AwsConfig,
    /// Every bucket that the rules read or write, in the order of the rules.
    pub(super) buckets: Vec<Bucket>,
}

/// A bucket, and the keys in it that the rules read and write.
pub(super) struct Bucket {
    /// Its name on AWS.
    pub(super) name: BucketName,
    /// Whether it was there before the stack.
    pub(super) exists: bool,
    /// Prefixes of sources.
    pub(super) sources: BTreeSet<String>,
    /// Prefixes of sources that get tags.
    pub(super) tagged: BTreeSet<String>,
    /// Prefixes of variants.
    pub(super) destinations: BTreeSet<String>,
    /// Keys of images that are laid over others.
    pub(super) overlays: BTreeSet<String>,
    /// The events that have to be told.
    pub(super) filters: Vec<KeyFilter>,
}

impl Bucket {
    /// Whether its events come over EventBridge.
    pub(super) fn is_on_event_bridge(&self, aws: &AwsConfig) -> bool {
        // CloudFormation cannot change a bucket that it did not make, and a rule of EventBridge disturbs nobody.
        !self.filters.is_empty() && (self.exists || aws.events == EventRoute::Eventbridge)
    }
}

impl<'a> Stack<'a> {
    /// Reads the rules.
    pub(super) fn new(bundle: &'a Bundle) -> Self {
        let mut stack = Self { bundle, aws: &bundle.aws, buckets: Vec::new() };
        for rule in &bundle.rules {
            let prefix = rule.prefix.clone().unwrap_or_default();
            let source = stack.bucket(&rule.bucket);
            source.sources.insert(prefix.clone());
            if !rule.tag.is_empty() {
                source.tagged.insert(prefix);
            }
            for variant in &rule.variants {
                let prefix = names::destination_prefix(rule, variant);
                stack.bucket(rule.destination(variant)).destinations.insert(prefix);
                for overlay in variant.overlays() {
                    stack.bucket(&overlay.bucket).overlays.insert(overlay.key.as_str().to_owned());
                }
            }
        }
        stack
    }

    fn bucket(&mut self, name: &BucketName) -> &mut Bucket {
        let index = match self.buckets.iter().position(|bucket| bucket.name == *name) {
            Some(index) => index,
            None => {
                self.buckets.push(Bucket {
                    name: name.clone(),
                    exists: self.aws.is_existing(name.as_str()),
                    sources: BTreeSet::new(),
                    tagged: BTreeSet::new(),
                    destinations: BTreeSet::new(),
                    overlays: BTreeSet::new(),
                    filters: filters::of_bucket(name, &self.bundle.rules),
                });
                self.buckets.len() - 1
            }
        };
        &mut self.buckets[index]
    }

    /// The name on AWS of a part of the stack.
    pub(super) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.aws.name)
    }

    /// Whether e-mails are sent.
    pub(super) fn has_digest(&self) -> bool {
        !self.bundle.digest_readers().is_empty()
    }

    /// How often a message is delivered before it is a dead letter.
    pub(super) fn attempts(&self) -> u32 {
        // The most that a redrive policy takes.
        self.bundle.limits.delivery.attempts.clamp(1, 1_000)
    }

    /// Whether a function of this kind runs in private subnets.
    pub(super) fn is_inside(&self, kind: FunctionKind) -> bool {
        match self.aws.vpc {
            Vpc::Off => false,
            // The others call SQS or SNS, which have no gateway endpoint.
            Vpc::Gateway => kind == FunctionKind::Api,
            Vpc::Interface => true,
        }
    }

    /// The functions of the stack: kind and, for workers, tier.
    pub(super) fn functions(&self) -> Vec<Function<'a>> {
        let workers = self.aws.tiers.iter().map(|tier| Function { kind: FunctionKind::Process, tier: Some(tier) });
        let others =
            [(FunctionKind::Router, self.aws.has_router()), (FunctionKind::Api, self.aws.api), (FunctionKind::Notify, true)];
        let others = others.into_iter().filter(|(_, wanted)| *wanted).map(|(kind, _)| Function { kind, tier: None });
        workers.chain(others).collect()
    }

    /// The queues of messages about images, each with its dead letters, in the order in which a message meets them.
    pub(super) fn queues(&self) -> Vec<WorkQueue> {
        let consumer = |function: &Function<'_>| (function.logical(), function.timeout_s());
        let mut queues = Vec::new();
        for function in self.functions() {
            let (consumer, timeout_s) = consumer(&function);
            let part = match (function.kind, function.tier) {
                (FunctionKind::Router, _) => "ingest",
                (FunctionKind::Process, Some(_)) if !self.aws.has_router() => "ingest",
                (FunctionKind::Process, Some(tier)) => tier.name.as_str(),
                _ => continue,
            };
            let queue = WorkQueue { part: part.to_owned(), consumer, timeout_s };
            match function.kind {
                FunctionKind::Router => queues.insert(0, queue),
                _ => queues.push(queue),
            }
        }
        queues
    }

    /// The queue that a function is fed from.
    pub(super) fn queue_of(&self, function: &Function<'_>) -> Option<WorkQueue> {
        self.queues().into_iter().find(|queue| queue.consumer == function.logical())
    }

    /// The tiers' queues in the order of the tiers.
    pub(super) fn tier_queues(&self) -> Vec<WorkQueue> {
        self.queues().into_iter().filter(|queue| !self.aws.has_router() || queue.part != "ingest").collect()
    }
}

/// A function of the stack.
#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    /// What it does.
    pub(super) kind: FunctionKind,
    /// A worker's size.
    pub(super) tier: Option<&'a TierConfig>,
}

impl Function<'_> {
    /// The name of the part: `process-small`, `router`.
    pub(super) fn part(&self) -> String {
        match self.tier {
            Some(tier) => format!("{}-{}", self.kind.as_str(), tier.name),
            None => self.kind.as_str().to_owned(),
        }
    }

    /// The logical name of its parts: `ProcessSmall`.
    pub(super) fn stem(&self) -> String {
        self.part().split('-').map(names::logical).collect()
    }

    /// The logical name of the function.
    pub(super) fn logical(&self) -> String {
        format!("{}Function", self.stem())
    }

    /// Memory in MB.
    pub(super) fn memory_mb(&self) -> u32 {
        // What reads a header or a record needs little memory, but a share of a processor comes with it.
        self.tier.map_or(256, |tier| tier.memory_mb)
    }

    /// Time limit in seconds.
    pub(super) fn timeout_s(&self) -> u32 {
        match (self.kind, self.tier) {
            (_, Some(tier)) => tier.timeout_s,
            // API Gateway waits no longer.
            (FunctionKind::Api, None) => 29,
            (_, None) => 60,
        }
    }
}

/// A queue of messages about images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkQueue {
    /// The name of the part: `ingest`, or a tier's.
    pub(super) part: String,
    /// The logical name of the function that it feeds.
    pub(super) consumer: String,
    /// The time limit of that function in seconds.
    pub(super) timeout_s: u32,
}

impl WorkQueue {
    /// The logical name.
    pub(super) fn logical(&self) -> String {
        format!("{}Queue", names::logical(&self.part))
    }

    /// The logical name of its dead letters.
    pub(super) fn dead_letters(&self) -> String {
        format!("{}DeadLetters", names::logical(&self.part))
    }
}
