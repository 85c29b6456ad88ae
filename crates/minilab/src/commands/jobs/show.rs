use crate::commands::place::Place;
use crate::control::Control;
use crate::moment::relative;
use crate::progress::human_bytes;
use crate::table::printable;
use minilab_embedded::JobState;
use minilab_model::{Action, Timestamp};
use minilab_web::api::JobDetail;
use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's number, as `jobs list` shows it
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    id: i64,
}

pub async fn run(args: &Args, control: &Control, place: &Place, json: bool) -> anyhow::Result<ExitCode> {
    let Some(job) = control.find::<JobDetail>(&format!("/api/v1/jobs/{}", args.id)).await? else {
        eprintln!(
            "there is no job {}: it is done, was discarded, or never was; `{}` lists what there is",
            args.id,
            place.command("jobs list")
        );
        return Ok(ExitCode::FAILURE);
    };
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &job)?;
        writeln!(out)?;
    } else {
        print(&mut out, &job, place)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, job: &JobDetail, place: &Place) -> std::io::Result<()> {
    let now = Timestamp::from(SystemTime::now());
    let at = |moment: Timestamp| format!("{} ({moment})", relative(moment, now));
    let JobDetail { summary, event, .. } = job;
    let due = summary.due_at.map(at).unwrap_or_default();
    let standing = match summary.state {
        JobState::Dead => format!("a dead letter, given up {due}"),
        JobState::Waiting => format!("waiting to be tried again {due}"),
        JobState::Leased => format!("being worked on; its lease ends {due}"),
        JobState::Ready => "queued".to_owned(),
    };
    writeln!(out, "Job {}: {standing}", summary.id)?;
    let mut line = |label: &str, text: String| writeln!(out, "  {label:<9} {}", printable(&text));
    line("image", format!("{}, {}", summary.source, human_bytes(event.size_bytes)))?;
    line("version", format!("{}, ETag {}", event.sequencer, event.etag))?;
    line("uploaded", at(event.time))?;
    if let Some(request_id) = &event.request_id {
        line("request", request_id.clone())?;
    }
    line(
        "rule",
        match summary.action {
            Action::Process => summary.rule.clone(),
            Action::Remove => format!("{} (removes what it had made)", summary.rule),
        },
    )?;
    line("queued", at(summary.created_at))?;
    line("lane", format!("{}, {} priority", summary.lane.as_str(), summary.priority.as_str()))?;
    if let Some(facts) = &job.facts {
        let memory = human_bytes(facts.estimated_bytes);
        line(
            "header",
            format!("{}, {} × {} pixels, about {memory} of memory to process", facts.format, facts.width, facts.height),
        )?;
    }
    if let (Some(cause), Some(reason)) = (summary.cause, &summary.reason) {
        line("why", format!("{reason} ({cause})"))?;
    }
    if !job.attempts.is_empty() {
        writeln!(out, "\nAttempts that failed")?;
        for attempt in &job.attempts {
            writeln!(out, "  {:>2}  {}  {}", attempt.number, attempt.ended_at, printable(&attempt.error))?;
        }
    }
    let commands: &[(&str, &str)] = match summary.state {
        JobState::Dead => &[("retry", "tries it again"), ("discard", "forgets it; the image stays")],
        JobState::Waiting => &[("retry", "tries it at once"), ("discard", "forgets it; the image stays")],
        JobState::Leased | JobState::Ready => &[],
    };
    if !commands.is_empty() {
        writeln!(out, "\nWhat to do")?;
        if let Some(advice) = &summary.advice {
            writeln!(out, "  {advice}")?;
        }
        for (word, effect) in commands {
            writeln!(out, "  `{}` {effect}.", place.command(&format!("jobs {word} {}", summary.id)))?;
        }
    }
    Ok(())
}
