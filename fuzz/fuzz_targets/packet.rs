//! A text packet's arguments mean the same whatever type they are read as, and can be sent on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_socketio_proto::socketio::{
    Any, Args, Arguments, Decoder, Encoded, Kind, Limits, Parser, is_reserved, write_header,
};

fuzz_target!(|message: &str| {
    for mut decoder in [Decoder::new(&Parser::Json), Decoder::for_client(&Parser::Json)] {
        let Ok(Some(packet)) = decoder.text(message, &Limits::default()) else { continue };
        assert!(packet.namespace.starts_with('/') && !packet.namespace.contains('?'));
        assert!(packet.attachments.is_empty());
        let arguments = match packet.kind {
            Kind::Event => Arguments::event(&packet).ok(),
            Kind::Ack => Some(Arguments::ack(&packet).expect("the decoder checked the payload")),
            Kind::Connect => Arguments::auth(&packet).ok().flatten(),
            Kind::Disconnect | Kind::ConnectError => None,
        };
        let Some(arguments) = arguments else { continue };
        assert!(!is_reserved(arguments.name()));
        read(&arguments);
        if packet.kind != Kind::Connect {
            relay(packet.kind, packet.id, &arguments);
        }
    }
});

fn read(arguments: &Arguments) {
    let values = arguments.deserialize::<Args>();
    let json = arguments.to_json();
    match (&values, &json) {
        (Ok(Args(values)), Ok(json)) => {
            assert_eq!(&serde_json::from_str::<Vec<Value>>(json).expect("it was checked"), values);
            assert_eq!(arguments.len(), values.len());
            assert_eq!(arguments.is_empty(), values.is_empty());

            let first = values.first().cloned().unwrap_or_default();
            assert_eq!(arguments.deserialize::<Value>().expect("they are valid"), first);
            let (first, second, _) =
                arguments.deserialize::<(Value, Option<Value>, Value)>().expect("they are valid");
            assert_eq!(values.first(), (!values.is_empty()).then_some(&first));
            assert_eq!(values.get(1).filter(|value| !value.is_null()), second.as_ref());
            arguments.deserialize::<()>().expect("surplus arguments are ignored");
        }
        (Err(_), Err(_)) => {}
        _ => panic!("JSON that is read must be valid: {values:?}, {json:?}"),
    }
    let any = arguments.deserialize::<Args<Vec<Any>>>();
    assert_eq!(
        any.ok().map(|any| serde_json::to_value(any).unwrap()),
        values.ok().map(|Args(values)| values.into())
    );

    let _ = arguments.deserialize::<bytes::Bytes>();
    let _ = arguments.deserialize::<(String, u8, Option<f64>)>();
    let _ = arguments.deserialize::<Args<Vec<i64>>>();
    let _ = arguments.deserialize_all::<std::collections::BTreeSet<String>>();
}

fn relay(kind: Kind, id: Option<u64>, arguments: &Arguments) {
    let Ok(Args(all)) = arguments.deserialize::<Args<Vec<Any>>>() else { return };
    let name = arguments.name();
    let written = match kind {
        Kind::Event => Encoded::event(name, &Args(&all)),
        _ => Encoded::arguments(&Args(&all)),
    };
    let written = written.expect("what was read can be written");
    for encoded in [&written, &arguments.to_encoded().expect("it was read")] {
        // The empty name stands for acknowledgements here.
        if kind == Kind::Ack || !name.is_empty() {
            let again = Arguments::from_encoded(name, encoded);
            assert_eq!(again.deserialize::<Args<Vec<Any>>>().unwrap().0, all);
        }

        let mut out = Vec::new();
        write_header(&mut out, kind, "/relayed", id, 0);
        out.extend_from_slice(&encoded.json);
        let message = String::from_utf8(out).expect("packets are text");
        let mut decoder = Decoder::new(&Parser::Json);
        let packet =
            decoder.text(&message, &Limits::default()).expect("we wrote it").expect("no attachments");
        assert_eq!((packet.kind, packet.namespace, packet.id), (kind, "/relayed", id));
        let again = match kind {
            Kind::Event => Arguments::event(&packet),
            _ => Arguments::ack(&packet),
        };
        let again = again.expect("we wrote it");
        assert_eq!(again.name(), name);
        assert_eq!(again.deserialize::<Args<Vec<Any>>>().unwrap().0, all);
    }
}
