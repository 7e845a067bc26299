//! For which setting nothing is compacted, where there is one. Kafka takes all of these values without a word, or
//! with one in its code that nobody reads; whoever runs a broker shall hear of it. Pure.

use super::Config;

/// Bytes of a key in the map, as in Kafka's (MD5 and an offset).
const ENTRY: f64 = 24.0;

impl Config {
    /// The setting with its value; nothing where logs are compacted.
    #[must_use]
    pub fn idle_cleaner(&self) -> Option<String> {
        const ENABLE: &str = "log.cleaner.enable";
        const RATE: &str = "log.cleaner.io.max.bytes.per.second";
        const LOAD: &str = "log.cleaner.io.buffer.load.factor";
        let rate = self.log_cleaner_io_max_bytes_per_second();
        // No threads at all are refused before.
        let threads = f64::from(self.log_cleaner_threads());
        let keys = self.log_cleaner_dedupe_buffer_size() as f64 / threads / ENTRY
            * self.log_cleaner_io_buffer_load_factor();
        let name = if !self.log_cleaner_enable() {
            ENABLE
        } else if rate == 0.0 && rate.is_sign_positive() {
            // Less than nothing is no limit, in Kafka's arithmetic; nothing is one.
            RATE
        } else if keys.is_nan() || keys < 1.0 {
            LOAD
        } else {
            return None;
        };
        Some(format!("{name} is {}", self.get(name).unwrap_or_default().trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_named() {
        for (name, text, is_idle) in [
            ("log.cleaner.enable", "false", true),
            ("log.cleaner.io.max.bytes.per.second", "0", true),
            ("log.cleaner.io.max.bytes.per.second", "-5", false),
            ("log.cleaner.io.max.bytes.per.second", "NaN", false),
            ("log.cleaner.io.max.bytes.per.second", "1", false),
            ("log.cleaner.io.buffer.load.factor", "0", true),
            ("log.cleaner.io.buffer.load.factor", "-1", true),
            ("log.cleaner.io.buffer.load.factor", "NaN", true),
            ("log.cleaner.io.buffer.load.factor", "0.001", false),
        ] {
            let config = Config::from_pairs(&[(name, text)]).unwrap();
            let expected = is_idle.then(|| format!("{name} is {text}"));
            assert_eq!(config.idle_cleaner(), expected, "{name}={text}");
        }
        assert_eq!(Config::default().idle_cleaner(), None);
    }
}
