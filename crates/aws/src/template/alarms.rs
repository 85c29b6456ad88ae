//! Alarms, and a dashboard of the same numbers.

use super::node::{Node, list, map, reference, sub};
use super::queues::NOTIFY_DEAD_LETTERS;
use super::stack::Stack;
use super::{Template, topics};
use crate::metrics;
use serde_json::json;

/// What a metric counts over, in seconds.
const PERIOD: u32 = 300;

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    let queues = stack.queues();
    let dead = queues.iter().map(|queue| (queue.dead_letters(), format!("{}-dead", queue.part)));
    for (logical, part) in dead.chain([(NOTIFY_DEAD_LETTERS.to_owned(), "notify-dead".to_owned())]) {
        let alarm = Alarm {
            name: stack.name(&part),
            why: "Messages ended as dead letters: look at their attributes, mend the cause, then redrive them",
            metric: ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            of: ("QueueName", Node::GetAtt(logical.clone(), "QueueName")),
            over: 0,
        };
        template.resource(&format!("{logical}Alarm"), alarm.resource(stack));
    }
    for queue in &queues {
        let alarm = Alarm {
            name: stack.name(&format!("{}-age", queue.part)),
            why: "The oldest message has waited too long: the function that takes it is throttled, failing or switched off",
            metric: ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
            of: ("QueueName", Node::GetAtt(queue.logical(), "QueueName")),
            over: stack.aws.alarm_age_seconds,
        };
        template.resource(&format!("{}AgeAlarm", queue.logical()), alarm.resource(stack));
    }
    let late = Alarm {
        name: stack.name("notify-age"),
        why: "Outcomes wait too long in the table's stream before they are told",
        metric: ("AWS/Lambda", "IteratorAge"),
        of: ("FunctionName", reference("NotifyFunction")),
        over: stack.aws.alarm_age_seconds.saturating_mul(1000),
    };
    template.resource("NotifyAgeAlarm", late.resource(stack));
    template.resource(
        "Dashboard",
        map! {
            "Type" => "AWS::CloudWatch::Dashboard",
            "Properties" => map! { "DashboardName" => stack.aws.name.as_str(), "DashboardBody" => sub(dashboard(stack)) },
        },
    );
}

/// A number that somebody is told of when it is larger than it should be.
struct Alarm {
    name: String,
    why: &'static str,
    /// Namespace and name.
    metric: (&'static str, &'static str),
    /// The dimension.
    of: (&'static str, Node),
    over: u32,
}

impl Alarm {
    fn resource(self, stack: &Stack<'_>) -> Node {
        let (dimension, value) = self.of;
        let mut properties = map! {
            "AlarmName" => self.name,
            "AlarmDescription" => self.why,
            "Namespace" => self.metric.0,
            "MetricName" => self.metric.1,
            "Dimensions" => list![map! { "Name" => dimension, "Value" => value }],
            "Statistic" => "Maximum",
            "Period" => PERIOD,
            "EvaluationPeriods" => 1,
            "Threshold" => self.over,
            "ComparisonOperator" => "GreaterThanThreshold",
            "TreatMissingData" => "notBreaching",
        };
        if let Some(actions) = topics::alarm_actions(stack) {
            properties.insert("AlarmActions", actions.clone());
            properties.insert("OKActions", actions);
        }
        map! { "Type" => "AWS::CloudWatch::Alarm", "Properties" => properties }
    }
}

/// The dashboard's JSON, with references to be filled in.
fn dashboard(stack: &Stack<'_>) -> String {
    let queues = stack.queues();
    let of_queues = |metric: &str, name: &dyn Fn(&super::stack::WorkQueue) -> String| -> Vec<serde_json::Value> {
        queues.iter().map(|queue| json!(["AWS/SQS", metric, "QueueName", format!("${{{}.QueueName}}", name(queue))])).collect()
    };
    let of_functions = |metric: &str| -> Vec<serde_json::Value> {
        stack
            .functions()
            .iter()
            .map(|function| json!(["AWS/Lambda", metric, "FunctionName", format!("${{{}}}", function.logical())]))
            .collect()
    };
    let mut dead = of_queues("ApproximateNumberOfMessagesVisible", &|queue| queue.dead_letters());
    dead.push(json!([
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "QueueName",
        format!("${{{NOTIFY_DEAD_LETTERS}.QueueName}}")
    ]));
    let of_tiers = |metric: &str| -> Vec<serde_json::Value> {
        let function = crate::environment::FunctionKind::Process.as_str();
        let of_tier = |tier: &crate::config::TierConfig| {
            json!([metrics::NAMESPACE, metric, metrics::FUNCTION, function, metrics::TIER, tier.name])
        };
        stack.aws.tiers.iter().map(of_tier).collect()
    };
    let widgets = [
        ("Images processed", of_tiers(metrics::PROCESSED), "Sum"),
        ("Images failed for good", of_tiers(metrics::FAILED), "Sum"),
        ("Waiting", of_queues("ApproximateNumberOfMessagesVisible", &|queue| queue.logical()), "Maximum"),
        ("Oldest message, in seconds", of_queues("ApproximateAgeOfOldestMessage", &|queue| queue.logical()), "Maximum"),
        ("Dead letters", dead, "Maximum"),
        ("Calls", of_functions("Invocations"), "Sum"),
        ("Errors", of_functions("Errors"), "Sum"),
        ("Milliseconds a call, 95 of 100", of_functions("Duration"), "p95"),
        ("Calls at once", of_functions("ConcurrentExecutions"), "Maximum"),
        ("Throttled", of_functions("Throttles"), "Sum"),
    ];
    // Written out rather than as a JSON map, whose order depends on how the JSON library is built.
    let mut text = String::from("{\"widgets\": [\n");
    for (index, (title, metrics, statistic)) in widgets.iter().enumerate() {
        let (x, y) = (index % 2 * 12, index / 2 * 6);
        let metrics = metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(",\n    ");
        let comma = if index + 1 < widgets.len() { "," } else { "" };
        text.push_str(&format!(
            "  {{\"type\": \"metric\", \"x\": {x}, \"y\": {y}, \"width\": 12, \"height\": 6, \"properties\": {{\"title\": {title}, \
             \"region\": \"${{AWS::Region}}\", \"stat\": \"{statistic}\", \"period\": {PERIOD}, \"metrics\": [\n    {metrics}]}}}}{comma}\n",
            title = json!(title)
        ));
    }
    text.push_str("]}");
    text
}
