//! A page of a mapped file that cannot be had: the file was truncated from outside, its disk
//! failed, or a hole in it found no room. The kernel's answer to whoever touches such a page is a
//! SIGBUS, which ends the process: one bad file would take all partitions with it.
//!
//! Here is the guard. Each mapping of the log is listed in a table that a signal handler can read.
//! When the address of a fault lies in one of them, the handler first marks that mapping as
//! *faulted*, for good, and then puts a page of zeros in the place, so that the thread goes on. What
//! it reads there is not what was written; what it writes there is lost. Hence the rule for everyone
//! who uses a mapping: touch the bytes, then ask [`Guard::fault`], and only then believe or
//! publish anything. [`super::GrowingFile`] does that for its callers where it can, and refuses
//! every further access to a file that has faulted.
//!
//! The handler must never take a lock, allocate, or call anything that is not async-signal-safe. A
//! SIGBUS that is none of ours goes to the handler that was there before, Rust's own.

use libc::{c_int, c_void, siginfo_t};
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Mappings that can be guarded at a time; the kernel's default allows 65,530 in a process. In
/// `.bss`: a page of the table takes memory when it is first used.
const SLOTS: usize = 1 << 16;

/// One mapping. `version` is odd while the range is being changed.
struct Slot {
    version: AtomicU32,
    start: AtomicUsize,
    end: AtomicUsize,
    /// The address of the first fault, 0 if there was none.
    fault: AtomicUsize,
}

static TABLE: [Slot; SLOTS] = [const { Slot::empty() }; SLOTS];
/// Slots at the beginning of the table that were ever used: all that the handler looks at.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Slots among them that are free. Its lock is also that of every change to the table.
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// What handled SIGBUS before us.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();
/// Whether the handler is in place, or why not.
static INSTALLED: OnceLock<Result<(), c_int>> = OnceLock::new();
static PAGE_SIZE: AtomicUsize = AtomicUsize::new(super::PAGE as usize);

impl Slot {
    const fn empty() -> Slot {
        Slot {
            version: AtomicU32::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            fault: AtomicUsize::new(0),
        }
    }

    /// Under the table's lock only.
    fn set(&self, start: usize, end: usize) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.fault.store(0, Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The range, unless it is being changed: whoever faults holds its mapping, whose slot then
    /// stands still, so a moving one is not the one that is looked for.
    fn range(&self) -> Option<std::ops::Range<usize>> {
        let before = self.version.load(Ordering::Acquire);
        let range = self.start.load(Ordering::Relaxed)..self.end.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (before == after && before.is_multiple_of(2)).then_some(range)
    }
}

/// The place of a mapping in the table. It must be dropped before the mapping is.
pub(super) struct Guard {
    slot: &'static Slot,
    number: usize,
}

impl Guard {
    /// Guards the mapping of `len` bytes at `start`, as long as the value lives.
    pub(super) fn new(start: *const u8, len: usize) -> io::Result<Guard> {
        let installed = INSTALLED.get_or_init(install);
        installed.map_err(io::Error::from_raw_os_error)?;
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match free.pop() {
            Some(number) => number,
            None => {
                let used = USED.load(Ordering::Relaxed);
                if used == SLOTS {
                    // As many mappings as there are slots: the kernel would say the same soon.
                    return Err(io::Error::from_raw_os_error(libc::ENOMEM));
                }
                USED.store(used + 1, Ordering::Release);
                used
            }
        };
        let start = start as usize;
        let slot = &TABLE[number];
        slot.set(start, start + len);
        Ok(Guard { slot, number })
    }

    /// The first byte of the mapping that could not be had, if there was one at some time before
    /// this call: then nothing that was read from it counts, and nothing that was written to it
    /// is there.
    #[inline]
    pub(super) fn fault(&self) -> Option<u64> {
        // What was read before the call stays before it. The handler marks the slot before it
        // shows any zeros: whoever has seen them, in whatever thread, sees the mark.
        fence(Ordering::Acquire);
        match self.slot.fault.load(Ordering::Relaxed) {
            0 => None,
            at => Some(at.saturating_sub(self.slot.start.load(Ordering::Relaxed)) as u64),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        self.slot.set(0, 0);
        free.push(self.number);
    }
}

/// Puts the handler in place, once in the life of the process.
fn install() -> Result<(), c_int> {
    let failed = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    // SAFETY: it takes a number and gives one.
    if let Ok(size) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })
        && size.is_power_of_two()
    {
        PAGE_SIZE.store(size, Ordering::Relaxed);
    }
    // SAFETY: all zero bits are a valid `sigaction`: the default action, no flags, no signals.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // The handler may run as soon as it is there: what it needs comes first.
    // SAFETY: it writes the struct that it is given.
    if unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut action) } != 0 {
        return Err(failed());
    }
    let _ = PREVIOUS.set(action);
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_bus_error;
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: it changes the set that it is given.
    unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, lives as long as the
    // process, and does only what a handler may do (see the module's comment).
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(failed()),
    }
}

extern "C" fn on_bus_error(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives every SA_SIGINFO handler a valid `siginfo_t`.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    if !is_access(code) || !stand_in(address) {
        pass_on(signal, info, context);
    }
}

/// Whether the signal is about an access of this very thread: not sent by a process, and not the
/// mere news that some memory has gone bad.
fn is_access(code: c_int) -> bool {
    #[cfg(target_os = "linux")]
    if code == libc::BUS_MCEERR_AO {
        return false;
    }
    code > 0
}

/// Marks the mapping that the address belongs to, then puts a page of zeros there. False if it is
/// none of ours, or if there is no page to be had.
fn stand_in(address: usize) -> bool {
    let used = USED.load(Ordering::Acquire).min(SLOTS);
    let ours = |slot: &&Slot| slot.range().is_some_and(|range| range.contains(&address));
    let Some(slot) = TABLE[..used].iter().find(ours) else { return false };
    let _ = slot.fault.compare_exchange(0, address, Ordering::SeqCst, Ordering::SeqCst);
    let page = PAGE_SIZE.load(Ordering::Relaxed);
    let saved = errno();
    // SAFETY: the page lies in a mapping of ours: `mmap` gave whole pages, and the thread that
    // faulted holds it, so that it is not unmapped meanwhile. What is replaced is a page that
    // nobody can read or write. `mmap` is a bare system call.
    let mapped = unsafe {
        libc::mmap(
            (address & !(page - 1)) as *mut c_void,
            page,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    set_errno(saved);
    mapped != libc::MAP_FAILED
}

/// Leaves the signal to whom it would have come without us.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.get();
    let handler = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // SAFETY: all zero bits are the default action, and `sigaction` may be called here. The
        // access is tried again when the handler returns, and ends the process.
        unsafe {
            let action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
        return;
    }
    let with_info = previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0);
    // SAFETY: `handler` was in force for this signal, so it is a function, and its flags say which
    // of the two signatures it has.
    unsafe {
        if with_info {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                std::mem::transmute(handler);
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
fn errno_place() -> *mut c_int {
    // SAFETY: it takes nothing and gives the address of this thread's own variable.
    unsafe { libc::__errno_location() }
}

#[cfg(not(any(target_os = "linux", target_os = "emscripten")))]
fn errno_place() -> *mut c_int {
    // SAFETY: it takes nothing and gives the address of this thread's own variable.
    unsafe { libc::__error() }
}

fn errno() -> c_int {
    // SAFETY: the address is valid as long as the thread lives.
    unsafe { *errno_place() }
}

fn set_errno(value: c_int) {
    // SAFETY: as above, and nobody else writes to it.
    unsafe { *errno_place() = value }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::*;
    use std::fs::File;

    fn file(name: &str, pages: u64) -> File {
        let path =
            std::env::temp_dir().join(format!("barnabas-fault-{}-{name}", std::process::id()));
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.set_len(pages * super::super::PAGE).unwrap();
        file
    }

    #[test]
    fn a_page_that_is_gone_reads_as_zeros_and_is_told() {
        let (kept, cut) = (file("kept", 4), file("cut", 4));
        let beside = Mapping::new(&kept, 4 * 4096, false).unwrap();
        let mapping = Mapping::new(&cut, 4 * 4096, false).unwrap();
        assert_eq!(mapping.fault(), None);
        cut.set_len(4096).unwrap();
        for page in [0, 1, 3] {
            // SAFETY: inside the mapping; what is not there is the point of the test.
            let byte = unsafe { mapping.as_ptr().add(page * 4096 + 9).read_volatile() };
            assert_eq!(byte, 0);
            let first = (page > 0).then_some(4096 + 9);
            assert_eq!(mapping.fault(), first, "page {page}");
        }
        assert_eq!(beside.fault(), None, "another file has nothing to do with it");
    }

    #[test]
    fn what_is_written_to_a_page_that_is_gone_is_told() {
        let cut = file("write", 2);
        let mapping = Mapping::new(&cut, 2 * 4096, true).unwrap();
        cut.set_len(0).unwrap();
        // SAFETY: inside the mapping, and nobody else looks at it.
        unsafe { mapping.as_mut_ptr().add(5000).write_volatile(1) };
        assert_eq!(mapping.fault(), Some(5000));
        assert_eq!(cut.metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_slot_is_used_again_without_its_past() {
        for _ in 0..3 {
            let cut = file("again", 1);
            let mapping = Mapping::new(&cut, 4096, false).unwrap();
            assert_eq!(mapping.fault(), None);
            cut.set_len(0).unwrap();
            // SAFETY: inside the mapping.
            unsafe { mapping.as_ptr().read_volatile() };
            assert_eq!(mapping.fault(), Some(0));
        }
        assert!(USED.load(Ordering::Relaxed) < 1000, "slots are given back");
    }

    #[test]
    fn a_fault_that_is_none_of_ours_ends_the_process_as_ever() {
        let (ours, cut) = (file("ours", 1), file("unguarded", 1));
        let _guarded = Mapping::new(&ours, 4096, false).unwrap();
        let unguarded = memmap2::MmapOptions::new().len(4096).map_raw_read_only(&cut).unwrap();
        cut.set_len(0).unwrap();
        // SAFETY: the child does nothing but touch memory and end.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: inside the mapping; the kernel ends the process here.
            unsafe {
                unguarded.as_ptr().read_volatile();
                libc::_exit(0);
            }
        }
        let mut status = 0;
        // SAFETY: it waits for our own child and fills the number that it is given.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGBUS, "{status}");
    }
}
