//! Versions: what is installed with whom, and what to tell a client when it does not match.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;

use super::field::Text;
use super::value::Value;

/// Packages that matter on the scheduler's side: it must read what the others pickled.
const OF_SCHEDULER: &[&str] = &["cloudpickle", "dask", "distributed", "lz4", "python", "toolz", "tornado"];

/// The versions of one process's packages, by name; `None` for one that is not installed there.
pub type Packages = BTreeMap<Text, Option<Text>>;

/// The packages of what a peer says about its versions. Empty when it says nothing that can be read.
pub fn packages(versions: &Value) -> Packages {
    let Some(Value::Map(packages)) = versions.get("packages") else { return Packages::new() };
    let named = packages.iter().filter_map(|(name, version)| Some((name.as_str()?, version.as_str())));
    named.map(|(name, version)| (name.into(), version.map(Text::from))).collect()
}

/// The warning of a client whose packages are not those of the others; empty if all is well.
pub fn mismatch_warning(client: &Packages, scheduler: &Packages, workers: &[&Packages]) -> String {
    let names: BTreeSet<&Text> =
        client.keys().chain(scheduler.keys()).chain(workers.iter().flat_map(|w| w.keys())).collect();
    let mut rows = Vec::new();
    for name in names {
        let client = shown(client, name);
        let scheduler = shown(scheduler, name);
        let workers: BTreeSet<&str> = workers.iter().map(|packages| shown(packages, name)).collect();
        let mut all = workers.clone();
        all.insert(client);
        if OF_SCHEDULER.contains(&&**name) {
            all.insert(scheduler);
        }
        if all.len() > 1 {
            let workers = workers.into_iter().collect::<Vec<_>>().join(", ");
            rows.push(
                [&**name, client, scheduler, if workers.is_empty() { "None" } else { &workers }].map(str::to_owned),
            );
        }
    }
    if rows.is_empty() { String::new() } else { format!("Mismatched versions found\n\n{}", table(&rows)) }
}

fn shown<'a>(packages: &'a Packages, name: &str) -> &'a str {
    packages.get(name).map_or("MISSING", |version| version.as_deref().unwrap_or("None"))
}

fn table(rows: &[[String; 4]]) -> String {
    let head = ["Package", "Client", "Scheduler", "Workers"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let rule = widths.map(|width| "-".repeat(width));
    let mut text = String::new();
    for row in [&head, &rule].into_iter().chain(rows) {
        let cells = row.iter().zip(widths).fold(String::new(), |mut line, (cell, width)| {
            let _ = write!(line, "{cell:width$}  ");
            line
        });
        text += cells.trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(packages: &[(&str, Option<&str>)]) -> Packages {
        packages.iter().map(|(name, version)| ((*name).into(), version.map(Text::from))).collect()
    }

    #[test]
    fn a_warning_names_who_has_what() {
        let newer = installed(&[("dask", Some("2")), ("numpy", Some("1")), ("lz4", None)]);
        let older = installed(&[("dask", Some("1")), ("numpy", Some("1"))]);
        let warning = mismatch_warning(&newer, &older, &[&newer]);
        let expected = "Mismatched versions found\n\n\
            Package  Client  Scheduler  Workers\n\
            -------  ------  ---------  -------\n\
            dask     2       1          2\n\
            lz4      None    MISSING    None\n";
        assert_eq!(warning, expected);
    }

    #[test]
    fn equal_versions_and_packages_that_a_scheduler_does_not_need_are_no_matter() {
        let all = installed(&[("dask", Some("1")), ("numpy", Some("1"))]);
        assert_eq!(mismatch_warning(&all, &installed(&[("dask", Some("1"))]), &[&all, &all]), "");
        assert_eq!(mismatch_warning(&all, &all, &[]), "");
    }

    #[test]
    fn what_a_peer_says_may_be_anything() {
        assert_eq!(packages(&Value::Nil), Packages::new());
        assert_eq!(packages(&Value::Map(vec![("packages".into(), Value::Int(1))])), Packages::new());
    }
}
