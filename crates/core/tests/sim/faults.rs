//! Faults: what breaks, and what clients do of their own accord.

use cenote_core::key::Key;
use cenote_core::protocol::client::{CancelKeys, ClientDesiresKeys, ClientReleasesKeys, CloseClient};
use cenote_core::protocol::field::Optional;
use cenote_core::protocol::question::{MemoryManagerQuestion, Retry};
use cenote_core::protocol::worker::{
    AddKeys, FromWorker, LongRunning, ReleaseWorkerData, RequestRefreshWhoHas, Reschedule, StealResponse,
};
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::RunId;
use cenote_core::scheduler::worker::WorkerStatus;

use super::client::Belief;
use super::cluster::{Cluster, SCHEDULER};
use super::network::Event;
use super::worker::{ModelWorker, failed, finished};

const MILLI: u64 = 1000;

impl Cluster {
    /// Something breaks.
    pub fn fault(&mut self) {
        if !self.faults {
            return;
        }
        let delay = self.chance.between(20 * MILLI, 500 * MILLI);
        self.net.after(delay, Event::Fault);
        let index = self.chance.below(self.workers.len());
        let alive = self.workers[index].alive;
        // A stock worker does not lie, and loses nothing of its own accord.
        let lies = alive && self.workers[index].stock.is_none();
        match self.chance.below(20) {
            0 if alive => self.crash(index, false),
            1 if alive => self.crash(index, true),
            2 if alive => {
                self.workers[index].frozen = true;
                let delay = self.chance.between(50 * MILLI, 8000 * MILLI);
                self.net.after(delay, Event::Thaw { worker: index });
            }
            3 if alive => {
                self.workers[index].take_on(WorkerStatus::Paused);
                self.act(index);
                let delay = self.chance.between(50 * MILLI, 1000 * MILLI);
                self.net.after(delay, Event::Thaw { worker: index });
            }
            4 => self.slow_link(index),
            5 if lies => self.lose(index, true),
            6 if lies => self.lose(index, false),
            7 if lies => self.answer_twice(index),
            8 if lies => self.talk_nonsense(index),
            9 => self.executor_dies = true,
            11 if self.chance.happens(100) => self.outage(),
            12 if lies => self.fail_late(index),
            13 if lies => self.answer_for_a_steal(index),
            14..16 if lies => self.lose_input(),
            16 if alive => self.copy_something(index),
            10 | 17..20 => self.operate(index),
            5..9 if alive => self.workers[index].busy_until = self.net.now + 200 * MILLI,
            _ => self.boot(index),
        }
    }

    /// All workers are gone for a while.
    fn outage(&mut self) {
        self.outage_end = self.net.now + 1500 * MILLI;
        for index in 0..self.workers.len() {
            if self.workers[index].alive {
                self.crash(index, false);
            }
        }
    }

    fn slow_link(&mut self, index: usize) {
        let name = self.workers[index].name.clone();
        let by = self.chance.between(MILLI, 300 * MILLI);
        if self.chance.happens(500) {
            self.net.slow_down(&name, SCHEDULER, by);
        } else {
            self.net.slow_down(SCHEDULER, &name, by);
        }
    }

    /// A worker loses a result, with or without a word.
    fn lose(&mut self, index: usize, says_so: bool) {
        let keys: Vec<String> = self.workers[index].data.keys().cloned().collect();
        let Some(key) = self.chance.pick(&keys).cloned() else { return };
        let worker = &mut self.workers[index];
        worker.data.remove(&key);
        if says_so {
            worker.say(ReleaseWorkerData { key: (*key).into(), stimulus_id: "lost".into() });
            self.act(index);
        } else {
            self.lost.insert((worker.address.clone(), key));
        }
    }

    /// Somebody wants the memory manager to do something, or to do nothing.
    pub fn manage_memory(&mut self) {
        let methods = ["start", "start", "stop", "run_once", "running", "nonsense"];
        let method = methods[self.chance.below(methods.len())].into();
        self.ask("operator", None, MemoryManagerQuestion { method });
    }

    /// A worker gets a copy of what another one holds, and says so.
    fn copy_something(&mut self, index: usize) {
        let other = self.chance.below(self.workers.len());
        let held: Vec<String> = self.workers[other].data.keys().cloned().collect();
        let Some(key) = self.chance.pick(&held).cloned() else { return };
        if !self.workers[other].alive || self.workers[index].stock.is_some() {
            return;
        }
        let value = self.workers[other].data[&key];
        self.workers[index].data.insert(key.clone(), value);
        self.workers[index].say(AddKeys { keys: vec![(*key).into()], stimulus_id: "copied".into() });
        self.act(index);
    }

    /// All who have it lose an input of what some worker executes, and say so.
    fn lose_input(&mut self) {
        let inputs: Vec<String> = self.workers.iter().flat_map(ModelWorker::inputs_in_use).collect();
        let Some(key) = self.chance.pick(&inputs).cloned() else { return };
        for index in 0..self.workers.len() {
            if self.workers[index].alive && self.workers[index].data.remove(&key).is_some() {
                self.workers[index].say(ReleaseWorkerData { key: (*key).into(), stimulus_id: "lost".into() });
                self.act(index);
            }
        }
    }

    /// A worker repeats what it has said, with the number of the last attempt or of another one.
    fn answer_twice(&mut self, index: usize) {
        let keys: Vec<String> = self.workers[index].data.keys().cloned().collect();
        let Some(key) = self.chance.pick(&keys).cloned() else { return };
        let last = self.scheduler.task(&(*key).into()).and_then(|task| task.run).unwrap_or(RunId(0));
        let run = if self.chance.happens(500) { last } else { RunId(last.0 - 1) };
        let key: Key = (*key).into();
        let said: FromWorker = match self.chance.below(3) {
            0 => failed(key, RunId(-1), "nonsense").into(),
            1 => LongRunning { key, run_id: run.0, compute_duration: None, stimulus_id: "twice".into() }.into(),
            _ => finished(key, run, 1, -1.0).into(),
        };
        self.workers[index].say(said);
        self.act(index);
    }

    /// A worker says that an older attempt has failed, while it has the last one.
    fn fail_late(&mut self, index: usize) {
        let tasks: Vec<_> = self.workers[index].tasks.iter().map(|(key, task)| (key.clone(), task.run)).collect();
        let Some((key, run)) = self.chance.pick(&tasks).cloned() else { return };
        self.workers[index].say(failed((*key).into(), RunId(run.0 - 1), "nonsense"));
        self.act(index);
    }

    /// While a task is asked for, something may happen to who asks, and to who is asked.
    pub fn disturb_steal(&mut self) {
        let index = self.chance.below(self.workers.len());
        if !self.faults || !self.workers[index].alive || !self.chance.happens(150) {
            return;
        }
        if self.chance.happens(500) {
            self.crash(index, true);
        } else {
            self.workers[index].take_on(WorkerStatus::Paused);
            self.act(index);
            self.net.after(200 * MILLI, Event::Thaw { worker: index });
        }
    }

    /// A worker repeats what it has said when it was asked for a task, or answers a question that nobody asked.
    fn answer_for_a_steal(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        let known = worker.tasks.keys().next().cloned().unwrap_or_else(|| "never-heard-of".into());
        let invented = StealResponse {
            key: (*known).into(),
            state: Some(if self.chance.happens(500) { "executing" } else { "no such state" }.into()),
            stimulus_id: "steal-never-asked".into(),
        };
        let said = self.chance.pick(&worker.given_back).cloned().unwrap_or(invented);
        worker.say(said);
        self.act(index);
    }

    /// A worker speaks of what was never there.
    fn talk_nonsense(&mut self, index: usize) {
        let key = Key::from("never-heard-of");
        let keys = vec![key.clone()];
        let stimulus_id = "nonsense".into();
        let said: FromWorker = match self.chance.below(6) {
            0 => AddKeys { keys, stimulus_id }.into(),
            1 => ReleaseWorkerData { key, stimulus_id }.into(),
            2 => failed(key, RunId(-5), "nonsense").into(),
            3 => RequestRefreshWhoHas { keys, stimulus_id }.into(),
            4 => Reschedule { key, stimulus_id }.into(),
            _ => LongRunning { key, run_id: i64::MAX, compute_duration: Some(f64::NAN), stimulus_id }.into(),
        };
        self.workers[index].say(said);
        self.act(index);
    }

    /// A client does something.
    pub fn plan_step(&mut self, client: usize) {
        let keys: Vec<String> = self.clients[client].keys.keys().cloned().collect();
        let some: Vec<String> = keys.iter().filter(|_| self.chance.happens(400)).cloned().collect();
        match self.chance.below(100) {
            0..50 => self.submit(client),
            50..65 => self.give_up(client, &some),
            65..75 => {
                let keys = some.iter().map(|key| Key::from(&**key)).collect();
                let force = self.chance.happens(200);
                self.say(client, CancelKeys { keys, force, reason: None, msg: None });
            }
            75..83 => {
                // Mostly what has failed; when something else is not known, nothing of it is tried again.
                let all = self.chance.happens(100);
                let client = &self.clients[client];
                let failed = client.keys.iter().filter(|(_, belief)| all || matches!(belief, Belief::Erred(_)));
                let keys = failed.map(|(key, _)| Key::from(&**key)).collect();
                let client = client.name.clone();
                self.ask(&client, None, Retry { keys, client: Optional(None) });
            }
            83..88 => self.fire_and_forget(client, &some),
            88..94 => self.scatter(client),
            94..97 => self.borrow(client),
            _ => self.close(client),
        }
    }

    fn give_up(&mut self, client: usize, keys: &[String]) {
        for key in keys {
            self.clients[client].keys.remove(key);
        }
        let keys = keys.iter().map(|key| Key::from(&**key)).collect();
        let name = (*self.clients[client].name).into();
        self.say(client, ClientReleasesKeys { keys, client: name });
    }

    fn fire_and_forget(&mut self, client: usize, keys: &[String]) {
        let wanted = keys.iter().map(|key| Key::from(&**key)).collect();
        let name = Optional(Some("fire-and-forget".into()));
        self.say(client, ClientDesiresKeys { keys: wanted, client: name });
        self.give_up(client, keys);
    }

    fn scatter(&mut self, client: usize) {
        // One that has come back under its old address may be taken for what it was.
        let known =
            |worker: &ModelWorker| self.streams.get(&worker.address).is_some_and(|it| it.1 == worker.connection);
        let here = self.workers.iter().position(|worker| worker.alive && known(worker));
        let Some(index) = here else { return };
        let key = format!("data-{client}x{}", self.net.now);
        let value = self.workload.value(&key);
        self.workers[index].put(&key, value);
        self.act(index);
        self.clients[client].keys.insert(key.clone(), Belief::Pending);
        let data = vec![((*key).into(), 8, vec![(*self.workers[index].address).into()])];
        let client = Some((*self.clients[client].name).into());
        self.at_scheduler(None, Stimulus::DataArrived { data, client });
    }

    /// A client wants what another one has computed.
    fn borrow(&mut self, client: usize) {
        let other = self.chance.below(self.clients.len());
        let keys: Vec<String> = self.clients[other].keys.keys().cloned().collect();
        let Some(key) = self.chance.pick(&keys).cloned() else { return };
        if other == client || self.scheduler.task(&(*key).into()).is_none() {
            return;
        }
        self.clients[client].keys.entry(key.clone()).or_insert(Belief::Pending);
        self.say(client, ClientDesiresKeys { keys: vec![(*key).into()], client: Optional(None) });
    }

    pub fn close(&mut self, client: usize) {
        if std::mem::take(&mut self.clients[client].open) {
            self.clients[client].keys.clear();
            self.say(client, CloseClient {});
        }
    }
}
