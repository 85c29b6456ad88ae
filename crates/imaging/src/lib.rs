//! One decode, many variants: sniffing, headers, decoding, steps, encoding and metadata
