use redis::Value;

/// Adds up what `PUBSUB NUMSUB` of one channel says on several nodes.
pub(crate) fn sum_subscribers(answers: &[Value]) -> usize {
    answers.iter().map(subscribers).fold(0, usize::saturating_add)
}

/// `[channel, number]`, or a map of them.
fn subscribers(answer: &Value) -> usize {
    let number = match answer {
        Value::Array(parts) => parts.get(1),
        Value::Map(entries) => entries.first().map(|(_, number)| number),
        _ => None,
    };
    match number {
        Some(Value::Int(number)) => usize::try_from(*number).unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_added_up_over_nodes_whatever_they_say() {
        let channel = || Value::BulkString(b"c".to_vec());
        let answers = [
            Value::Array(vec![channel(), Value::Int(2)]),
            Value::Map(vec![(channel(), Value::Int(3))]),
            Value::Array(vec![channel(), Value::Int(-1)]),
            Value::Array(vec![]),
            Value::Nil,
        ];
        assert_eq!(sum_subscribers(&answers), 5);
    }
}
