use crate::{Network, Secret};
use minilab_model::{Notification, Timestamp, WebhookTarget};
use rustls::pki_types::CertificateDer;
use std::collections::HashMap;
use std::time::Duration;

/// What deliveries need to know beside the message.
#[derive(Debug, Clone)]
pub struct DeliveryOptions {
    /// The webhooks that bucket notifications name (`[[webhooks]]`).
    pub webhooks: Vec<NamedWebhook>,
    /// The mail server (`[smtp]`). Without one every e-mail is refused.
    pub smtp: Option<SmtpServer>,
    /// The values of the environment variables that targets name, by the variable's name.
    pub secrets: HashMap<String, Secret>,
    /// The `source` of CloudEvents, a URI reference. Default `minilab`.
    pub source: String,
    /// The `awsRegion` of S3 event records. Default `us-east-1`.
    pub region: String,
    /// How long a delivery may take.
    pub timeouts: Timeouts,
    /// Certificates in DER that are trusted beside the platform's. Default none.
    pub trusted: Vec<CertificateDer<'static>>,
    /// How webhooks reach the network. Default the system's own.
    pub network: Network,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            smtp: None,
            secrets: HashMap::new(),
            source: "minilab".to_owned(),
            region: "us-east-1".to_owned(),
            timeouts: Timeouts::default(),
            trusted: Vec::new(),
            network: Network::system(),
        }
    }
}

/// How long a delivery may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking a webhook's host up and connecting to it. Default 3 s.
    pub connect: Duration,
    /// One whole webhook or SNS delivery, from the look-up to the last byte that is read. Default 10 s.
    pub request: Duration,
    /// One whole conversation with the mail server. Default 30 s.
    pub smtp: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), request: Duration::from_secs(10), smtp: Duration::from_secs(30) }
    }
}

/// A webhook that bucket notifications can name: a `[[webhooks]]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedWebhook {
    /// The name, the last part but one of its ARN `arn:minilab:sqs::NAME:webhook`.
    pub name: String,
    /// Where it is.
    pub target: WebhookTarget,
}

/// The mail server: the `[smtp]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// `host:port`.
    pub server: String,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Who the messages are from: `minilab@example.com` or `Minilab <minilab@example.com>`.
    pub from: String,
    /// The name to log in with. `None`: without login.
    pub username: Option<String>,
    /// The password to log in with.
    pub password: Option<Secret>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Plain at first, then TLS (RFC 3207), or nothing is sent. The custom of port 587.
    #[default]
    StartTls,
    /// TLS from the first byte (RFC 8314). The custom of port 465.
    Tls,
    /// Never. Not with a password, unless the server is on this machine.
    None,
}

/// One message on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The same for every attempt and no other message.
    pub message_id: String,
    /// What is told to whom.
    pub notification: Notification,
    /// When it came to be.
    pub created_at: Timestamp,
    /// Which attempt this is, counting from 1.
    pub attempt: u32,
}

/// How the rows of one target are to be grouped and paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Most messages that one delivery takes.
    pub batch: usize,
    /// What comes in this time after the first is delivered together. `None`: each is delivered on its own as soon as it
    /// is due, except that messages which had to wait for `max_per_hour` go together.
    pub digest: Option<Duration>,
    /// Most deliveries in an hour. `None`: as many as there are.
    pub max_per_hour: Option<u32>,
}

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether it arrived, and if not, whether trying again can help.
    pub outcome: DeliveryOutcome,
    /// The status that the receiver answered with: HTTP's or SMTP's.
    pub status: Option<u16>,
    /// What the receiver said or what went wrong, for people: at most 512 bytes, no secret in it.
    pub detail: String,
    /// How long it took.
    pub duration: Duration,
}

/// Whether a delivery arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver took it.
    Delivered,
    /// It did not, and may another time.
    Retry {
        /// How long the receiver asked to be left alone, at most an hour.
        after: Option<Duration>,
    },
    /// It did not, and trying again cannot help: 410 Gone, an address that is not allowed, a wrong configuration.
    Refused,
}
