//! Where this server's image work runs.

use bytes::Bytes;
use minilab_imaging::Rendered;
use minilab_pipeline::{Admission, InProcess, RenderFailure, RenderWork, Renderer};

/// In worker processes, or on threads of this one.
#[derive(Clone)]
pub enum ServerRenderer {
    /// On threads: a decoder that loops keeps its thread, and one that exhausts memory ends the server.
    InProcess(InProcess),
    /// In processes that can be killed.
    #[cfg(target_os = "linux")]
    Workers(minilab_workers::WorkerPool),
}

impl Renderer for ServerRenderer {
    async fn render(&self, source: Bytes, work: RenderWork, admission: Admission) -> Result<Rendered, RenderFailure> {
        match self {
            Self::InProcess(here) => here.render(source, work, admission).await,
            #[cfg(target_os = "linux")]
            Self::Workers(pool) => pool.render(source, work, admission).await,
        }
    }
}

impl ServerRenderer {
    /// Why image work cannot be done at the moment, if it cannot.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::InProcess(_) => None,
            #[cfg(target_os = "linux")]
            Self::Workers(pool) => pool.trouble(),
        }
    }
}
