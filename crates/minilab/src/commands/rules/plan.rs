//! `minilab rules plan`

use super::report::{Estimate, Group, Item, OrphanReport, Report, reason};
use crate::config::Config;
use crate::machine::cores;
use crate::progress::{count, human_bytes};
use crate::serve::backfill::Walk;
use crate::table::printable;
use minilab_embedded::Inventory;
use minilab_pipeline::plan::Standing;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this rule
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Also list every object that something would be done about
    #[arg(long)]
    all: bool,
    /// Print one JSON object; with --all, one for each object before it
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, config: &Config, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let inventory = Inventory::open(data_dir)?;
    let mut walk = Walk::new(inventory, Arc::new(config.rules.clone()), args.rule.clone())?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let cores = worked_on_at_once(config);
    let report = Report::gather(&mut walk, cores, |item| match args.all {
        true => list(&mut out, &item, args.json),
        false => Ok(()),
    })?;
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print(&mut out, &report, cores)?;
        advise(&mut out, &report)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Images worked on at once, as the server does it.
pub fn worked_on_at_once(config: &Config) -> usize {
    if config.server.jobs == 0 { cores() } else { config.server.jobs }
}

/// One line for one thing that something would be done about.
fn list(out: &mut impl Write, item: &Item<'_>, json: bool) -> anyhow::Result<()> {
    let (what, rule, source, why) = match item {
        Item::Source(_, _, Standing::Current | Standing::Unwanted | Standing::Unsniffed) => return Ok(()),
        Item::Source(rule, source, standing) => {
            let (what, why) = match standing {
                Standing::Missing => ("make", "nothing has been made of it"),
                Standing::SourceChanged => ("remake", "made from an older version"),
                Standing::RecipeChanged => ("remake", "made by another recipe"),
                Standing::Queued => ("queued", "its job is in the queue"),
                _ => ("failed", "`jobs retry` tries it again"),
            };
            (what, *rule, &source.object, why)
        }
        Item::Orphan(orphan) => ("orphan", orphan.made.rule.as_str(), &orphan.made.source, reason(orphan.reason)),
    };
    if json {
        let line = serde_json::json!({"what": what, "rule": rule, "bucket": source.bucket, "key": source.key, "why": why});
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{what:<6}  {}  {}  ({why})", printable(rule), printable(&source.to_string()))?;
    }
    Ok(())
}

/// The report for people.
pub fn print(out: &mut impl Write, report: &Report, cores: usize) -> io::Result<()> {
    for rule in &report.rules {
        writeln!(out, "rule {}", printable(&rule.rule))?;
        let groups = [
            ("to make", &rule.missing, ""),
            ("to make again", &rule.recipe_changed, "made by another recipe"),
            ("to make again", &rule.source_changed, "made from an older version"),
            ("queued", &rule.queued, ""),
            ("failed before", &rule.failed, ""),
            ("current", &rule.current, ""),
        ];
        let some: Vec<_> = groups.into_iter().filter(|(_, group, _)| group.objects > 0).collect();
        if some.is_empty() {
            writeln!(out, "  nothing that it wants is there")?;
        }
        for (label, group, why) in some {
            print_group(out, label, group, why)?;
        }
    }
    if !report.orphans.is_empty() {
        writeln!(out, "orphans")?;
        report.orphans.iter().try_for_each(|orphan| print_orphan(out, orphan))?;
    }
    match report.total.objects {
        0 => writeln!(out, "nothing is to be made"),
        _ => print_total(out, &report.total, cores),
    }
}

fn print_group(out: &mut impl Write, label: &str, group: &Group, why: &str) -> io::Result<()> {
    let size = format!("{}, {}", count(group.objects, "object"), human_bytes(group.bytes));
    let why = if why.is_empty() { String::new() } else { format!(", {why}") };
    // What is current needs no example.
    let examples = if label == "current" { String::new() } else { format!(": {}", some_of(&group.examples, group.objects)) };
    writeln!(out, "  {label:<14} {size}{why}{examples}")
}

fn print_orphan(out: &mut impl Write, orphan: &OrphanReport) -> io::Result<()> {
    let made = match orphan.variants {
        0 => format!("records of {}", count(orphan.sources, "source")),
        variants => {
            format!("{}, {}, of {}", count(variants, "variant"), human_bytes(orphan.bytes), count(orphan.sources, "source"))
        }
    };
    let examples = some_of(&orphan.examples, orphan.sources);
    writeln!(out, "  rule {}: {made}: {}: {examples}", printable(&orphan.rule), orphan.reason)
}

fn print_total(out: &mut impl Write, total: &Estimate, cores: usize) -> io::Result<()> {
    writeln!(out, "in all {} to make, {}", count(total.objects, "object"), human_bytes(total.bytes))?;
    let (cpu, wall) = (human_seconds(total.cpu_seconds), human_seconds(total.wall_seconds));
    writeln!(out, "  here   about {cpu} of CPU time, {wall} on {}", count(cores as u64, "core"))?;
    if let Some(priced) = &total.dollars {
        let (lambda, s3) = (human_dollars(priced.dollars.lambda), human_dollars(priced.dollars.s3));
        let prices = format!("prices of {}", priced.prices_of);
        match priced.total {
            // Its parts would say no more.
            ..0.01 => writeln!(out, "  on AWS less than $0.01 ({prices})")?,
            total => writeln!(out, "  on AWS about {}: Lambda {lambda}, S3 requests {s3} ({prices})", human_dollars(total))?,
        }
    }
    Ok(())
}

/// What can be done about it.
fn advise(out: &mut impl Write, report: &Report) -> io::Result<()> {
    if report.total.objects + report.queued() > 0 {
        writeln!(out, "`minilab rules apply` makes it")?;
    }
    if report.orphaned() > 0 {
        writeln!(out, "`minilab rules apply --remove-orphans` removes the orphans; without it they stay")?;
    }
    if report.failed() > 0 {
        writeln!(out, "`minilab jobs list` says what failed, `minilab jobs retry` tries it again")?;
    }
    Ok(())
}

fn some_of(examples: &[String], number: u64) -> String {
    let more = if number > examples.len() as u64 { ", …" } else { "" };
    format!("{}{more}", printable(&examples.join(", ")))
}

/// A time as people say it, from a tenth of a second up.
fn human_seconds(seconds: f64) -> String {
    match seconds {
        ..0.1 => "0.1 s".to_owned(),
        0.1..1.0 => format!("{seconds:.1} s"),
        1.0..90.0 => format!("{seconds:.0} s"),
        90.0..5400.0 => format!("{:.0} min", seconds / 60.0),
        5400.0..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

fn human_dollars(dollars: f64) -> String {
    if dollars < 0.01 { "less than $0.01".to_owned() } else { format!("${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sums_are_said_in_one_unit() {
        let check = |seconds, expected: &str| assert_eq!(human_seconds(seconds), expected);
        check(0.04, "0.1 s");
        check(0.25, "0.2 s");
        check(59.6, "60 s");
        check(600.0, "10 min");
        check(7200.0, "2.0 h");
        check(864_000.0, "10.0 days");
        assert_eq!((human_dollars(0.004), human_dollars(1.239)), ("less than $0.01".to_owned(), "$1.24".to_owned()));
    }

    #[test]
    fn a_few_examples_stand_for_many() {
        let examples = ["a".to_owned(), "b\n".to_owned()];
        assert_eq!(some_of(&examples, 2), "a, b\\n");
        assert_eq!(some_of(&examples, 9), "a, b\\n, …");
    }
}
