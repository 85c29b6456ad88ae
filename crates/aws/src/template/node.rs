//! What a template is written in: values in the order in which they were added, with CloudFormation's functions.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A value of a template. Maps keep the order of their entries, so that the text is the same each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// Values in order.
    List(Vec<Node>),
    /// Named values in order.
    Map(Vec<(String, Node)>),
    /// `Ref`: a resource's name or address, or a parameter's value.
    Ref(String),
    /// `Fn::GetAtt`: an attribute of a resource.
    GetAtt(String, &'static str),
    /// `Fn::Sub`: text in which `${Name}` stands for a `Ref`.
    Sub(String),
}

impl Node {
    /// The entry of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Adds an entry to a map; to anything else nothing can be added.
    pub(super) fn insert(&mut self, name: &str, value: impl Into<Self>) {
        if let Self::Map(entries) = self {
            entries.push((name.to_owned(), value.into()));
        }
    }
}

/// `Ref`.
pub(super) fn reference(name: impl Into<String>) -> Node {
    Node::Ref(name.into())
}

/// `Fn::GetAtt … Arn`.
pub(super) fn arn(name: impl Into<String>) -> Node {
    Node::GetAtt(name.into(), "Arn")
}

/// `Fn::Sub`.
pub(super) fn sub(text: impl Into<String>) -> Node {
    Node::Sub(text.into())
}

/// A list of values of one kind.
pub(super) fn list_of<T: Into<Node>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

/// A map of [`Node`]s, in order.
macro_rules! map {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::template::node::Node::Map(vec![$((($key).to_string(), $crate::template::node::Node::from($value))),*])
    };
}

/// A list of [`Node`]s.
macro_rules! list {
    ($($value:expr),* $(,)?) => {
        $crate::template::node::Node::List(vec![$($crate::template::node::Node::from($value)),*])
    };
}

pub(super) use {list, map};

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Node {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Self::Ref(name) => call(serializer, "Ref", name),
            Self::GetAtt(name, attribute) => call(serializer, "Fn::GetAtt", &[name.as_str(), attribute]),
            Self::Sub(text) => call(serializer, "Fn::Sub", text),
        }
    }
}

/// A function and its argument.
fn call<S: Serializer>(serializer: S, name: &str, argument: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, argument)?;
    map.end()
}
