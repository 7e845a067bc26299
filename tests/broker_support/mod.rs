//! What the tests of the real binary share: a broker as a process, a client that speaks the wire
//! room's own codec over a plain socket, and the requests that most tests need.
//!
//! Nothing here sleeps. What a test waits for either arrives (an answer, a line, the end of a
//! process) or the guard time runs out and the test fails.
//!
//! `BARNABAS_BIN` names another binary to test than the one that cargo has just built.
#![allow(dead_code, unused_imports)] // Each test file is a crate of its own and uses what it needs.
#![allow(clippy::unwrap_used)] // Only tests call this.

mod bad_disk;
mod bystander;
mod calls;
mod client;
mod committed;
mod data;
mod deny;
mod directory;
mod groups;
mod modern;
mod pages;
mod process;
mod rest;
mod small_disk;
mod tail;
mod topics;

pub use bad_disk::*;
pub use bystander::*;
pub use calls::*;
pub use client::*;
pub use committed::*;
pub use data::*;
pub use deny::*;
pub use directory::*;
pub use groups::*;
pub use modern::*;
pub use pages::*;
pub use process::*;
pub use rest::*;
pub use small_disk::*;
pub use tail::*;
pub use topics::*;

use std::time::Duration;

/// How long anything may take before a test gives up: much more than it needs on a busy machine.
pub const GUARD: Duration = Duration::from_secs(60);

/// How long a long poll waits that is meant to be woken: longer than the guard, so that one that is
/// not woken is seen.
pub const LONG_POLL_MS: i32 = 600_000;

/// What `socket.request.max.bytes` allows by default.
pub const LARGEST_FRAME: usize = 100 << 20;
