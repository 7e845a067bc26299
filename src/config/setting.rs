//! What one row of the settings table says: name, type, default, allowed values, who may change it
//! while the broker runs, and what Barnabas does with it.
//!
//! Rows are built by const functions so that the table is checked by the compiler and costs nothing
//! at start. The vocabulary is that of Kafka's `ConfigDef` (types, validators) and of its
//! `DynamicBrokerConfig` (update modes). A row holds facts only: no parsing, no I/O.

/// The type of a setting's value; Kafka's `ConfigDef.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Boolean,
    /// Any text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// 64-bit floating point.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    /// The number that DescribeConfigs uses for this type.
    #[must_use]
    pub fn id(self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::String => 2,
            Kind::Int => 3,
            Kind::Short => 4,
            Kind::Long => 5,
            Kind::Double => 6,
            Kind::List => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }

    /// The name that Kafka's error messages use for this type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        }
    }
}

/// The values that a setting allows; Kafka's validators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// Whatever the type allows.
    Any,
    /// A number not below this.
    AtLeast(i64),
    /// A number within these bounds, both included.
    Between(i64, i64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in upper or lower case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list without empty items; duplicates are dropped. `of` empty: any items.
    Items {
        /// The items allowed.
        of: &'static [&'static str],
        /// Whether the list may be empty.
        may_be_empty: bool,
    },
    /// A text that is not empty.
    NotEmpty,
    /// An id: letters, digits, `-` and `_`.
    Id,
    /// 1 to 9, or -1 for the codec's own default.
    GzipLevel,
    /// The number of a codec.
    Codec,
    /// `*`, or `partition:broker` pairs.
    ThrottledReplicas,
    /// `earliest`, `latest`, or `by_duration:` with an ISO 8601 duration.
    OffsetReset,
    /// `id@host:port` entries.
    Voters,
    /// `host:port` entries.
    BootstrapServers,
}

/// Who may change a setting while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody: it takes a restart.
    ReadOnly,
    /// Nobody here, but in Kafka AlterConfigs on one broker.
    AtStart,
    /// AlterConfigs on one broker.
    PerBroker,
    /// AlterConfigs on one broker, or on all by the cluster default.
    ClusterWide,
}

/// What Barnabas does with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has the effect that Kafka's documentation describes.
    Used,
    /// Accepted and shown; there is nothing here for it to govern.
    NoEffect,
    /// Accepted, shown and validated, but what it governs is not built yet.
    Later,
    /// A value other than the default is refused at start: whoever sets it relies on it. Says what is missing.
    Refused(&'static str),
}

/// One setting: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Kafka's name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The default, as text; `None` is Kafka's null, or no default at all if `required`.
    pub default: Option<&'static str>,
    /// Whether Kafka demands a value. Barnabas brings one of its own for each of these.
    pub required: bool,
    /// The values allowed.
    pub check: Check,
    /// Who may change it while the broker runs. Those of topics and groups always can.
    pub mode: Mode,
    /// What Barnabas does with it.
    pub standing: Standing,
    /// What it means, in one sentence.
    pub doc: &'static str,
}

impl Setting {
    const fn new(name: &'static str, kind: Kind) -> Setting {
        Setting {
            name,
            kind,
            default: None,
            required: false,
            check: Check::Any,
            mode: Mode::ReadOnly,
            standing: Standing::NoEffect,
            doc: "",
        }
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub fn sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    /// Whether DescribeConfigs on a broker calls it read-only.
    #[must_use]
    pub fn read_only(&self) -> bool {
        matches!(self.mode, Mode::ReadOnly | Mode::AtStart)
    }
}

/// The words that rows are written in.
impl Setting {
    pub(super) const fn default(mut self, text: &'static str) -> Setting {
        self.default = Some(text);
        self
    }

    pub(super) const fn required(mut self) -> Setting {
        self.required = true;
        self
    }

    pub(super) const fn at_least(mut self, least: i64) -> Setting {
        self.check = Check::AtLeast(least);
        self
    }

    pub(super) const fn between(mut self, least: i64, most: i64) -> Setting {
        self.check = Check::Between(least, most);
        self
    }

    pub(super) const fn one_of(mut self, texts: &'static [&'static str]) -> Setting {
        self.check = Check::OneOf(texts);
        self
    }

    pub(super) const fn one_of_any_case(mut self, texts: &'static [&'static str]) -> Setting {
        self.check = Check::OneOfAnyCase(texts);
        self
    }

    pub(super) const fn items(mut self, of: &'static [&'static str]) -> Setting {
        self.check = Check::Items { of, may_be_empty: true };
        self
    }

    pub(super) const fn any_items(self) -> Setting {
        self.items(&[])
    }

    pub(super) const fn not_empty(mut self) -> Setting {
        self.check = match self.check {
            Check::Items { of, .. } => Check::Items { of, may_be_empty: false },
            _ => Check::NotEmpty,
        };
        self
    }

    pub(super) const fn id(mut self) -> Setting {
        self.check = Check::Id;
        self
    }

    pub(super) const fn codec(mut self) -> Setting {
        self.check = Check::Codec;
        self
    }

    pub(super) const fn gzip_level(mut self) -> Setting {
        self.check = Check::GzipLevel;
        self
    }

    pub(super) const fn throttled_replicas(mut self) -> Setting {
        self.check = Check::ThrottledReplicas;
        self
    }

    pub(super) const fn offset_reset(mut self) -> Setting {
        self.check = Check::OffsetReset;
        self
    }

    pub(super) const fn voters(mut self) -> Setting {
        self.check = Check::Voters;
        self
    }

    pub(super) const fn bootstrap_servers(mut self) -> Setting {
        self.check = Check::BootstrapServers;
        self
    }

    pub(super) const fn per_broker(mut self) -> Setting {
        self.mode = Mode::PerBroker;
        self
    }

    pub(super) const fn at_start(mut self) -> Setting {
        self.mode = Mode::AtStart;
        self
    }

    pub(super) const fn cluster_wide(mut self) -> Setting {
        self.mode = Mode::ClusterWide;
        self
    }

    pub(super) const fn used(mut self) -> Setting {
        self.standing = Standing::Used;
        self
    }

    pub(super) const fn later(mut self) -> Setting {
        self.standing = Standing::Later;
        self
    }

    pub(super) const fn refused(mut self, what: &'static str) -> Setting {
        self.standing = Standing::Refused(what);
        self
    }

    pub(super) const fn doc(mut self, text: &'static str) -> Setting {
        self.doc = text;
        self
    }
}

pub(super) const fn boolean(name: &'static str) -> Setting {
    Setting::new(name, Kind::Boolean)
}

pub(super) const fn string(name: &'static str) -> Setting {
    Setting::new(name, Kind::String)
}

pub(super) const fn int(name: &'static str) -> Setting {
    Setting::new(name, Kind::Int)
}

pub(super) const fn short(name: &'static str) -> Setting {
    Setting::new(name, Kind::Short)
}

pub(super) const fn long(name: &'static str) -> Setting {
    Setting::new(name, Kind::Long)
}

pub(super) const fn double(name: &'static str) -> Setting {
    Setting::new(name, Kind::Double)
}

pub(super) const fn list(name: &'static str) -> Setting {
    Setting::new(name, Kind::List)
}

pub(super) const fn class(name: &'static str) -> Setting {
    Setting::new(name, Kind::Class)
}

pub(super) const fn password(name: &'static str) -> Setting {
    Setting::new(name, Kind::Password)
}
