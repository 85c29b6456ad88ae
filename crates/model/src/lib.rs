//! The nouns of the flow: events, rules, jobs, steps, variants and records.
//!
//! This crate is pure: no input or output, no clock, no environment. What a rules file says, what an
//! event carries, which jobs follow from it and what is remembered of an image are all defined here,
//! so that the embedded server, the AWS workers and the command line mean the same thing.

pub mod cloud_event;

mod color;
mod error_chain;
mod event;
mod format;
mod job;
mod limits;
mod loops;
mod name;
mod notification;
mod real;
mod record;
mod rule;
mod rule_set;
mod step;
mod template;
mod timestamp;
mod variant_spec;

pub use color::Color;
pub use error_chain::error_chain;
pub use event::{Event, EventKind, EventPattern, Sequencer};
pub use format::{Format, OutputFormat};
pub use job::{
    Action, Attempt, FailureCause, FailureKind, HeaderFacts, IdempotencyKey, Job, Lane, Lease, Priority, Provenance, SourceVersion,
    provenance,
};
pub use limits::{DecodeLimits, DeliveryLimits, LaneLimits, Limits, OutputLimits};
pub use name::{BucketName, NameError, ObjectKey, ObjectRef};
pub use notification::{
    BucketNotification, EmailTarget, Message, Notification, NotificationSpec, NotificationTarget, Outcome, OutcomeMessage,
    SnsTarget, WebhookTarget,
};
pub use real::Real;
pub use record::{
    AnimationFacts, CollectionStatistics, ColorSpace, Failure, ImageMetadata, ImageRecord, ImageState, Orientation, PaletteColor,
    PixelField, SizedKey, VariantRecord,
};
pub use rule::{ContentTypePattern, OnDelete, Rule, SizeRange};
pub use rule_set::{MAX_TAGS, RuleError, RuleSet};
pub use step::{
    Adjust, Background, Blur, Crop, Extend, ExtendFill, Fit, Focus, Gamma, Gravity, Kernel, Resize, Rotate, RoundCorners, Sepia,
    Sharpen, Step, Threshold, Tint, Trim, Watermark,
};
pub use template::{KeyTemplate, TemplateError, TemplateFields};
pub use timestamp::Timestamp;
pub use variant_spec::{ChromaSubsampling, MetadataPolicy, OutputColor, VariantSpec};
