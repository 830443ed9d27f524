//! DuckDB's type names, as far as their values can be decoded from Arrow and encoded to it.

/// The unit that a DuckDB timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `TIMESTAMP_S`.
    Second,
    /// `TIMESTAMP_MS`.
    Millisecond,
    /// `TIMESTAMP`.
    Microsecond,
    /// `TIMESTAMP_NS`.
    Nanosecond,
}

/// A DuckDB column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuckType {
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT` to `UBIGINT`, by the size in bytes.
    Integer {
        /// 1, 2, 4 or 8.
        bytes: u8,
        /// Two's complement.
        signed: bool,
    },
    /// `HUGEINT` and `UHUGEINT`.
    Huge {
        /// Two's complement.
        signed: bool,
    },
    /// `FLOAT`.
    Float,
    /// `DOUBLE`.
    Double,
    /// `DECIMAL(precision,scale)`, at most 38 digits.
    Decimal {
        /// All digits.
        precision: u8,
        /// Those behind the point.
        scale: u8,
    },
    /// `VARCHAR`.
    Varchar,
    /// `BLOB`.
    Blob,
    /// `DATE`.
    Date,
    /// `TIME`, in microseconds.
    Time,
    /// `TIME_NS`.
    TimeNs,
    /// `TIME WITH TIME ZONE`.
    TimeTz,
    /// `TIMESTAMP` and its variants of other units.
    Timestamp(Unit),
    /// `TIMESTAMP WITH TIME ZONE`.
    TimestampTz,
    /// `INTERVAL`.
    Interval,
    /// `UUID`.
    Uuid,
    /// `JSON`.
    Json,
    /// `ENUM(…)`; the labels are the engine's concern.
    Enum,
    /// `BIT`.
    Bit,
    /// `BIGNUM`, an integer of any length.
    Bignum,
}

impl DuckType {
    /// Reads a type's name as `duckdb_columns()` and `DESCRIBE` write it; `None` for one that is not decoded.
    pub fn parse(name: &str) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        if upper.ends_with(']') {
            return None;
        }
        if let Some(arguments) = upper
            .strip_prefix("DECIMAL(")
            .or_else(|| upper.strip_prefix("NUMERIC("))
        {
            return Self::decimal(arguments.strip_suffix(')')?);
        }
        if upper == "ENUM" || upper.starts_with("ENUM(") {
            return Some(Self::Enum);
        }
        Self::plain(&upper)
    }

    fn decimal(arguments: &str) -> Option<Self> {
        let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
        let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        (1..=38).contains(&precision).then_some(())?;
        (scale <= precision).then_some(Self::Decimal { precision, scale })
    }

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "BOOLEAN" => Self::Boolean,
            "TINYINT" => Self::Integer { bytes: 1, signed: true },
            "SMALLINT" => Self::Integer { bytes: 2, signed: true },
            "INTEGER" => Self::Integer { bytes: 4, signed: true },
            "BIGINT" => Self::Integer { bytes: 8, signed: true },
            "UTINYINT" => Self::Integer {
                bytes: 1,
                signed: false,
            },
            "USMALLINT" => Self::Integer {
                bytes: 2,
                signed: false,
            },
            "UINTEGER" => Self::Integer {
                bytes: 4,
                signed: false,
            },
            "UBIGINT" => Self::Integer {
                bytes: 8,
                signed: false,
            },
            "HUGEINT" => Self::Huge { signed: true },
            "UHUGEINT" => Self::Huge { signed: false },
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "DECIMAL" | "NUMERIC" => Self::Decimal {
                precision: 18,
                scale: 3,
            },
            "VARCHAR" => Self::Varchar,
            "BLOB" => Self::Blob,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "TIME_NS" => Self::TimeNs,
            "TIME WITH TIME ZONE" | "TIMETZ" => Self::TimeTz,
            "TIMESTAMP" => Self::Timestamp(Unit::Microsecond),
            "TIMESTAMP_S" => Self::Timestamp(Unit::Second),
            "TIMESTAMP_MS" => Self::Timestamp(Unit::Millisecond),
            "TIMESTAMP_NS" => Self::Timestamp(Unit::Nanosecond),
            "TIMESTAMP WITH TIME ZONE" | "TIMESTAMPTZ" => Self::TimestampTz,
            "INTERVAL" => Self::Interval,
            "UUID" => Self::Uuid,
            "JSON" => Self::Json,
            "BIT" => Self::Bit,
            "BIGNUM" | "VARINT" => Self::Bignum,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_are_read_with_their_arguments() {
        assert_eq!(
            DuckType::parse("DECIMAL(38,37)"),
            Some(DuckType::Decimal {
                precision: 38,
                scale: 37
            })
        );
        assert_eq!(
            DuckType::parse("decimal"),
            Some(DuckType::Decimal {
                precision: 18,
                scale: 3
            })
        );
        assert_eq!(DuckType::parse("ENUM('a', 'b,c')"), Some(DuckType::Enum));
        assert_eq!(DuckType::parse("TIMESTAMP WITH TIME ZONE"), Some(DuckType::TimestampTz));
    }

    #[test]
    fn nested_and_impossible_types_are_not_guessed() {
        for name in [
            "INTEGER[]",
            "DECIMAL(4,1)[3]",
            "ENUM('a')[]",
            "STRUCT(a INTEGER)",
            "DECIMAL(39,0)",
            "DECIMAL(3,4)",
        ] {
            assert_eq!(DuckType::parse(name), None, "{name}");
        }
    }
}
