//! Where a server takes in that its rules are to be applied to what is there: one at a time, remembered over a restart.

use super::{check_rule, run};
use crate::serve::files::write_private;
use crate::serve::reload::Rules;
use anyhow::Context;
use minilab_embedded::Embedded;
use minilab_web::api::{ApplyProgress, ApplyRequest, ApplyStage};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The file in the data directory that remembers what was asked for until it is done.
const NAME: &str = "rules-apply.json";

/// Starts the work, and knows how far it is. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    store: Embedded,
    rules: Rules,
    file: PathBuf,
    stop: watch::Receiver<bool>,
    last: Mutex<Option<watch::Receiver<ApplyProgress>>>,
}

impl Desk {
    /// A desk for the server of `data_dir`, which works until `stop` says true.
    pub fn new(store: Embedded, rules: Rules, data_dir: &Path, stop: watch::Receiver<bool>) -> Self {
        Self(Arc::new(Inner { store, rules, file: data_dir.join(NAME), stop, last: Mutex::default() }))
    }

    /// How far the last request is.
    pub fn progress(&self) -> Option<ApplyProgress> {
        self.last().as_ref().map(|last| last.borrow().clone())
    }

    /// Goes on with what the server before had not finished.
    pub fn resume(&self) {
        let remembered = std::fs::read(&self.0.file).map_err(anyhow::Error::from);
        let remembered = remembered.and_then(|bytes| Ok(serde_json::from_slice::<ApplyRequest>(&bytes)?));
        let resumed = match remembered {
            Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound) => return,
            Err(error) => Err(error.to_string()),
            Ok(request) => self.start(request).map(|_| ()),
        };
        match resumed {
            Ok(()) => tracing::info!("applying the rules to what is there goes on"),
            Err(error) => {
                tracing::warn!(error, "applying the rules to what is there does not go on; ask for it again with `rules apply`");
                self.forget();
            }
        }
    }

    /// Starts what is asked for, or joins it if it is under way. Must be called within a runtime.
    ///
    /// # Errors
    /// In words for whoever asked: when other rules are in force, or something else is under way.
    pub fn start(&self, request: ApplyRequest) -> Result<ApplyProgress, String> {
        let in_force = self.0.rules.in_force();
        if in_force.fingerprint != request.fingerprint {
            let refused = in_force.last_error.map(|error| format!(" (it refused the last change: {error})")).unwrap_or_default();
            return Err(format!("the server works by other rules than these{refused}; have it read them again, with SIGHUP"));
        }
        check_rule(&in_force.rules, request.rule.as_deref()).map_err(|error| error.to_string())?;
        let mut last = self.last();
        if let Some(last) = last.as_ref() {
            let progress = last.borrow().clone();
            if !progress.has_ended() {
                return match progress.request == request {
                    true => Ok(progress),
                    false => Err("the rules are being applied already, to another part; try again when that is done".to_owned()),
                };
            }
        }
        self.remember(&request).map_err(|error| format!("{error:#}"))?;
        let (sender, receiver) = watch::channel(ApplyProgress::new(request));
        let progress = receiver.borrow().clone();
        *last = Some(receiver);
        drop(last);
        tokio::spawn(self.clone().work(sender));
        Ok(progress)
    }

    async fn work(self, progress: watch::Sender<ApplyProgress>) {
        let Inner { store, rules, stop, .. } = &*self.0;
        let fingerprint = progress.borrow().request.fingerprint.clone();
        let in_force = rules.in_force().rules;
        let mut stop = stop.clone();
        let ended = tokio::select! {
            // What is left is remembered, and the next server goes on with it.
            _ = stop.wait_for(|stop| *stop) => return,
            ended = run(store, in_force, &progress, || rules.in_force().fingerprint == fingerprint) => ended,
        };
        if let Err(error) = ended {
            let error = format!("{error:#}");
            tracing::error!(error, "applying the rules to what is there ended early");
            progress.send_modify(|progress| (progress.stage, progress.error) = (ApplyStage::Stopped, Some(error)));
        }
        self.forget();
        let (done, failed, orphans) = {
            let progress = progress.borrow();
            (progress.done, progress.failed, progress.orphans)
        };
        tracing::info!(done, failed, orphans, "the rules have been applied to what is there");
    }

    fn remember(&self, request: &ApplyRequest) -> anyhow::Result<()> {
        let text = serde_json::to_string(request)?;
        write_private(&self.0.file, &text).with_context(|| format!("{} cannot be written", self.0.file.display()))
    }

    fn forget(&self) {
        if let Err(error) = std::fs::remove_file(&self.0.file)
            && error.kind() != ErrorKind::NotFound
        {
            // The next server asks once more what is to be done, and finds nothing.
            tracing::warn!(%error, file = %self.0.file.display(), "the file could not be removed");
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<watch::Receiver<ApplyProgress>>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
