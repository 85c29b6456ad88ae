//! One message by SMTP, for one image or for many (a digest).

mod text;

use crate::detail::{chain, clean};
use crate::options::{SmtpServer, SmtpTls};
use crate::tls::Roots;
use crate::webhook::Answer;
use crate::{DeliveryError, DeliveryOutcome, Outgoing, Timeouts};
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use minilab_model::EmailTarget;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::Duration;

/// Most receivers of one target.
pub(crate) const MOST_RECEIVERS: usize = 50;
/// Most messages told in one e-mail.
pub(crate) const MOST_TOLD: usize = 500;

/// The mail server, ready to be sent to. Each e-mail has a connection of its own.
#[derive(Clone)]
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// The name of the server, for messages.
    server: String,
    hidden: Vec<String>,
    within: Duration,
}

impl Mailer {
    pub fn new(smtp: &SmtpServer, roots: impl FnOnce() -> Roots, timeouts: Timeouts) -> Result<Self, DeliveryError> {
        let (from, host, port) = smtp.checked()?;
        let tls = match smtp.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(parameters(&host, &roots())?),
            SmtpTls::Tls => Tls::Wrapper(parameters(&host, &roots())?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls).timeout(Some(timeouts.connect));
        let mut hidden = Vec::new();
        if let (Some(username), Some(password)) = (&smtp.username, &smtp.password) {
            builder = builder.credentials(Credentials::new(username.clone(), password.expose().to_owned()));
            hidden.push(password.expose().to_owned());
        }
        Ok(Self { transport: builder.build(), from, server: smtp.server.clone(), hidden, within: timeouts.smtp })
    }

    /// Sends one e-mail that tells all of it.
    pub async fn send(&self, target: &EmailTarget, batch: &[Outgoing]) -> Answer {
        let (message, receivers) = match self.message(target, batch) {
            Ok(message) => message,
            Err(reason) => return Answer::refused(reason),
        };
        let formatted = message.formatted();
        match tokio::time::timeout(self.within, self.send_to(&receivers, &formatted)).await {
            Ok(answer) => answer,
            Err(_) => Answer::retry(format!("{} did not finish within {} s", self.server, self.within.as_secs_f32())),
        }
    }

    fn message(&self, target: &EmailTarget, batch: &[Outgoing]) -> Result<(Message, Vec<Mailbox>), String> {
        let receivers = receivers(target)?;
        let text = text::compose(batch);
        let message_id = format!("<{}@{}>", identity(batch), self.from.email.domain());
        let mut to = Mailboxes::new();
        receivers.iter().for_each(|receiver| to.push(receiver.clone()));
        let message = Message::builder()
            .from(self.from.clone())
            .mailbox(lettre::message::header::To::from(to))
            .subject(text.subject)
            .message_id(Some(message_id))
            .date_now()
            // RFC 3834: nobody's holiday notice is wanted in return.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)
            .map_err(|error| format!("the e-mail cannot be written: {}", chain(&error)))?;
        Ok((message, receivers))
    }

    async fn send_to(&self, receivers: &[Mailbox], formatted: &[u8]) -> Answer {
        let first = self.attempt(receivers, formatted).await;
        let may_be_one_receivers_fault = matches!(first.status, Some(550..=556));
        if receivers.len() == 1 || !may_be_one_receivers_fault {
            return first;
        }
        // One wrong address must not keep the others from being told, so each is tried alone.
        let mut refused = Vec::new();
        for receiver in receivers {
            let answer = self.attempt(std::slice::from_ref(receiver), formatted).await;
            match answer.outcome {
                DeliveryOutcome::Delivered => {}
                DeliveryOutcome::Retry { .. } => return answer,
                DeliveryOutcome::Refused => refused.push(format!("{}: {}", receiver.email, answer.detail)),
            }
        }
        let detail = clean(&format!("not for {}", refused.join("; ")), &self.hidden);
        if refused.is_empty() {
            return Answer {
                outcome: DeliveryOutcome::Delivered,
                status: Some(250),
                detail: "taken, each receiver alone".to_owned(),
            };
        }
        if refused.len() == receivers.len() {
            return Answer { detail, ..first };
        }
        tracing::warn!(server = self.server, detail, "an e-mail was taken for some of its receivers only");
        Answer { outcome: DeliveryOutcome::Delivered, status: Some(250), detail }
    }

    async fn attempt(&self, receivers: &[Mailbox], formatted: &[u8]) -> Answer {
        let to = receivers.iter().map(|receiver| receiver.email.clone()).collect();
        let envelope = match Envelope::new(Some(self.from.email.clone()), to) {
            Ok(envelope) => envelope,
            Err(error) => return Answer::refused(chain(&error)),
        };
        match self.transport.send_raw(&envelope, formatted).await {
            Ok(response) => {
                let said = response.message().collect::<Vec<_>>().join(" ");
                Answer {
                    outcome: DeliveryOutcome::Delivered,
                    status: Some(number(response.code())),
                    detail: clean(&said, &self.hidden),
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &Error) -> Answer {
        let status = error.status().map(number);
        // `client` is what no second try changes: no STARTTLS, no way to log in that both know.
        let outcome = match error.is_permanent() || error.is_client() {
            true => DeliveryOutcome::Refused,
            false => DeliveryOutcome::Retry { after: None },
        };
        Answer { outcome, status, detail: clean(&format!("{}: {}", self.server, chain(error)), &self.hidden) }
    }
}

impl SmtpServer {
    /// Checks that a server could be reached by these settings.
    ///
    /// # Errors
    /// [`DeliveryError::Smtp`] names the key.
    pub fn check(&self) -> Result<(), DeliveryError> {
        self.checked().map(|_| ())
    }

    fn checked(&self) -> Result<(Mailbox, String, u16), DeliveryError> {
        let wrong = |key, reason: String| DeliveryError::Smtp { key, reason };
        let (host, port) = host_and_port(&self.server)
            .ok_or_else(|| wrong("server", format!("`{}` is not `host:port`, for example `mail.example.com:587`", self.server)))?;
        let from =
            self.from.parse().map_err(|error| wrong("from", format!("`{}` is not an e-mail address: {error}", self.from)))?;
        match (&self.username, &self.password) {
            (Some(_), None) => return Err(wrong("password_env", "it is missing, and `username` is given".to_owned())),
            (None, Some(_)) => return Err(wrong("username", "it is missing, and `password_env` is given".to_owned())),
            (Some(_), Some(_)) if self.tls == SmtpTls::None && !is_here(&host) => {
                let reason = format!("`none` would send the password to {host} for everybody to read; use \"starttls\" or \"tls\"");
                return Err(wrong("tls", reason));
            }
            _ => {}
        }
        Ok((from, host, port))
    }
}

/// The receivers' addresses.
pub(crate) fn receivers(target: &EmailTarget) -> Result<Vec<Mailbox>, String> {
    if target.to.is_empty() {
        return Err("nobody is named; add an address".to_owned());
    }
    if target.to.len() > MOST_RECEIVERS {
        return Err(format!("{} addresses are named, and {MOST_RECEIVERS} are the most; use a mailing list", target.to.len()));
    }
    let parse = |address: &String| {
        address.parse().map_err(|error| format!("`{}` is not an e-mail address: {error}", address.escape_debug()))
    };
    target.to.iter().map(parse).collect()
}

fn parameters(host: &str, roots: &Roots) -> Result<TlsParameters, DeliveryError> {
    let wrong = |error: Error| DeliveryError::Tls(chain(&error));
    let store = if roots.built_in { CertificateStore::WebpkiRoots } else { CertificateStore::None };
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(store);
    for certificate in roots.usable() {
        builder = builder.add_root_certificate(Certificate::from_der(certificate.to_vec()).map_err(wrong)?);
    }
    builder.build().map_err(wrong)
}

/// `host:port`, with brackets around an IPv6 address.
fn host_and_port(server: &str) -> Option<(String, u16)> {
    let (host, port) = server.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.parse::<IpAddr>().is_ok())?,
        None => host,
    };
    let is_name = !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_:".contains(letter));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    is_name.then(|| (host.to_owned(), port))
}

/// Whether the server is on this machine, as written.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn number(code: Code) -> u16 {
    u16::from(code)
}

/// The same for the same messages, so that a repeat can be recognised by its Message-ID: that of the message, or a hash
/// over all of them.
fn identity(batch: &[Outgoing]) -> String {
    match batch {
        [one] if one.message_id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') => one.message_id.clone(),
        _ => {
            let mut ids: Vec<&str> = batch.iter().map(|outgoing| outgoing.message_id.as_str()).collect();
            ids.sort_unstable();
            hex::encode(&Sha256::digest(ids.join("\n"))[..16])
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Secret;

    fn server(server: &str, tls: SmtpTls, login: bool) -> SmtpServer {
        SmtpServer {
            server: server.to_owned(),
            tls,
            from: "Minilab <minilab@example.com>".to_owned(),
            username: login.then(|| "me".to_owned()),
            password: login.then(|| Secret::new("pw")),
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let check = |smtp: SmtpServer, expected: Option<&str>| {
            let found = smtp.check().err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(found, None),
                Some(part) => assert!(found.as_deref().is_some_and(|found| found.contains(part)), "{found:?}"),
            }
        };
        check(server("mail.example.com:587", SmtpTls::StartTls, true), None);
        check(server("127.0.0.1:25", SmtpTls::None, true), None);
        check(server("[::1]:25", SmtpTls::None, true), None);
        check(server("mail.example.com:25", SmtpTls::None, false), None);
        check(server("mail.example.com:25", SmtpTls::None, true), Some("smtp.tls"));
        check(server("mail.example.com", SmtpTls::Tls, false), Some("smtp.server"));
        check(server("mail.example.com:0", SmtpTls::Tls, false), Some("smtp.server"));
        check(server("mail example:25", SmtpTls::Tls, false), Some("smtp.server"));
        check(SmtpServer { from: "nobody".to_owned(), ..server("m:25", SmtpTls::Tls, false) }, Some("smtp.from"));
        check(SmtpServer { from: "a@b.c\r\nBcc: x@y.z".to_owned(), ..server("m:25", SmtpTls::Tls, false) }, Some("smtp.from"));
        check(SmtpServer { password: None, ..server("m:25", SmtpTls::Tls, true) }, Some("smtp.password_env"));
    }
}
