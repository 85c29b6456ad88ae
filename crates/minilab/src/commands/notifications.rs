//! `minilab notifications`

use super::place::{Place, with_query};
use crate::control::Control;
use crate::moment::relative;
use crate::progress::count;
use crate::table::{Table, printable};
use minilab_embedded::{DeliveryAttempt, DeliveryState};
use minilab_model::Timestamp;
use minilab_web::api::{Changed, Deliveries, DeliveryDetail, DeliveryRequest, DeliverySummary};
use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

/// See what was told to whom and how it went, and have it told again. Works beside a running server and without one.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List notifications, the newest first
    List {
        /// Only those that stand there: waiting, delivered, or given up (dead)
        #[arg(long, value_name = "STATE", value_parser = ["waiting", "delivered", "dead"])]
        state: Option<String>,
        /// Most notifications to list
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show everything about a notification: what it says, to whom, how each attempt went
    Show {
        /// Its number, as `notifications list` shows it
        #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
        id: i64,
    },
    /// Tell again: those named, whatever became of them, or all that were given up
    Redeliver(Redeliver),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Redeliver {
    /// Numbers, as `notifications list` shows them
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..), conflicts_with = "all")]
    ids: Vec<i64>,
    /// All that were given up
    #[arg(long)]
    all: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    super::block_on(async {
        let control = args.place.open().await?;
        let done = match &args.command {
            Command::List { state, limit } => list(state.clone(), *limit as usize, &control, args).await,
            Command::Show { id } => show(*id, &control, args).await,
            Command::Redeliver(selected) => redeliver(selected, &control, args).await,
        };
        control.close().await;
        done
    })
}

async fn list(state: Option<String>, limit: usize, control: &Control, args: &Args) -> anyhow::Result<ExitCode> {
    let mut found: Vec<DeliverySummary> = Vec::new();
    let mut after: Option<i64> = None;
    while found.len() < limit {
        let wanted = Some((limit - found.len()).to_string());
        let parameters = [("state", state.clone()), ("after", after.map(|id| id.to_string())), ("limit", wanted)];
        let page: Deliveries = control.get(&with_query("/api/v1/notifications", &parameters)).await?;
        found.extend(page.notifications);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        for notification in &found {
            serde_json::to_writer(&mut out, notification)?;
            writeln!(out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(first) = found.first() else {
        writeln!(out, "No such notifications.")?;
        return Ok(ExitCode::SUCCESS);
    };
    let now = Timestamp::from(SystemTime::now());
    let mut table = Table::new(["ID", "STATE", "WHEN", "ATTEMPTS", "EVENT", "IMAGE", "TO", "LAST ANSWER"]);
    for notification in &found {
        table.push([
            notification.id.to_string(),
            notification.state.as_str().to_owned(),
            relative(notification.due_at, now),
            notification.attempt.to_string(),
            notification.event.clone(),
            notification.source.to_string(),
            notification.target.label.clone(),
            notification.last_attempt.as_ref().map(answer).unwrap_or_default(),
        ]);
    }
    table.print(&mut out)?;
    if after.is_some() {
        writeln!(out, "… and more; --limit lists more than {limit}.")?;
    }
    writeln!(out)?;
    writeln!(out, "`{}` says everything about it.", args.place.command(&format!("notifications show {}", first.id)))?;
    if let Some(dead) = found.iter().find(|notification| notification.state == DeliveryState::Dead) {
        writeln!(out, "`{}` tells it again.", args.place.command(&format!("notifications redeliver {}", dead.id)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How an attempt went, in a few words.
fn answer(attempt: &DeliveryAttempt) -> String {
    match attempt.status {
        Some(status) => format!("{status} {}", attempt.detail),
        None => attempt.detail.clone(),
    }
}

async fn show(id: i64, control: &Control, args: &Args) -> anyhow::Result<ExitCode> {
    let Some(notification) = control.find::<DeliveryDetail>(&format!("/api/v1/notifications/{id}")).await? else {
        eprintln!("there is no notification {id}; `{}` lists what there is", args.place.command("notifications list"));
        return Ok(ExitCode::FAILURE);
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &notification)?;
        writeln!(out)?;
    } else {
        print(&mut out, &notification, &args.place)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, notification: &DeliveryDetail, place: &Place) -> anyhow::Result<()> {
    let now = Timestamp::from(SystemTime::now());
    let at = |moment: Timestamp| format!("{} ({moment})", relative(moment, now));
    let DeliveryDetail { summary, message_id, attempts, message } = notification;
    let due = at(summary.due_at);
    let standing = match summary.state {
        DeliveryState::Waiting => format!("waiting to be told, next {due}"),
        DeliveryState::Delivered => format!("delivered {due}"),
        DeliveryState::Dead => format!("given up {due}"),
    };
    writeln!(out, "Notification {}: {standing}", summary.id)?;
    let mut line = |label: &str, text: String| writeln!(out, "  {label:<9} {}", printable(&text));
    line("event", summary.event.clone())?;
    line("image", summary.source.to_string())?;
    line("to", format!("{} ({}, {})", summary.target.label, summary.target.kind, summary.target.id))?;
    line("message", message_id.clone())?;
    line("made", at(summary.created_at))?;
    line("says", serde_json::to_string(message)?)?;
    if !attempts.is_empty() {
        writeln!(out, "\nAttempts")?;
        for attempt in attempts {
            writeln!(out, "  {}  {} ms  {}", attempt.at, attempt.duration_ms, printable(&answer(attempt)))?;
        }
    }
    let effect = match summary.state {
        DeliveryState::Waiting => "tries it at once",
        DeliveryState::Delivered => "tells it once more, under the same message number",
        DeliveryState::Dead => "tells it again",
    };
    writeln!(out, "\n`{}` {effect}.", place.command(&format!("notifications redeliver {}", summary.id)))?;
    Ok(())
}

async fn redeliver(selected: &Redeliver, control: &Control, args: &Args) -> anyhow::Result<ExitCode> {
    const PATH: &str = "/api/v1/notifications/redeliver";
    let mut total = 0;
    let mut code = ExitCode::SUCCESS;
    if selected.all {
        let request = DeliveryRequest { all: true, ..DeliveryRequest::default() };
        total = control.post::<Changed>(PATH, &request).await?.count;
        if !args.json {
            match total {
                0 => println!("No notification was given up."),
                total => println!("{} to be told again.", count(total, "notification")),
            }
        }
    }
    // One by one, so that each number that is none can be told.
    for id in &selected.ids {
        let request = DeliveryRequest { ids: Some(vec![*id]), ..DeliveryRequest::default() };
        match control.post::<Changed>(PATH, &request).await?.count {
            0 => {
                eprintln!("there is no notification {id}");
                code = ExitCode::FAILURE;
            }
            told => {
                total += told;
                if !args.json {
                    println!("notification {id} will be told again");
                }
            }
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&Changed { count: total })?);
    } else if total > 0 && !control.has_server() {
        println!("No server runs on these data: the next one tells.");
    }
    Ok(code)
}
