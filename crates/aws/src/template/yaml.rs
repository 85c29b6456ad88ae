//! Templates as YAML: the little of it that CloudFormation needs.

use super::node::Node;
use std::fmt::Write;

/// The whole document.
pub(super) fn document(node: &Node) -> String {
    let mut out = String::new();
    if let Node::Map(entries) = node {
        entries.iter().for_each(|(key, value)| entry(&mut out, 0, key, value));
    }
    out
}

fn entry(out: &mut String, depth: usize, key: &str, value: &Node) {
    indent(out, depth);
    out.push_str(&scalar(key));
    out.push(':');
    after_key(out, depth, value);
}

/// What follows a key and its colon.
fn after_key(out: &mut String, depth: usize, value: &Node) {
    match value {
        Node::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            entries.iter().for_each(|(key, value)| entry(out, depth + 1, key, value));
        }
        Node::List(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|item| list_item(out, depth + 1, item));
        }
        value => {
            out.push(' ');
            inline(out, depth, value);
        }
    }
}

fn list_item(out: &mut String, depth: usize, item: &Node) {
    indent(out, depth);
    out.push('-');
    match item {
        // The first entry stands beside the dash, the others below it.
        Node::Map(entries) if !entries.is_empty() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                if index == 0 {
                    let _ = write!(out, " {}:", scalar(key));
                    after_key(out, depth + 1, value);
                } else {
                    entry(out, depth + 1, key, value);
                }
            }
        }
        Node::List(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|item| list_item(out, depth + 1, item));
        }
        value => {
            out.push(' ');
            inline(out, depth, value);
        }
    }
}

/// A value that ends its line, or, for text of several lines, a block of its own.
fn inline(out: &mut String, depth: usize, value: &Node) {
    match value {
        Node::Text(text) if is_block(text) => block(out, depth, text),
        Node::Sub(text) if is_block(text) => {
            out.push_str("!Sub ");
            block(out, depth, text);
        }
        Node::Text(text) => line(out, &scalar(text)),
        Node::Number(number) => line(out, &number.to_string()),
        Node::Flag(flag) => line(out, &flag.to_string()),
        Node::List(_) => line(out, "[]"),
        Node::Map(_) => line(out, "{}"),
        Node::Ref(name) => line(out, &format!("!Ref {}", scalar(name))),
        Node::GetAtt(name, attribute) => line(out, &format!("!GetAtt {name}.{attribute}")),
        Node::Sub(text) => line(out, &format!("!Sub {}", scalar(text))),
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Text that a literal block holds as it is.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with('\n')
        && text.chars().all(|character| character == '\n' || !character.is_control())
}

fn block(out: &mut String, depth: usize, text: &str) {
    out.push_str("|-\n");
    for line in text.split('\n') {
        if !line.is_empty() {
            indent(out, depth + 1);
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Text as it stands where nothing could take it for anything else, else in double quotes.
fn scalar(text: &str) -> String {
    // What YAML 1.1 reads as true, false or nothing.
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./:-".contains(&byte))
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    // JSON's escapes are YAML's, too.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::node::{list, map, reference, sub};
    use super::*;

    #[test]
    fn values_are_written_as_yaml_reads_them() {
        let node = map! {
            "Version" => "2012-10-17",
            "Plain" => "AWS::S3::Bucket",
            "Word" => "No",
            "Colon" => "a: b",
            "Quoted" => "a \"b\"\u{7}",
            "List" => list![map! { "A" => 1, "B" => list!["x"] }, "z", reference("Queue"), Node::List(Vec::new())],
            "Block" => sub("{\n  \"a\": 1\n}"),
            "Empty" => Node::Map(Vec::new()),
        };
        let expected = "Version: \"2012-10-17\"\nPlain: AWS::S3::Bucket\nWord: \"No\"\nColon: \"a: b\"\nQuoted: \"a \\\"b\\\"\\u0007\"\n\
                        List:\n  - A: 1\n    B:\n      - x\n  - z\n  - !Ref Queue\n  - []\n\
                        Block: !Sub |-\n  {\n    \"a\": 1\n  }\nEmpty: {}\n";
        assert_eq!(document(&node), expected);
    }
}
