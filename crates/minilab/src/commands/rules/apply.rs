//! `minilab rules apply`

use super::plan::{print, worked_on_at_once};
use super::report::Report;
use crate::config::Config;
use crate::control::{Control, Refused};
use crate::progress::{Progress, Unit, count, human_bytes};
use crate::serve::Workroom;
use crate::serve::backfill::{self, Walk};
use crate::table::printable;
use crate::telemetry;
use anyhow::{Context, bail};
use minilab_embedded::{Inventory, OpenError};
use minilab_web::api::{ApplyProgress, ApplyRequest, ApplyStage};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often a server is asked how far it is.
const LOOK: Duration = Duration::from_millis(250);

/// A variant that a rule has left keeps its key against rules that sort before it by name.
const ORPHANS_STAY: &str = "the orphans stay, also where a rule now writes to their keys; --remove-orphans removes them";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this rule
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Also remove variants and records that belong to no rule any more. What clients have put there always stays
    #[arg(long)]
    remove_orphans: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub fn run(args: &Args, config: &Config, data_dir: &Path) -> anyhow::Result<ExitCode> {
    // The bar and the summary say what happens; a failed job is told once.
    let _telemetry = telemetry::start("error,s3s=off")?;
    let mut walk = Walk::new(Inventory::open(data_dir)?, Arc::new(config.rules.clone()), args.rule.clone())?;
    let cores = worked_on_at_once(config);
    let report = Report::gather(&mut walk, cores, |_| Ok(()))?;
    drop(walk);
    let mut out = io::stdout();
    print(&mut out, &report, cores)?;
    let orphans = if args.remove_orphans { report.orphaned() } else { 0 };
    if report.total.objects + report.queued() + orphans == 0 {
        if report.orphaned() > 0 {
            writeln!(out, "{ORPHANS_STAY}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !confirm(&report, orphans)? {
        writeln!(out, "nothing has been changed")?;
        return Ok(ExitCode::FAILURE);
    }
    let request =
        ApplyRequest { rule: args.rule.clone(), remove_orphans: args.remove_orphans, fingerprint: config.rules.fingerprint() };
    let ended = crate::commands::block_on(async {
        match Workroom::open(config, data_dir).await {
            Ok(workroom) => work_here(workroom, config, request).await,
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::Locked { .. })) => ask_server(data_dir, request).await,
            Err(error) => Err(error),
        }
    })?;
    if !args.remove_orphans && report.orphaned() > 0 {
        writeln!(out, "{ORPHANS_STAY}")?;
    }
    summarise(&ended)
}

fn confirm(report: &Report, orphans: u64) -> anyhow::Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        bail!("nobody can be asked here; --yes does it without asking");
    }
    let made = report.total.objects + report.queued();
    let mut parts = Vec::new();
    if made > 0 {
        parts.push(format!("make {}", count(made, "object")));
    }
    if orphans > 0 {
        parts.push(format!("remove what was made of {}", count(orphans, "source")));
    }
    eprint!("{}? [y/N] ", parts.join(" and "));
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Does it in this process, which has the store.
async fn work_here(workroom: Workroom, config: &Config, request: ApplyRequest) -> anyhow::Result<ApplyProgress> {
    let (sender, mut progress) = watch::channel(ApplyProgress::new(request));
    let mut bar = Bar::default();
    let rules = Arc::new(config.rules.clone());
    let ended = {
        let mut work = std::pin::pin!(backfill::run(&workroom.store, rules, &sender, || true));
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                ended = &mut work => break ended,
                _ = &mut interrupt => break Err(anyhow::anyhow!("interrupted; run it again and it goes on")),
                changed = progress.changed() => if changed.is_ok() { bar.show(&progress.borrow_and_update()) },
            }
        }
    };
    bar.finish();
    workroom.close().await;
    ended?;
    Ok(sender.borrow().clone())
}

/// Has the server do it that has the store.
async fn ask_server(data_dir: &Path, request: ApplyRequest) -> anyhow::Result<ApplyProgress> {
    const PATH: &str = "/api/v1/rules/apply";
    let control = Control::open(data_dir, None).await?;
    if !control.has_server() {
        control.close().await;
        bail!("the server has just stopped; run it again and it is done without");
    }
    let mut progress: ApplyProgress = match control.post(PATH, &request).await {
        Ok(progress) => progress,
        Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "no_route") => {
            bail!("the server is of a version that cannot apply rules; stop it, and run this again")
        }
        Err(error) => return Err(error),
    };
    let mut bar = Bar::default();
    while !progress.has_ended() {
        bar.show(&progress);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => {
                bar.finish();
                bail!("the server goes on with it; run this again to see how far it is");
            }
        }
        progress = control.get(PATH).await.context("the server goes on with it when it runs again")?;
    }
    bar.finish();
    match progress.error {
        Some(error) => bail!("{error}"),
        None => Ok(progress),
    }
}

/// The bar for what is being done.
#[derive(Default)]
struct Bar(Option<(ApplyStage, u64, Progress)>);

impl Bar {
    fn show(&mut self, progress: &ApplyProgress) {
        if progress.stage != ApplyStage::Making || progress.total == 0 {
            return;
        }
        let shown = self.0.take().filter(|(stage, total, _)| (*stage, *total) == (progress.stage, progress.total));
        let (stage, total, bar) =
            shown.unwrap_or_else(|| (progress.stage, progress.total, Progress::new("making", progress.total, Unit::Count)));
        bar.at(progress.done + progress.failed);
        self.0 = Some((stage, total, bar));
    }

    fn finish(self) {
        if let Some((.., bar)) = self.0 {
            bar.finish();
        }
    }
}

fn summarise(progress: &ApplyProgress) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if progress.request.remove_orphans {
        let (variants, bytes) = (count(progress.removed_variants, "orphaned variant"), human_bytes(progress.removed_bytes));
        writeln!(out, "removed {variants}, {bytes}")?;
    }
    writeln!(out, "made {}", count(progress.done, "object"))?;
    if progress.failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} failed; `minilab jobs list` says why, `minilab jobs retry` tries again:", count(progress.failed, "object"))?;
    for failure in &progress.failures {
        let (source, error) = (printable(&failure.source.to_string()), printable(&failure.error));
        writeln!(out, "  {source} (rule {}): {error}", printable(&failure.rule))?;
    }
    let untold = progress.failed.saturating_sub(progress.failures.len() as u64);
    if untold > 0 {
        writeln!(out, "  and {untold} more")?;
    }
    Ok(ExitCode::FAILURE)
}
