//! Bucket notification configurations: what comes back, what is refused.

use crate::sdk::{client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::types::{
    Event, EventBridgeConfiguration, FilterRule, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter, TopicConfiguration,
};
use minilab_gateway::GatewayOptions;

const ORDERS: &str = "arn:minilab:sqs::orders:webhook";
const STOCK: &str = "arn:minilab:sqs::stock:webhook";

async fn server() -> Server {
    let webhooks = vec!["orders".to_owned(), "stock".to_owned()];
    Server::with_options(GatewayOptions { webhooks, ..GatewayOptions::default() }).await
}

fn filter(rules: &[(&str, &str)]) -> NotificationConfigurationFilter {
    let rule = |(name, value): &(&str, &str)| FilterRule::builder().name((*name).into()).value(*value).build();
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules.iter().map(rule).collect())).build();
    NotificationConfigurationFilter::builder().key(key).build()
}

fn queue(id: &str, arn: &str, event: &str, rules: &[(&str, &str)]) -> QueueConfiguration {
    let queue = QueueConfiguration::builder().queue_arn(arn).events(Event::from(event));
    let queue = if id.is_empty() { queue } else { queue.id(id) };
    let queue = if rules.is_empty() { queue } else { queue.filter(filter(rules)) };
    queue.build().unwrap()
}

fn queues(queues: Vec<QueueConfiguration>) -> NotificationConfiguration {
    NotificationConfiguration::builder().set_queue_configurations(Some(queues)).build()
}

async fn put(server: &Server, configuration: NotificationConfiguration) -> Result<(), (u16, String)> {
    let put = client(server).put_bucket_notification_configuration().bucket(BUCKET).notification_configuration(configuration);
    match put.send().await {
        Ok(_) => Ok(()),
        error => Err(refusal(error)),
    }
}

#[tokio::test]
async fn a_configuration_comes_back_as_it_was_set() {
    let server = server().await;
    let s3 = client(&server);
    let get = || s3.get_bucket_notification_configuration().bucket(BUCKET).send();
    assert!(get().await.unwrap().queue_configurations().is_empty());
    let topic = TopicConfiguration::builder().id("topic").topic_arn(STOCK).events(Event::S3ObjectRemovedDelete).build().unwrap();
    let function = LambdaFunctionConfiguration::builder()
        .lambda_function_arn(STOCK)
        .events(Event::from("s3:ObjectCreated:Copy"))
        .filter(filter(&[("Suffix", ".png")]))
        .build()
        .unwrap();
    let configuration = NotificationConfiguration::builder()
        .queue_configurations(queue("queue", ORDERS, "s3:ObjectCreated:*", &[("PREFIX", "in/a b+ü/"), ("suffix", ".jpg")]))
        .topic_configurations(topic)
        .lambda_function_configurations(function)
        .build();
    put(&server, configuration).await.unwrap();

    let got = get().await.unwrap();
    let got: Vec<_> = got.queue_configurations().iter().collect();
    let arns: Vec<&str> = got.iter().map(|queue| queue.queue_arn()).collect();
    assert_eq!(arns, [ORDERS, STOCK, STOCK]);
    let rules = got[0].filter().unwrap().key().unwrap().filter_rules();
    let rules: Vec<_> = rules.iter().map(|rule| (rule.name().unwrap().as_str().to_owned(), rule.value().unwrap())).collect();
    assert_eq!(rules, [("prefix".to_owned(), "in/a b+ü/"), ("suffix".to_owned(), ".jpg")]);
    assert_eq!((got[0].id(), got[1].id(), got[1].filter()), (Some("queue"), Some("topic"), None));
    assert_eq!(got[1].events(), [Event::S3ObjectRemovedDelete]);
    assert_eq!(got[2].id().map(str::len), Some(36), "an id is made for who gave none");

    put(&server, NotificationConfiguration::builder().build()).await.unwrap();
    assert!(get().await.unwrap().queue_configurations().is_empty());
    let missing = s3.get_bucket_notification_configuration().bucket("missing").send().await;
    assert_eq!(refusal(missing), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn what_could_not_be_told_is_refused() {
    let server = server().await;
    let created = "s3:ObjectCreated:*";
    let invalid = Err((400, "InvalidArgument".to_owned()));
    let one = |arn, event, rules: &[(&str, &str)]| queues(vec![queue("a", arn, event, rules)]);
    let two = |first: QueueConfiguration, second: QueueConfiguration| queues(vec![first, second]);
    let refused = [
        ("an unknown name", one("arn:minilab:sqs::unknown:webhook", created, &[])),
        ("an ARN of somebody else", one("arn:aws:sqs:us-east-1:123456789012:orders", created, &[])),
        ("no event of ours", one(ORDERS, "s3:ObjectRestore:Post", &[])),
        ("no filter's name", one(ORDERS, created, &[("contains", "x")])),
        ("two prefixes", one(ORDERS, created, &[("prefix", "a"), ("Prefix", "b")])),
        ("one id twice", two(queue("a", ORDERS, created, &[]), queue("a", STOCK, "s3:ObjectRemoved:*", &[]))),
        ("the same events", two(queue("a", ORDERS, created, &[]), queue("b", STOCK, "s3:ObjectCreated:Put", &[]))),
        (
            "overlapping filters",
            two(
                queue("a", ORDERS, created, &[("prefix", "in/"), ("suffix", "jpg")]),
                queue("b", STOCK, created, &[("prefix", "in/x"), ("suffix", ".jpg")]),
            ),
        ),
    ];
    for (what, configuration) in refused {
        assert_eq!(put(&server, configuration).await, invalid, "{what}");
    }
    let bridge = NotificationConfiguration::builder().event_bridge_configuration(EventBridgeConfiguration::builder().build());
    assert_eq!(put(&server, bridge.build()).await, Err((501, "NotImplemented".to_owned())));
    let apart = two(
        queue("a", ORDERS, created, &[("prefix", "in/"), ("suffix", ".jpg")]),
        queue("b", STOCK, created, &[("prefix", "in/"), ("suffix", ".png")]),
    );
    assert_eq!(put(&server, apart).await, Ok(()));

    // The message says what there is.
    let s3 = client(&server);
    let put = s3.put_bucket_notification_configuration().bucket(BUCKET);
    let error = put.notification_configuration(one("arn:minilab:sqs::unknown:webhook", created, &[])).send().await.unwrap_err();
    let message = aws_sdk_s3::error::ProvideErrorMetadata::message(&error).unwrap_or_default().to_owned();
    assert!(message.contains("unknown") && message.contains(ORDERS) && message.contains(STOCK), "{message}");
}
