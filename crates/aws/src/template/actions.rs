//! Every action that a role of the stack may allow, and what needs it. A test compares this with the template and with the code.

/// What an action is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The functions' code makes these calls of the SDK; one of them at least stands in the sources.
    Call(&'static [&'static str]),
    /// A service of AWS makes the call in the function's name.
    Service(&'static str),
}

/// An action of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its name in policies.
    pub name: &'static str,
    /// What needs it.
    pub need: Need,
    /// Why it is allowed for every resource: AWS knows none for it.
    pub any_resource: Option<&'static str>,
}

const POLLER: Need = Need::Service("Lambda's poller of queues");
const STREAM_READER: Need = Need::Service("Lambda's reader of streams");
const NETWORK: Need = Need::Service("Lambda's attachment to a network");
const NETWORK_REASON: &str = "Lambda asks for them before there is an interface that could be named (\"Giving Lambda functions access to \
                              resources in an Amazon VPC\")";
const TRACES_REASON: &str = "traces are no resources (\"Actions, resources, and condition keys for AWS X-Ray\")";

const fn call(name: &'static str, calls: &'static [&'static str]) -> Action {
    Action { name, need: Need::Call(calls), any_resource: None }
}

const fn service(name: &'static str, need: Need) -> Action {
    Action { name, need, any_resource: None }
}

const fn anywhere(name: &'static str, need: Need, why: &'static str) -> Action {
    Action { name, need, any_resource: Some(why) }
}

/// Every action, in the order of its name.
pub const ACTIONS: [Action; 32] = [
    call("dynamodb:BatchGetItem", &["batch_get_item"]),
    call("dynamodb:ConditionCheckItem", &["transact_write_items"]),
    call("dynamodb:DeleteItem", &["delete_item", "transact_write_items"]),
    service("dynamodb:DescribeStream", STREAM_READER),
    call("dynamodb:GetItem", &["get_item"]),
    service("dynamodb:GetRecords", STREAM_READER),
    service("dynamodb:GetShardIterator", STREAM_READER),
    service("dynamodb:ListStreams", STREAM_READER),
    call("dynamodb:PutItem", &["put_item", "transact_write_items"]),
    call("dynamodb:Query", &["query"]),
    call("dynamodb:UpdateItem", &["update_item", "transact_write_items"]),
    anywhere("ec2:AssignPrivateIpAddresses", NETWORK, NETWORK_REASON),
    anywhere("ec2:CreateNetworkInterface", NETWORK, NETWORK_REASON),
    anywhere("ec2:DeleteNetworkInterface", NETWORK, NETWORK_REASON),
    anywhere("ec2:DescribeNetworkInterfaces", NETWORK, NETWORK_REASON),
    anywhere("ec2:DescribeSubnets", NETWORK, NETWORK_REASON),
    anywhere("ec2:UnassignPrivateIpAddresses", NETWORK, NETWORK_REASON),
    service("logs:CreateLogStream", Need::Service("Lambda's logging")),
    service("logs:PutLogEvents", Need::Service("Lambda's logging")),
    call("s3:DeleteObject", &["delete_object"]),
    call("s3:GetObject", &["get_object", "head_object", "copy_object"]),
    call("s3:GetObjectTagging", &["get_object_tagging"]),
    call("s3:PutObject", &["put_object", "copy_object"]),
    call("s3:PutObjectTagging", &["put_object_tagging"]),
    call("sns:Publish", &["publish"]),
    call("sqs:DeleteMessage", &["delete_message", "delete_message_batch"]),
    service("sqs:GetQueueAttributes", POLLER),
    call("sqs:ReceiveMessage", &["receive_message"]),
    call("sqs:SendMessage", &["send_message", "send_message_batch"]),
    service("sts:AssumeRole", Need::Service("Lambda")),
    anywhere("xray:PutTelemetryRecords", Need::Service("Lambda's tracing"), TRACES_REASON),
    anywhere("xray:PutTraceSegments", Need::Service("Lambda's tracing"), TRACES_REASON),
];
