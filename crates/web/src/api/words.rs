//! Causes of failure as people say them.

use minilab_model::FailureCause;

/// What happened, as half a sentence that begins with a capital.
pub(super) const fn reason(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::NotAnImage => "The file is not an image",
        FailureCause::Unsupported => "This kind of image cannot be processed",
        FailureCause::Damaged => "The file is damaged",
        FailureCause::OverLimit => "It is larger than a limit allows",
        FailureCause::Deadline => "It took too long and was stopped",
        FailureCause::OutOfMemory => "It took more memory than it may",
        FailureCause::WorkerDied => "The worker crashed on it",
        FailureCause::Recipe => "A step of the rule is not possible on it",
        FailureCause::Encoding => "A variant could not be encoded",
        FailureCause::Key => "The key of a variant is not valid",
        FailureCause::Occupied => "Another object stands where a variant should go",
        FailureCause::NoSuchBucket => "A bucket that a variant goes into does not exist",
        FailureCause::Unavailable => "The store could not do it",
        FailureCause::LeaseExpired => "The server stopped while it worked on it",
        FailureCause::Unknown => "It failed",
    }
}

/// What to do next, in whole sentences.
pub(super) const fn advice(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::NotAnImage => {
            "Upload the right file under the same key, or discard the job. Trying the same bytes again cannot help."
        }
        FailureCause::Unsupported => "Convert it to JPEG, PNG or WebP and upload it again, or discard the job.",
        FailureCause::Damaged => "Upload an intact copy under the same key. Trying the same bytes again cannot help.",
        FailureCause::OverLimit => "Upload a smaller one, or raise the limit under [limits] in the configuration and retry.",
        FailureCause::Deadline => "Retry when the machine is less busy, or raise limits.wall_time_s first.",
        FailureCause::OutOfMemory => "Upload a smaller one, or give the workers more memory and retry.",
        FailureCause::WorkerDied => "Retry once. If it crashes again, the image has found a bug that is worth a report.",
        FailureCause::Recipe => "Change the step that the message names, or put the image there that it lays over, then retry.",
        FailureCause::Encoding => "Change the variant's format or size in the rule, then retry.",
        FailureCause::Key => "Change the variant's key in the rule, or upload the source under a shorter key, then retry.",
        FailureCause::Occupied => "Move that object away or change the variant's key in the rule, then retry.",
        FailureCause::NoSuchBucket => "Create the bucket, then retry.",
        FailureCause::Unavailable => "See what the server's log says of the store and its disk, then retry.",
        FailureCause::LeaseExpired => "Retry. If the server stops again, this image may be what stops it.",
        FailureCause::Unknown => "The error says more. Retry once its reason is gone.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_words_of_its_own() {
        for (number, cause) in FailureCause::ALL.into_iter().enumerate() {
            assert!(!reason(cause).ends_with('.') && advice(cause).ends_with('.'), "{cause}");
            assert!(FailureCause::ALL[..number].iter().all(|other| reason(*other) != reason(cause)), "{cause}");
        }
    }
}
