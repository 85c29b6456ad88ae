//! The template as a whole: the golden file, and what its policies allow.
//!
//! MINILAB_UPDATE_GOLDEN=1 cargo test -p minilab-aws --test template --ignore-rust-version

#![allow(clippy::unwrap_used)]

use minilab_aws::config::{ApiAuth, EventRoute, Vpc};
use minilab_aws::template::{ACTIONS, MAX_DIRECT_BYTES, Need};
use minilab_aws::{AwsConfig, Bundle, Template};
use minilab_model::{Limits, NotificationSpec, Rule};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct File {
    rules: Vec<Rule>,
    #[serde(default)]
    notifications: Vec<NotificationSpec>,
    #[serde(default)]
    aws: AwsConfig,
}

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(name: &str) -> File {
    toml::from_str(&std::fs::read_to_string(crate_root().join("../..").join(name)).unwrap()).unwrap()
}

fn bundle(file: File) -> Bundle {
    Bundle::new(file.rules, file.notifications, Limits::default(), file.aws).unwrap()
}

/// Deployments that together have every part of the template.
fn deployments() -> Vec<(&'static str, Template)> {
    let example = || file("examples/aws.toml");
    let with = |change: &dyn Fn(&mut File)| {
        let mut file = example();
        change(&mut file);
        Template::new(&bundle(file))
    };
    let everything = with(&|file| {
        let mark = serde_json::json!({"watermark": {"image": {"bucket": "prints", "key": "marks/logo.png"}}});
        file.rules[0].variants[0].steps.push(serde_json::from_value(mark).unwrap());
        file.rules[0].tag = BTreeMap::from([("state".to_owned(), "processed".to_owned())]);
        file.notifications = serde_json::from_value(serde_json::json!([{"on": ["image.failed"],
            "sns": {"topic_arn": "arn:aws:sns:eu-central-1:123456789012:images"}}]))
        .unwrap();
        file.aws.tracing = true;
        file.aws.former_destinations = vec!["acme-photolab-prints/old/".to_owned()];
        file.aws.vpc = Vpc::Interface;
        file.aws.api_auth = ApiAuth::Jwt;
        file.aws.jwt_issuer = "https://login.example.com".to_owned();
        file.aws.jwt_audience = vec!["photos".to_owned()];
        file.aws.cors_origins = vec!["https://photos.example.com".to_owned()];
        file.aws.intelligent_tiering_days = 30;
        file.aws.point_in_time_recovery = true;
        file.aws.events = EventRoute::Eventbridge;
        file.aws.tiers[0].concurrency = Some(10);
    });
    let existing = with(&|file| {
        file.aws.existing_buckets = vec!["photos".to_owned(), "prints".to_owned()];
        file.aws.table_exists = true;
        file.aws.vpc = Vpc::Gateway;
        file.aws.subnets = vec!["subnet-0123456789abcdef0".to_owned()];
        file.aws.security_groups = vec!["sg-0123456789abcdef0".to_owned()];
    });
    let least = with(&|file| {
        file.aws.tiers.truncate(1);
        file.aws.api = false;
        file.aws.emails.clear();
        file.aws.alarm_emails.clear();
    });
    vec![("the example", with(&|_| {})), ("everything", everything), ("existing", existing), ("least", least)]
}

fn json(template: &Template) -> Value {
    serde_json::from_str(&template.to_json()).unwrap()
}

/// Every statement of a role that allows something.
fn allowed(template: &Template) -> Vec<(String, Value)> {
    let mut statements = Vec::new();
    for (name, resource) in json(template)["Resources"].as_object().unwrap() {
        if resource["Type"] == "AWS::IAM::Role" {
            let properties = &resource["Properties"];
            let own = properties["Policies"].as_array().unwrap().iter().map(|policy| &policy["PolicyDocument"]);
            for document in own.chain([&properties["AssumeRolePolicyDocument"]]) {
                let of_document = document["Statement"].as_array().unwrap().iter();
                statements.extend(
                    of_document
                        .filter(|statement| statement["Effect"] == "Allow")
                        .map(|statement| (name.clone(), statement.clone())),
                );
            }
        }
    }
    statements
}

fn actions(statement: &Value) -> Vec<&str> {
    match &statement["Action"] {
        Value::String(action) => vec![action],
        actions => actions.as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect(),
    }
}

#[test]
fn the_example_gives_the_golden_template() {
    let golden = crate_root().join("tests/template/aws.yaml");
    let yaml = Template::new(&bundle(file("examples/aws.toml"))).to_yaml();
    if std::env::var_os("MINILAB_UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&golden, &yaml).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap();
    let differs = yaml.lines().zip(expected.lines()).enumerate().find(|(_, (new, old))| new != old);
    assert!(
        yaml == expected,
        "the template differs from tests/template/aws.yaml, first at line {differs:?}; the head of this file has the command"
    );
}

#[test]
fn a_template_of_one_configuration_is_always_the_same() {
    let once: Vec<String> = deployments().iter().map(|(_, template)| template.to_json()).collect();
    let twice: Vec<String> = deployments().iter().map(|(_, template)| template.to_json()).collect();
    assert_eq!(once, twice);
    assert!(deployments()[0].1.to_yaml().len() < MAX_DIRECT_BYTES, "the example is deployed from the command line");
}

#[test]
fn roles_allow_what_is_listed_and_every_resource_only_where_aws_forces_it() {
    let mut used = BTreeSet::new();
    for (deployment, template) in deployments() {
        for (role, statement) in allowed(&template) {
            for name in actions(&statement) {
                let action = ACTIONS.iter().find(|action| action.name == name);
                let action = action.unwrap_or_else(|| panic!("{deployment}: {role} allows {name}, which ACTIONS does not list"));
                used.insert(name.to_owned());
                // A trust policy has no resource.
                if name == "sts:AssumeRole" {
                    continue;
                }
                for resource in statement["Resource"].as_array().unwrap() {
                    let everywhere = resource == "*";
                    assert_eq!(everywhere, action.any_resource.is_some(), "{deployment}: {role} allows {name} for {resource}");
                    assert!(!name.contains('*'), "{deployment}: {role} allows {name}");
                    let text = resource["Fn::Sub"].as_str().unwrap_or_default();
                    let stars = text.matches('*').count();
                    let objects = name.starts_with("s3:") && text.starts_with("arn:${AWS::Partition}:s3:::") && text.ends_with('*');
                    assert!(stars == 0 || (objects && stars == 1), "{deployment}: {role} allows {name} for {text}");
                }
            }
        }
    }
    let listed: BTreeSet<String> = ACTIONS.iter().map(|action| action.name.to_owned()).collect();
    assert_eq!(used, listed, "an action that no role allows");
}

/// The sources of the stores and the functions.
fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    let mut open: Vec<PathBuf> = ["stores", "functions"].map(|part| crate_root().join("src").join(part)).into();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            sources.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    sources
}

#[test]
fn the_code_makes_the_calls_that_actions_are_allowed_for() {
    let sources = sources();
    for action in &ACTIONS {
        if let Need::Call(calls) = action.need {
            let made = calls.iter().any(|call| sources.iter().any(|source| source.contains(&format!(".{call}("))));
            assert!(made, "no function calls any of {calls:?}, so no role may allow {}", action.name);
        }
    }
}

#[test]
fn the_code_makes_no_call_that_no_role_allows() {
    // Calls that come to mind, and are no method of anything else. `head_bucket` is none of them: its refusal is an answer, too.
    const OTHERS: [&str; 18] = [
        "batch_write_item",
        "change_message_visibility",
        "create_multipart_upload",
        "delete_objects",
        "execute_statement",
        "execute_transaction",
        "get_bucket_location",
        "get_object_attributes",
        "get_parameter",
        "get_queue_attributes",
        "get_queue_url",
        "get_secret_value",
        "list_objects",
        "list_objects_v2",
        "put_object_acl",
        "scan",
        "transact_get_items",
        "upload_part",
    ];
    let sources = sources();
    let allowed: Vec<&str> = ACTIONS
        .iter()
        .filter_map(|action| if let Need::Call(calls) = action.need { Some(calls) } else { None })
        .flatten()
        .copied()
        .collect();
    for call in OTHERS.iter().filter(|call| !allowed.contains(call)) {
        assert!(!sources.iter().any(|source| source.contains(&format!(".{call}("))), "{call} is called, and no role allows it");
    }
}

#[test]
fn a_function_reaches_no_more_than_its_own_things() {
    let template = &deployments()[0].1;
    let allows = |role: &str, action: &str| {
        allowed(template).iter().any(|(name, statement)| name == role && actions(statement).contains(&action))
    };
    let check = |role: &str, action: &str, expected: bool| assert_eq!(allows(role, action), expected, "{role}: {action}");
    check("RouterRole", "s3:GetObject", true);
    check("RouterRole", "s3:PutObject", false);
    check("RouterRole", "dynamodb:GetItem", false);
    check("ApiRole", "dynamodb:Query", true);
    check("ApiRole", "dynamodb:PutItem", false);
    check("ApiRole", "s3:PutObject", false);
    check("NotifyRole", "sns:Publish", true);
    check("NotifyRole", "s3:GetObject", false);
    check("ProcessSmallRole", "s3:PutObject", true);
    check("ProcessSmallRole", "sns:Publish", false);
    check("ProcessSmallRole", "s3:PutObjectTagging", false);
    let statement = |role: &str, action: &str| {
        let found = allowed(template).into_iter().find(|(name, statement)| name == role && actions(statement).contains(&action));
        found.unwrap().1["Resource"].to_string()
    };
    assert!(!statement("ProcessSmallRole", "s3:PutObject").contains("photos/"), "a worker must not write sources");
    let (small, large) = (statement("ProcessSmallRole", "sqs:SendMessage"), statement("ProcessLargeRole", "sqs:SendMessage"));
    assert!(small.contains("LargeQueue") && !large.contains("SmallQueue"), "{small} {large}");
}

#[test]
fn references_lead_somewhere_and_not_in_circles() {
    for (deployment, template) in deployments() {
        let document = json(&template);
        let resources = document["Resources"].as_object().unwrap();
        let parameters = document["Parameters"].as_object().unwrap();
        let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (name, resource) in resources {
            let mut found = BTreeSet::new();
            references(resource, &mut found);
            found.extend(resource["DependsOn"].as_str().map(str::to_owned));
            found.retain(|used| !used.starts_with("AWS::") && !parameters.contains_key(used));
            for used in &found {
                assert!(resources.contains_key(used), "{deployment}: {name} uses {used}, which is not there");
            }
            uses.insert(name, found);
        }
        // What uses nothing that is left can be made; when nothing can, there is a circle.
        while !uses.is_empty() {
            let ready: Vec<&str> = uses
                .iter()
                .filter(|(_, used)| !used.iter().any(|used| uses.contains_key(used.as_str())))
                .map(|(name, _)| *name)
                .collect();
            assert!(!ready.is_empty(), "{deployment}: a circle among {:?}", uses.keys());
            ready.into_iter().for_each(|name| {
                uses.remove(name);
            });
        }
        let mut outputs = BTreeSet::new();
        references(&document["Outputs"], &mut outputs);
        assert!(outputs.iter().all(|used| used.starts_with("AWS::") || resources.contains_key(used)), "{deployment}: {outputs:?}");
    }
}

/// Names that `Ref`, `Fn::GetAtt` and `Fn::Sub` speak of.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("Ref", Value::String(name)) => drop(found.insert(name.clone())),
                    ("Fn::GetAtt", Value::Array(parts)) => drop(found.insert(parts[0].as_str().unwrap().to_owned())),
                    ("Fn::Sub", Value::String(text)) => {
                        let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
                        found.extend(
                            names.filter(|name| !name.starts_with('!')).map(|name| name.split('.').next().unwrap().to_owned()),
                        );
                    }
                    _ => references(value, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn queues_wait_for_their_functions_and_keep_what_failed() {
    for (deployment, template) in deployments() {
        let document = json(&template);
        let resources = document["Resources"].as_object().unwrap();
        let mappings = resources.values().filter(|resource| resource["Type"] == "AWS::Lambda::EventSourceMapping");
        for mapping in mappings {
            let properties = &mapping["Properties"];
            assert_eq!(properties["FunctionResponseTypes"][0], "ReportBatchItemFailures", "{deployment}: {properties}");
            let source = properties["EventSourceArn"]["Fn::GetAtt"][0].as_str().unwrap_or_default();
            let queue = &resources.get(source).unwrap_or(&Value::Null);
            if queue["Type"] != "AWS::SQS::Queue" {
                continue;
            }
            let function = &resources[properties["FunctionName"]["Ref"].as_str().unwrap()];
            let (hidden, limit) = (&queue["Properties"]["VisibilityTimeout"], &function["Properties"]["Timeout"]);
            assert!(hidden.as_u64().unwrap() >= 6 * limit.as_u64().unwrap(), "{deployment}: {source}");
            let dead = queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0].as_str().unwrap();
            assert_eq!(resources[dead]["Properties"]["MessageRetentionPeriod"], 1_209_600, "{deployment}: {dead}");
            assert!(resources.contains_key(&format!("{dead}Alarm")), "{deployment}: nobody hears of {dead}");
        }
    }
}

#[test]
fn a_template_holds_no_secret_and_every_function_knows_its_part() {
    for (deployment, template) in deployments() {
        for (name, resource) in json(&template)["Resources"].as_object().unwrap() {
            if resource["Type"] == "AWS::Lambda::Function" {
                let variables = resource["Properties"]["Environment"]["Variables"].as_object().unwrap();
                assert!(variables.contains_key("MINILAB_FUNCTION"), "{deployment}: {name}");
                assert!(variables.keys().all(|variable| variable.starts_with("MINILAB_")), "{deployment}: {name}");
                assert!(
                    variables.keys().all(|variable| !variable.contains("SECRET") && !variable.contains("PASSWORD")),
                    "{deployment}: {name}"
                );
            }
        }
    }
}
