use std::any::Any;

/// The service as one whose type is hidden already, if it is that: it need not be boxed again.
pub(super) fn hidden<N: 'static, H: 'static>(service: N) -> Result<H, N> {
    let mut service = Some(service);
    let any: &mut dyn Any = &mut service;
    match any.downcast_mut::<Option<H>>().and_then(Option::take) {
        Some(hidden) => Ok(hidden),
        None => Err(service.expect("it is of another type")),
    }
}
