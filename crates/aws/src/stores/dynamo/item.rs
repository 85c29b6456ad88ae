//! Attributes and expressions.

use crate::stores::error::TableError;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// An item: attributes by name.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

pub(super) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
}

/// A string attribute that must be there.
pub(super) fn must<'a>(item: &'a Item, key: &str, name: &'static str) -> Result<&'a str, TableError> {
    let found = item.get(name).and_then(|value| value.as_s().ok());
    found.map(String::as_str).ok_or_else(|| TableError::Corrupt { key: key.to_owned(), attribute: name })
}

/// A numeric attribute that must be there.
pub(super) fn must_number<T: std::str::FromStr>(item: &Item, key: &str, name: &'static str) -> Result<T, TableError> {
    number(item, name).ok_or_else(|| TableError::Corrupt { key: key.to_owned(), attribute: name })
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The names and values of an expression. Every name and value has a placeholder, so that no name can be one of the words
/// that DynamoDB reserves and none can end the expression early.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    /// The placeholder of an attribute.
    pub fn name(&mut self, name: impl Into<String>) -> String {
        let name = name.into();
        if let Some((known, _)) = self.names.iter().find(|(_, known)| **known == name) {
            return known.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name);
        placeholder
    }

    /// The placeholder of a value.
    pub fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// `name = value`, in an assignment or a condition.
    pub fn equal(&mut self, name: &str, value: AttributeValue) -> String {
        format!("{} = {}", self.name(name), self.value(value))
    }

    /// `name = value`, or for no value that there is no such attribute; in a condition.
    pub fn equal_or_absent(&mut self, name: &str, value: Option<AttributeValue>) -> String {
        match value {
            Some(value) => self.equal(name, value),
            None => format!("attribute_not_exists({})", self.name(name)),
        }
    }

    /// Names, for a request.
    pub fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// Values, for a request: none at all where there are none, since DynamoDB refuses an empty map.
    pub fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}
