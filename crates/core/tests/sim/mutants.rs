//! Mutants: bugs planted at the border of the machine, one at a time, each of which the simulator must find.

use cenote_core::key::Key;
use cenote_core::protocol::client::{FromClient, ToClient};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::worker::{FreeKeys, FromWorker, StealResponse, ToWorker};
use cenote_core::scheduler::Scheduler;
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::Stimulus;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Workers are not told to free what is not needed.
    KeepsKeys,
    /// Now and then a task is not sent.
    LosesTasks,
    /// Now and then a result is not reported.
    LosesResults,
    /// Failures are not reported.
    HidesFailures,
    /// Cancellations are not reported.
    HidesCancellations,
    /// Tasks are sent without saying who has their inputs.
    ForgetsHolders,
    /// Results are freed as soon as they are there.
    FreesTooMuch,
    /// Replicas are not taken note of.
    ForgetsReplicas,
    /// Lost results are not taken note of.
    BelievesInLostData,
    /// Now and then an answer is not understood.
    MissesAnswers,
    /// Failures of tasks are not understood.
    MissesFailures,
    /// Tasks are not run elsewhere when they ask for it.
    RefusesToReschedule,
    /// Failed tasks are not tried again.
    NeverRetries,
    /// What a client releases does not wait behind its graph.
    Overtakes,
    /// Workers that ask where results are get no answer.
    IgnoresQuestions,
    /// An answer to an older attempt is taken for one to the last.
    BelievesStaleAnswers,
    /// What a client wants besides its graphs is not taken note of.
    ForgetsInterests,
    /// What a client releases is kept.
    KeepsInterests,
    /// Now and then a graph is lost.
    LosesGraphs,
    /// What Python makes of a graph is lost now and then.
    LosesOutcomes,
    /// A worker that has begun a task is taken to have given it up.
    TakesNoForYes,
    /// Workers that give tasks up are not heard.
    MissesConsent,
    /// All tasks are asked for in the same words.
    AsksInTheSameWords,
    /// What another has given up is sent twice.
    SendsStolenTasksTwice,
    /// What was asked for is forgotten, and who has it is told to free it.
    FreesWhatItAsksFor,
    /// What Python says of shuffles is lost.
    LosesPlans,
    /// Workers are not told that a run of a shuffle is over.
    KeepsRuns,
    /// Workers are told of no run but the first.
    RepeatsRuns,
    /// Tasks run wherever they like, not where their part of a shuffle is.
    ScattersParts,
}

impl Mutant {
    pub const ALL: &[Self] = &[
        Self::KeepsKeys,
        Self::LosesTasks,
        Self::LosesResults,
        Self::HidesFailures,
        Self::HidesCancellations,
        Self::ForgetsHolders,
        Self::FreesTooMuch,
        Self::ForgetsReplicas,
        Self::BelievesInLostData,
        Self::MissesAnswers,
        Self::MissesFailures,
        Self::RefusesToReschedule,
        Self::NeverRetries,
        Self::Overtakes,
        Self::IgnoresQuestions,
        Self::BelievesStaleAnswers,
        Self::ForgetsInterests,
        Self::KeepsInterests,
        Self::LosesGraphs,
        Self::LosesOutcomes,
        Self::TakesNoForYes,
        Self::MissesConsent,
        Self::AsksInTheSameWords,
        Self::SendsStolenTasksTwice,
        Self::FreesWhatItAsksFor,
        Self::LosesPlans,
        Self::KeepsRuns,
        Self::RepeatsRuns,
        Self::ScattersParts,
    ];

    /// What the machine hears instead.
    pub fn stimulus(self, stimulus: Stimulus, scheduler: &Scheduler, count: &mut u64) -> Option<Stimulus> {
        use FromWorker::{AddKeys, ReleaseWorkerData, RequestRefreshWhoHas, Reschedule, TaskErred, TaskFinished};
        *count += 1;
        let Stimulus::Worker { worker, mut said } = stimulus else { return self.other(stimulus, *count) };
        if self == Self::BelievesStaleAnswers {
            let last = |key: &Key| scheduler.task(key).and_then(|task| task.run).map_or(-1, |run| run.0);
            match &mut said {
                TaskFinished(it) => it.run_id = last(&it.key),
                TaskErred(it) => it.run_id = last(&it.key),
                _ => {}
            }
        }
        if let (FromWorker::StealResponse(it), Self::TakesNoForYes) = (&mut said, self) {
            it.state = Some("ready".into());
        }
        let consents = |it: &StealResponse| matches!(it.state.as_deref(), Some("ready" | "waiting"));
        let swallowed = match (&said, self) {
            (AddKeys(_), Self::ForgetsReplicas)
            | (ReleaseWorkerData(_), Self::BelievesInLostData)
            | (TaskErred(_), Self::MissesFailures)
            | (Reschedule(_), Self::RefusesToReschedule)
            | (RequestRefreshWhoHas(_), Self::IgnoresQuestions) => true,
            (FromWorker::StealResponse(it), Self::MissesConsent) => consents(it),
            (TaskFinished(_), Self::MissesAnswers) => count.is_multiple_of(9),
            _ => false,
        };
        (!swallowed).then_some(Stimulus::Worker { worker, said })
    }

    fn other(self, stimulus: Stimulus, count: u64) -> Option<Stimulus> {
        Some(match (stimulus, self) {
            (Stimulus::Client { said: FromClient::ClientDesiresKeys(_), .. }, Self::ForgetsInterests)
            | (Stimulus::Client { said: FromClient::ClientReleasesKeys(_), .. }, Self::KeepsInterests)
            | (Stimulus::ShufflePlanned { .. }, Self::LosesPlans) => return None,
            (Stimulus::ShufflePlanned { ticket, outcome: Ok(mut plan) }, Self::RepeatsRuns) => {
                let text = plan.run_spec.pickle().expect("a run is a pickle");
                let text = String::from_utf8_lossy(&text).into_owned();
                let (_, workers) = text.split_once(';').expect("Python has said so");
                plan.run_spec = Pickled::new(format!("1;{workers}").as_bytes(), Vec::new());
                Stimulus::ShufflePlanned { ticket, outcome: Ok(plan) }
            }
            (Stimulus::Asked { ticket, question: Question::ShuffleRestrictTask(mut it) }, Self::ScattersParts) => {
                it.run_id = -1;
                Stimulus::Asked { ticket, question: it.into() }
            }
            (Stimulus::Submit { .. }, Self::LosesGraphs) | (Stimulus::Materialized { .. }, Self::LosesOutcomes)
                if count.is_multiple_of(3) =>
            {
                return None;
            }
            (Stimulus::Submit { client, graph }, Self::NeverRetries) => {
                let mut graph = graph.spec();
                graph.tasks.iter_mut().for_each(|task| task.annotations.retries = 0);
                Stimulus::Submit { client, graph: graph.into() }
            }
            (Stimulus::Client { said: said @ FromClient::ClientReleasesKeys(_), client }, Self::Overtakes) => {
                // Over the stream of another client it does not wait.
                let other = if &*client == "client0" { "client1" } else { "client0" };
                Stimulus::Client { client: other.into(), said }
            }
            (stimulus, _) => stimulus,
        })
    }

    /// What reaches the world instead.
    pub fn instruction(self, instruction: Instruction, count: &mut u64) -> Vec<Instruction> {
        *count += 1;
        match (instruction, self) {
            (Instruction::ToWorker { message: ToWorker::FreeKeys(_), .. }, Self::KeepsKeys)
            | (Instruction::ToWorker { message: ToWorker::ShuffleFail(_), .. }, Self::KeepsRuns)
            | (Instruction::ToClient { message: ToClient::TaskErred(_), .. }, Self::HidesFailures)
            | (Instruction::ToClient { message: ToClient::CancelledKeys(_), .. }, Self::HidesCancellations) => {
                vec![]
            }
            (Instruction::ToWorker { message: ToWorker::ComputeTask(_), .. }, Self::LosesTasks)
            | (Instruction::ToClient { message: ToClient::KeyInMemory(_), .. }, Self::LosesResults)
                if count.is_multiple_of(7) =>
            {
                vec![]
            }
            (Instruction::ToWorker { worker, message: ToWorker::ComputeTask(mut task) }, Self::ForgetsHolders) => {
                task.who_has.0.clear();
                vec![Instruction::ToWorker { worker, message: ToWorker::ComputeTask(task) }]
            }
            (Instruction::ToWorker { worker, message: ToWorker::ComputeTask(task) }, Self::FreesTooMuch) => {
                let keys = task.who_has.0.iter().map(|(key, ..)| key.clone()).collect();
                let free = FreeKeys { keys, stimulus_id: "mutant".into() }.into();
                let free = Instruction::ToWorker { worker: worker.clone(), message: free };
                vec![Instruction::ToWorker { worker, message: ToWorker::ComputeTask(task) }, free]
            }
            (Instruction::ToWorker { worker, message: ToWorker::StealRequest(mut it) }, Self::AsksInTheSameWords) => {
                it.stimulus_id = "steal".into();
                vec![Instruction::ToWorker { worker, message: it.into() }]
            }
            (Instruction::ToWorker { worker, message: ToWorker::StealRequest(it) }, Self::FreesWhatItAsksFor) => {
                let free = FreeKeys { keys: vec![it.key.clone()], stimulus_id: "mutant".into() }.into();
                let free = Instruction::ToWorker { worker: worker.clone(), message: free };
                vec![Instruction::ToWorker { worker, message: it.into() }, free]
            }
            (
                instruction @ Instruction::ToWorker { message: ToWorker::ComputeTask(_), .. },
                Self::SendsStolenTasksTwice,
            ) => {
                vec![instruction.clone(), instruction]
            }
            (instruction, _) => vec![instruction],
        }
    }
}
