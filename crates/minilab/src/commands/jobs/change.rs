use super::cause_parser;
use crate::commands::place::with_query;
use crate::control::Control;
use crate::progress::count;
use anyhow::bail;
use minilab_model::FailureCause;
use minilab_web::api::{Changed, JobCriteria, JobRequest, Jobs};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Most jobs that are counted before somebody is asked about them.
const COUNTED: usize = 10_000;

#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, clap::Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Which jobs.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Selection {
    /// Numbers of jobs, as `jobs list` shows them
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..), conflicts_with_all = ["cause", "bucket", "prefix", "rule", "all"])]
    ids: Vec<i64>,
    /// Dead letters whose last attempt failed for this cause
    #[arg(long, value_name = "CAUSE", value_parser = cause_parser())]
    cause: Option<FailureCause>,
    /// Dead letters about images of this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Dead letters about images whose keys begin with this
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Dead letters of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Every dead letter
    #[arg(long, conflicts_with_all = ["cause", "bucket", "prefix", "rule"])]
    all: bool,
}

/// What is done to jobs.
struct Change {
    path: &'static str,
    /// `3 dead letters …`
    done: &'static str,
    /// `job 17 …`
    done_one: &'static str,
    /// `there is no … 17`
    wanted: &'static str,
}

const RETRY: Change = Change {
    path: "/api/v1/jobs/retry",
    done: "to be tried again",
    done_one: "will be tried again",
    wanted: "dead letter or waiting job",
};
const DISCARD: Change = Change { path: "/api/v1/jobs/discard", done: "forgotten", done_one: "is forgotten", wanted: "job" };

pub async fn retry(args: &RetryArgs, control: &Control, json: bool) -> anyhow::Result<ExitCode> {
    let (count, code) = change(&RETRY, &args.selection, control, json).await?;
    if count > 0 && !json && !control.has_server() {
        println!("No server runs on these data: the next one tries.");
    }
    Ok(code)
}

pub async fn discard(args: &DiscardArgs, control: &Control, json: bool) -> anyhow::Result<ExitCode> {
    if !args.yes && !confirmed(&args.selection, control).await? {
        println!("Nothing was changed.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(change(&DISCARD, &args.selection, control, json).await?.1)
}

/// Changes what is selected; how many that were, and the exit code.
async fn change(change: &Change, selection: &Selection, control: &Control, json: bool) -> anyhow::Result<(u64, ExitCode)> {
    let mut total = 0;
    let mut code = ExitCode::SUCCESS;
    if selection.ids.is_empty() {
        let request = match selection.criteria() {
            criteria if criteria == JobCriteria::default() => JobRequest { all: true, ..JobRequest::default() },
            criteria => JobRequest { matching: Some(criteria), ..JobRequest::default() },
        };
        total = control.post::<Changed>(change.path, &request).await?.count;
        if !json {
            match total {
                0 => println!("No dead letter is like that."),
                total => println!("{} {}.", count(total, "dead letter"), change.done),
            }
        }
    }
    // One by one, so that each number that is none can be told.
    for id in &selection.ids {
        let request = JobRequest { ids: Some(vec![*id]), ..JobRequest::default() };
        match control.post::<Changed>(change.path, &request).await?.count {
            0 => {
                eprintln!("there is no {} {id}", change.wanted);
                code = ExitCode::FAILURE;
            }
            changed => {
                total += changed;
                if !json {
                    println!("job {id} {}", change.done_one);
                }
            }
        }
    }
    if json {
        println!("{}", serde_json::to_string(&Changed { count: total })?);
    }
    Ok((total, code))
}

/// Asks whether to forget what is selected.
async fn confirmed(selection: &Selection, control: &Control) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("discarded jobs are forgotten for good; say --yes, since there is no terminal to ask on");
    }
    let number = match selection.ids.len() {
        0 => selection.count(control).await?,
        ids => count(ids as u64, "job"),
    };
    eprint!("Forget {number}? The images stay; they are not tried again. [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

impl Selection {
    fn criteria(&self) -> JobCriteria {
        JobCriteria {
            state: None,
            cause: self.cause,
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            rule: self.rule.clone(),
        }
    }

    /// How many dead letters are selected, in words.
    async fn count(&self, control: &Control) -> anyhow::Result<String> {
        let mut number = 0;
        let mut after: Option<i64> = None;
        loop {
            let parameters = [
                ("state", Some("dead".to_owned())),
                ("cause", self.cause.map(|cause| cause.to_string())),
                ("bucket", self.bucket.clone()),
                ("prefix", self.prefix.clone()),
                ("rule", self.rule.clone()),
                ("after", after.map(|id| id.to_string())),
                ("limit", Some("500".to_owned())),
            ];
            let page: Jobs = control.get(&with_query("/api/v1/jobs", &parameters)).await?;
            number += page.jobs.len();
            after = page.next;
            if after.is_none() {
                return Ok(count(number as u64, "dead letter"));
            }
            if number >= COUNTED {
                return Ok(format!("more than {COUNTED} dead letters"));
            }
        }
    }
}
