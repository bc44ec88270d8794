//! Flags of the fields of a job, out of the core's tables.

use crate::secret;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use ismvault::error::redacted;
use ismvault::jobs::fields::{Control, Field};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The command with the flags of these fields.
pub(crate) fn add(command: Command, fields: &[Field]) -> Command {
    fields.iter().fold(command, |command, field| command.arg(flag(field)))
}

/// The flag of a field, with its help.
fn flag(field: &Field) -> Arg {
    let arg = Arg::new(field.name).long(field.flag()).help(field.help);
    match field.control {
        Control::Flag => arg.action(ArgAction::SetTrue),
        Control::Number => arg.value_name(field.value).value_parser(value_parser!(u32)),
        Control::Numbers => several(arg.value_name(field.value)).value_parser(value_parser!(u32)),
        Control::Words => several(arg.value_name(field.value)),
        Control::Keys => arg.value_name(field.value).value_parser(value_parser!(PathBuf)),
        Control::Secret => {
            arg.value_name(field.value).help(format!("{}; {}", field.help, secret::FROM))
        }
        // Which values there are, the core says.
        _ => arg.value_name(field.value),
    }
}

/// With commas between, or given again.
fn several(arg: Arg) -> Arg {
    arg.value_delimiter(',').action(ArgAction::Append)
}

/// The job that was asked for with these flags. A file of keys is not read here.
pub(crate) fn job<J: DeserializeOwned>(
    matches: &ArgMatches,
    fields: &[Field],
) -> Result<J, clap::Error> {
    let mut job = Map::new();
    for field in fields {
        let value = match field.control {
            Control::Flag => Some(Value::Bool(true)).filter(|_| matches.get_flag(field.name)),
            Control::Number => matches.get_one::<u32>(field.name).map(|n| (*n).into()),
            Control::Numbers => all_of::<u32>(matches, field),
            Control::Words => all_of::<String>(matches, field),
            Control::Keys => None,
            _ => matches.get_one::<String>(field.name).map(|text| text.as_str().into()),
        };
        job.extend(value.map(|value| (field.name.to_owned(), value)));
    }
    serde_json::from_value(job.into()).map_err(|e| {
        let sentence = format!("{}.\n", redacted(&e.to_string()));
        clap::Error::raw(clap::error::ErrorKind::InvalidValue, sentence)
    })
}

fn all_of<T>(matches: &ArgMatches, field: &Field) -> Option<Value>
where
    T: Clone + Into<Value> + Send + Sync + 'static,
{
    let values = matches.get_many::<T>(field.name)?;
    Some(values.cloned().collect::<Vec<T>>().into())
}

/// Takes the fields of a job out of a list's entry.
pub(crate) fn take(from: &mut Map<String, Value>, fields: &[Field]) -> Map<String, Value> {
    fields.iter().filter_map(|field| from.remove_entry(field.name)).collect()
}
