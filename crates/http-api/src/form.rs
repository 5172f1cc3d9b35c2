use axum::extract::{FromRequest, Request};
use http::{Request as HttpRequest, header};
use primitives::FieldCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    body::{RawBody, parse},
    problem::{FieldError, Problem},
    refusal::Refusal,
};

/// A body as HTML's forms send it, which is what its type says: for the few requests whose form a standard
/// has chosen. All of its members are texts, and each is there once.
#[derive(Debug)]
pub struct Form<T>(pub T);

/// The largest form that is read, in bytes.
const LARGEST: usize = 16 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

impl<S, T> FromRequest<S> for Form<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_form(&request) {
            return Err(Refusal::FormType.into());
        }
        let body = RawBody::<LARGEST>::from_request(request, state).await?.0;
        read(&body).map(Self)
    }
}

fn is_form<B>(request: &HttpRequest<B>) -> bool {
    let mut kinds = request.headers().get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
    kind.is_some_and(|kind| {
        let charset = kind.get_param(mime::CHARSET);
        kind.essence_str() == FORM && charset.is_none_or(|charset| charset == mime::UTF_8)
    }) && kinds.next().is_none()
}

/// The form as an object of texts, judged as one in JSON would be.
fn read<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Result<T, Problem> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if members.contains_key(&*name) {
            let twice = FieldError::new(&format!("/{name}"), FieldCode::DuplicateField, "it is there twice");
            return Err(Problem::invalid(vec![twice]));
        }
        members.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    parse(Value::Object(members).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use primitives::Text;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Input {
        #[schema(inline)]
        token: Text<1, 20>,
        hint: Option<String>,
    }

    fn status(body: &[u8]) -> u16 {
        match read::<Input>(body) {
            Ok(_) => 200,
            Err(problem) => problem.to_string().split(' ').next().unwrap().parse().unwrap(),
        }
    }

    #[test]
    fn a_form_is_what_its_type_says() {
        let read = read::<Input>(b"token=a%2Bb+c&hint=").unwrap();
        assert_eq!((read.token.as_str(), read.hint.as_deref()), ("a+b c", Some("")));
        for odd in
            ["", "token=", "tok", "token=1&other=2", "token=1&token=1", "token=aaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert_eq!(status(odd.as_bytes()), 422, "{odd}");
        }
    }

    #[test]
    fn it_comes_with_its_media_type() {
        let is = |kind: &str| is_form(&HttpRequest::builder().header("content-type", kind).body(()).unwrap());
        assert!(is(FORM) && is("Application/X-WWW-Form-URLEncoded; charset=UTF-8"));
        assert!(
            !is("application/json") && !is("application/x-www-form-urlencoded; charset=latin1") && !is("/")
        );
        assert!(!is_form(&HttpRequest::new(())));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!([200, 422].contains(&status(&body)));
        }

        #[test]
        fn a_text_comes_through_as_it_was(text in "\\PC{1,20}") {
            let body: String = form_urlencoded::Serializer::new(String::new()).append_pair("token", &text).finish();
            let read = read::<Input>(body.as_bytes()).unwrap();
            prop_assert_eq!(read.token.as_str(), &text);
        }
    }
}
