//! Private subnets without a way to the internet, and how AWS is reached from there.
//!
//! S3 and DynamoDB have gateway endpoints, which cost nothing. SQS and SNS have interface endpoints alone, which are charged by
//! the hour, so functions that call those stay outside unless the configuration says `interface`. Queues are polled and streams
//! read by Lambda itself, from outside.

use super::Template;
use super::node::{Node, list, list_of, map, reference, sub};
use super::stack::Stack;
use crate::config::Vpc;

/// The network's addresses.
const CIDR: &str = "VpcCidr";
/// Subnets, each in another zone.
const SUBNETS: [&str; 2] = ["PrivateSubnetA", "PrivateSubnetB"];
/// What functions may send.
const FUNCTIONS: &str = "FunctionSecurityGroup";
/// What endpoints take.
const ENDPOINTS: &str = "EndpointSecurityGroup";

/// Whether the stack makes the network.
fn is_made(stack: &Stack<'_>) -> bool {
    stack.aws.vpc != Vpc::Off && stack.aws.subnets.is_empty()
}

pub(super) fn parameters(template: &mut Template, stack: &Stack<'_>) {
    if is_made(stack) {
        template.parameter(
            CIDR,
            map! {
                "Type" => "String",
                "Default" => "10.75.0.0/24",
                "AllowedPattern" => "[0-9.]+/(1[6-9]|2[0-6])",
                "Description" => "Addresses of the private network, of which each of two subnets gets 32",
            },
        );
    }
}

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    if !is_made(stack) {
        return;
    }
    let vpc = map! { "CidrBlock" => reference(CIDR), "EnableDnsSupport" => true, "EnableDnsHostnames" => true };
    template.resource("Vpc", resource("AWS::EC2::VPC", vpc));
    template.resource("PrivateRoutes", resource("AWS::EC2::RouteTable", map! { "VpcId" => reference("Vpc") }));
    for (index, subnet) in SUBNETS.into_iter().enumerate() {
        let number = Node::Number(index as i64);
        let blocks = map! { "Fn::Cidr" => list![Node::GetAtt("Vpc".to_owned(), "CidrBlock"), 2, 5] };
        let properties = map! {
            "VpcId" => reference("Vpc"),
            "CidrBlock" => map! { "Fn::Select" => list![number.clone(), blocks] },
            "AvailabilityZone" => map! { "Fn::Select" => list![number, map! { "Fn::GetAZs" => "" }] },
        };
        template.resource(subnet, resource("AWS::EC2::Subnet", properties));
        let routes = map! { "SubnetId" => reference(subnet), "RouteTableId" => reference("PrivateRoutes") };
        template.resource(&format!("{subnet}Routes"), resource("AWS::EC2::SubnetRouteTableAssociation", routes));
    }
    let https = || map! { "IpProtocol" => "tcp", "FromPort" => 443, "ToPort" => 443 };
    let mut everywhere = https();
    everywhere.insert("CidrIp", "0.0.0.0/0");
    everywhere.insert("Description", "AWS, over the endpoints: there is no other route");
    let group = map! {
        "GroupDescription" => "Functions that read and write S3 and DynamoDB",
        "VpcId" => reference("Vpc"),
        "SecurityGroupEgress" => list![everywhere],
    };
    template.resource(FUNCTIONS, resource("AWS::EC2::SecurityGroup", group));
    for (name, service) in [("S3Endpoint", "s3"), ("DynamoDbEndpoint", "dynamodb")] {
        let properties = map! {
            "VpcEndpointType" => "Gateway",
            "VpcId" => reference("Vpc"),
            "ServiceName" => sub(format!("com.amazonaws.${{AWS::Region}}.{service}")),
            "RouteTableIds" => list![reference("PrivateRoutes")],
        };
        template.resource(name, resource("AWS::EC2::VPCEndpoint", properties));
    }
    if stack.aws.vpc == Vpc::Interface {
        let mut from_functions = https();
        from_functions.insert("SourceSecurityGroupId", reference(FUNCTIONS));
        let group = map! {
            "GroupDescription" => "Endpoints of SQS and SNS",
            "VpcId" => reference("Vpc"),
            "SecurityGroupIngress" => list![from_functions],
        };
        template.resource(ENDPOINTS, resource("AWS::EC2::SecurityGroup", group));
        for (name, service) in [("SqsEndpoint", "sqs"), ("SnsEndpoint", "sns")] {
            let properties = map! {
                "VpcEndpointType" => "Interface",
                "VpcId" => reference("Vpc"),
                "ServiceName" => sub(format!("com.amazonaws.${{AWS::Region}}.{service}")),
                "PrivateDnsEnabled" => true,
                "SubnetIds" => list_of(SUBNETS.map(reference)),
                "SecurityGroupIds" => list![reference(ENDPOINTS)],
            };
            template.resource(name, resource("AWS::EC2::VPCEndpoint", properties));
        }
    }
}

/// The network of a function that is inside.
pub(super) fn of_function(stack: &Stack<'_>) -> Node {
    match is_made(stack) {
        true => map! { "SubnetIds" => list_of(SUBNETS.map(reference)), "SecurityGroupIds" => list![reference(FUNCTIONS)] },
        false => map! { "SubnetIds" => list_of(&stack.aws.subnets), "SecurityGroupIds" => list_of(&stack.aws.security_groups) },
    }
}

fn resource(kind: &str, properties: Node) -> Node {
    map! { "Type" => kind, "Properties" => properties }
}
