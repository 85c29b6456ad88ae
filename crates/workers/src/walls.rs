//! What a worker process takes from itself before it reads the first byte of an image.
//!
//! | wall | what is left |
//! | --- | --- |
//! | `setrlimit(2)` | memory up to the limit, 16 open files, no file writes, no core dumps, CPU time for its share of jobs |
//! | `PR_SET_NO_NEW_PRIVS` | nothing can be gained by running another program |
//! | landlock | no file can be opened, no TCP connection made, no signal sent to others |
//! | seccomp | the system calls that image work needs; the others fail, and those that only an attack needs kill |
//!
//! A kernel without landlock or seccomp leaves the others standing, and the log says so once.

use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// How high the walls of a worker process are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// Most bytes of address space. Default 1 GiB.
    pub memory_bytes: u64,
    /// Most CPU time over the life of the process. The parent's deadline is what ends a single job.
    pub cpu_time: Duration,
    /// How far the process stands back for others when the machine is busy: 0 to 19. Default 0.
    pub niceness: u8,
}

impl Walls {
    /// Raises the walls, for good; gives their names.
    ///
    /// # Errors
    /// When a limit is refused that every Linux has.
    pub(crate) fn raise(&self) -> io::Result<String> {
        // A busy worker must not outlive a server that was killed. An idle one sees its socket close.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        nice(i32::from(self.niceness))?;
        let limits = [
            (Resource::As, self.memory_bytes),
            (Resource::Cpu, self.cpu_time.as_secs().max(1)),
            (Resource::Nofile, 16),
            (Resource::Core, 0),
            (Resource::Fsize, 0),
        ];
        for (resource, limit) in limits {
            setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
        }
        set_no_new_privs(true)?;
        let missing = |name: &str, reason: String| format!("{name} (missing: {reason})");
        let landlock = landlock().map_or_else(|error| missing("landlock", error), str::to_owned);
        let seccomp = seccomp().map_or_else(|error| missing("seccomp", error), |()| "seccomp".to_owned());
        Ok(format!("resource limits, {landlock}, {seccomp}"))
    }
}

fn landlock() -> Result<&'static str, String> {
    // Newer rights than these are left out, so that the wall is the same wherever it stands.
    const NEWEST: ABI = ABI::V6;
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(NEWEST));
    let ruleset = ruleset.and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NEWEST)));
    let ruleset = ruleset.and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)));
    let status = ruleset.and_then(Ruleset::create).and_then(landlock::RulesetCreated::restrict_self);
    match status.map_err(|error| error.to_string())?.ruleset {
        RulesetStatus::FullyEnforced => Ok("landlock"),
        RulesetStatus::PartiallyEnforced => Ok("landlock (of an older kernel)"),
        RulesetStatus::NotEnforced => Err("the kernel does not have it".to_owned()),
    }
}

fn seccomp() -> Result<(), String> {
    // The one that kills comes first: of two verdicts the kernel takes the stricter one.
    let killing = filter(FORBIDDEN, SeccompAction::Allow, SeccompAction::KillProcess)?;
    let allowing = filter(NEEDED, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    for program in [killing, allowing] {
        apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn filter(calls: &[i64], otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, otherwise, listed, arch).map_err(|error| error.to_string())?;
    filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
}

/// What image work needs: memory, the socket, the memory file, time, and an end.
const NEEDED: &[i64] = &[
    // Installing the second filter.
    libc::SYS_seccomp,
    libc::SYS_prctl,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    // The socket and the memory file.
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    // Time, locks, randomness.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    // Panics, stack overflows, aborts.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What no image needs.
const FORBIDDEN: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
];
