//! Queues, their dead letters, and the events that come into the first of them.

use super::Template;
use super::names::{bucket_arn, logical};
use super::node::{Node, arn, list, list_of, map, reference, sub};
use super::stack::{Bucket, Stack};

/// The queue that events come into.
pub(super) const INGEST: &str = "IngestQueue";
/// What lets S3 and EventBridge send there.
pub(super) const INGEST_POLICY: &str = "IngestQueuePolicy";
/// Outcomes that wait for the next digest.
pub(super) const DIGEST: &str = "DigestQueue";
/// Records of the table's stream that could not be told.
pub(super) const NOTIFY_DEAD_LETTERS: &str = "NotifyDeadLetters";
/// Dead letters are kept as long as SQS keeps anything: 14 days, in seconds.
const DEAD_LETTER_SECONDS: u32 = 14 * 24 * 3600;
/// A queue's messages are hidden this many times its function's time limit while they are worked on ("Using Lambda with Amazon
/// SQS": at least six).
const VISIBILITY: u32 = 6;
/// The longest that SQS hides a message, in seconds.
const LONGEST_VISIBILITY: u32 = 12 * 3600;

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    for queue in stack.queues() {
        let dead = queue.dead_letters();
        template.resource(&dead, dead_letters(stack.name(&format!("{}-dead", queue.part))));
        let seconds = (queue.timeout_s * VISIBILITY).min(LONGEST_VISIBILITY);
        template.resource(&queue.logical(), work_queue(stack.name(&queue.part), seconds, &dead, stack.attempts()));
    }
    template.resource(NOTIFY_DEAD_LETTERS, dead_letters(stack.name("notify-dead")));
    if stack.has_digest() {
        template.resource(DIGEST, work_queue(stack.name("digest"), 6 * 60, NOTIFY_DEAD_LETTERS, stack.attempts()));
    }
    template.resource(INGEST_POLICY, ingest_policy(stack));
    for bucket in stack.buckets.iter().filter(|bucket| bucket.is_on_event_bridge(stack.aws)) {
        template.resource(&event_rule_name(bucket), event_rule(bucket));
    }
}

fn dead_letters(name: String) -> Node {
    map! {
        "Type" => "AWS::SQS::Queue",
        "Properties" => map! {
            "QueueName" => name,
            "MessageRetentionPeriod" => DEAD_LETTER_SECONDS,
            "SqsManagedSseEnabled" => true,
        },
    }
}

fn work_queue(name: String, visibility_seconds: u32, dead_letters: &str, attempts: u32) -> Node {
    map! {
        "Type" => "AWS::SQS::Queue",
        "Properties" => map! {
            "QueueName" => name,
            "VisibilityTimeout" => visibility_seconds,
            // What a stopped function leaves waiting must not be lost before somebody looks.
            "MessageRetentionPeriod" => DEAD_LETTER_SECONDS,
            "SqsManagedSseEnabled" => true,
            "RedrivePolicy" => map! { "deadLetterTargetArn" => arn(dead_letters), "maxReceiveCount" => attempts },
        },
    }
}

fn ingest_policy(stack: &Stack<'_>) -> Node {
    let told = |on_event_bridge: bool| {
        stack
            .buckets
            .iter()
            .filter(move |bucket| !bucket.filters.is_empty() && bucket.is_on_event_bridge(stack.aws) == on_event_bridge)
    };
    let mut statements = Vec::new();
    if told(false).next().is_some() {
        statements.push(map! {
            "Sid" => "EventsOfBuckets",
            "Effect" => "Allow",
            "Principal" => map! { "Service" => "s3.amazonaws.com" },
            "Action" => "sqs:SendMessage",
            "Resource" => arn(INGEST),
            "Condition" => map! {
                "ArnEquals" => map! { "aws:SourceArn" => list_of(told(false).map(|bucket| bucket_arn(&bucket.name))) },
                "StringEquals" => map! { "aws:SourceAccount" => reference("AWS::AccountId") },
            },
        });
    }
    if told(true).next().is_some() {
        statements.push(map! {
            "Sid" => "EventsOfEventBridge",
            "Effect" => "Allow",
            "Principal" => map! { "Service" => "events.amazonaws.com" },
            "Action" => "sqs:SendMessage",
            "Resource" => arn(INGEST),
            "Condition" => map! {
                "ArnEquals" => map! { "aws:SourceArn" => list_of(told(true).map(|bucket| arn(event_rule_name(bucket)))) },
            },
        });
    }
    map! {
        "Type" => "AWS::SQS::QueuePolicy",
        "Properties" => map! {
            "Queues" => list![reference(INGEST)],
            "PolicyDocument" => map! { "Version" => "2012-10-17", "Statement" => Node::List(statements) },
        },
    }
}

fn event_rule_name(bucket: &Bucket) -> String {
    format!("Events{}", logical(bucket.name.as_str()))
}

fn event_rule(bucket: &Bucket) -> Node {
    let mut detail = map! { "bucket" => map! { "name" => list![bucket.name.as_str()] } };
    let patterns = bucket.filters.iter().map(|filter| match (filter.prefix.as_str(), filter.suffix.as_str()) {
        (prefix, "") => map! { "prefix" => prefix },
        ("", suffix) => map! { "suffix" => suffix },
        (prefix, suffix) => map! { "wildcard" => format!("{}*{}", literal(prefix), literal(suffix)) },
    });
    if bucket.filters.iter().all(|filter| !(filter.prefix.is_empty() && filter.suffix.is_empty())) {
        detail.insert("object", map! { "key" => list_of(patterns) });
    }
    let created = bucket.filters.iter().any(|filter| filter.events.iter().any(|event| event.starts_with("s3:ObjectCreated:")));
    let kinds = if created { list!["Object Created", "Object Deleted"] } else { list!["Object Deleted"] };
    map! {
        "Type" => "AWS::Events::Rule",
        "Properties" => map! {
            "Description" => format!("Events of the bucket {} that the rules are about", bucket.name),
            "EventPattern" => map! { "source" => list!["aws.s3"], "detail-type" => kinds, "detail" => detail },
            "Targets" => list![map! { "Id" => "ingest", "Arn" => arn(INGEST) }],
        },
    }
}

/// Text in a wildcard of EventBridge ("Comparison operators for use in event patterns").
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*")
}

/// What a bucket that the stack makes tells the queue.
pub(super) fn notifications(bucket: &Bucket, stack: &Stack<'_>) -> Option<Node> {
    if bucket.filters.is_empty() {
        return None;
    }
    if bucket.is_on_event_bridge(stack.aws) {
        return Some(map! { "EventBridgeConfiguration" => map! { "EventBridgeEnabled" => true } });
    }
    let configurations = bucket.filters.iter().flat_map(|filter| {
        let fields = [("prefix", &filter.prefix), ("suffix", &filter.suffix)];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let keys: Vec<Node> = fields.map(|(name, value)| map! { "Name" => name, "Value" => value }).collect();
        filter.events.iter().map(move |event| {
            let mut configuration = map! { "Event" => *event, "Queue" => arn(INGEST) };
            if !keys.is_empty() {
                configuration.insert("Filter", map! { "S3Key" => map! { "Rules" => Node::List(keys.clone()) } });
            }
            configuration
        })
    });
    Some(map! { "QueueConfigurations" => list_of(configurations) })
}

/// What people need to find the queues.
pub(super) fn outputs(template: &mut Template, stack: &Stack<'_>) {
    template.output("IngestQueueUrl", "Where events go in", reference(INGEST));
    template.output("IngestQueueArn", "For other sources of events: topics, rules of EventBridge", arn(INGEST));
    let dead: Vec<String> = stack.queues().iter().map(|queue| format!("${{{}}}", queue.dead_letters())).collect();
    template.output("DeadLetterQueueUrls", "Where messages end that could not be worked on", sub(dead.join(" ")));
}
