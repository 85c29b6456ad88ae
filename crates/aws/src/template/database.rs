//! The table: made with its indexes, stream and time to live, or taken as it is.

use super::Template;
use super::node::{Node, list, list_of, map, reference, sub};
use super::stack::Stack;
use crate::table;

/// The logical name of the table.
const TABLE: &str = "Table";
/// The parameter that names the stream of a table that was there before.
const STREAM: &str = "TableStreamArn";

pub(super) fn add(template: &mut Template, stack: &Stack<'_>) {
    if stack.aws.table_exists {
        template.parameter(
            STREAM,
            map! {
                "Type" => "String",
                "Description" => "The stream of the table that is there already, with new images (LatestStreamArn of describe-table)",
                "AllowedPattern" => "arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/.+/stream/.+",
            },
        );
        template.metadata("ExistingTable", existing(stack));
        return;
    }
    let mut properties = map! {
        "TableName" => stack.aws.table.as_str(),
        "BillingMode" => "PAY_PER_REQUEST",
        "AttributeDefinitions" => attributes(stack),
        "KeySchema" => list![key(&stack.aws.table_key, "HASH")],
        "GlobalSecondaryIndexes" => list_of(indexes().map(|(name, sort)| index(name, sort))),
        "StreamSpecification" => map! { "StreamViewType" => "NEW_IMAGE" },
        "TimeToLiveSpecification" => map! { "AttributeName" => table::EXPIRES, "Enabled" => true },
    };
    if stack.aws.point_in_time_recovery {
        properties.insert("PointInTimeRecoverySpecification", map! { "PointInTimeRecoveryEnabled" => true });
    }
    template.resource(
        TABLE,
        map! {
            "Type" => "AWS::DynamoDB::Table",
            // Records outlive the stack that wrote them.
            "DeletionPolicy" => "Retain",
            "UpdateReplacePolicy" => "Retain",
            "Properties" => properties,
        },
    );
}

/// The indexes: their names and sort keys.
pub(super) fn indexes() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(table::BY_SIZE, table::SIZE_KEY), (table::BY_KEY, table::OBJECT_KEY), (table::BY_TIME, table::CREATED_KEY)].into_iter()
}

fn attributes(stack: &Stack<'_>) -> Node {
    let names = [stack.aws.table_key.as_str(), table::COLLECTION].into_iter().chain(indexes().map(|(_, sort)| sort));
    list_of(names.map(|name| map! { "AttributeName" => name, "AttributeType" => "S" }))
}

fn key(name: &str, kind: &str) -> Node {
    map! { "AttributeName" => name, "KeyType" => kind }
}

fn index(name: &str, sort: &str) -> Node {
    map! {
        "IndexName" => name,
        "KeySchema" => list![key(table::COLLECTION, "HASH"), key(sort, "RANGE")],
        // Records are read from the table: an index that held them, too, would double the cost of every write.
        "Projection" => map! { "ProjectionType" => "KEYS_ONLY" },
    }
}

/// The table's name where a function needs it.
pub(super) fn name(stack: &Stack<'_>) -> Node {
    match stack.aws.table_exists {
        true => Node::from(stack.aws.table.as_str()),
        false => reference(TABLE),
    }
}

/// The table's ARN.
pub(super) fn arn(stack: &Stack<'_>) -> Node {
    match stack.aws.table_exists {
        true => sub(format!("arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{}", stack.aws.table)),
        false => super::node::arn(TABLE),
    }
}

/// The ARNs of the indexes.
pub(super) fn index_arns(stack: &Stack<'_>) -> Vec<Node> {
    let arn_of = |index: &str| match stack.aws.table_exists {
        true => sub(format!(
            "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{}/index/{index}",
            stack.aws.table
        )),
        false => sub(format!("${{{TABLE}.Arn}}/index/{index}")),
    };
    indexes().map(|(index, _)| arn_of(index)).collect()
}

/// The ARN of the table's stream.
pub(super) fn stream_arn(stack: &Stack<'_>) -> Node {
    match stack.aws.table_exists {
        true => reference(STREAM),
        false => Node::GetAtt(TABLE.to_owned(), "StreamArn"),
    }
}

/// The commands that give a table that is there already what the functions need.
fn existing(stack: &Stack<'_>) -> Node {
    let table = &stack.aws.table;
    let mut commands = vec![format!(
        "The table {table} must have the partition key {} (a string) and no sort key. It gets its indexes one by one (each is filled before \
         the next can be made), a stream and a time to live:",
        stack.aws.table_key
    )];
    for (index, sort) in indexes() {
        commands.push(format!(
            "aws dynamodb update-table --table-name {table} \
             --attribute-definitions AttributeName={collection},AttributeType=S AttributeName={sort},AttributeType=S \
             --global-secondary-index-updates 'Create={{IndexName={index},KeySchema=[{{AttributeName={collection},KeyType=HASH}},\
             {{AttributeName={sort},KeyType=RANGE}}],Projection={{ProjectionType=KEYS_ONLY}}}}'",
            collection = table::COLLECTION
        ));
    }
    commands.push(format!(
        "aws dynamodb update-table --table-name {table} --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"
    ));
    commands.push(format!(
        "aws dynamodb update-time-to-live --table-name {table} --time-to-live-specification Enabled=true,AttributeName={}",
        table::EXPIRES
    ));
    commands.push(format!("aws dynamodb describe-table --table-name {table} --query Table.LatestStreamArn --output text"));
    Node::from(commands.join("\n"))
}
