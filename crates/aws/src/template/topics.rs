//! Who is told: topics, their readers, the stream and the clock that feed the function `notify`.

use super::Template;
use super::node::{Node, arn, list, map, reference};
use super::queues::NOTIFY_DEAD_LETTERS;
use super::stack::Stack;
use super::{database, names};
use crate::table;

/// Every outcome, a message each.
pub(super) const OUTCOMES: &str = "OutcomeTopic";
/// Digests for people.
pub(super) const DIGESTS: &str = "DigestTopic";
/// Alarms.
pub(super) const ALARMS: &str = "AlarmTopic";
/// The function that tells.
const NOTIFY: &str = "NotifyFunction";

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    template.resource(OUTCOMES, topic(stack.name("outcomes"), None));
    if stack.has_digest() {
        template.resource(DIGESTS, topic(stack.name("digests"), Some("Minilab digests")));
        subscribe(template, DIGESTS, "Digest", &stack.bundle.digest_readers());
        template.resource("DigestClock", clock(stack));
        template.resource("DigestClockPermission", clock_permission());
    }
    if !stack.aws.alarm_emails.is_empty() {
        template.resource(ALARMS, topic(stack.name("alarms"), Some("Minilab alarms")));
        subscribe(template, ALARMS, "Alarm", &stack.aws.alarm_emails);
    }
    template.resource("NotifyEvents", stream(stack));
}

pub(super) fn outputs(template: &mut Template, stack: &Stack<'_>) {
    template.output("OutcomeTopicArn", "Subscribe here to be told of every image", reference(OUTCOMES));
    if stack.has_digest() {
        template.output("DigestTopicArn", "Digests for people", reference(DIGESTS));
    }
}

fn topic(name: String, display_name: Option<&str>) -> Node {
    let mut properties = map! { "TopicName" => name };
    if let Some(display_name) = display_name {
        properties.insert("DisplayName", display_name);
    }
    map! { "Type" => "AWS::SNS::Topic", "Properties" => properties }
}

/// Each address confirms by itself. The logical name comes of the address, so that no other subscription changes with it.
fn subscribe(template: &mut Template, topic: &str, kind: &str, addresses: &[String]) {
    for address in addresses {
        let subscription = map! {
            "Type" => "AWS::SNS::Subscription",
            "Properties" => map! { "TopicArn" => reference(topic), "Protocol" => "email", "Endpoint" => address },
        };
        template.resource(&format!("{kind}Reader{}", names::digest(address)), subscription);
    }
}

/// New rows of notifications, from the table's stream.
fn stream(stack: &Stack<'_>) -> Node {
    let kind = format!("{{\"{}\":{{\"S\":[\"notification\"]}}}}", table::KIND);
    let pattern = format!("{{\"eventName\":[\"INSERT\"],\"dynamodb\":{{\"NewImage\":{kind}}}}}");
    map! {
        "Type" => "AWS::Lambda::EventSourceMapping",
        "Properties" => map! {
            "EventSourceArn" => database::stream_arn(stack),
            "FunctionName" => reference(NOTIFY),
            // What came while the stack was made is told, too.
            "StartingPosition" => "TRIM_HORIZON",
            "BatchSize" => 50,
            "FilterCriteria" => map! { "Filters" => list![map! { "Pattern" => pattern }] },
            "FunctionResponseTypes" => list!["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError" => true,
            "MaximumRetryAttempts" => stack.attempts(),
            "DestinationConfig" => map! { "OnFailure" => map! { "Destination" => arn(NOTIFY_DEAD_LETTERS) } },
        },
    }
}

fn clock(stack: &Stack<'_>) -> Node {
    let minutes = stack.aws.digest_minutes;
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    map! {
        "Type" => "AWS::Events::Rule",
        "Properties" => map! {
            "Description" => "Time for the next digest",
            "ScheduleExpression" => format!("rate({minutes} {unit})"),
            "Targets" => list![map! { "Id" => "notify", "Arn" => arn(NOTIFY) }],
        },
    }
}

fn clock_permission() -> Node {
    map! {
        "Type" => "AWS::Lambda::Permission",
        "Properties" => map! {
            "Action" => "lambda:InvokeFunction",
            "FunctionName" => reference(NOTIFY),
            "Principal" => "events.amazonaws.com",
            "SourceArn" => arn("DigestClock"),
        },
    }
}

/// Where alarms go.
pub(super) fn alarm_actions(stack: &Stack<'_>) -> Option<Node> {
    (!stack.aws.alarm_emails.is_empty()).then(|| list![reference(ALARMS)])
}
