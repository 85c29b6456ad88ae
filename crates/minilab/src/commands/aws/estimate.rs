//! `minilab aws estimate`

use crate::config::Config;
use crate::progress::human_bytes;
use crate::table::Table;
use minilab_aws::Estimate;
use minilab_aws::estimate::Volume;
use minilab_model::Format;
use std::io::Write;
use std::process::ExitCode;

/// Print what a month would cost, item by item, with the time that was measured for work like it. Free allowances and traffic to the
/// internet are left out.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Uploads in a month
    #[arg(long, value_name = "N")]
    images: u64,
    /// Size of each, in millions of pixels
    #[arg(long, value_name = "M", default_value_t = 12.0)]
    megapixels: f64,
    /// Length of each in bytes [default: what a photo of this size has]
    #[arg(long, value_name = "B")]
    bytes: Option<u64>,
    /// Their format
    #[arg(long = "source", value_enum, default_value_t = Source::Jpeg)]
    source: Source,
    /// Calls of the HTTP API in a month [default: one for each upload]
    #[arg(long, value_name = "N")]
    calls: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Source {
    Jpeg,
    Png,
}

pub fn run(args: &Args, config: Config) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(args.megapixels.is_finite() && args.megapixels > 0.0, "--megapixels must be more than 0");
    let bundle = config.bundle()?;
    let format = match args.source {
        Source::Jpeg => Format::Jpeg,
        Source::Png => Format::Png,
    };
    let api_calls = args.calls.unwrap_or(args.images);
    let volume = Volume { images: args.images, megapixels: args.megapixels, bytes: args.bytes, format, api_calls };
    let estimate = Estimate::new(&bundle, &volume)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &estimate)?;
        writeln!(out)?;
    } else {
        print(&mut out, &estimate)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, estimate: &Estimate) -> std::io::Result<()> {
    let mut table = Table::new(["ITEM", "QUANTITY", "UNIT", "$ A MILLION", "$ A MONTH"]);
    for item in &estimate.items {
        table.push([
            item.item.clone(),
            quantity(item.quantity),
            item.unit.to_owned(),
            quantity(item.unit_dollars * 1e6),
            format!("{:.2}", item.dollars),
        ]);
    }
    table.push(["in all".to_owned(), String::new(), String::new(), String::new(), format!("{:.2}", estimate.total_dollars)]);
    table.print(out)?;
    writeln!(
        out,
        "\nThe work on one image takes up to {} and goes to tier {}. A million cost ${:.2}. Prices of {}; an estimate: images of one size differ \
         by a factor of two.",
        human_bytes(estimate.peak_bytes),
        estimate.tier,
        estimate.dollars_per_million,
        estimate.prices_of
    )
}

/// A number with as many places as are worth reading.
fn quantity(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.2}"),
        ..1000.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}
