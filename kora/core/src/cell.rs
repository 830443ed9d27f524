//! One value, as an engine stored it: the type that every reader makes and every writer, digest and rule takes.
//!
//! A `Cell` borrows from its reader's buffer and lives as long as one row. It says what the value *is*, never what
//! its column was called or declared.

/// A count of microseconds with the nanoseconds below it, so that engines of either precision keep every digit.
///
/// `micros` is signed and has no modulo (24:00:00 and −838:59:59 are themselves); `nanos` is 0..=999 and counts
/// upwards from `micros`, also before the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks {
    /// Whole microseconds, rounded towards minus infinity.
    pub micros: i64,
    /// The remaining nanoseconds, 0..=999.
    pub nanos: u16,
}

impl Ticks {
    /// Whole microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros, nanos: 0 }
    }
}

/// Which kind of moment an infinity belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    /// A calendar day.
    Date,
    /// A day and time without a zone.
    Timestamp,
    /// A point on the time line.
    Instant,
    /// A span of time.
    Interval,
}

/// How the parts of a structured value hang together. What the body of each looks like: `docs/formats/kcf.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// Elements in order: a DuckDB LIST, a PostgreSQL array of one dimension that begins at 1, an empty array.
    List,
    /// An array of several dimensions, or of one that does not begin at 1.
    Array,
    /// Two bounds, either of which may be missing; or the empty range.
    Range,
    /// Ranges in order.
    Multirange,
    /// Named fields in order: a STRUCT, a composite type.
    Struct,
    /// Pairs of key and value, in the engine's order.
    Map,
    /// One value under the name of its alternative.
    Union,
    /// Labels of a MySQL SET in the order of its declaration.
    Set,
}

impl Structure {
    /// The kind's name, as [`Cell::kind`] gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Array => "array",
            Self::Range => "range",
            Self::Multirange => "multirange",
            Self::Struct => "struct",
            Self::Map => "map",
            Self::Union => "union",
            Self::Set => "set",
        }
    }
}

/// Which kind of network address a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// A host's address with the length of its network's prefix: 4 or 16 bytes.
    Inet,
    /// A network's address, no bit set behind the prefix: 4 or 16 bytes.
    Cidr,
    /// A hardware address: 6 or 8 bytes, without a prefix (0).
    Mac,
}

/// A value as stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// A boolean of an engine that has them.
    Bool(bool),
    /// Any integer, unsigned 64-bit and HUGEINT included.
    Int(i128),
    /// An exact decimal `±coefficient × 10^−scale` whose coefficient fits 128 bits.
    Decimal {
        /// Below zero. Never set for a zero.
        negative: bool,
        /// The magnitude's digits, trailing zeros allowed.
        coefficient: u128,
        /// Digits behind the point, ≥ 0.
        scale: u32,
    },
    /// An exact decimal of any length: `-?[0-9]+(\.[0-9]+)?`, ASCII.
    BigDecimal(&'a str),
    /// A decimal NaN.
    DecimalNan,
    /// A decimal infinity.
    DecimalInfinity {
        /// Minus infinity.
        negative: bool,
    },
    /// An IEEE 754 double; a single is widened exactly.
    Float(f64),
    /// Text that its character set decodes; NUL allowed.
    Text(&'a str),
    /// Text whose bytes its character set cannot decode.
    BrokenText {
        /// The bytes as stored.
        bytes: &'a [u8],
        /// The character set that was declared, for example `utf8`.
        charset: &'static str,
    },
    /// A byte string.
    Bytes(&'a [u8]),
    /// A UUID, big-endian.
    Uuid([u8; 16]),
    /// A bit string, first bit in the highest bit of the first byte.
    Bit {
        /// Length in bits.
        bits: u32,
        /// ⌈bits/8⌉ bytes, the rest of the last one zero.
        bytes: &'a [u8],
    },
    /// Days since 1970-01-01, proleptic Gregorian.
    Date(i64),
    /// Time of day, or a duration where the engine calls it TIME.
    Time(Ticks),
    /// Time of day with its offset.
    TimeTz {
        /// Local time.
        local: Ticks,
        /// Seconds east of UTC.
        offset_seconds: i32,
    },
    /// A day and time without a zone, counted from 1970-01-01 00:00 on the same clock.
    Timestamp(Ticks),
    /// A point on the time line, counted from the Unix epoch in UTC.
    Instant(Ticks),
    /// PostgreSQL's ±infinity of a temporal kind.
    TemporalInfinity {
        /// Of which kind.
        kind: Temporal,
        /// The one before all others.
        negative: bool,
    },
    /// A date that no calendar has, as 0000-00-00 or 2020-02-31.
    ImpossibleDate {
        /// The year's digits.
        year: i32,
        /// The month's digits.
        month: u8,
        /// The day's digits.
        day: u8,
    },
    /// A day that no calendar has, with a time of it: 2020-02-31 10:00:00. Also a moment after 294247-01-10
    /// 04:00:54.775807, where the microseconds of [`Self::Timestamp`] and [`Self::Instant`] end.
    ImpossibleTimestamp {
        /// The year's digits.
        year: i32,
        /// The month's digits.
        month: u8,
        /// The day's digits.
        day: u8,
        /// Microseconds since that midnight.
        micros: i64,
    },
    /// Months, days and microseconds, which do not convert into each other.
    Interval {
        /// Months.
        months: i32,
        /// Days.
        days: i32,
        /// Microseconds.
        micros: i64,
    },
    /// JSON, as the engine hands its text out.
    Json(&'a str),
    /// The label of an enumeration.
    Enum(&'a str),
    /// A value made of values, as [`crate::canon::StructureBuilder`] puts it together.
    Structured {
        /// How its parts hang together.
        structure: Structure,
        /// The parts in canonical form: what stands behind tag and length in KCF-1.
        body: &'a [u8],
    },
    /// A network address.
    Network {
        /// Which kind.
        kind: Network,
        /// Bits of the network's prefix; 0 for a hardware address.
        prefix: u8,
        /// The address, first byte first.
        address: &'a [u8],
    },
    /// A geometry.
    Geometry {
        /// The spatial reference system, 0 for none.
        srid: u32,
        /// Well-known binary, little-endian throughout, without an SRID of its own.
        wkb: &'a [u8],
    },
    /// PostgreSQL's money: a count of the smallest unit, whose size the catalog's `lc_monetary` says.
    Money(i64),
}

impl Cell<'_> {
    /// The kind's name in findings, surveys and messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Decimal { .. } | Self::BigDecimal(_) | Self::DecimalNan | Self::DecimalInfinity { .. } => "decimal",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::BrokenText { .. } => "undecodable text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "uuid",
            Self::Bit { .. } => "bit",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::TimeTz { .. } => "timetz",
            Self::Timestamp(_) => "timestamp",
            Self::Instant(_) => "instant",
            Self::TemporalInfinity { .. } => "temporal infinity",
            Self::ImpossibleDate { .. } => "impossible date",
            Self::ImpossibleTimestamp { .. } => "impossible timestamp",
            Self::Interval { .. } => "interval",
            Self::Json(_) => "json",
            Self::Enum(_) => "enum",
            Self::Structured { structure, .. } => structure.name(),
            Self::Network {
                kind: Network::Inet, ..
            } => "inet",
            Self::Network {
                kind: Network::Cidr, ..
            } => "cidr",
            Self::Network { kind: Network::Mac, .. } => "macaddr",
            Self::Geometry { .. } => "geometry",
            Self::Money(_) => "money",
        }
    }
}
