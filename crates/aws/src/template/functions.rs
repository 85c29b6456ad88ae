//! The functions: one zip, told by their environment what they are.

use super::node::{Node, arn, list, list_of, map, reference, sub};
use super::queues::DIGEST;
use super::stack::{Function, Stack};
use super::{Template, database, network, roles, topics};
use crate::environment::{self, FunctionKind};

/// The bucket that the zip is in.
const CODE_BUCKET: &str = "CodeBucket";
/// The zip's key.
const CODE_KEY: &str = "CodeKey";
/// Most messages that the router gets at once: it reads a header of each.
const ROUTER_BATCH: u32 = 10;

pub(super) fn parameters(template: &mut Template, stack: &Stack<'_>) {
    template.parameter(
        CODE_BUCKET,
        map! { "Type" => "String", "Description" => "The bucket that holds the zip; it must be in the stack's region" },
    );
    let description =
        format!("The zip's key: what `minilab aws package --arch {}` made, a new key for each version", stack.aws.architecture);
    template.parameter(CODE_KEY, map! { "Type" => "String", "Description" => description });
}

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    for function in stack.functions() {
        template.resource(&roles::log_group(&function), logs(stack, &function));
        template.resource(&function.logical(), lambda(stack, &function));
        if let Some(queue) = stack.queue_of(&function) {
            template.resource(&format!("{}Events", function.stem()), fed_by(&queue.logical(), &function));
        }
    }
}

fn logs(stack: &Stack<'_>, function: &Function<'_>) -> Node {
    map! {
        "Type" => "AWS::Logs::LogGroup",
        "DeletionPolicy" => "Delete",
        "UpdateReplacePolicy" => "Delete",
        "Properties" => map! {
            "LogGroupName" => format!("/aws/lambda/{}", stack.name(&function.part())),
            "RetentionInDays" => stack.aws.log_days,
        },
    }
}

fn lambda(stack: &Stack<'_>, function: &Function<'_>) -> Node {
    let mut properties = map! {
        "FunctionName" => stack.name(&function.part()),
        "Description" => describe(function),
        "Runtime" => "provided.al2023",
        "Handler" => "bootstrap",
        "Architectures" => list![stack.aws.architecture.as_str()],
        "Code" => map! { "S3Bucket" => reference(CODE_BUCKET), "S3Key" => reference(CODE_KEY) },
        "MemorySize" => function.memory_mb(),
        "Timeout" => function.timeout_s(),
        "Role" => arn(roles::logical(function)),
        "LoggingConfig" => map! { "LogGroup" => reference(roles::log_group(function)) },
        "Environment" => map! { "Variables" => variables(stack, function) },
    };
    if stack.aws.tracing {
        properties.insert("TracingConfig", map! { "Mode" => "Active" });
    }
    if stack.is_inside(function.kind) {
        properties.insert("VpcConfig", network::of_function(stack));
    }
    map! { "Type" => "AWS::Lambda::Function", "Properties" => properties }
}

fn describe(function: &Function<'_>) -> &'static str {
    match function.kind {
        FunctionKind::Process => "Makes variants and records of images",
        FunctionKind::Router => "Sorts events by the memory that their images need",
        FunctionKind::Api => "Answers for records, lists, statistics and downloads",
        FunctionKind::Notify => "Tells outcomes",
    }
}

fn variables(stack: &Stack<'_>, function: &Function<'_>) -> Node {
    let mut variables = map! { environment::FUNCTION => function.kind.as_str() };
    let queue_urls = || {
        let urls: Vec<String> = stack.tier_queues().iter().map(|queue| format!("${{{}}}", queue.logical())).collect();
        sub(urls.join(" "))
    };
    if function.kind != FunctionKind::Router {
        variables.insert(environment::TABLE, database::name(stack));
    }
    if let Some(queue) = stack.queue_of(function) {
        variables.insert(environment::DEAD_LETTER_QUEUE, reference(queue.dead_letters()));
        variables.insert(environment::TIER_QUEUES, queue_urls());
    }
    if let Some(tier) = function.tier {
        variables.insert(environment::TIER, tier.name.as_str());
    }
    if matches!(function.kind, FunctionKind::Process | FunctionKind::Notify) {
        variables.insert(environment::TOPIC, reference(topics::OUTCOMES));
    }
    if matches!(function.kind, FunctionKind::Process | FunctionKind::Notify) && stack.has_digest() {
        variables.insert(environment::DIGEST_TOPIC, reference(topics::DIGESTS));
    }
    if function.kind == FunctionKind::Notify && stack.has_digest() {
        variables.insert(environment::DIGEST_QUEUE, reference(DIGEST));
    }
    variables
}

fn fed_by(queue: &str, function: &Function<'_>) -> Node {
    let mut properties = map! {
        "EventSourceArn" => arn(queue),
        "FunctionName" => reference(function.logical()),
        "BatchSize" => function.tier.map_or(ROUTER_BATCH, |tier| tier.batch),
        // Messages that failed come again by themselves, those beside them do not.
        "FunctionResponseTypes" => list_of(["ReportBatchItemFailures"]),
    };
    if let Some(concurrency) = function.tier.and_then(|tier| tier.concurrency) {
        properties.insert("ScalingConfig", map! { "MaximumConcurrency" => concurrency });
    }
    map! { "Type" => "AWS::Lambda::EventSourceMapping", "Properties" => properties }
}
