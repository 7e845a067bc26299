//! The ring itself: set-up, entries in, completions out.
//!
//! Entries that find it full and cannot be submitted wait in their order: putting one in never fails
//! and never waits. What the kernel has against them, [`Queue::enter`] says, and the worker ends.

use super::socket::What;
use io_uring::squeue::Entry;
use io_uring::{IoUring, Probe, opcode, types};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Entries that are submitted by one enter at most, without a further one.
const ENTRIES: u32 = 256;
/// Completions that wait without being put aside by the kernel.
const COMPLETIONS: u32 = 4096;
/// How long the end of a worker waits for the kernel to let go of everything.
const LET_GO: Duration = Duration::from_secs(1);
/// All that is asked of the kernel.
const OPERATIONS: [u8; 6] = [
    opcode::Read::CODE,
    opcode::Recv::CODE,
    opcode::Send::CODE,
    opcode::SendMsg::CODE,
    opcode::PollAdd::CODE,
    opcode::AsyncCancel::CODE,
];

/// What an entry was for, its result and its flags.
pub(super) type Completion = (What, i32, u32);

/// See the module's comment.
pub(super) struct Queue {
    ring: IoUring,
    /// The worker's thread has taken it over.
    is_enabled: bool,
    /// Behind those in the ring; at most a few for each connection.
    backlog: VecDeque<Entry>,
}

impl Queue {
    /// # Errors
    /// When the kernel, or a sandbox, does not let us, or lacks what is needed (Linux 6.1).
    pub(super) fn new() -> io::Result<Queue> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        builder.setup_r_disabled().setup_submit_all().dontfork();
        let ring: IoUring = builder.setup_cqsize(COMPLETIONS).build(ENTRIES)?;
        let params = ring.params();
        if !(params.is_feature_nodrop() && params.is_feature_ext_arg() && has_operations(&ring)?) {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "this kernel's io_uring is too old",
            ));
        }
        may_enter(&ring)?;
        Ok(Queue { ring, is_enabled: false, backlog: VecDeque::new() })
    }

    pub(super) fn ring(&self) -> &IoUring {
        &self.ring
    }

    /// Takes the ring over, on the worker's thread; whether that is done just now.
    pub(super) fn enable(&mut self) -> io::Result<bool> {
        if self.is_enabled {
            return Ok(false);
        }
        self.ring.submitter().register_enable_rings()?;
        self.is_enabled = true;
        Ok(true)
    }

    /// Puts an entry in. A full ring is submitted first.
    ///
    /// # Safety
    /// What the entry points at stays where it is until it has completed.
    pub(super) unsafe fn push(&mut self, entry: Entry, what: What) {
        self.backlog.push_back(entry.user_data(what.to_bits()));
        self.refill();
        if !self.backlog.is_empty() {
            // Whether it fails, the next enter says.
            let _ = self.ring.submit();
            self.refill();
        }
    }

    /// Moves entries that wait into the ring.
    fn refill(&mut self) {
        let mut submission = self.ring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: the word of who has called `push`.
            if unsafe { submission.push(entry) }.is_err() {
                break;
            }
            self.backlog.pop_front();
        }
    }

    /// Submits what is there and waits for a completion.
    pub(super) fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.refill();
        let timeout = if self.backlog.is_empty() { timeout } else { Some(Duration::ZERO) };
        let submitter = self.ring.submitter();
        let entered = match timeout {
            None => submitter.submit_and_wait(1),
            // What has come is asked for too, where the kernel's flag says that something has.
            Some(Duration::ZERO) => submitter.submit(),
            Some(timeout) => {
                let until = types::Timespec::from(timeout);
                submitter.submit_with_args(1, &types::SubmitArgs::new().timespec(&until))
            }
        };
        match entered {
            Err(error) if !passes(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes what has completed.
    pub(super) fn take(&mut self, into: &mut Vec<Completion>) {
        let all = self.ring.completion();
        into.extend(all.map(|one| (What::from_bits(one.user_data()), one.result(), one.flags())));
    }

    /// Nothing has completed that was not taken.
    pub(super) fn is_empty(&mut self) -> bool {
        self.ring.completion().is_empty()
    }

    /// Cancels all; whether the kernel has nothing of ours any more.
    pub(super) fn let_go(&mut self) -> bool {
        if !self.is_enabled {
            return true;
        }
        self.backlog.clear();
        let _ = self.ring.submit();
        let until = types::Timespec::from(LET_GO);
        let all = types::CancelBuilder::any();
        let result = self.ring.submitter().register_sync_cancel(Some(until), all);
        match result {
            Ok(()) => true,
            Err(error) => error.raw_os_error() == Some(libc::ENOENT),
        }
    }
}

fn has_operations(ring: &IoUring) -> io::Result<bool> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    Ok(OPERATIONS.iter().all(|operation| probe.is_supported(*operation)))
}

/// A ring that nobody has taken over is not entered: the kernel says so, a sandbox says something else.
fn may_enter(ring: &IoUring) -> io::Result<()> {
    // SAFETY: nothing is submitted and there is no argument.
    match unsafe { ring.submitter().enter::<libc::sigset_t>(0, 0, 0, None) } {
        Err(error) if error.raw_os_error() != Some(libc::EBADFD) => Err(error),
        _ => Ok(()),
    }
}

/// An enter that has not waited, or not submitted all: the next one does.
fn passes(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than fit into the ring, twice.
    const MANY: usize = 2 * ENTRIES as usize + 10;

    #[test]
    fn entries_that_the_kernel_does_not_take_wait_and_the_enter_says_why() {
        let mut queue = Queue::new().expect("a ring");
        for _ in 0..MANY {
            // SAFETY: it points at nothing.
            unsafe { queue.push(opcode::Nop::new().build(), What::Wake) };
        }
        let error = queue.enter(None).expect_err("it is not enabled");
        assert_eq!(error.raw_os_error(), Some(libc::EBADFD));
        assert!(queue.enable().expect("enabled") && !queue.enable().expect("enabled before"));
        let mut completions = Vec::new();
        while completions.len() < MANY {
            queue.enter(None).expect("they are submitted now");
            queue.take(&mut completions);
        }
        assert_eq!(completions.len(), MANY);
        assert!(queue.is_empty() && queue.let_go());
    }
}
