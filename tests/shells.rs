//! The script, run for real in throw-away roots.
