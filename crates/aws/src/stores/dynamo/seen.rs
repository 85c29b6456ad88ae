//! Sources as they were when they were last seen, so that an event's jobs need not ask again for what its arrival has told.
//!
//! What is remembered may have changed since. Whoever uses it writes under the condition that it has not, or reads an object under
//! the condition that it has the ETag that was told, and asks the table when that fails.

use super::source::Source;
use minilab_model::{ObjectRef, SourceVersion};
use std::collections::VecDeque;

/// Most sources that are remembered: more than a function works on at once.
const MOST: usize = 32;

/// The sources that were seen last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    sources: VecDeque<(ObjectRef, Source)>,
}

impl Seen {
    /// Remembers how a source is.
    pub fn remember(&mut self, object: &ObjectRef, source: Source) {
        self.forget(object);
        if self.sources.len() >= MOST {
            self.sources.pop_front();
        }
        self.sources.push_back((object.clone(), source));
    }

    /// Ends what is remembered of a source.
    pub fn forget(&mut self, object: &ObjectRef) {
        self.sources.retain(|(seen, _)| seen != object);
    }

    /// The source, if this version of it was the newest and there.
    pub fn present(&self, version: &SourceVersion) -> Option<Source> {
        let is_it = |(object, source): &&(ObjectRef, Source)| {
            *object == version.object && source.sequencer == version.sequencer && source.present.is_some()
        };
        self.sources.iter().find(is_it).map(|(_, source)| source.clone())
    }
}
