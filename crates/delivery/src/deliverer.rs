use crate::detail::clean;
use crate::email::{MOST_TOLD, Mailer};
use crate::endpoint::Endpoint;
use crate::signature::SigningKeys;
use crate::tls::Roots;
use crate::webhook::{Answer, Post};
use crate::{DeliveryError, DeliveryOptions, DeliveryOutcome, Outgoing, Plan, Report, log, s3_record};
use minilab_model::{Message, NotificationTarget, WebhookTarget, cloud_event};
use rustls::ClientConfig;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Delivers messages. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer {
    inner: Arc<Inner>,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold addresses, and those can hold secrets.
        f.debug_struct("Deliverer").finish_non_exhaustive()
    }
}

struct Inner {
    options: DeliveryOptions,
    /// By the environment variable's name.
    keys: HashMap<String, SigningKeys>,
    mailer: Option<Mailer>,
    /// Made when the first HTTPS address is called.
    tls: OnceLock<Arc<ClientConfig>>,
    #[cfg(feature = "aws")]
    sns: crate::sns::Topics,
}

impl Deliverer {
    /// Checks the options and prepares what all deliveries share.
    ///
    /// # Errors
    /// [`DeliveryError`] names the setting that cannot work.
    pub fn new(options: DeliveryOptions) -> Result<Self, DeliveryError> {
        let mut keys = HashMap::new();
        for (name, secret) in &options.secrets {
            let parsed = SigningKeys::parse(secret).map_err(|reason| DeliveryError::Secret { name: name.clone(), reason })?;
            keys.insert(name.clone(), parsed);
        }
        let roots = || Roots::load(&options.trusted);
        let mailer = options.smtp.as_ref().map(|smtp| Mailer::new(smtp, roots, options.timeouts)).transpose()?;
        let inner = Inner {
            keys,
            mailer,
            tls: OnceLock::new(),
            #[cfg(feature = "aws")]
            sns: crate::sns::Topics::new(options.timeouts),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How the messages to this target are to be grouped and paced.
    #[must_use]
    pub fn plan(&self, target: &NotificationTarget) -> Plan {
        match target {
            NotificationTarget::Email(email) => Plan {
                batch: MOST_TOLD,
                digest: (email.digest_minutes > 0).then(|| Duration::from_secs(u64::from(email.digest_minutes) * 60)),
                max_per_hour: Some(email.max_per_hour),
            },
            NotificationTarget::Log => Plan { batch: 100, digest: None, max_per_hour: None },
            NotificationTarget::Webhook(_) | NotificationTarget::BucketWebhook(_) | NotificationTarget::Sns(_) => {
                Plan { batch: 1, digest: None, max_per_hour: None }
            }
        }
    }

    /// Delivers messages for one target as one, at most [`Plan::batch`] of them. Ends within the timeouts of the options.
    ///
    /// A receiver can get a message again: when its answer was lost, and, if several are handed in for a target that takes
    /// one at a time, when a later one failed. `webhook-id`, the event's `id` and the Message-ID are the same then.
    pub async fn deliver(&self, target: &NotificationTarget, batch: &[Outgoing]) -> Report {
        let started = Instant::now();
        let answer = self.answer(target, batch).await;
        Report { outcome: answer.outcome, status: answer.status, detail: clean(&answer.detail, &[]), duration: started.elapsed() }
    }

    async fn answer(&self, target: &NotificationTarget, batch: &[Outgoing]) -> Answer {
        let mut last = Answer { outcome: DeliveryOutcome::Delivered, status: None, detail: String::new() };
        if batch.is_empty() {
            return last;
        }
        match target {
            NotificationTarget::Log => {
                batch.iter().for_each(log::write);
                "written".clone_into(&mut last.detail);
                return last;
            }
            NotificationTarget::Email(email) => {
                return match &self.inner.mailer {
                    Some(mailer) => mailer.send(email, batch).await,
                    None => Answer::refused("no mail server is configured; add an [smtp] table"),
                };
            }
            NotificationTarget::Webhook(_) | NotificationTarget::BucketWebhook(_) | NotificationTarget::Sns(_) => {}
        }
        for outgoing in batch {
            last = self.one(target, outgoing).await;
            if last.outcome != DeliveryOutcome::Delivered {
                break;
            }
        }
        last
    }

    async fn one(&self, target: &NotificationTarget, outgoing: &Outgoing) -> Answer {
        let (content_type, body) = match self.encode(outgoing) {
            Ok(encoded) => encoded,
            Err(error) => return Answer::refused(format!("the message cannot be written as JSON: {error}")),
        };
        match target {
            NotificationTarget::Webhook(webhook) => self.post(webhook, outgoing, content_type, body).await,
            NotificationTarget::BucketWebhook(name) => match self.inner.options.webhooks.iter().find(|known| known.name == *name) {
                Some(known) => self.post(&known.target, outgoing, content_type, body).await,
                None => {
                    Answer::refused(format!("no webhook named `{name}` is configured; add a [[webhooks]] table with that name"))
                }
            },
            #[cfg(feature = "aws")]
            NotificationTarget::Sns(sns) => self.inner.sns.publish(sns, outgoing, body).await,
            #[cfg(not(feature = "aws"))]
            NotificationTarget::Sns(_) => Answer::refused(crate::check::SNS_IS_NOT_BUILT_IN),
            NotificationTarget::Log | NotificationTarget::Email(_) => Answer::refused("this target takes no single messages"),
        }
    }

    fn encode(&self, outgoing: &Outgoing) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
        let options = &self.inner.options;
        Ok(match &outgoing.notification.message {
            Message::Outcome(told) => {
                (cloud_event::CONTENT_TYPE, cloud_event::encode(&outgoing.message_id, &options.source, told)?)
            }
            Message::S3Event { event, configuration_id } => {
                (s3_record::CONTENT_TYPE, s3_record::encode(event, configuration_id, &options.region)?)
            }
        })
    }

    async fn post(&self, webhook: &WebhookTarget, outgoing: &Outgoing, content_type: &'static str, body: Vec<u8>) -> Answer {
        let mut endpoint = match Endpoint::parse(webhook) {
            Ok(endpoint) => endpoint,
            Err(reason) => return Answer::refused(format!("webhook.url: {reason}")),
        };
        let keys = match &webhook.secret_env {
            None => None,
            Some(name) => match self.inner.keys.get(name) {
                Some(keys) => Some(keys),
                // A message of an older configuration. Sent without its signature it would be worth nothing.
                None => {
                    return Answer::refused(format!(
                        "the environment variable {name}, which holds the signing secret, was not read at start"
                    ));
                }
            },
        };
        let secret = webhook.secret_env.as_ref().and_then(|name| self.inner.options.secrets.get(name));
        endpoint.hidden.extend(secret.into_iter().flat_map(|secret| secret.expose().split_whitespace().map(str::to_owned)));
        let tls = match endpoint.is_https.then(|| self.tls()).transpose() {
            Ok(tls) => tls,
            Err(error) => return Answer::retry(format!("TLS cannot be set up: {error}")),
        };
        let post = Post { endpoint: &endpoint, keys, message_id: &outgoing.message_id, content_type, body };
        post.send(&self.inner.options.network, tls, self.inner.options.timeouts).await
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(tls) = self.inner.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let tls = Arc::new(Roots::load(&self.inner.options.trusted).client()?);
        Ok(Arc::clone(self.inner.tls.get_or_init(|| tls)))
    }
}
