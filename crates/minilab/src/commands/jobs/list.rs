use super::cause_parser;
use crate::commands::place::{Place, with_query};
use crate::control::Control;
use crate::moment::relative;
use crate::progress::count;
use crate::table::Table;
use minilab_embedded::{JobState, QueueCounts};
use minilab_model::{FailureCause, Timestamp};
use minilab_web::api::{JobSummary, Jobs};
use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

/// The order in which people want to see them.
const STATES: [JobState; 4] = [JobState::Dead, JobState::Waiting, JobState::Leased, JobState::Ready];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only jobs that stand there: dead letters, waiting to be tried again, being worked on (leased), queued (ready)
    #[arg(long, value_name = "STATE", value_parser = ["dead", "waiting", "leased", "ready"])]
    state: Option<String>,
    /// Only jobs whose last attempt failed for this cause
    #[arg(long, value_name = "CAUSE", value_parser = cause_parser())]
    cause: Option<FailureCause>,
    /// Only images of this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Only images whose keys begin with this
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Only jobs of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Most jobs to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub async fn run(args: &Args, control: &Control, place: &Place, json: bool) -> anyhow::Result<ExitCode> {
    let (jobs, more) = find(args, control).await?;
    let mut out = std::io::stdout().lock();
    if json {
        for job in &jobs {
            serde_json::to_writer(&mut out, job)?;
            writeln!(out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(first) = jobs.first() {
        table(&jobs).print(&mut out)?;
        if more {
            writeln!(out, "… and more; --limit lists more than {}.", args.limit)?;
        }
        writeln!(out)?;
        writeln!(out, "`{}` says everything about it.", place.command(&format!("jobs show {}", first.id)))?;
        if [JobState::Dead, JobState::Waiting].contains(&first.state) {
            writeln!(out, "`{}` tries it again.", place.command(&format!("jobs retry {}", first.id)))?;
        }
    } else {
        writeln!(out, "No such jobs.")?;
    }
    let QueueCounts { ready, leased, waiting, dead } = control.get("/api/v1/queue").await?;
    let dead = count(dead, "dead letter");
    writeln!(out, "Together: {dead}, {waiting} waiting to be tried again, {leased} being worked on, {ready} queued.")?;
    Ok(ExitCode::SUCCESS)
}

/// The jobs, and whether there are more of them.
async fn find(args: &Args, control: &Control) -> anyhow::Result<(Vec<JobSummary>, bool)> {
    let limit = args.limit as usize;
    let mut found = Vec::new();
    for state in STATES.into_iter().filter(|state| args.state.as_ref().is_none_or(|wanted| wanted == state.as_str())) {
        let mut after = None;
        loop {
            let path = with_query(
                "/api/v1/jobs",
                &[
                    ("state", Some(state.as_str().to_owned())),
                    ("cause", args.cause.map(|cause| cause.to_string())),
                    ("bucket", args.bucket.clone()),
                    ("prefix", args.prefix.clone()),
                    ("rule", args.rule.clone()),
                    ("after", after.map(|id: i64| id.to_string())),
                    // One more than is shown, to know whether there are more.
                    ("limit", Some((limit + 1 - found.len()).to_string())),
                ],
            );
            let page: Jobs = control.get(&path).await?;
            found.extend(page.jobs);
            if found.len() > limit {
                found.truncate(limit);
                return Ok((found, true));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok((found, false))
}

fn table(jobs: &[JobSummary]) -> Table<7> {
    let now = Timestamp::from(SystemTime::now());
    let mut table = Table::new(["ID", "STATE", "WHEN", "ATTEMPTS", "RULE", "IMAGE", "WHY"]);
    for job in jobs {
        table.push([
            job.id.to_string(),
            job.state.as_str().to_owned(),
            relative(job.due_at.unwrap_or(job.created_at), now),
            job.attempt.to_string(),
            job.rule.clone(),
            job.source.to_string(),
            job.reason.clone().unwrap_or_default(),
        ]);
    }
    table
}
