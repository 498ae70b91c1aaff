use redis::{Cmd, RedisResult, Value};
use tower_socketio_adapter::{BusError, Offset, Posting};

use crate::connection::{Commands, Job};
use crate::counting::sum_subscribers;

impl Commands {
    /// Publishes those messages in one go of which jobs could be made; `None` is nothing to do, and done. `heard` makes the
    /// command that counts who hears a question, and `twins` says how many nodes there are that it takes for one.
    pub(crate) async fn publish(
        &self,
        postings: &[Posting<'_>],
        job: impl Fn(&Posting<'_>) -> Result<Option<Job>, BusError>,
        heard: impl Fn(&str) -> Cmd,
        twins: impl Fn(&str) -> usize,
    ) -> Vec<Result<Option<Offset>, BusError>> {
        let mut results = Vec::with_capacity(postings.len());
        let mut ready = Vec::with_capacity(postings.len());
        for posting in postings {
            let job = job(posting);
            results.push(job.map(|job| job.map(|job| ready.push((posting, job))).is_some()));
        }
        let mut ran = self.run_counted(ready, heard, twins).await.into_iter();
        let mut finish = |was_run| {
            if was_run {
                ran.next().expect("each job has a result").map_err(BusError::down)?;
            }
            Ok(None)
        };
        results.into_iter().map(|result| result.and_then(&mut finish)).collect()
    }

    /// Runs jobs in one go, a result each; where there is one server it counts, with nothing between, who hears a question.
    pub(crate) async fn run_counted(
        &self,
        jobs: Vec<(&Posting<'_>, Job)>,
        heard: impl Fn(&str) -> Cmd,
        twins: impl Fn(&str) -> usize,
    ) -> Vec<RedisResult<Value>> {
        let namespace =
            |posting: &Posting<'_>| posting.message.namespace.clone().unwrap_or_else(|| "/".into());
        let is_counted = |posting: &Posting<'_>| posting.is_counted() && self.is_alone();
        let postings: Vec<_> = jobs.iter().map(|(posting, _)| *posting).collect();
        let mut all = Vec::with_capacity(jobs.len());
        for (posting, job) in jobs {
            all.push(job);
            if is_counted(posting) {
                all.push(Job::anywhere(heard(&namespace(posting))));
            }
        }
        let mut answers = self.run_all(all).await.into_iter();
        let mut next = || answers.next().expect("each job has a result");
        let mut results = Vec::with_capacity(postings.len());
        for posting in postings {
            results.push(next());
            if is_counted(posting)
                && let Ok(count) = next()
                && let here = twins(&namespace(posting))
                && let heard @ 1.. = sum_subscribers(&[count])
            {
                posting.reached(heard + here);
            }
        }
        results
    }
}
