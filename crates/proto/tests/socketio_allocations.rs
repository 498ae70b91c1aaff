//! What the hot path costs the allocator.

use allocation_counter::measure;
use bytes::Bytes;
use tower_socketio_proto::socketio::{
    Arguments, Decoder, Kind, Limits, Parser, write_arguments, write_event, write_header,
};

#[test]
fn an_event_is_decoded_with_one_allocation() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::Json);
    let mut arguments = None;
    let decoding = measure(|| {
        let packet = decoder.text(r#"2["echo","xxxxxxxx"]"#, &limits).unwrap().unwrap();
        arguments = Some(Arguments::event(&packet).unwrap());
    });
    assert_eq!(decoding.count_total, 1);
    let arguments = arguments.unwrap();

    let reading = measure(|| assert_eq!(arguments.deserialize::<String>().unwrap().len(), 8));
    assert_eq!(reading.count_total, 1);
    let reading = measure(|| assert_eq!(arguments.deserialize::<(String, Option<u8>)>().unwrap().0.len(), 8));
    assert_eq!(reading.count_total, 1);
    assert_eq!(measure(|| drop(arguments.clone())).count_total, 0);
}

#[test]
fn an_event_is_written_without_allocation() {
    let mut out = Vec::with_capacity(256);
    let writing = measure(|| {
        write_header(&mut out, Kind::Event, "/admin", Some(12), 0);
        write_event(&mut out, "echo", "xxxxxxxx").unwrap();
        write_event(&mut out, "echo", &(1.5, 2, "x")).unwrap();
        write_arguments(&mut out, &[1, 2]).unwrap();
    });
    assert_eq!(writing.count_total, 0);
}

#[test]
fn an_idle_decoder_keeps_nothing_of_a_released_packet() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&Parser::Json);
    assert!(size_of::<Decoder>() <= 24);
    let header = format!(r#"51-["{}",{{"_placeholder":true,"num":0}}]"#, "x".repeat(10_000));
    let kept = measure(|| {
        decoder.text(&header, &limits).unwrap();
        let packet = decoder.binary(&[1; 10_000], &limits).unwrap().unwrap();
        assert_eq!(Arguments::event(&packet).unwrap().deserialize::<Bytes>().unwrap().len(), 10_000);
        drop(packet);
        decoder.release();
    });
    assert_eq!(kept.bytes_current, 0);
}
