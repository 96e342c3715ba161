//! Shuffles: which worker takes which part of the data, as the task of the barrier says.

use bytes::Bytes;
use cenote_core::protocol::field::decode;
use cenote_core::protocol::rpc::Request;
use cenote_core::protocol::shuffle::{PlanShuffle, ShufflePlan};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::instruction::Exception;

use super::{Executor, garbled};

impl Executor {
    /// Plans a run of a shuffle.
    ///
    /// # Errors
    /// What Python raised when it read the barrier; or the executor died.
    pub async fn plan_shuffle(&self, plan: &PlanShuffle) -> Result<ShufflePlan, Exception> {
        let mut planned = None;
        let hear = |answer: Value, _: &[Bytes]| {
            planned = Some(decode(&answer.encode()).map_err(|error| error.to_string())?);
            Ok(())
        };
        self.ask(Request::encode("plan_shuffle", plan), hear).await.inspect_err(|error| {
            if let Exception::Raised { text, .. } = error {
                tracing::error!("a shuffle cannot be planned: {text}");
            }
        })?;
        planned.ok_or_else(|| garbled("it says no plan"))
    }
}
