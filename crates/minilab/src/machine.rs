//! What the machine has to give.

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory that this process may use, in bytes: the machine's, or the control group's limit when that is less.
pub fn memory_bytes() -> u64 {
    let machine = meminfo_total().unwrap_or(2 << 30);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    group.map_or(machine, |limit: u64| limit.min(machine))
}

/// Memory of this process that is in RAM, in bytes; `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    kib_line("/proc/self/status", "VmRSS:")
}

fn meminfo_total() -> Option<u64> {
    kib_line("/proc/meminfo", "MemTotal:")
}

/// A line of a `/proc` file that gives a size in KiB, in bytes.
fn kib_line(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let kib: u64 = text.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
