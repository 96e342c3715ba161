//! Records: messages as tables of fields, from which their reading and writing is made.

use super::error::DecodeError;
use super::field::Field;
use super::msgpack::{Reader, Writer};

/// A map of known fields. Fields that it does not know are passed over, so that newer peers are understood.
pub trait Record: Field {
    /// The names of its fields on the wire.
    const FIELDS: &'static [&'static str];

    /// How many fields are written.
    fn field_count(&self) -> usize;

    /// Writes the fields, each after its name, in the order of the table.
    fn write_fields(&self, writer: &mut Writer);
}

/// What is said on a stream: one of many records, told apart by the field `op`.
pub trait Operation: Sized {
    /// Reads the operation that the reader stands before.
    ///
    /// # Errors
    /// It is not a map, does not say `op`, or lacks or garbles a field. An unknown `op` is no error.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Writes it.
    fn write(&self, writer: &mut Writer);
}

/// The value of the field `op` of the map that the reader stands before. Stock clients and schedulers write it first,
/// stock workers near the end.
pub(super) fn operation<'a>(reader: &Reader<'a>) -> Result<&'a str, DecodeError> {
    let mut ahead = *reader;
    for _ in 0..ahead.map()? {
        if ahead.field_name()? == Some(b"op") {
            let name = ahead.name()?;
            return name.ok_or_else(|| ahead.error(super::error::Problem::Missing).inside("message", "op"));
        }
        ahead.skip()?;
    }
    Err(reader.error(super::error::Problem::Missing).inside("message", "op"))
}

/// Makes a struct of a table of fields, and how it is read and written. A field is named as on the wire, where that can
/// be said in Rust; otherwise its wire name stands behind it. It is required unless its type says otherwise:
/// `Option` is written as nothing, `Optional` is left out.
macro_rules! record {
    ($(#[$meta:meta])* $record:ident { $($(#[$doc:meta])* $field:ident $($name:literal)?: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $record { $($(#[$doc])* pub $field: $type,)* }

        impl $crate::protocol::field::Field for $record {
            #[allow(unused_mut, reason = "a record may have no fields")]
            fn read(
                reader: &mut $crate::protocol::msgpack::Reader<'_>,
            ) -> Result<Self, $crate::protocol::error::DecodeError> {
                $(let mut $field: Option<$type> = None;)*
                reader.nested(|reader| {
                    for _ in 0..reader.map()? {
                        let name = reader.field_name()?;
                        $(if name == Some($crate::protocol::record::wire_name!($field $($name)?).as_bytes()) {
                            let value = <$type as $crate::protocol::field::Field>::read(reader).map_err(|error| {
                                error.inside(stringify!($record), stringify!($field))
                            })?;
                            $field = Some(value);
                            continue;
                        })*
                        reader.pass_field(name)?;
                    }
                    Ok(())
                })?;
                $(let Some($field) = $field.or_else(<$type as $crate::protocol::field::Field>::absent) else {
                    let error = reader.error($crate::protocol::error::Problem::Missing);
                    return Err(error.inside(stringify!($record), stringify!($field)));
                };)*
                Ok(Self { $($field,)* })
            }

            fn write(&self, writer: &mut $crate::protocol::msgpack::Writer) {
                use $crate::protocol::record::Record;
                writer.map(self.field_count());
                self.write_fields(writer);
            }
        }

        impl $crate::protocol::record::Record for $record {
            const FIELDS: &'static [&'static str] =
                &[$($crate::protocol::record::wire_name!($field $($name)?),)*];

            fn field_count(&self) -> usize {
                0 $(+ usize::from(!$crate::protocol::field::Field::is_absent(&self.$field)))*
            }

            #[allow(unused_variables, reason = "a record may have no fields")]
            fn write_fields(&self, writer: &mut $crate::protocol::msgpack::Writer) {
                $(if !$crate::protocol::field::Field::is_absent(&self.$field) {
                    writer.str($crate::protocol::record::wire_name!($field $($name)?));
                    $crate::protocol::field::Field::write(&self.$field, writer);
                })*
            }
        }
    };
}

/// Makes an enum of records that are told apart by `op`.
macro_rules! operations {
    ($(#[$meta:meta])* $operations:ident { $($(#[$doc:meta])* $operation:ident $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "an operation lives no longer than its handling; a box costs more")]
        pub enum $operations {
            $($(#[$doc])* $operation($operation),)*
            /// An operation that is not known here.
            Unknown {
                /// Its name.
                op: $crate::protocol::field::Text,
            },
        }

        impl $operations {
            /// The names of all operations, each with those of its fields.
            pub const SPOKEN: &'static [(&'static str, &'static [&'static str])] =
                &[$(($name, <$operation as $crate::protocol::record::Record>::FIELDS),)*];
        }

        impl $crate::protocol::record::Operation for $operations {
            fn read(
                reader: &mut $crate::protocol::msgpack::Reader<'_>,
            ) -> Result<Self, $crate::protocol::error::DecodeError> {
                match $crate::protocol::record::operation(reader)? {
                    $($name => $crate::protocol::field::Field::read(reader).map(Self::$operation),)*
                    op => {
                        reader.skip()?;
                        Ok(Self::Unknown { op: op.into() })
                    }
                }
            }

            fn write(&self, writer: &mut $crate::protocol::msgpack::Writer) {
                use $crate::protocol::record::Record;
                match self {
                    $(Self::$operation(record) => {
                        writer.map(record.field_count() + 1);
                        writer.str("op");
                        writer.str($name);
                        record.write_fields(writer);
                    })*
                    Self::Unknown { op } => {
                        writer.map(1);
                        writer.str("op");
                        writer.str(op);
                    }
                }
            }
        }

        $(impl From<$operation> for $operations {
            fn from(record: $operation) -> Self {
                Self::$operation(record)
            }
        })*
    };
}

/// The name of a field on the wire.
macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

pub(crate) use {operations, record, wire_name};
