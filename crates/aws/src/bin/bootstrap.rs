//! What Lambda starts. One binary is every function; the environment says which.

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use minilab_aws::bundle::{Bundle, FILE};
use minilab_aws::environment;
use minilab_aws::functions::Function;
use minilab_aws::functions::clients::Connection;
use minilab_aws::functions::invocation::Invocation;
use minilab_aws::functions::settings::Settings;
use minilab_model::error_chain;
use serde_json::{Value, json};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN).with_writer(std::io::stdout).init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // As one line, so that it is one event of the log.
            println!("{}", json!({"function": "bootstrap", "outcome": "failed", "error": error_chain(error.as_ref())}));
            ExitCode::FAILURE
        }
    }
}

/// Sets the function up and answers calls for as long as Lambda has any.
fn start() -> Result<(), Box<dyn Error + Send + Sync>> {
    let variable = |name: &str| std::env::var(name).ok();
    if variable("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err("this is what AWS Lambda starts; `minilab aws package` puts it into a zip".into());
    }
    let settings = Settings::read(variable)?;
    let connection = Connection::read(variable)?;
    let function = Arc::new(Function::new(&bundle()?, settings, connection)?);
    // One call at a time, and the image work has threads of its own: more would only take longer to start.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let function = Arc::clone(&function);
        async move {
            let invocation = Invocation { deadline: deadline(event.context.deadline), trace: event.context.xray_trace_id };
            // In a box, or the compiler's limit on nested types is passed.
            Box::pin(function.call(event.payload, &invocation)).await.map_err(lambda_runtime::Error::from)
        }
    });
    runtime.block_on(Runtime::new(handler).run())
}

/// Reads the bundle, which lies beside this binary.
fn bundle() -> Result<Bundle, Box<dyn Error + Send + Sync>> {
    let beside = || Some(PathBuf::from(std::env::var_os("LAMBDA_TASK_ROOT")?).join(FILE));
    let path = std::env::var_os(environment::BUNDLE).map(PathBuf::from).or_else(beside);
    let path = path.ok_or("neither LAMBDA_TASK_ROOT nor MINILAB_BUNDLE says where the bundle is")?;
    let unusable = |reason: String| format!("the bundle {}: {reason}; `minilab aws package` makes it", path.display());
    let text = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()).into())
}

/// Lambda tells the time at which it ends a call in milliseconds since 1970.
fn deadline(millis: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(millis).saturating_sub(now)
}
