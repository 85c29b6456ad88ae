//! E-mail over real sockets. The server here speaks as little SMTP (RFC 5321) as it takes to say yes or no at each step.
#![allow(clippy::unwrap_used, missing_docs)]

mod sink;

use minilab_delivery::{Deliverer, DeliveryOptions, DeliveryOutcome, Report, SmtpServer, SmtpTls};
use minilab_model::{EmailTarget, NotificationTarget};
use sink::{hasty, patient, processed};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const RETRY: DeliveryOutcome = DeliveryOutcome::Retry { after: None };

/// A message that was taken.
#[derive(Debug, Clone)]
struct Mail {
    receivers: Vec<String>,
    text: String,
}

impl Mail {
    fn header(&self, name: &str) -> Vec<String> {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).collect()
    }
}

struct MailServer {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    /// Answers each command with what `answer` says of it, 250 where that is nothing.
    async fn start(answer: impl Fn(&str) -> Option<&'static str> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), taken: Arc::default() };
        let taken = Arc::clone(&server.taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answer.clone(), Arc::clone(&taken)));
            }
        });
        server
    }

    fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }

    fn options(&self, tls: SmtpTls) -> DeliveryOptions {
        let smtp = SmtpServer {
            server: self.address.to_string(),
            tls,
            from: "Minilab <minilab@example.com>".to_owned(),
            username: None,
            password: None,
        };
        DeliveryOptions { smtp: Some(smtp), ..DeliveryOptions::default() }
    }

    async fn deliver(&self, to: &[&str], sources: &[&str]) -> Report {
        send(&patient(self.options(SmtpTls::None)), to, sources).await
    }
}

async fn send(deliverer: &Deliverer, to: &[&str], sources: &[&str]) -> Report {
    let to = to.iter().map(|address| (*address).to_owned()).collect();
    let target = NotificationTarget::Email(EmailTarget { to, digest_minutes: 0, max_per_hour: 60 });
    let batch: Vec<_> = sources.iter().map(|source| processed(source)).collect();
    deliverer.deliver(&target, &batch).await
}

async fn converse(stream: TcpStream, answer: impl Fn(&str) -> Option<&'static str>, taken: Arc<Mutex<Vec<Mail>>>) {
    let mut stream = BufReader::new(stream);
    let say = |text: &str| format!("{text}\r\n").into_bytes();
    stream.write_all(&say(answer("greeting").unwrap_or("220 here"))).await.unwrap();
    let (mut receivers, mut line) = (Vec::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let command = line.trim_end().to_owned();
        if let Some(told) = answer(&command) {
            stream.write_all(&say(told)).await.unwrap();
            continue;
        }
        if let Some(receiver) = command.strip_prefix("RCPT TO:") {
            receivers.push(receiver.trim_matches(['<', '>']).to_owned());
        }
        if command != "DATA" {
            stream.write_all(&say(if command == "QUIT" { "221 bye" } else { "250 fine" })).await.unwrap();
            continue;
        }
        stream.write_all(&say("354 go on")).await.unwrap();
        let mut text = String::new();
        while !text.ends_with("\r\n.\r\n") && stream.read_line(&mut text).await.unwrap() > 0 {}
        let told = answer("end of data").unwrap_or("250 queued as 1");
        if told.starts_with('2') {
            taken.lock().unwrap().push(Mail { receivers: std::mem::take(&mut receivers), text });
        }
        stream.write_all(&say(told)).await.unwrap();
    }
}

#[tokio::test]
async fn one_message_tells_all_and_says_which_it_is() {
    let server = MailServer::start(|_| None).await;
    let report = server.deliver(&["Ann <ann@example.com>", "bob@example.com"], &["photos/a.jpg", "photos/b.jpg"]).await;
    assert_eq!((report.outcome, report.status), (DeliveryOutcome::Delivered, Some(250)), "{}", report.detail);
    server.deliver(&["ann@example.com"], &["photos/a.jpg", "photos/b.jpg"]).await;
    let [first, again] = &server.taken()[..] else { panic!("two e-mails: {:?}", server.taken()) };
    assert_eq!(first.receivers, ["ann@example.com", "bob@example.com"]);
    assert_eq!(first.header("Subject"), ["2 images processed in photos"]);
    assert_eq!(first.header("Auto-Submitted"), ["auto-generated"]);
    assert_eq!(first.header("Message-ID"), again.header("Message-ID"));
    assert!(first.text.contains("photos/a.jpg") && first.text.contains("photos/b.jpg"), "{}", first.text);
    server.deliver(&["ann@example.com"], &["photos/a.jpg"]).await;
    let alone = server.taken().pop().unwrap();
    assert_eq!(alone.header("Message-ID"), ["<0123456789abcdef0123456789abcdef@example.com>"]);
}

#[tokio::test]
async fn a_key_adds_no_header_and_no_receiver() {
    let server = MailServer::start(|_| None).await;
    let plain = server.deliver(&["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(plain.outcome, DeliveryOutcome::Delivered, "{}", plain.detail);
    for key in [
        "a\r\nBcc: eve@example.com\r\n\r\nhello",
        "a\nSubject: other",
        "a\r\n.\r\nMAIL FROM:<eve@example.com>",
        "=?utf-8?q?=0D=0ABcc:_x?=",
        "ü\u{0}\u{1b}",
    ] {
        let report = server.deliver(&["ann@example.com"], &[&format!("photos/{key}")]).await;
        assert_eq!(report.outcome, DeliveryOutcome::Delivered, "{}", report.detail);
    }
    let mails = server.taken();
    assert_eq!(mails.len(), 6, "each is one message");
    let names = |mail: &Mail| {
        let head = mail.text.split("\r\n\r\n").next().unwrap().to_owned();
        let lines = head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap().to_owned());
        let mut names: Vec<String> = lines.collect();
        names.sort();
        names
    };
    for mail in &mails {
        assert_eq!(mail.receivers, ["ann@example.com"]);
        assert_eq!(names(mail), names(&mails[0]), "{}", mail.text);
    }
}

#[tokio::test]
async fn for_now_is_a_retry_and_for_good_a_refusal() {
    for (step, said, outcome) in [
        ("greeting", "421 come later", RETRY),
        ("greeting", "554 not you", DeliveryOutcome::Refused),
        ("MAIL", "451 later", RETRY),
        ("RCPT", "450 mailbox is busy", RETRY),
        ("RCPT", "550 nobody of that name", DeliveryOutcome::Refused),
        ("DATA", "452 no room", RETRY),
        ("end of data", "451 scanner is down", RETRY),
        ("end of data", "554 looks like spam", DeliveryOutcome::Refused),
    ] {
        let server = MailServer::start(move |command| command.starts_with(step).then_some(said)).await;
        let report = server.deliver(&["ann@example.com"], &["photos/a.jpg"]).await;
        let (code, reason) = said.split_once(' ').unwrap();
        assert_eq!(report.outcome, outcome, "{step}: {}", report.detail);
        assert_eq!(report.status, code.parse().ok(), "{step}: {}", report.detail);
        assert!(report.detail.contains(reason), "{step}: {}", report.detail);
        assert!(server.taken().is_empty());
    }
}

#[tokio::test]
async fn one_wrong_address_keeps_nobody_else_from_being_told() {
    let server = MailServer::start(|command| command.contains("gone@").then_some("550 nobody of that name")).await;
    let report = server.deliver(&["ann@example.com", "gone@example.com", "bob@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(report.outcome, DeliveryOutcome::Delivered);
    assert!(report.detail.contains("gone@example.com") && report.detail.contains("nobody of that name"), "{}", report.detail);
    let told: Vec<String> = server.taken().into_iter().flat_map(|mail| mail.receivers).collect();
    assert_eq!(told, ["ann@example.com", "bob@example.com"]);
    let nobody = server.deliver(&["gone@example.com", "gone@example.org"], &["photos/a.jpg"]).await;
    assert_eq!((nobody.outcome, nobody.status), (DeliveryOutcome::Refused, Some(550)));
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_asked_for() {
    let server = MailServer::start(|_| None).await;
    let report = send(&patient(server.options(SmtpTls::StartTls)), &["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(report.outcome, DeliveryOutcome::Refused);
    assert!(report.detail.contains("STARTTLS"), "{}", report.detail);
    let report = send(&hasty(server.options(SmtpTls::Tls)), &["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(report.outcome, RETRY, "{}", report.detail);
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn who_is_not_there_or_says_nothing_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = MailServer { address: listener.local_addr().unwrap(), taken: Arc::default() };
    let report = send(&hasty(mute.options(SmtpTls::None)), &["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(report.outcome, RETRY, "{}", report.detail);
    drop(listener);
    let report = mute.deliver(&["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!((report.outcome, report.status), (RETRY, None), "{}", report.detail);
    let nowhere = send(&patient(DeliveryOptions::default()), &["ann@example.com"], &["photos/a.jpg"]).await;
    assert_eq!(nowhere.outcome, DeliveryOutcome::Refused);
    assert!(nowhere.detail.contains("[smtp]"), "{}", nowhere.detail);
}
