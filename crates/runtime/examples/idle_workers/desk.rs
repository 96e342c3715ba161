//! A desk: what a worker was sent and has not done. A task takes as many milliseconds as its key says behind `for`: of
//! `sum-for-20-7` it is said after 20 ms that it is done, and of a key that says nothing, at once.

use std::collections::BTreeMap;
use std::time::Duration;

use cenote::core::key::Key;
use cenote::core::protocol::field::Number;
use cenote::core::protocol::worker::ComputeTask;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What a worker was sent and has not done.
pub struct Desk {
    threads: usize,
    /// Tasks that have no thread yet, the most urgent first.
    ready: BTreeMap<([i64; 3], u64), ComputeTask>,
    came: u64,
    running: JoinSet<ComputeTask>,
    /// What runs, and whether somebody still wants it.
    wanted: Vec<(Key, bool)>,
}

impl Desk {
    pub fn new(threads: usize) -> Self {
        Self { threads, ready: BTreeMap::new(), came: 0, running: JoinSet::new(), wanted: Vec::new() }
    }

    /// Takes a task that takes some time.
    pub fn take(&mut self, task: ComputeTask) {
        self.came += 1;
        // Thousandths: users may give fractions.
        let priority = task.priority.map(|number| match number {
            Number::Int(number) => number.saturating_mul(1000),
            #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
            Number::Float(number) => (number * 1000.0) as i64,
        });
        self.ready.insert((priority, self.came), task);
        self.start();
    }

    /// The next task that is done, if any runs; for ever otherwise.
    pub async fn done(&mut self) -> ComputeTask {
        loop {
            match self.running.join_next().await {
                Some(Ok(task)) => {
                    let place = self.wanted.iter().position(|(key, _)| *key == task.key);
                    let (_, wanted) = self.wanted.swap_remove(place.expect("what runs is listed"));
                    self.start();
                    if wanted {
                        return task;
                    }
                }
                Some(Err(error)) => panic!("{error}"),
                None => std::future::pending().await,
            }
        }
    }

    /// Gives a task back, if it has not begun. Says in which state it is.
    pub fn give_back(&mut self, key: &Key) -> &'static str {
        if self.wanted.iter().any(|(it, _)| it == key) {
            return "executing";
        }
        if self.drop_ready(key) { "ready" } else { "memory" }
    }

    /// Nobody wants a task any more.
    pub fn free(&mut self, key: &Key) {
        self.drop_ready(key);
        self.wanted.iter_mut().filter(|(it, _)| it == key).for_each(|(_, wanted)| *wanted = false);
    }

    fn drop_ready(&mut self, key: &Key) -> bool {
        let place = self.ready.iter().find(|(_, task)| task.key == *key).map(|(place, _)| *place);
        place.is_some_and(|place| self.ready.remove(&place).is_some())
    }

    fn start(&mut self) {
        while self.running.len() < self.threads
            && let Some((_, task)) = self.ready.pop_first()
        {
            self.wanted.push((task.key.clone(), true));
            self.running.spawn_local(async move {
                sleep(duration(&task.key)).await;
                task
            });
        }
    }
}

/// How long a task takes, by its key.
pub fn duration(key: &Key) -> Duration {
    let key = key.to_string();
    let mut words = key.split('-').skip_while(|word| *word != "for").skip(1);
    Duration::from_millis(words.next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
