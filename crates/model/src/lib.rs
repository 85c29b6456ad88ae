//! The nouns of the flow: events, rules, jobs, steps, variants and records
