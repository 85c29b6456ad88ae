//! `api`: what is known of images, over HTTP. The same answers and errors as the embedded server's, except that the bytes of
//! an object are behind a link to S3 that holds for a few minutes: what a function answers is limited, and S3 serves ranges.

mod answer;
mod links;
mod request;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use links::{LinkOptions, Links, S3Links};

use super::log::Line;
use super::setup::SetupError;
use crate::Bundle;
use crate::stores::{DynamoCatalog, ListOrder, ListRequest, Page};
use answer::ApiError;
use links::LinkFailure;
use minilab_model::{BucketName, ImageRecord, ObjectRef};
use minilab_pipeline::{Catalog, CatalogError};
use request::{Payload, Request};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

/// Images in one answer unless `limit` says otherwise, and at most.
const LIMIT: (usize, usize) = (60, 200);

/// A catalog that can be leafed through.
pub trait Lists: Catalog {
    /// A page of a bucket's records.
    ///
    /// # Errors
    /// [`CatalogError`] when they cannot be read.
    fn page(&self, request: &ListRequest) -> impl Future<Output = Result<Page, CatalogError>> + Send;
}

impl Lists for DynamoCatalog {
    async fn page(&self, request: &ListRequest) -> Result<Page, CatalogError> {
        self.list(request).await
    }
}

/// The function.
pub struct Api<C, L> {
    catalog: C,
    links: L,
    default_bucket: BucketName,
    /// Buckets with sources, whose images are known.
    sources: BTreeSet<BucketName>,
    /// Those and the ones that variants are written to.
    buckets: BTreeSet<BucketName>,
    link_lifetime: Duration,
}

#[derive(Serialize)]
struct Listed {
    bucket: BucketName,
    images: Vec<ImageRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<C: Lists, L: Links> Api<C, L> {
    /// The function over this catalog and these objects.
    ///
    /// # Errors
    /// [`SetupError`] when the bundle has no rules, or they cannot work.
    pub fn new(bundle: &Bundle, catalog: C, links: L) -> Result<Self, SetupError> {
        let rules = bundle.rule_set()?;
        let sources: BTreeSet<BucketName> = rules.iter().map(|rule| rule.bucket.clone()).collect();
        let written = rules.iter().flat_map(|rule| rule.variants.iter().map(|variant| rule.destination(variant).clone()));
        Ok(Self {
            catalog,
            links,
            default_bucket: bundle.default_bucket().cloned().ok_or(SetupError::Empty { what: "rules" })?,
            buckets: sources.iter().cloned().chain(written).collect(),
            sources,
            link_lifetime: Duration::from_secs(u64::from(bundle.aws.download_seconds.clamp(1, 604_800))),
        })
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When the payload is not one of format 2.0.
    pub async fn call(&self, payload: Value) -> Result<Answer, serde_json::Error> {
        let payload: Payload = serde_json::from_value(payload)?;
        let answer = match Request::new(payload) {
            Ok(request) => {
                let is_head = request.method == "HEAD";
                let answer = self.answer(&request).await.unwrap_or_else(told);
                if is_head { answer.without_body() } else { answer }
            }
            Err(error) => told(error),
        };
        Ok(answer)
    }

    async fn answer(&self, request: &Request) -> Result<Answer, ApiError> {
        let path = request.path();
        let is_route = path.starts_with("/images/")
            || path.starts_with("/downloadimages/")
            || matches!(path, "/infoimages" | "/api/v1/images");
        if !is_route {
            return Err(ApiError::NoRoute);
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Err(ApiError::Method);
        }
        match path {
            "/infoimages" => self.statistics(request).await,
            "/api/v1/images" => self.list(request).await,
            path if path.starts_with("/images/") => self.image(request).await,
            _ => self.download(request).await,
        }
    }

    /// `GET /images/{key}`: what is known of one source image.
    async fn image(&self, request: &Request) -> Result<Answer, ApiError> {
        let source = ObjectRef::new(request.bucket(&self.default_bucket)?, request.object_key("/images/")?);
        match self.catalog.image(&source).await? {
            Some(record) => Answer::tagged_json(request, &record),
            None => Err(ApiError::NoImage(source)),
        }
    }

    /// `GET /infoimages`: the totals over a bucket's images.
    async fn statistics(&self, request: &Request) -> Result<Answer, ApiError> {
        let bucket = self.source_bucket(request)?;
        Answer::tagged_json(request, &self.catalog.statistics(&bucket).await?)
    }

    /// `GET /api/v1/images`: the newest images of a bucket, or with `prefix` those whose keys begin so, in the order of keys.
    /// `cursor` goes on where the last answer's `next` says.
    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let bucket = self.source_bucket(request)?;
        let number = |text: &str| {
            text.parse::<usize>().map_err(|_| ApiError::bad_request(format!("`limit` is `{text}`; it is a number of images")))
        };
        let limit = request.parameter("limit").map(number).transpose()?.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
        let prefix = request.parameter("prefix");
        let order = prefix.map_or(ListOrder::Newest, |prefix| ListOrder::Key { prefix: prefix.to_owned() });
        let cursor = request.parameter("cursor").map(str::to_owned);
        let page = self.catalog.page(&ListRequest { bucket: bucket.clone(), order, limit, cursor }).await?;
        Answer::tagged_json(request, &Listed { bucket, images: page.records, next: page.next })
    }

    /// `GET /downloadimages/{key}`: a link to any object, source or variant; with `variant` to that variant of the image.
    /// `download=1` makes the browser save instead of show.
    async fn download(&self, request: &Request) -> Result<Answer, ApiError> {
        let bucket = request.bucket(&self.default_bucket)?;
        if !self.buckets.contains(&bucket) {
            return Err(ApiError::NoSuchBucket(bucket));
        }
        let asked = ObjectRef::new(bucket, request.object_key("/downloadimages/")?);
        let object = match request.parameter("variant") {
            None => asked,
            Some(variant) => self.variant(asked, variant).await?,
        };
        let stated = self.links.stated_type(&object).await.map_err(LinkFailure)?;
        let Some(stated) = stated else { return Err(ApiError::NoObject(object)) };
        let is_forced = request.parameter("download").is_some_and(|value| !matches!(value, "0" | "false"));
        let is_head = request.method == "HEAD";
        let options = LinkOptions::new(&object, stated.as_deref(), is_forced, is_head, self.link_lifetime);
        Ok(Answer::found(self.links.link(&object, &options).await.map_err(LinkFailure)?))
    }

    /// Where a variant of an image is: the first rule's of that name, or the one that is named `rule/variant`.
    async fn variant(&self, image: ObjectRef, variant: &str) -> Result<ObjectRef, ApiError> {
        let Some(record) = self.catalog.image(&image).await? else { return Err(ApiError::NoImage(image)) };
        let full = |rule: &str, name: &str| format!("{rule}/{name}");
        let mut variants = record.variants.into_iter();
        let found = variants.find(|known| known.name == variant || full(&known.rule, &known.name) == variant);
        match found {
            Some(found) => Ok(ObjectRef::new(found.bucket, found.key)),
            None => Err(ApiError::NoVariant { image, variant: variant.to_owned() }),
        }
    }

    fn source_bucket(&self, request: &Request) -> Result<BucketName, ApiError> {
        let bucket = request.bucket(&self.default_bucket)?;
        if self.sources.contains(&bucket) { Ok(bucket) } else { Err(ApiError::NoSuchBucket(bucket)) }
    }
}

/// The answer that tells of an error, after the log was told what is not for the client.
fn told(error: ApiError) -> Answer {
    if let Some(inside) = error.inside() {
        Line::new("api").with("outcome", "failed").with("error", inside).print();
    }
    error.into()
}
