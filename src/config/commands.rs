//! The commands: words before the flags. Without one a broker is started.

/// Prints the configuration.
pub(super) const CONFIG: &str = "config";
/// Asks the running broker.
pub(super) const HEALTHCHECK: &str = "healthcheck";
pub(super) const ALL: &[&str] = &[CONFIG, HEALTHCHECK];

/// As the flags above it are told.
const HELP: &str = "
Commands:
  config            print the settings that would hold with these flags, and
                    where each comes from: with what was set in the data
                    directory while a broker ran on it, or runs
  healthcheck       ask the broker that runs with these flags how it is: one
                    line, and exit code 0 if all is well, else 1
";

/// The help of all, from that of the flags.
pub(super) fn help(flags: &str) -> String {
    let usage = format!("Usage: barnabas [{}]", ALL.join("|"));
    format!("{}{HELP}", flags.replacen("Usage: barnabas", &usage, 1))
}
