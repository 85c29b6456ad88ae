//! `minilab serve`

use crate::config::Config;
use crate::serve::{Overrides, Server};
use crate::telemetry;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Run the server. When it accepts requests it prints a line for each listener and then `ready`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration [default: minilab.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where objects, queue and catalog are kept [default: minilab-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address for S3 clients; port 0 picks a free one [default: 127.0.0.1:4569]
    #[arg(long, value_name = "ADDRESS")]
    s3_addr: Option<SocketAddr>,
    /// Address for the web page and the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    web_addr: Option<SocketAddr>,
    /// Do the image work on threads of the server instead of in worker processes: faster by a little, but a file that
    /// breaks a decoder can then stop the server
    #[arg(long)]
    in_process: bool,
    /// The program that worker processes run [default: this one]
    #[arg(long, value_name = "FILE", hide = true)]
    worker_program: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::start("info,s3s=off")?;
    let config = Config::load(args.config.as_deref())?;
    let overrides = Overrides {
        data: args.data,
        s3_addr: args.s3_addr,
        web_addr: args.web_addr,
        in_process: args.in_process,
        worker_program: args.worker_program,
    };
    super::block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::start(config, overrides).await?;
        announce(&server)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests and jobs under way are finished first");
        server.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn announce(server: &Server) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if server.credentials.is_new {
        writeln!(
            out,
            "A key pair was made. It is shown this once, and kept in {}.",
            server.data_dir.join("credentials").display()
        )?;
        writeln!(out, "access key {}", server.credentials.access_key)?;
        writeln!(out, "secret key {}", server.credentials.secret_key)?;
    }
    writeln!(out, "s3 http://{}", server.s3_addr)?;
    writeln!(out, "web http://{}", server.web_addr)?;
    writeln!(out, "ready")?;
    out.flush()
}
