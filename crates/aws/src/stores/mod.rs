//! The stores on S3 and DynamoDB: [`S3Store`] is the flow's `ObjectStore`, [`DynamoCatalog`] its `Catalog`, and the [`Table`]
//! is what both stand on.
//!
//! ```no_run
//! # async fn handle(dynamo: aws_sdk_dynamodb::Client, s3: aws_sdk_s3::Client, event: minilab_model::Event)
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! use minilab_aws::stores::{DynamoCatalog, Observed, S3Store, S3StoreOptions, Table, TableOptions};
//!
//! let table = Table::new(dynamo, TableOptions::new(minilab_model::BucketName::new("photos")?));
//! let (store, catalog) = (S3Store::new(s3, table.clone(), S3StoreOptions::default()), DynamoCatalog::new(table.clone()));
//! if table.observe(&event).await? == Observed::Current {
//!     // The event's jobs go to a `minilab_pipeline::Worker` over `store` and `catalog`.
//! }
//! # Ok(())
//! # }
//! ```

pub mod dynamo;
mod error;
pub mod s3;

pub use dynamo::{DynamoCatalog, ListOrder, ListRequest, Observed, Page, Table, TableOptions};
pub use s3::{S3Store, S3StoreOptions};
