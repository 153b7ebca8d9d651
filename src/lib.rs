//! Oubliette: a vault that can forget.
