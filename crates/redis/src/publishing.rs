use tower_socketio_adapter::{BusError, Offset};

use crate::connection::{Commands, Job};

impl Commands {
    /// Runs those jobs in one go that could be made; `None` is nothing to do, and done.
    pub(crate) async fn publish(
        &self,
        jobs: impl Iterator<Item = Result<Option<Job>, BusError>>,
    ) -> Vec<Result<Option<Offset>, BusError>> {
        let mut results = Vec::new();
        let mut ready = Vec::new();
        for job in jobs {
            results.push(job.map(|job| job.map(|job| ready.push(job)).is_some()));
        }
        let mut ran = self.run_all(ready).await.into_iter();
        let mut finish = |was_run| {
            if was_run {
                ran.next().expect("each job has a result").map_err(BusError::down)?;
            }
            Ok(None)
        };
        results.into_iter().map(|result| result.and_then(&mut finish)).collect()
    }
}
