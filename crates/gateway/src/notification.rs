//! Bucket notification configurations: which events of which keys are told to which webhook.
//!
//! Webhooks take the place of queues, topics and functions: all three kinds of configuration are accepted alike, with the
//! ARN `arn:minilab:sqs::NAME:webhook` of a webhook that the server's configuration names. They are given back as queue
//! configurations.

use crate::error::{not_implemented, store_error};
use crate::operations::bucket_name;
use minilab_embedded::Embedded;
use minilab_model::{BucketNotification, EventKind, EventPattern};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeSet;

const ARN_START: &str = "arn:minilab:sqs::";
const ARN_END: &str = ":webhook";
/// Most configurations of a bucket, as in S3.
const MAX_CONFIGURATIONS: usize = 100;
/// Longest `Id` in characters, as in S3.
const MAX_ID_CHARS: usize = 255;
/// Longest prefix or suffix in bytes: that of a key.
const MAX_FILTER_BYTES: usize = 1024;

pub(crate) async fn get(
    store: &Embedded,
    request: S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    let configured = store.bucket_notifications(&bucket_name(&request.input.bucket)?).await.map_err(store_error)?;
    let queues: Vec<QueueConfiguration> = configured.into_iter().map(to_dto).collect();
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        queue_configurations: (!queues.is_empty()).then_some(queues),
        ..GetBucketNotificationConfigurationOutput::default()
    }))
}

pub(crate) async fn put(
    store: &Embedded,
    webhooks: &[String],
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
    let input = request.input;
    let bucket = bucket_name(&input.bucket)?;
    // A bucket that is missing is said before what is wrong with its configuration.
    store.bucket(&bucket).await.map_err(store_error)?;
    let configured = read(input.notification_configuration, webhooks)?;
    store.set_bucket_notifications(&bucket, configured).await.map_err(store_error)?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput::default()))
}

/// One configuration of any of the three kinds.
struct Asked {
    id: Option<String>,
    arn: String,
    events: Vec<Event>,
    filter: Option<NotificationConfigurationFilter>,
}

fn read(configuration: NotificationConfiguration, webhooks: &[String]) -> S3Result<Vec<BucketNotification>> {
    if configuration.event_bridge_configuration.is_some() {
        return Err(not_implemented("EventBridgeConfiguration"));
    }
    let queues = configuration.queue_configurations.unwrap_or_default().into_iter().map(|queue| {
        let QueueConfiguration { events, filter, id, queue_arn: arn } = queue;
        Asked { id, arn, events, filter }
    });
    let topics = configuration.topic_configurations.unwrap_or_default().into_iter().map(|topic| {
        let TopicConfiguration { events, filter, id, topic_arn: arn } = topic;
        Asked { id, arn, events, filter }
    });
    let functions = configuration.lambda_function_configurations.unwrap_or_default().into_iter().map(|function| {
        let LambdaFunctionConfiguration { events, filter, id, lambda_function_arn: arn } = function;
        Asked { id, arn, events, filter }
    });
    let configured: Vec<BucketNotification> =
        queues.chain(topics).chain(functions).map(|asked| read_one(asked, webhooks)).collect::<S3Result<_>>()?;
    if configured.len() > MAX_CONFIGURATIONS {
        return Err(invalid(format!("A bucket can have at most {MAX_CONFIGURATIONS} notification configurations.")));
    }
    let mut ids = BTreeSet::new();
    if let Some(twice) = configured.iter().find(|one| !ids.insert(&one.id)) {
        return Err(invalid(format!("Same ID used for multiple configurations. IDs must be unique: '{}'", twice.id)));
    }
    for (place, one) in configured.iter().enumerate() {
        if let Some(other) = configured[..place].iter().find(|other| overlap(one, other)) {
            return Err(invalid(format!(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are \
                 overlapping for the same event type: '{}' and '{}'",
                other.id, one.id
            )));
        }
    }
    Ok(configured)
}

fn read_one(asked: Asked, webhooks: &[String]) -> S3Result<BucketNotification> {
    let Asked { id, arn, events, filter } = asked;
    let id = match id.filter(|id| !id.is_empty()) {
        Some(id) if id.chars().count() > MAX_ID_CHARS => {
            return Err(invalid(format!("The Id of a notification configuration can have at most {MAX_ID_CHARS} characters.")));
        }
        Some(id) => id,
        None => generated_id()?,
    };
    let webhook = webhook_of(&arn, webhooks)?;
    if events.is_empty() {
        return Err(s3_error!(MalformedXML, "The notification configuration '{id}' names no event."));
    }
    let events = events.iter().map(|event| event_pattern(event.as_ref())).collect::<S3Result<_>>()?;
    let (prefix, suffix) = filters(filter)?;
    Ok(BucketNotification { id, events, prefix, suffix, webhook })
}

/// The name of the webhook that an ARN means.
fn webhook_of(arn: &str, webhooks: &[String]) -> S3Result<String> {
    let name = arn.strip_prefix(ARN_START).and_then(|rest| rest.strip_suffix(ARN_END));
    if let Some(name) = name.filter(|name| webhooks.iter().any(|known| known == name)) {
        return Ok(name.to_owned());
    }
    let known = match webhooks {
        [] => "none is configured; add a [[webhooks]] table to the server's configuration".to_owned(),
        names => {
            format!("there is {}", names.iter().map(|name| format!("{ARN_START}{name}{ARN_END}")).collect::<Vec<_>>().join(", "))
        }
    };
    Err(invalid(format!(
        "Unable to validate the following destination configurations: '{arn}' is no webhook of this server ({known})"
    )))
}

fn event_pattern(name: &str) -> S3Result<EventPattern> {
    EventPattern::try_from(name.to_owned())
        .map_err(|reason| invalid(format!("A specified event is not supported for notifications: {reason}")))
}

/// Prefix and suffix of a filter. An empty one narrows nothing.
fn filters(filter: Option<NotificationConfigurationFilter>) -> S3Result<(Option<String>, Option<String>)> {
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    let (mut prefix, mut suffix) = (None, None);
    for FilterRule { name, value } in rules {
        let name = name.as_ref().map_or("", FilterRuleName::as_str).to_ascii_lowercase();
        let value = value.unwrap_or_default();
        let place = match name.as_str() {
            "prefix" => &mut prefix,
            "suffix" => &mut suffix,
            _ => return Err(invalid("filter rule name must be either prefix or suffix".to_owned())),
        };
        if value.len() > MAX_FILTER_BYTES {
            return Err(invalid(format!("The {name} of a filter can have at most {MAX_FILTER_BYTES} bytes.")));
        }
        if place.replace(value).is_some() {
            return Err(invalid(format!("Cannot specify more than one {name} rule in a filter.")));
        }
    }
    let narrow = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok((narrow(prefix), narrow(suffix)))
}

/// Whether one event could be told by both: S3 refuses that whatever the destinations.
fn overlap(one: &BucketNotification, other: &BucketNotification) -> bool {
    let text = |filter: &'_ Option<String>| filter.clone().unwrap_or_default();
    let (prefixes, suffixes) = ([text(&one.prefix), text(&other.prefix)], [text(&one.suffix), text(&other.suffix)]);
    let same_event = EventKind::ALL.iter().any(|kind| {
        let tells = |configuration: &BucketNotification| configuration.events.iter().any(|pattern| pattern.matches(*kind));
        tells(one) && tells(other)
    });
    same_event
        && (prefixes[0].starts_with(&prefixes[1]) || prefixes[1].starts_with(&prefixes[0]))
        && (suffixes[0].ends_with(&suffixes[1]) || suffixes[1].ends_with(&suffixes[0]))
}

fn to_dto(configuration: BucketNotification) -> QueueConfiguration {
    let BucketNotification { id, events, prefix, suffix, webhook } = configuration;
    let rules: Vec<FilterRule> = [(FilterRuleName::PREFIX, prefix), (FilterRuleName::SUFFIX, suffix)]
        .into_iter()
        .filter_map(|(name, value)| Some(FilterRule { name: Some(FilterRuleName::from_static(name)), value: Some(value?) }))
        .collect();
    let filter = NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules.clone()) }) };
    QueueConfiguration {
        events: events.into_iter().map(|event| Event::from(String::from(event))).collect(),
        filter: (!rules.is_empty()).then_some(filter),
        id: Some(id),
        queue_arn: format!("{ARN_START}{webhook}{ARN_END}"),
    }
}

/// An id for who gave none: a random UUID, as S3 makes them.
fn generated_id() -> S3Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random bytes for an id");
        s3_error!(InternalError)
    })?;
    // Version 4, variant 1 (RFC 9562, section 5.4).
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let [a, b, c, d, e] = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex::encode);
    Ok(format!("{a}-{b}-{c}-{d}-{e}"))
}

fn invalid(message: String) -> S3Error {
    S3Error::with_message(s3s::S3ErrorCode::InvalidArgument, message)
}
