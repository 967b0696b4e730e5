//! What differs between runs in what commands say: one list for transcripts and for wording.

/// Values, by the names that stand in their place. A transcript numbers them, so that the same value has the same name.
pub(crate) const VALUES: [(&str, &str); 6] = [
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN"),
    (r"\bc[a-z0-9]{24}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z", "TIME"),
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"…[\w-]{8}", "SHORT"),
    (r"\d{8}-\d{6}-[0-9a-f]{4}", "ENTRY"),
];

/// Parts whose value does not matter, and what stands in their place.
pub(crate) const PARTS: [(&str, &str); 4] = [
    (r"/proc/\d+/", "/proc/[PID]/"),
    (r"\b[0-9a-f]{64}\b", "[HASH]"),
    (r"(\d)-[0-9a-f]{8}\b", "$1-[HASH]"),
    (r"\b[0-9A-F]{16}\b", "[KEY]"),
];
