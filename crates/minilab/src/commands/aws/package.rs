//! `minilab aws package`

use super::compile;
use crate::config::Config;
use crate::progress::human_bytes;
use anyhow::Context;
use minilab_aws::config::Architecture;
use minilab_aws::package::{AIM_BYTES, MAX_UNPACKED_BYTES};
use minilab_aws::{Bundle, Package};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make the zip that the functions run: the program `bootstrap` and the configuration. The same program and the same configuration
/// always give the same bytes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "For the processors of this machine, bootstrap is built with cargo; for others, and where this system is newer than \
                  Lambda's, with cargo-lambda and zig (`pip install cargo-lambda ziglang`). Both need a checkout of Minilab as the \
                  working directory."
)]
pub struct Args {
    /// Where the zips go; the directory is made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The processors [default: aws.architecture]
    #[arg(long, value_enum)]
    arch: Option<Arch>,
    /// A bootstrap that is built already, instead of building one
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Arch {
    Arm64,
    #[value(name = "x86_64")]
    X86,
    Both,
}

pub fn run(args: &Args, mut config: Config) -> anyhow::Result<ExitCode> {
    let architectures = match args.arch {
        None => vec![config.aws.architecture],
        Some(Arch::Arm64) => vec![Architecture::Arm64],
        Some(Arch::X86) => vec![Architecture::X86_64],
        Some(Arch::Both) => Architecture::ALL.to_vec(),
    };
    anyhow::ensure!(
        args.bootstrap.is_none() || architectures.len() == 1,
        "--bootstrap is one program, for one architecture; name it with --arch"
    );
    let wanted = config.aws.architecture;
    std::fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    for architecture in architectures {
        config.aws.architecture = architecture;
        let bundle = config.bundle()?;
        let program = match &args.bootstrap {
            Some(file) => file.clone(),
            None => compile::bootstrap(architecture)?,
        };
        let bytes = read(&program)?;
        let package = Package::new(&bytes, &bundle).with_context(|| program.display().to_string())?;
        report(&args.out, &package, &bundle)?;
        if architecture != wanted {
            eprintln!("note: the template wants {wanted}; set aws.architecture = \"{architecture}\" to deploy this zip");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(program: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_UNPACKED_BYTES as u64 + 1;
    std::fs::File::open(program)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("{} cannot be read", program.display()))?;
    Ok(bytes)
}

/// Writes the zip, and says what is needed to upload it.
fn report(out: &Path, package: &Package, bundle: &Bundle) -> anyhow::Result<()> {
    let path = out.join(package.key(bundle));
    // Under its name there is never half a zip.
    let mut file = tempfile::NamedTempFile::new_in(out)?;
    file.write_all(&package.bytes)?;
    file.persist(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", path.display())?;
    writeln!(stdout, "  {} bytes, {}", package.bytes.len(), bundle.aws.architecture)?;
    writeln!(stdout, "  sha256 {}", package.sha256)?;
    if package.bytes.len() > AIM_BYTES {
        let (has, aim) = (human_bytes(package.bytes.len() as u64), human_bytes(AIM_BYTES as u64));
        eprintln!(
            "warning: the zip has {has}; beyond {aim} functions start later than they should: was bootstrap built with --profile lambda?"
        );
    }
    Ok(())
}
