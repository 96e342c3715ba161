//! Replay: what was recorded of a run is read again, and does the same again.

use cenote_core::protocol::field::{decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::worker::FromWorker;
use cenote_core::scheduler::Settings;
use cenote_core::scheduler::journal::{Divergence, Entry, replay};
use cenote_core::scheduler::stimulus::Stimulus;

use super::checker::run_recorded;

fn read(journal: &[Frames]) -> (Settings, Vec<Entry>) {
    let settings = decode(&journal[0]).expect("settings are read as they were written");
    let entries = journal[1..].iter().map(|frames| {
        let entry: Entry = decode(frames).expect("an entry is read as it was written");
        assert_eq!(&encode(&entry), frames, "what was read is written as the same bytes");
        entry
    });
    (settings, entries.collect())
}

#[test]
fn a_journal_is_replayed_byte_for_byte() {
    for seed in 0..10 {
        let (scheduler, journal) = run_recorded(seed);
        let (settings, entries) = read(&journal);
        let replayed = replay(settings, entries).expect("the same follows from the same");
        assert_eq!(format!("{replayed:?}"), format!("{scheduler:?}"));
    }
}

#[test]
fn a_replay_that_goes_another_way_is_noticed() {
    let (settings, mut entries) = read(&run_recorded(0).1);
    let finished = |entry: &Entry| matches!(entry.stimulus, Stimulus::Worker { said: FromWorker::TaskFinished(_), .. });
    let lost = entries.iter().position(finished).expect("some task is finished");
    entries[lost].stimulus = Stimulus::Tick;
    let Err(Divergence { stimulus }) = replay(settings, entries) else { panic!("nothing was noticed") };
    assert!(stimulus > lost as u64);
}
