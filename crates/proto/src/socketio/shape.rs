use std::any;

use super::Args;

/// How a Rust type stands for a list of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `()`: no argument.
    Nothing,
    /// A tuple: each element is an argument.
    List,
    /// [`Args`]: each element of what is inside is an argument.
    Spread,
    /// Anything else: one argument.
    One,
}

/// Applies the shape rule: a tuple is the argument list, `()` is no argument, [`Args`] is a list of any length, every
/// other type is one argument, a reference counts as what it refers to.
///
/// serde cannot tell a tuple from an array, and a trait cannot either without specialisation, so this reads the type's
/// name. The standard library does not promise its spelling; the tests pin what is relied upon: the name of a tuple, and
/// of no other type that serde serialises, starts with a parenthesis; the names of a generic type differ only behind the
/// first `<`.
pub(super) fn shape_of<T: ?Sized>() -> Shape {
    let mut name = any::type_name::<T>();
    while let Some(referent) = name.strip_prefix('&') {
        name = referent.strip_prefix("mut ").unwrap_or(referent);
    }
    match name {
        "()" => Shape::Nothing,
        // A trait object with several bounds is sometimes written in parentheses.
        name if name.starts_with('(') && !name.starts_with("(dyn ") => Shape::List,
        name if is_args(name) => Shape::Spread,
        _ => Shape::One,
    }
}

fn is_args(name: &str) -> bool {
    let path = any::type_name::<Args<()>>().strip_suffix("<()>").expect("`Args` is generic");
    // The default parameter is left out.
    name.strip_prefix(path).is_some_and(|parameters| parameters.is_empty() || parameters.starts_with('<'))
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, collections::BTreeMap, fmt::Debug, sync::Arc};

    use super::{super::Any, Args, Shape, shape_of};

    struct Tuple(#[allow(dead_code)] u8, #[allow(dead_code)] u8);
    struct Generic<T>(#[allow(dead_code)] T);
    struct Unit;

    mod elsewhere {
        pub(super) struct Args<T>(#[allow(dead_code)] T);
    }

    fn shape_of_value<T: ?Sized>(_: &T) -> Shape {
        shape_of::<T>()
    }

    fn shape_of_tuple_of<'a, T>(_: &'a T) -> Shape {
        shape_of::<(&'a T, T)>()
    }

    #[test]
    fn unit_is_no_argument() {
        assert_eq!(shape_of::<()>(), Shape::Nothing);
        assert_eq!(shape_of::<&()>(), Shape::Nothing);
        assert_eq!(shape_of::<&mut &()>(), Shape::Nothing);
    }

    #[test]
    fn tuples_are_lists() {
        assert_eq!(shape_of::<(u8,)>(), Shape::List);
        assert_eq!(shape_of::<(f64, String)>(), Shape::List);
        assert_eq!(shape_of::<((),)>(), Shape::List);
        assert_eq!(shape_of::<((u8, u8),)>(), Shape::List);
        assert_eq!(shape_of::<(&dyn Debug,)>(), Shape::List);
        assert_eq!(shape_of::<(fn(&u8) -> u8, u8)>(), Shape::List);
        assert_eq!(
            shape_of::<(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String)>(),
            Shape::List
        );
    }

    #[test]
    fn args_are_spread_whatever_is_inside() {
        assert_eq!(shape_of::<Args>(), Shape::Spread);
        assert_eq!(shape_of::<&Args<Vec<serde_json::Value>>>(), Shape::Spread);
        assert_eq!(shape_of::<Args<()>>(), Shape::Spread);
        assert_eq!(shape_of::<Args<Vec<Any>>>(), Shape::Spread);
        assert_eq!(shape_of::<Args<(u8, String)>>(), Shape::Spread);
        assert_eq!(shape_of::<Args<&[&str]>>(), Shape::Spread);
        assert_eq!(shape_of::<Args<Args<[u8; 2]>>>(), Shape::Spread);
        assert_eq!(shape_of::<&&mut Args<Vec<u8>>>(), Shape::Spread);
        let text = String::from("x");
        assert_eq!(shape_of_value(&Args(vec![&text])), Shape::Spread);
        assert_eq!(shape_of_value(&&Args([text.as_str()])), Shape::Spread);
        assert_eq!(shape_of::<Option<Args>>(), Shape::One);
        assert_eq!(shape_of::<Vec<Args>>(), Shape::One);
        assert_eq!(shape_of::<(Args, u8)>(), Shape::List);
        assert_eq!(shape_of::<elsewhere::Args<Vec<u8>>>(), Shape::One);
    }

    #[test]
    fn references_count_as_what_they_refer_to() {
        assert_eq!(shape_of::<&(u8, u8)>(), Shape::List);
        assert_eq!(shape_of::<&mut (u8, u8)>(), Shape::List);
        assert_eq!(shape_of::<&&mut &(u8,)>(), Shape::List);
        assert_eq!(shape_of::<&str>(), Shape::One);
        assert_eq!(shape_of::<&&[u8; 2]>(), Shape::One);
    }

    #[test]
    fn lifetimes_and_generics_change_nothing() {
        let text = String::from("x");
        assert_eq!(shape_of_value(&(text.as_str(), 1)), Shape::List);
        assert_eq!(shape_of_value(&text.as_str()), Shape::One);
        assert_eq!(shape_of_tuple_of(&text), Shape::List);
        let closure = |a: &str| shape_of_value(&(a, &text));
        assert_eq!(closure("y"), Shape::List);
    }

    #[test]
    fn everything_else_is_one_argument() {
        assert_eq!(shape_of::<[u8; 2]>(), Shape::One);
        assert_eq!(shape_of::<[(u8, u8); 2]>(), Shape::One);
        assert_eq!(shape_of::<[(u8, u8)]>(), Shape::One);
        assert_eq!(shape_of::<Vec<(u8, u8)>>(), Shape::One);
        assert_eq!(shape_of::<Option<(u8, u8)>>(), Shape::One);
        assert_eq!(shape_of::<Box<(u8, u8)>>(), Shape::One);
        assert_eq!(shape_of::<Arc<()>>(), Shape::One);
        assert_eq!(shape_of::<Cow<'static, str>>(), Shape::One);
        assert_eq!(shape_of::<BTreeMap<(u8, u8), ()>>(), Shape::One);
        assert_eq!(shape_of::<Tuple>(), Shape::One);
        assert_eq!(shape_of::<Generic<(u8, u8)>>(), Shape::One);
        assert_eq!(shape_of::<Unit>(), Shape::One);
        assert_eq!(shape_of::<str>(), Shape::One);
        assert_eq!(shape_of::<serde_json::Value>(), Shape::One);
    }

    #[test]
    fn trait_objects_are_one_argument() {
        assert_eq!(shape_of::<dyn Debug>(), Shape::One);
        assert_eq!(shape_of::<&dyn Debug>(), Shape::One);
        assert_eq!(shape_of::<&(dyn Debug + Send + Sync)>(), Shape::One);
        assert_eq!(shape_of::<&mut (dyn Debug + Send)>(), Shape::One);
        assert_eq!(shape_of::<&(dyn for<'a> Fn(&'a u8) -> u8 + Send)>(), Shape::One);
    }
}
