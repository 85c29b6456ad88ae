//! `aws template | package | estimate`: files for a deployment, without AWS.

use crate::server::minilab;
use std::path::Path;
use std::process::{Output, Stdio};

const RULE: &str = "[[rules]]\nname = \"thumbs\"\nbucket = \"photos\"\n\
                    [[rules.variants]]\nname = \"thumb\"\nbucket = \"prints\"\nkey = \"{key}\"\nformat = \"jpeg\"\n\
                    steps = [{ resize = { width = 128 } }]\n";

/// A program that needs nothing: the beginning of an ELF file for x86_64 and no section.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    bytes[18] = 62;
    bytes
}

fn aws(dir: &Path, configuration: &str, arguments: &[&str]) -> Output {
    std::fs::write(dir.join("lab.toml"), configuration).unwrap();
    minilab().current_dir(dir).arg("aws").args(arguments).args(["--config", "lab.toml"]).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_template_is_printed_or_the_mistake_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let sound = aws(dir.path(), &format!("{RULE}[aws]\nbucket_prefix = \"acme-\"\n"), &["template"]);
    assert!(sound.status.success(), "{}", text(&sound));
    assert!(text(&sound).contains("BucketName: acme-photos") && text(&sound).contains("AWS::SQS::Queue"), "{}", text(&sound));
    assert!(!text(&sound).contains("AWS::EC2::VPC"), "a network that nobody asked for");
    let inside = aws(dir.path(), RULE, &["template", "--vpc", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&inside.stdout).unwrap();
    assert!(json["Resources"]["ApiFunction"]["Properties"]["VpcConfig"].is_object(), "the API is inside");
    assert!(json["Resources"]["NotifyFunction"]["Properties"]["VpcConfig"].is_null(), "what calls SNS is outside");
    let check = |configuration: &str, expected: &[&str]| {
        let refused = aws(dir.path(), configuration, &["template"]);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{}", text(&refused));
        for part in expected {
            assert!(text(&refused).contains(part), "{part:?} is not in {}", text(&refused));
        }
    };
    check(&format!("{RULE}[aws]\nlog_days = 2\n"), &["lab.toml:11", "aws.log_days"]);
    check(&RULE.replace("bucket = \"prints\"\n", ""), &["rules loop: thumbs → thumbs"]);
    let back =
        "[[rules]]\nname = \"back\"\nbucket = \"prints\"\n[[rules.variants]]\nname = \"b\"\nbucket = \"photos\"\nkey = \"{key}\"\n";
    check(&format!("{RULE}{back}"), &["rules loop: thumbs → back → thumbs"]);
    let webhook = "[[notifications]]\non = [\"image.failed\"]\nwebhook = { url = \"https://example.com/?token=x\" }\n";
    check(&format!("{RULE}{webhook}"), &["lab.toml:12", "https://example.com/ cannot", "sns subscribe"]);
}

#[test]
fn a_zip_is_always_the_same_and_holds_only_what_lambda_can_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bootstrap"), program()).unwrap();
    let package =
        |out: &str, arch: &str| aws(dir.path(), RULE, &["package", "--out", out, "--bootstrap", "bootstrap", "--arch", arch]);
    let zip = |out: &str| {
        let output = package(out, "x86_64");
        assert!(output.status.success(), "{}", text(&output));
        let path = String::from_utf8_lossy(&output.stdout).lines().next().unwrap().to_owned();
        (std::fs::read(dir.path().join(&path)).unwrap(), path.rsplit('/').next().unwrap().to_owned())
    };
    let (first, second) = (zip("a"), zip("b"));
    assert_eq!(first, second);
    assert!(first.1.starts_with("minilab-x86_64-") && first.0.starts_with(b"PK\x03\x04"), "{}", first.1);
    let wrong = package("c", "arm64");
    assert!(!wrong.status.success() && text(&wrong).contains("is for x86_64"), "{}", text(&wrong));
    std::fs::write(dir.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
    let script = package("d", "x86_64");
    assert!(!script.status.success() && text(&script).contains("no 64-bit Linux program"), "{}", text(&script));
}

#[test]
fn an_estimate_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let output = aws(dir.path(), RULE, &["estimate", "--images", "1000", "--megapixels", "12", "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sum: f64 = json["items"].as_array().unwrap().iter().map(|item| item["dollars"].as_f64().unwrap()).sum();
    assert!((sum - json["total_dollars"].as_f64().unwrap()).abs() < 1e-9, "{json}");
    let people = aws(dir.path(), RULE, &["estimate", "--images", "1000"]);
    assert!(text(&people).contains("in all") && text(&people).contains("us-east-1"), "{}", text(&people));
    assert!(!aws(dir.path(), RULE, &["estimate", "--images", "1", "--megapixels", "9000"]).status.success());
}
