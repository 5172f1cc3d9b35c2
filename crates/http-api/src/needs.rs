//! What a route needs of its caller, and which headers it reads, taken from the types of its handler's
//! arguments and written into its description: so that the description, the tests and the page of permissions
//! cannot say anything else than the code does.

use access::{Needed, Open, PROOF_IS_FRESH, StaffPermission};
use axum::{extract::State, handler::Handler, http::HeaderMap};
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    ObjectBuilder, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::Type,
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    Caller, Client, CloudEvents, Command, Departing, Enrolling, Form, Fresh, HalfSession, IfMatch, InPerson,
    Limiter, Looking, Member, MemberOrKey, Paged, PathParameter, PathParameters, Problem, Program, RawBody,
    Repeatable, Searched, Staff, body::IDEMPOTENCY_KEY,
};

/// The extension of an operation that says what it needs.
pub const NEEDS: &str = "x-gantry-needs";

/// What an argument of a handler asks of the caller.
pub trait Needs {
    /// As the description shows it; nothing where anybody may come.
    fn needs() -> Option<Value> {
        None
    }

    /// The headers that it reads, of those that a request may leave out.
    fn headers() -> Vec<&'static str> {
        Vec::new()
    }
}

impl<S> Needs for State<S> {}
impl Needs for HeaderMap {}
impl Needs for Client {}
impl Needs for Limiter {}
impl<T> Needs for PathParameter<T> {}
impl<T> Needs for PathParameters<T> {}
impl<const LIMIT: usize> Needs for RawBody<LIMIT> {}
impl<T> Needs for Command<T> {}
impl<T> Needs for Form<T> {}
impl<const MOST: usize> Needs for CloudEvents<MOST> {}
impl Needs for Paged {}
impl<T> Needs for Searched<T> {}

impl<T> Needs for Repeatable<T> {
    fn headers() -> Vec<&'static str> {
        vec![IDEMPOTENCY_KEY]
    }
}

impl Needs for IfMatch {
    fn headers() -> Vec<&'static str> {
        vec!["If-Match"]
    }
}

impl Needs for Caller {
    fn needs() -> Option<Value> {
        Some(json!({ "caller": "session", "in_person": true }))
    }
}

impl Needs for Looking {
    fn needs() -> Option<Value> {
        Some(json!({ "caller": "session" }))
    }
}

impl Needs for Departing {
    fn needs() -> Option<Value> {
        Caller::needs()
    }
}

impl Needs for InPerson {
    fn needs() -> Option<Value> {
        Caller::needs()
    }
}

impl Needs for Fresh {
    fn needs() -> Option<Value> {
        let seconds = PROOF_IS_FRESH.as_secs();
        Some(json!({ "caller": "session", "in_person": true, "proof_within_seconds": seconds }))
    }
}

impl<const FRESH: bool> Needs for Enrolling<FRESH> {
    fn needs() -> Option<Value> {
        let mut needs = json!({ "caller": "session_or_half_session" });
        if FRESH {
            needs["proof_within_seconds"] = PROOF_IS_FRESH.as_secs().into();
        }
        Some(needs)
    }
}

impl Needs for HalfSession {
    fn needs() -> Option<Value> {
        Some(json!({ "caller": "half_session" }))
    }
}

impl<P: Needed, L: Open> Needs for Member<P, L> {
    fn needs() -> Option<Value> {
        let mut needs = json!({ "caller": "member", "permission": P::PERMISSION.name(), "access": L::NAME });
        if P::PERMISSION.is_personal() {
            needs["in_person"] = true.into();
        }
        if let Some(feature) = L::FEATURE {
            needs["feature"] = feature.name().into();
        }
        Some(needs)
    }
}

impl<P: Needed, L: Open> Needs for MemberOrKey<P, L> {
    fn needs() -> Option<Value> {
        let mut needs = Member::<P, L>::needs()?;
        needs["api_key"] = true.into();
        Some(needs)
    }
}

impl Needs for Program {
    fn needs() -> Option<Value> {
        Some(json!({ "caller": "api_key" }))
    }
}

impl<P: Needed<StaffPermission>> Needs for Staff<P> {
    fn needs() -> Option<Value> {
        Some(json!({ "caller": "staff", "permission": P::PERMISSION.name() }))
    }
}

/// Who gives another answer than a refusal where the caller is nobody needs a caller all the same.
impl<T: Needs> Needs for Result<T, Problem> {
    fn needs() -> Option<Value> {
        T::needs()
    }

    fn headers() -> Vec<&'static str> {
        T::headers()
    }
}

impl Needs for ((),) {}

/// The arguments of handlers: axum puts the way to the last one before them.
macro_rules! arguments {
    ($($argument:ident)+) => {
        impl<Way, $($argument: Needs),+> Needs for (Way, $($argument,)+) {
            fn needs() -> Option<Value> {
                together([$($argument::needs()),+].into_iter().flatten().collect())
            }

            fn headers() -> Vec<&'static str> {
                [$($argument::headers()),+].concat()
            }
        }
    };
}

/// All of it: a member is a session too, and so is somebody of our staff.
fn together(mut all: Vec<Value>) -> Option<Value> {
    all.sort_by_key(|needs| needs["caller"] != "session");
    let members = all.into_iter().filter_map(|needs| match needs {
        Value::Object(members) => Some(members),
        _ => None,
    });
    let whole: Map<String, Value> = members.flatten().collect();
    (!whole.is_empty()).then_some(Value::Object(whole))
}

arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);

/// A header among the parameters of an operation; the contract says more, once for all routes.
fn parameter(name: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    header.required(Required::False).schema(Some(text)).build()
}

/// The route with what its handler needs in its description. For [`routes!`](crate::routes).
pub fn needing<H, T, S>(_handler: H, route: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
where
    H: Handler<T, S>,
    T: Needs,
{
    let (schemas, mut paths, router) = route;
    let needs = T::needs().unwrap_or_else(|| json!({ "caller": "anybody" }));
    for item in paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let extensions = operation.extensions.get_or_insert_default();
            extensions.insert(NEEDS.to_owned(), needs.clone());
            let headers = T::headers().into_iter().map(parameter);
            operation.parameters.get_or_insert_default().extend(headers.map(Into::into));
        }
    }
    (schemas, paths, router)
}

/// The route of a handler, for `OpenApiRouter::routes`: what the handler needs of its caller is in the
/// description.
#[macro_export]
macro_rules! routes {
    ($($handler:tt)+) => {
        $crate::needing($($handler)+, $crate::utoipa_axum::routes!($($handler)+))
    };
}

#[cfg(test)]
mod tests {
    use access::{Always, needs::ReadMembers};

    use super::*;

    #[test]
    fn what_a_handler_needs_is_all_that_its_arguments_do() {
        type Of<A, B> = ((), A, B);
        let fresh = json!({ "caller": "session", "in_person": true, "proof_within_seconds": 600 });
        assert_eq!(<Of<Caller, Fresh>>::needs(), Some(fresh.clone()));
        assert_eq!(<Of<Fresh, Caller>>::needs(), Some(fresh));
        let member = json!({
            "caller": "member", "permission": "members:read", "access": Always::NAME, "in_person": true,
            "proof_within_seconds": 600,
        });
        assert_eq!(<Of<Member<ReadMembers, Always>, Fresh>>::needs(), Some(member.clone()));
        assert_eq!(<Of<Fresh, Member<ReadMembers, Always>>>::needs(), Some(member));
        assert_eq!(<Of<Client, HeaderMap>>::needs(), None);
    }
}
