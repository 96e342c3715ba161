//! Plugins of Python: what they are told, and that what nobody hears is not told.

use cenote_core::protocol::coordination::LogEvent;
use cenote_core::protocol::field::Optional;
use cenote_core::scheduler::occurrence::Hearing;
use cenote_core::scheduler::stimulus::Stimulus;

use super::table::{Table, joined};

/// What is told, without the names of what caused it, and without what others are told.
fn told(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("plugins: "));
    lines.map(|line| line.split(" stimulus_id=").next().unwrap_or_default().to_owned()).collect()
}

fn hearing(table: &mut Table, hearing: Hearing) {
    assert_eq!(table.tell(Stimulus::PluginsHear { hearing }), "");
}

#[test]
fn transitions_are_told_as_they_happen_once_some_plugin_hears_them() {
    let mut table = Table::new(&["a"]);
    assert!(told(&table.submit(&[("x", &[]), ("y", &["x"])], &["y"])).is_empty());
    hearing(&mut table, Hearing { transitions: true, ..Hearing::default() });
    let said = table.finished("a", "x", 0);
    assert_eq!(
        told(&said),
        ["transition key=x start=processing finish=memory", "transition key=y start=waiting finish=processing"]
    );
    hearing(&mut table, Hearing::default());
    assert!(told(&table.finished("a", "y", 1)).is_empty());
}

#[test]
fn a_graph_is_told_before_its_tasks_run() {
    let mut table = Table::new(&["a"]);
    hearing(&mut table, Hearing { transitions: true, graphs: true, ..Hearing::default() });
    let said = table.submit(&[("x", &[])], &["x"]);
    assert_eq!(
        told(&said),
        [
            "update_graph client=c keys=Set([Str(\"x\")]) tasks=x annotations= priority=x=Int(0) Int(1) Int(0)",
            "transition key=x start=released finish=waiting",
            "transition key=x start=waiting finish=processing"
        ]
    );
}

#[test]
fn members_and_events_are_told() {
    let mut table = Table::new(&[]);
    hearing(&mut table, Hearing { members: true, ..Hearing::default() });
    assert_eq!(told(&table.tell(joined("a"))), ["add_worker worker=a"]);
    let left = Stimulus::WorkerLeft { worker: "a".into(), expected: true };
    assert_eq!(told(&table.tell(left)), ["remove_worker worker=a"]);
    hearing(&mut table, Hearing { events: true, ..Hearing::default() });
    let said = table.ask(LogEvent { topic: "fish".into(), msg: Optional(Some("blub".into())) });
    assert_eq!(told(&said), ["log_event topic=fish msg=blub"]);
}
