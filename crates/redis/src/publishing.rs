use redis::{Cmd, RedisResult, Value};
use tower_socketio_adapter::{BusError, Offset, Posting};

use crate::connection::{Commands, Job};
use crate::counting::sum_subscribers;

impl Commands {
    /// Publishes those messages in one go of which jobs could be made; `None` is nothing to do, and done. `numsub` makes the
    /// command that counts who hears a question, and `twins` says how many nodes there are here that it takes for one.
    pub(crate) async fn publish(
        &self,
        postings: &[Posting<'_>],
        job: impl Fn(&Posting<'_>) -> Result<Option<Job>, BusError>,
        numsub: impl Fn(&str) -> Cmd,
        twins: impl Fn(&str) -> usize,
    ) -> Vec<Result<Option<Offset>, BusError>> {
        let mut results = Vec::with_capacity(postings.len());
        let mut ready = Vec::with_capacity(postings.len());
        for posting in postings {
            let job = job(posting);
            results.push(job.map(|job| job.map(|job| ready.push((posting, job))).is_some()));
        }
        let mut ran = self.run_counted(ready, numsub, twins).await.into_iter();
        let mut finish = |was_run| {
            if was_run {
                ran.next().expect("each job has a result").map_err(BusError::down)?;
            }
            Ok(None)
        };
        results.into_iter().map(|result| result.and_then(&mut finish)).collect()
    }

    /// Runs jobs in one go, a result each. Where there is one server, whatever asks all nodes is followed by the command that
    /// counts who hears it, with nothing between.
    pub(crate) async fn run_counted(
        &self,
        jobs: Vec<(&Posting<'_>, Job)>,
        numsub: impl Fn(&str) -> Cmd,
        twins: impl Fn(&str) -> usize,
    ) -> Vec<RedisResult<Value>> {
        let is_counted = |posting: &Posting<'_>| posting.is_counted() && self.is_alone();
        let (mut postings, mut all) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
        for (posting, job) in jobs {
            postings.push(posting);
            all.push(job);
            if is_counted(posting) {
                all.push(Job::anywhere(numsub(namespace(posting))));
            }
        }
        let mut answers = self.run_all(all).await.into_iter();
        let mut next = || answers.next().expect("each job has a result");
        let mut results = Vec::with_capacity(postings.len());
        for posting in postings {
            results.push(next());
            if !is_counted(posting) {
                continue;
            }
            // Nobody at all, not even this node, is no number of nodes.
            let heard = next().map_or(0, |count| sum_subscribers(&[count]));
            if heard > 0 {
                posting.reached(heard + twins(namespace(posting)));
            }
        }
        results
    }
}

fn namespace<'a>(posting: &'a Posting<'_>) -> &'a str {
    posting.message.namespace.as_deref().unwrap_or("/")
}
