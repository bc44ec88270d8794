//! The page in real browsers: see `tests/` and `benches/`.
