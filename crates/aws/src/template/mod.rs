//! The deployment as a CloudFormation template: printed, never called. The same configuration always gives the same text.
//!
//! A file for each part; [`ACTIONS`] is every action that a role may allow, and why.

mod actions;
mod alarms;
mod api;
mod buckets;
mod database;
mod filters;
mod functions;
mod names;
mod network;
mod node;
mod queues;
mod roles;
mod stack;
mod topics;
mod yaml;

pub use actions::{ACTIONS, Action, Need};
pub use node::Node;

use crate::bundle::Bundle;
use node::map;
use stack::Stack;

/// The most that CloudFormation takes from a file on S3, in bytes ("CloudFormation quotas"). What is given on the command line ends at
/// [`MAX_DIRECT_BYTES`].
pub const MAX_BYTES: usize = 1_000_000;
/// The most that CloudFormation takes in a request, in bytes.
pub const MAX_DIRECT_BYTES: usize = 51_200;

/// A CloudFormation template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    metadata: Vec<(String, Node)>,
    parameters: Vec<(String, Node)>,
    resources: Vec<(String, Node)>,
    outputs: Vec<(String, Node)>,
    description: String,
}

impl Template {
    /// The template that deploys a bundle.
    #[must_use]
    pub fn new(bundle: &Bundle) -> Self {
        let stack = Stack::new(bundle);
        let mut template = Self {
            metadata: Vec::new(),
            parameters: Vec::new(),
            resources: Vec::new(),
            outputs: Vec::new(),
            description: describe(&stack),
        };
        functions::parameters(&mut template, &stack);
        network::parameters(&mut template, &stack);
        buckets::add(&mut template, &stack);
        queues::add(&mut template, &stack);
        database::add(&mut template, &stack);
        network::add(&mut template, &stack);
        roles::add(&mut template, &stack);
        functions::add(&mut template, &stack);
        topics::add(&mut template, &stack);
        if stack.aws.api {
            api::add(&mut template, &stack);
        }
        alarms::add(&mut template, &stack);
        if stack.aws.api {
            api::outputs(&mut template);
        }
        topics::outputs(&mut template, &stack);
        queues::outputs(&mut template, &stack);
        template
    }

    /// The template as YAML, with the short forms of CloudFormation's functions.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::document(&self.document())
    }

    /// The template as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text, numbers, lists and maps with text for keys: nothing that JSON cannot hold.
        let mut json = serde_json::to_string_pretty(&self.document()).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The whole template as one value.
    #[must_use]
    pub fn document(&self) -> Node {
        let mut document = map! { "AWSTemplateFormatVersion" => "2010-09-09", "Description" => &self.description };
        let sections = [
            ("Metadata", &self.metadata),
            ("Parameters", &self.parameters),
            ("Resources", &self.resources),
            ("Outputs", &self.outputs),
        ];
        for (name, entries) in sections.into_iter().filter(|(_, entries)| !entries.is_empty()) {
            document.insert(name, Node::Map(entries.clone()));
        }
        document
    }

    /// The resources and their logical names, in order.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.resources.iter().map(|(name, resource)| (name.as_str(), resource))
    }

    fn metadata(&mut self, name: &str, value: impl Into<Node>) {
        self.metadata.push((name.to_owned(), value.into()));
    }

    fn parameter(&mut self, name: &str, parameter: Node) {
        self.parameters.push((name.to_owned(), parameter));
    }

    fn resource(&mut self, name: &str, resource: Node) {
        self.resources.push((name.to_owned(), resource));
    }

    fn output(&mut self, name: &str, description: &str, value: Node) {
        self.outputs.push((name.to_owned(), map! { "Description" => description, "Value" => value }));
    }
}

fn describe(stack: &Stack<'_>) -> String {
    let mut text =
        "Minilab: uploads become variants and records. Made by `minilab aws template`; change the configuration, not this."
            .to_owned();
    if stack.aws.table_exists {
        text.push_str(&format!(
            " The table {} is there already: Metadata/ExistingTable has the commands that give it indexes, stream and time to live.",
            stack.aws.table
        ));
    }
    let existing: Vec<&str> = stack
        .buckets
        .iter()
        .filter(|bucket| bucket.exists && !bucket.filters.is_empty())
        .map(|bucket| bucket.name.as_str())
        .take(5)
        .collect();
    if !existing.is_empty() {
        text.push_str(&format!(" EventBridge must be switched on for: {}.", existing.join(", ")));
    }
    // CloudFormation's limit is 1,024 bytes.
    text.truncate(text.floor_char_boundary(1024));
    text
}
