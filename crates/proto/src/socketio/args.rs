use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All arguments of an event or an acknowledgement as one sequence, whose length may be known at run time only.
///
/// Reading gives the whole list, JSON values by default; with [`Any`](super::Any) as elements also attachments are kept.
/// Writing makes each element an argument, like a tuple does. That holds for an `Args` itself and for references to it;
/// one inside of another value is written as its sequence.
///
/// ```
/// use tower_socketio_proto::socketio::{Args, Arguments, Encoded};
///
/// let encoded = Encoded::event("sum", &Args(vec![1, 2, 3]))?;
/// assert_eq!(encoded.json, br#"["sum",1,2,3]"#);
///
/// let Args(numbers) = Arguments::from_encoded("sum", &encoded).deserialize::<Args<Vec<u8>>>()?;
/// assert_eq!(numbers, [1, 2, 3]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Args<T = Vec<Value>>(pub T);
