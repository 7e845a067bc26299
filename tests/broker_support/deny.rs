//! System calls that fail for the broker under test as they would on another machine or on a broken
//! one: a filter in the kernel (seccomp), put on the child before it becomes the broker.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// A call that fails, or one with this value as its argument of this index.
#[derive(Clone, Copy)]
pub struct Denied {
    pub call: libc::c_long,
    pub argument: Option<(u32, u32)>,
    pub error: i32,
}

/// Makes these calls fail, and ends the process by SIGALRM if it still runs after a guard time.
pub fn deny(command: &mut Command, denied: &[Denied]) {
    let mut filter: Vec<_> = denied.iter().flat_map(steps).collect();
    filter.push(step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW, 0));
    let seconds = u32::try_from(super::GUARD.as_secs()).unwrap();
    // SAFETY: between fork and exec: only system calls, and nothing is allocated.
    unsafe { command.pre_exec(move || install(&mut filter, seconds)) };
}

fn install(filter: &mut [libc::sock_filter], seconds: u32) -> std::io::Result<()> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which lives until the call returns.
    let done = unsafe {
        libc::alarm(seconds);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
    };
    if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The steps that end in the error for a denied call, and behind themselves for another.
fn steps(denied: &Denied) -> Vec<libc::sock_filter> {
    let error = libc::SECCOMP_RET_ERRNO | denied.error as u32;
    let fail = step(libc::BPF_RET, error, 0);
    let number = denied.call as u32;
    let Some((index, value)) = denied.argument else {
        return vec![load(0), equal(number, 1), fail];
    };
    // Each argument has eight bytes, behind the call's number and the caller's address.
    vec![load(0), equal(number, 3), load(16 + 8 * index), equal(value, 1), fail]
}

fn load(offset: u32) -> libc::sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0)
}

/// Goes on if what was loaded is the value, else behind the next `skip` steps.
fn equal(value: u32, skip: u8) -> libc::sock_filter {
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, skip)
}

fn step(code: u32, k: u32, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf, k }
}
