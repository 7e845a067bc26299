//! The ring itself: set-up, entries in, completions out.
//!
//! Entries that find it full and cannot be submitted wait in their order: putting one in never fails
//! and never waits. What the kernel has against them, [`Queue::enter`] says, and the worker ends.
//!
//! A ring may be *polled* (SQPOLL): a thread of the kernel's looks for entries, and does what they ask
//! for, completions included, whenever it likes. It sleeps when it has found none for a while, and is
//! woken only if there is something for it.

use super::socket::What;
use io_uring::squeue::Entry;
use io_uring::{EnterFlags, IoUring, Probe, opcode, types};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Entries that are submitted by one enter at most, without a further one.
const ENTRIES: u32 = 256;
/// Completions that wait without being put aside by the kernel.
const COMPLETIONS: u32 = 4096;
/// How long the end of a worker waits for the kernel to let go of everything.
pub(super) const LET_GO: Duration = Duration::from_secs(1);
/// Milliseconds for which a polling thread looks for entries before it sleeps: it takes a core meanwhile.
const POLLED_MS: u32 = 3;
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
    /// A thread of the kernel's submits.
    is_polled: bool,
    /// Behind those in the ring; at most a few for each connection.
    backlog: VecDeque<Entry>,
}

impl Queue {
    /// # Errors
    /// When the kernel, or a sandbox, does not let us, or lacks what is needed (Linux 6.1).
    pub(super) fn new(is_polled: bool) -> io::Result<Queue> {
        let mut builder = IoUring::builder();
        match is_polled {
            true => builder.setup_sqpoll(POLLED_MS),
            false => builder.setup_defer_taskrun().setup_taskrun_flag(),
        };
        builder.setup_single_issuer();
        builder.setup_r_disabled().setup_submit_all().dontfork();
        let ring: IoUring = builder.setup_cqsize(COMPLETIONS).build(ENTRIES)?;
        let params = ring.params();
        let has_features = params.is_feature_nodrop()
            && params.is_feature_ext_arg()
            && params.is_feature_skip_cqe_on_success();
        if !(has_features && has_operations(&ring)?) {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "this kernel's io_uring is too old",
            ));
        }
        may_enter(&ring)?;
        Ok(Queue { ring, is_enabled: false, is_polled, backlog: VecDeque::new() })
    }

    pub(super) fn ring(&self) -> &IoUring {
        &self.ring
    }

    /// Completions come, and buffers are filled, without our asking.
    pub(super) fn is_polled(&self) -> bool {
        self.is_polled
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
        let entered = match self.is_polled {
            true => self.enter_polled(timeout),
            false => self.enter_own(timeout),
        };
        match entered {
            Err(error) if !passes(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn enter_own(&self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = if self.backlog.is_empty() { timeout } else { Some(Duration::ZERO) };
        let submitter = self.ring.submitter();
        match timeout {
            None => submitter.submit_and_wait(1),
            // What has come is asked for too, where the kernel's flag says that something has.
            Some(Duration::ZERO) => submitter.submit(),
            Some(timeout) => {
                let until = types::Timespec::from(timeout);
                submitter.submit_with_args(1, &types::SubmitArgs::new().timespec(&until))
            }
        }
    }

    /// The kernel is only entered to wake its thread, to wait, or where one of the queues is full.
    fn enter_polled(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let waits = timeout != Some(Duration::ZERO)
            && self.backlog.is_empty()
            && self.ring.completion().is_empty();
        let mut flags = self.wake_if_needed();
        flags.set(EnterFlags::SQ_WAIT, !self.backlog.is_empty());
        flags.set(EnterFlags::GETEVENTS, waits || self.ring.submission().cq_overflow());
        if flags.is_empty() {
            return Ok(0);
        }
        let submitter = self.ring.submitter();
        let until = timeout.filter(|_| waits).map(types::Timespec::from);
        let Some(until) = until else {
            // SAFETY: there is no argument.
            return unsafe {
                submitter.enter::<libc::sigset_t>(0, u32::from(waits), flags.bits(), None)
            };
        };
        let arguments = types::SubmitArgs::new().timespec(&until);
        flags |= EnterFlags::EXT_ARG;
        // SAFETY: the argument is what the flag says, and lives until the kernel is back.
        unsafe { submitter.enter(0, 1, flags.bits(), Some(&arguments)) }
    }

    /// What wakes the polling thread, if it sleeps and there are entries for it. It says that it sleeps
    /// and then looks once more; we have put entries in and look then whether it sleeps, with a fence
    /// between the two: one of us sees the other.
    fn wake_if_needed(&mut self) -> EnterFlags {
        let submission = self.ring.submission();
        match !submission.is_empty() && submission.need_wakeup() {
            true => EnterFlags::SQ_WAKEUP,
            false => EnterFlags::empty(),
        }
    }

    /// Waits until the polling thread has taken all entries, and told what it could do at once: what it takes later
    /// nothing would cancel, and nobody would hear of. Whether it has.
    pub(super) fn are_all_taken(&mut self) -> bool {
        let until = Instant::now() + LET_GO;
        while !self.ring.submission().is_empty() {
            let flags = self.wake_if_needed().bits();
            // SAFETY: there is no argument.
            let woken = unsafe { self.ring.submitter().enter::<libc::sigset_t>(0, 0, flags, None) };
            if woken.is_err_and(|error| !passes(&error)) || Instant::now() > until {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    /// Takes what has completed.
    pub(super) fn take(&mut self, into: &mut VecDeque<Completion>) {
        let all = self.ring.completion();
        into.extend(all.map(|one| (What::from_bits(one.user_data()), one.result(), one.flags())));
    }

    /// Takes what has completed, what the kernel has put aside included.
    pub(super) fn take_all(&mut self, into: &mut VecDeque<Completion>) -> io::Result<()> {
        self.take(into);
        while self.ring.submission().cq_overflow() {
            self.enter(Some(Duration::ZERO))?;
            self.take(into);
        }
        Ok(())
    }

    /// The kernel has begun all that was put in: what cannot wait there is over by now. Not of a polled
    /// ring, whose thread begins things at any time.
    pub(super) fn is_all_begun(&mut self) -> bool {
        !self.is_polled && self.backlog.is_empty() && self.ring.submission().is_empty()
    }

    /// The kernel has put completions aside, or work that it does for us in a further enter: it does a few dozen
    /// pieces in one.
    pub(super) fn has_more(&mut self) -> bool {
        let submission = self.ring.submission();
        submission.taskrun() || submission.cq_overflow()
    }

    /// Has the polling thread go round once more.
    pub(super) fn push_nothing(&mut self) {
        // SAFETY: it points at nothing.
        unsafe { self.push(opcode::Nop::new().build(), What::Nothing) };
    }

    /// Nothing has completed that was not taken.
    pub(super) fn is_empty(&mut self) -> bool {
        self.ring.completion().is_empty() && !self.ring.submission().cq_overflow()
    }

    /// The kernel may have something of ours.
    pub(super) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Cancels all; whether the kernel has found nothing that goes on.
    pub(super) fn let_go(&mut self) -> bool {
        if !self.is_enabled {
            return true;
        }
        self.refill();
        let _ = self.ring.submit();
        if self.is_polled && !self.are_all_taken() {
            return false;
        }
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

    fn fill(queue: &mut Queue) {
        for _ in 0..MANY {
            // SAFETY: it points at nothing.
            unsafe { queue.push(opcode::Nop::new().build(), What::Wake) };
        }
    }

    #[test]
    fn entries_that_the_kernel_does_not_take_wait_and_the_enter_says_why() {
        for is_polled in [false, true] {
            let mut queue = Queue::new(is_polled).expect("a ring");
            fill(&mut queue);
            let error = queue.enter(None).expect_err("it is not enabled");
            assert_eq!(error.raw_os_error(), Some(libc::EBADFD));
            assert!(queue.enable().expect("enabled") && !queue.enable().expect("enabled before"));
            let mut completions = VecDeque::new();
            while completions.len() < MANY {
                queue.enter(None).expect("they are submitted now");
                queue.take(&mut completions);
            }
            assert_eq!(completions.len(), MANY);
            assert!(queue.is_empty() && queue.let_go());
        }
    }

    /// Waits until the polling thread says that it sleeps.
    fn await_sleep(queue: &mut Queue) {
        let until = Instant::now() + Duration::from_secs(60);
        while !queue.ring.submission().need_wakeup() {
            assert!(Instant::now() < until, "it never sleeps");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_polling_thread_sleeps_and_is_not_woken_for_nothing() {
        let mut queue = Queue::new(true).expect("a ring");
        queue.enable().expect("enabled");
        for round in 1..20 {
            await_sleep(&mut queue);
            assert!(queue.wake_if_needed().is_empty(), "nothing is to be done");
            // SAFETY: it points at nothing.
            unsafe { queue.push(opcode::Nop::new().build(), What::Wake) };
            let mut completions = VecDeque::new();
            while completions.is_empty() {
                queue.enter(None).expect("a wait");
                queue.take(&mut completions);
            }
            assert_eq!(completions.len(), 1, "in round {round}");
        }
    }

    /// Whatever moment an entry comes at, about when the thread falls asleep above all, it is done.
    #[test]
    fn no_wake_of_a_polling_thread_is_lost() {
        let mut queue = Queue::new(true).expect("a ring");
        queue.enable().expect("enabled");
        for round in 0..400u32 {
            let until = Instant::now() + Duration::from_micros(u64::from(round * 37 % 6_000));
            while Instant::now() < until {}
            // SAFETY: it points at nothing.
            unsafe { queue.push(opcode::Nop::new().build(), What::Wake) };
            let mut completions = VecDeque::new();
            while completions.is_empty() {
                queue.enter(Some(Duration::from_secs(30))).expect("a wait");
                queue.take(&mut completions);
                assert!(!completions.is_empty(), "lost in round {round}");
            }
        }
    }

    #[test]
    fn what_is_let_go_was_taken_and_cancelled_first() {
        let mut queue = Queue::new(true).expect("a ring");
        queue.enable().expect("enabled");
        await_sleep(&mut queue);
        let pair = std::os::unix::net::UnixStream::pair().expect("a pair");
        let fd = types::Fd(std::os::fd::AsRawFd::as_raw_fd(&pair.0));
        let mut space = [0u8; 8];
        let receive = opcode::Recv::new(fd, space.as_mut_ptr(), 8).build();
        // SAFETY: the space outlives the ring's hold on it, which this test is about.
        unsafe { queue.push(receive, What::Wake) };
        assert!(queue.let_go());
        assert!(queue.ring.submission().is_empty(), "it was taken");
        let mut completions = VecDeque::new();
        queue.enter(Some(Duration::from_secs(30))).expect("a wait");
        queue.take(&mut completions);
        let results: Vec<i32> = completions.iter().map(|(_, result, _)| *result).collect();
        assert_eq!(results, [-libc::ECANCELED]);
        std::io::Write::write_all(&mut &pair.1, b"late").expect("sent");
        assert_eq!(space, [0; 8]);
    }
}
