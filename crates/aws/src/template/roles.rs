//! A role for each function, with the actions that it uses on the things that it uses them on.

use super::names::{object_arn, objects_arn, widest};
use super::node::{Node, arn, list, list_of, map, reference};
use super::queues::{DIGEST, NOTIFY_DEAD_LETTERS};
use super::stack::{Bucket, Function, Stack};
use super::{Template, database, topics};
use crate::environment::FunctionKind;
use minilab_model::BucketName;
use std::collections::BTreeSet;

/// The logical name of a function's role.
pub(super) fn logical(function: &Function<'_>) -> String {
    format!("{}Role", function.stem())
}

/// The logical name of a function's logs.
pub(super) fn log_group(function: &Function<'_>) -> String {
    format!("{}Logs", function.stem())
}

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    for function in stack.functions() {
        template.resource(&logical(&function), role(stack, &function));
    }
}

fn role(stack: &Stack<'_>, function: &Function<'_>) -> Node {
    let mut policy = Policy(Vec::new());
    policy.allow("OwnLogs", &["logs:CreateLogStream", "logs:PutLogEvents"], vec![arn(log_group(function))]);
    if let Some(queue) = stack.queue_of(function) {
        let poll = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
        policy.allow("OwnQueue", &poll, vec![arn(queue.logical())]);
    }
    match function.kind {
        FunctionKind::Process => policy.process(stack, function),
        FunctionKind::Router => policy.router(stack),
        FunctionKind::Api => policy.api(stack),
        FunctionKind::Notify => policy.notify(stack),
    }
    if stack.aws.tracing {
        policy.allow("Traces", &["xray:PutTelemetryRecords", "xray:PutTraceSegments"], vec![Node::from("*")]);
    }
    if stack.is_inside(function.kind) {
        let network = [
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ];
        policy.allow("Network", &network, vec![Node::from("*")]);
    }
    map! {
        "Type" => "AWS::IAM::Role",
        "Properties" => map! {
            "AssumeRolePolicyDocument" => map! {
                "Version" => "2012-10-17",
                "Statement" => list![map! {
                    "Effect" => "Allow",
                    "Principal" => map! { "Service" => "lambda.amazonaws.com" },
                    "Action" => "sts:AssumeRole",
                }],
            },
            "Policies" => list![map! {
                "PolicyName" => "minilab",
                "PolicyDocument" => map! { "Version" => "2012-10-17", "Statement" => Node::List(policy.0) },
            }],
        },
    }
}

/// The statements of a policy.
struct Policy(Vec<Node>);

impl Policy {
    fn allow(&mut self, sid: &str, actions: &[&str], resources: Vec<Node>) {
        if !resources.is_empty() {
            let actions = list_of(actions.iter().copied());
            let statement = map! { "Sid" => sid, "Effect" => "Allow", "Action" => actions, "Resource" => Node::List(resources) };
            self.0.push(statement);
        }
    }

    fn process(&mut self, stack: &Stack<'_>, function: &Function<'_>) {
        self.allow("ReadSources", &["s3:GetObject"], objects(stack, |bucket| &bucket.sources));
        // Reading is part of replacing: S3 asks for it where a write depends on the ETag.
        let write = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"];
        self.allow("WriteVariants", &write, objects(stack, |bucket| &bucket.destinations));
        let former = stack.aws.former_destinations.iter().filter_map(|former| {
            let (bucket, prefix) = former.split_once('/')?;
            Some(objects_arn(&BucketName::new(bucket).ok()?, prefix))
        });
        self.allow("RemoveFormerVariants", &["s3:DeleteObject", "s3:GetObject"], former.collect());
        let of_bucket = |bucket: &Bucket| bucket.overlays.iter().map(|key| object_arn(&bucket.name, key)).collect::<Vec<_>>();
        self.allow("ReadWatermarks", &["s3:GetObject"], stack.buckets.iter().flat_map(of_bucket).collect());
        let tag = ["s3:GetObjectTagging", "s3:PutObjectTagging"];
        self.allow("TagSources", &tag, objects(stack, |bucket| &bucket.tagged));
        let items =
            ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
        self.allow("Items", &items, vec![database::arn(stack)]);
        let own = stack.queue_of(function);
        let larger = stack.tier_queues().into_iter().skip_while(|queue| Some(queue) != own.as_ref()).skip(1);
        let mut queues: Vec<Node> = own.iter().map(|queue| arn(queue.dead_letters())).collect();
        queues.extend(larger.map(|queue| arn(queue.logical())));
        self.allow("GiveOn", &["sqs:SendMessage"], queues);
    }

    fn router(&mut self, stack: &Stack<'_>) {
        self.allow("ReadHeaders", &["s3:GetObject"], objects(stack, |bucket| &bucket.sources));
        let mut queues: Vec<Node> = stack.tier_queues().iter().map(|queue| arn(queue.logical())).collect();
        queues.push(arn("IngestDeadLetters"));
        self.allow("GiveOn", &["sqs:SendMessage"], queues);
    }

    fn api(&mut self, stack: &Stack<'_>) {
        self.allow("Items", &["dynamodb:BatchGetItem", "dynamodb:GetItem"], vec![database::arn(stack)]);
        self.allow("Lists", &["dynamodb:Query"], database::index_arns(stack));
        // A link can do what the function that signed it may.
        let mut objects = objects(stack, |bucket| &bucket.sources);
        for variant in self::objects(stack, |bucket| &bucket.destinations) {
            if !objects.contains(&variant) {
                objects.push(variant);
            }
        }
        self.allow("Downloads", &["s3:GetObject"], objects);
    }

    fn notify(&mut self, stack: &Stack<'_>) {
        let read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
        self.allow("Stream", &read, vec![database::stream_arn(stack)]);
        let mut topics: Vec<Node> = vec![reference(topics::OUTCOMES)];
        topics.extend(stack.has_digest().then(|| reference(topics::DIGESTS)));
        topics.extend(stack.bundle.named_topics().into_iter().map(Node::from));
        self.allow("Tell", &["sns:Publish"], topics);
        let mut queues = vec![arn(NOTIFY_DEAD_LETTERS)];
        if stack.has_digest() {
            queues.push(arn(DIGEST));
            self.allow("Digest", &["sqs:DeleteMessage", "sqs:ReceiveMessage"], vec![arn(DIGEST)]);
        }
        self.allow("Keep", &["sqs:SendMessage"], queues);
    }
}

/// The ARNs of objects, bucket by bucket.
fn objects(stack: &Stack<'_>, prefixes: impl Fn(&Bucket) -> &BTreeSet<String>) -> Vec<Node> {
    let of_bucket = |bucket: &Bucket| -> Vec<Node> {
        widest(prefixes(bucket)).into_iter().map(|prefix| objects_arn(&bucket.name, prefix)).collect()
    };
    stack.buckets.iter().flat_map(of_bucket).collect()
}
