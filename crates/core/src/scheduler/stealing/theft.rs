//! Thefts: tasks that were asked back from their worker, and what it answers.

use super::candidate::Candidate;
use super::market::Market;
use crate::protocol::value::Value;
use crate::protocol::worker::{StealRequest, StealResponse};
use crate::scheduler::Scheduler;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::stimulus::Text;
use crate::scheduler::story::Happening;
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::WorkerId;

/// A task that was asked back.
#[derive(Debug)]
pub(in crate::scheduler) struct Theft {
    /// Where it is.
    pub victim: WorkerId,
    /// Who is to have it.
    pub thief: WorkerId,
    /// Seconds that it counts at each.
    pub victim_seconds: f64,
    pub thief_seconds: f64,
    /// Bytes of its inputs.
    pub bytes: u64,
    /// When it was asked for.
    pub asked: f64,
    /// What the answer must repeat: no two are the same.
    pub stimulus_id: Text,
}

/// What a worker says of a task that it was asked for.
enum Said {
    /// It has given it up.
    Yields,
    /// It has begun it.
    Keeps,
    /// It does not know it.
    Forgot,
}

impl Said {
    fn of(state: Option<&str>) -> Self {
        match state {
            Some("ready" | "constrained" | "waiting") => Self::Yields,
            None | Some("released") => Self::Forgot,
            Some(_) => Self::Keeps,
        }
    }
}

impl Scheduler {
    /// Asks a worker for a task that another should have. Returns what is told of it.
    pub(super) fn ask_back(&mut self, candidate: &Candidate, from: usize, to: usize, market: &mut Market) -> Value {
        let Candidate { id, level, seconds, bytes } = *candidate;
        let (victim, thief) = (market.worker(from), market.worker(to));
        let victim_seconds = seconds + self.transfer_time(id, victim);
        let thief_seconds = seconds + self.transfer_time(id, thief);
        let (before, here) = (market.seconds(from), market.seconds(to));
        market.pass(from, to, victim_seconds, thief_seconds);
        self.ask_for(
            id,
            Theft {
                victim,
                thief,
                victim_seconds,
                thief_seconds,
                bytes,
                asked: self.now,
                stimulus_id: format!("steal-{}-{}", self.settings.epoch, self.stealing.asked).into(),
            },
        );
        let (count, cost) = &mut self.stealing.totals[usize::from(level)];
        *count += 1;
        *cost += victim_seconds;
        Value::Tuple(vec![
            self.now.into(),
            u64::from(level).into(),
            (&self.tasks[id].key).into(),
            victim_seconds.into(),
            self.workers[victim].address().clone().into(),
            before.into(),
            self.workers[thief].address().clone().into(),
            here.into(),
        ])
    }

    fn ask_for(&mut self, id: TaskId, theft: Theft) {
        self.stealing.asked += 1;
        let (key, stimulus_id) = (self.tasks[id].key.clone(), theft.stimulus_id.clone());
        self.tell_worker(theft.victim, StealRequest { key, stimulus_id });
        self.stealing.thefts.insert(id, theft);
    }

    /// A task is not where it was asked for any more: the answer will mean nothing.
    pub(in crate::scheduler) fn forget_theft(&mut self, id: TaskId) {
        if !self.stealing.thefts.is_empty() {
            self.stealing.thefts.swap_remove(&id);
        }
    }

    /// A worker answers.
    pub(in crate::scheduler) fn hear_steal_response(&mut self, worker: WorkerId, it: &StealResponse) {
        let Some(id) = self.tasks.id(&it.key) else {
            return self.ignore(&it.key, "asked back, but not known any more");
        };
        let why = match self.stealing.thefts.get(&id) {
            Some(theft) if theft.victim == worker && theft.stimulus_id == it.stimulus_id => None,
            Some(_) => Some("stale-response"),
            None => Some("already-aborted"),
        };
        if let Some(why) = why {
            self.ignore(&it.key, "an answer to an older request for it");
            let address = self.workers[worker].address().clone();
            return self.tell_theft(&[why.into()], it, &[address]);
        }
        let Some(theft) = self.stealing.thefts.swap_remove(&id) else { return };
        let allowed = |thief| self.may_run(id, thief) || self.may_run_elsewhere(id);
        let welcome = self.has_room(theft.thief, theft.bytes) && allowed(theft.thief);
        let addresses = [theft.victim, theft.thief].map(|id| self.workers.get(id).map(|it| it.address().clone()));
        let addresses: Vec<Text> = addresses.into_iter().flatten().collect();
        match Said::of(it.state.as_deref()) {
            Said::Yields if welcome => {
                self.stealing.outcomes.moved += 1;
                self.story.add(self.stimuli, self.now, id, Happening::Moved);
                self.hand_over(id, theft.thief);
                self.tell_theft(&["confirm".into()], it, &addresses);
            }
            Said::Yields | Said::Forgot => {
                self.stealing.outcomes.placed_anew += 1;
                self.tell_theft(&["reschedule".into(), (!welcome).into()], it, &addresses);
                self.cascade(Recommendations::one(id, Finish::Released));
            }
            Said::Keeps => {
                self.stealing.outcomes.kept += 1;
                self.tasks.begin(id);
                self.tell_theft(&["already-computing".into()], it, &addresses);
            }
        }
    }

    fn tell_theft(&mut self, what: &[Value], it: &StealResponse, addresses: &[Text]) {
        let said = [(&it.key).into(), it.state.clone().into()];
        let addresses = addresses.iter().map(|address| address.clone().into());
        let parts = what.iter().cloned().chain(said).chain(addresses).chain([it.stimulus_id.clone().into()]);
        self.log_event(&[&"stealing".into()], &Value::Tuple(parts.collect()));
    }
}
