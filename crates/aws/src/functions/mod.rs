//! What runs in Lambda: one binary that is every function, and the environment says which.

pub mod api;
pub mod batch;
pub mod clients;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fakes;
mod https;
pub mod invocation;
pub mod log;
pub mod notify;
pub mod process;
pub mod queues;
pub mod router;
pub mod settings;
pub mod setup;
pub mod tiers;

use crate::Bundle;
use crate::stores::{DynamoCatalog, S3Store, S3StoreOptions, Table, TableOptions};
use api::{Api, S3Links};
use batch::Call;
use clients::Connection;
use invocation::Invocation;
use notify::{Notify, SnsTopics};
use process::{Process, ProcessParts, S3Observer};
use queues::SqsQueues;
use router::{Router, S3Sources};
use serde_json::Value;
use settings::Settings;
use setup::SetupError;

/// A function, ready to be called.
pub enum Function {
    /// Events in, variants and records out.
    Process(Box<Process<S3Store, DynamoCatalog, S3Observer, SqsQueues>>),
    /// Events in, each into the queue of the tier that its image needs.
    Router(Box<Router<S3Sources, SqsQueues>>),
    /// The HTTP API.
    Api(Box<Api<DynamoCatalog, S3Links>>),
    /// The table's stream in, messages to SNS out; and digests when its clock rings.
    Notify(Box<Notify<SnsTopics, SqsQueues>>),
}

impl Function {
    /// Sets up the function that the settings name. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] says what does not go together.
    pub fn new(bundle: &Bundle, settings: Settings, connection: Connection) -> Result<Self, SetupError> {
        let queues = |connection: &Connection| {
            let connection = connection.clone();
            SqsQueues::new(move || connection.sqs())
        };
        let table = |name: String| {
            let default_bucket = bundle.default_bucket().cloned().ok_or(SetupError::Empty { what: "rules" })?;
            let key = bundle.aws.table_key.clone();
            let options = TableOptions { name, key, shards: bundle.aws.statistics_shards, ..TableOptions::new(default_bucket) };
            Ok::<_, SetupError>(Table::new(connection.dynamo(), options))
        };
        Ok(match settings {
            Settings::Process(settings) => {
                let (s3, table) = (connection.s3(), table(settings.table.clone())?);
                let storage_class = Some(bundle.aws.storage_class.clone()).filter(|class| class != "STANDARD");
                let parts = ProcessParts {
                    store: S3Store::new(s3.clone(), table.clone(), S3StoreOptions { storage_class }),
                    catalog: DynamoCatalog::new(table.clone()),
                    observer: S3Observer::new(table, s3),
                    queues: queues(&connection),
                };
                Self::Process(Box::new(Process::new(bundle, &settings, parts)?))
            }
            Settings::Router(settings) => {
                let sources = S3Sources::new(connection.s3());
                Self::Router(Box::new(Router::new(bundle, &settings, sources, queues(&connection))?))
            }
            Settings::Api(settings) => {
                let catalog = DynamoCatalog::new(table(settings.table)?);
                Self::Api(Box::new(Api::new(bundle, catalog, S3Links::new(connection.s3()))?))
            }
            Settings::Notify(settings) => {
                let queues = queues(&connection);
                let topics = SnsTopics::new(move || connection.sns());
                Self::Notify(Box::new(Notify::new(settings, bundle.aws.table_key.clone(), topics, queues)))
            }
        })
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What to tell Lambda.
    pub async fn call(&self, payload: Value, invocation: &Invocation) -> Result<Value, String> {
        let unreadable = |error: serde_json::Error| format!("the payload is none that this function knows: {error}");
        let written = |answer: Result<Value, serde_json::Error>| answer.map_err(|error| error.to_string());
        match self {
            Self::Process(process) => {
                let call = Call::parse(payload).map_err(unreadable)?;
                written(serde_json::to_value(process.call(call, invocation).await?))
            }
            Self::Router(router) => {
                let call = Call::parse(payload).map_err(unreadable)?;
                written(serde_json::to_value(router.call(call, invocation).await?))
            }
            Self::Api(api) => written(serde_json::to_value(api.call(payload).await.map_err(unreadable)?)),
            Self::Notify(notify) => written(serde_json::to_value(notify.call(payload, invocation).await?)),
        }
    }
}
